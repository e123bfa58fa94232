"""Published contours beside those of a scan: numbers, sentences, and what cannot be measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hfx.driver.plane.contour import plane
from hfx.driver.plane.published import Published
from hfx.driver.plot.measure import measured, read_published
from hfx.errors import OptionError
from tests.driver.plane.test_contour import GRID, LEVEL, LIMIT, VALUE, data_of, scan_of, values_of


def line_at(x: float, which: str = "observed") -> Published:
    return Published("limit.csv", "limit", which, (np.array([(x, 0.0), (x, 400.0)]),))


@pytest.mark.parametrize("which", ["observed", "expected"])
def test_distances_are_told_and_kept(which: str) -> None:
    ours = plane(data_of(scan_of(GRID, lambda x, y: LEVEL + (300 - x) / 100)), interpolation="linear")
    sentences: list[str] = []
    (found,) = measured(ours, [line_at(320, which)], sentences.append, "run a")
    assert found["which"] == which
    assert found["curves"] == [[[320, 0], [320, 400]]]
    assert found["apart"]["mean"] == pytest.approx(20)  # type: ignore[index,call-overload]
    assert found["apart"]["relative_area"] == pytest.approx(20 / 220)  # type: ignore[index,call-overload]
    assert sentences == [
        f"run a, {which} against limit (limit.csv): area between the curves 9.1 % of the published area; mean distance 20 GeV "
        "(20 GeV measured from the published line), largest 20 GeV"
    ]


@pytest.mark.parametrize(
    ("labels", "unit", "said"),
    [
        (("m1", "mass"), None, "largest 20, in units of the axes"),
        (("mn2", "mn1"), "GeV", "mean distance 20 GeV (20 GeV measured from the published line), largest 20 GeV"),
    ],
)
def test_the_unit_is_said_where_both_axes_have_it(labels: tuple[str, str], unit: str | None, said: str) -> None:
    ours = plane(data_of(scan_of(GRID, lambda x, y: LEVEL + (300 - x) / 100, labels=labels)), interpolation="linear")
    sentences: list[str] = []
    (found,) = measured(ours, [line_at(320)], sentences.append)
    assert found["apart"]["unit"] == unit  # type: ignore[index,call-overload]
    assert said in sentences[0]


@pytest.mark.parametrize(
    ("columns", "warned"),
    [
        (("M(N2) [GeV]", "M(N1) [GeV]"), False),
        (("M(Sbottom) [GeV]", "M(N1) [GeV]"), True),
        ((r"$m_{\tilde{\chi}_1^0}$ [GeV]", r"$m_{\tilde{\chi}_2^0}$ [GeV]"), True),
        (("m", "M(N1) [GeV]"), False),
        ((), False),
    ],
)
def test_a_contour_over_other_masses_is_compared_with_a_warning(columns: tuple[str, ...], warned: bool) -> None:
    ours = plane(data_of(scan_of(GRID, lambda x, y: LEVEL + (300 - x) / 100, labels=("mn2", "mn1"))), interpolation="linear")
    sentences: list[str] = []
    measured(ours, [replace(line_at(320), columns=columns)], sentences.append)
    warning = (
        f"the columns of limit.csv are {' and '.join(columns)}, but the axes of the picture mn2 and mn1: if these are other "
        "masses, the numbers mean nothing; give the axes of the table (--x, --y)"
    )
    not_evident = columns[:1] == ("m",)
    taken = f"the columns of limit.csv, {' and '.join(columns)}, are taken as mn2 and mn1"
    assert sentences[1:] == [warning] * warned + [taken] * not_evident


def test_a_surface_without_a_median_compares_its_one_curve() -> None:
    ours = plane(values_of(GRID, lambda x, y: x / 300, LIMIT), interpolation="linear")
    (found,) = measured(ours, [line_at(310, "expected")], lambda sentence: None)
    assert found["apart"]["mean"] == pytest.approx(10)  # type: ignore[index,call-overload]


def test_without_a_contour_nothing_can_be_measured(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="value has no level"):
        measured(plane(values_of(GRID, lambda x, y: x, VALUE)), [line_at(310)], lambda sentence: None)
    with pytest.raises(OptionError, match="two axes"):
        measured(plane(data_of(scan_of([(1,), (2,)], lambda x: x, labels=("m",)))), [line_at(310)], lambda sentence: None)
    with pytest.raises(OptionError, match="--published"):
        read_published([tmp_path / "nothing.csv"])
