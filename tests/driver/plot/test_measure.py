"""Published contours beside those of a scan: numbers, sentences, and what cannot be measured."""

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
    assert sentences[0].startswith(f"run a, {which} against limit (limit.csv): area between the curves: 9.09 %")


@pytest.mark.parametrize(
    ("labels", "unit", "said"),
    [
        (("m1", "mass"), None, "distance, in units of the axes, from"),
        (("mn2", "mn1"), "GeV", "published one: mean 20 GeV, largest"),
    ],
)
def test_the_unit_is_said_where_both_axes_have_it(labels: tuple[str, str], unit: str | None, said: str) -> None:
    ours = plane(data_of(scan_of(GRID, lambda x, y: LEVEL + (300 - x) / 100, labels=labels)), interpolation="linear")
    sentences: list[str] = []
    (found,) = measured(ours, [line_at(320)], sentences.append)
    assert found["apart"]["unit"] == unit  # type: ignore[index,call-overload]
    assert said in sentences[0]


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
