"""Logarithmic axes: lines are those over the logarithm, values without one are named, and a logarithmic axis is advised."""

import math
from typing import Any

import numpy as np
import pytest

from hfx.driver.plane.contour import Plane, plane
from hfx.driver.plane.points import BETWEEN, along_axis
from hfx.errors import OptionError
from tests.driver.plane.test_contour import data_of, scan_of

TAUS = [10.0**k for k in np.linspace(-3, 1, 9)]
LIFETIMES = [(m, tau) for m in range(200, 1001, 100) for tau in TAUS]


def z(m: float, tau: float) -> float:
    """The significance of a long-lived particle: best for one lifetime."""
    return 6 - m / 200 - 0.35 * (math.log10(tau) + 1) ** 2


def lifetimes(**options: Any) -> Plane:
    return plane(data_of(scan_of(LIFETIMES, z, labels=("m", "tau"))), **options)


def lines(made: Plane, which: str = "observed") -> list[np.ndarray]:
    return [np.array(curve["points"]) for curve in made.contours["curves"] if curve["which"] == which]


@pytest.mark.parametrize("interpolation", ["gp", "linear", "rbf", "smooth"])
def test_lines_over_a_logarithmic_axis_are_those_over_the_logarithm(interpolation: str) -> None:
    theirs, ours = lifetimes(y="log(tau)", interpolation=interpolation), lifetimes(logy=True, interpolation=interpolation)
    assert (ours.contours["x"], ours.contours["y"], ours.contours["logy"]) == ("m", "tau", True)
    assert "logx" not in ours.contours
    assert lines(ours)
    for which in ("observed", "expected-1", "expected+2"):
        for mine, other in zip(lines(ours, which), lines(theirs, which), strict=True):
            np.testing.assert_allclose(mine, np.column_stack([other[:, 0], np.exp(other[:, 1])]), rtol=1e-12)
    for mine, other in zip(ours.band() + ours.excluded(), theirs.band() + theirs.excluded(), strict=True):
        np.testing.assert_allclose(mine[:, 1], np.exp(other[:, 1]), rtol=1e-12)
    assert max(ring[:, 1].max() for ring in ours.spanned()) == pytest.approx(10.0)


def test_both_axes_may_be_logarithmic() -> None:
    points = [(10.0**a, 10.0**b) for a in np.linspace(-2, 2, 9) for b in np.linspace(0, 3, 7)]
    scan = scan_of(points, lambda g, m: 3 + math.log10(g) - math.log10(m), labels=("g", "m"))
    made = plane(data_of(scan), logx=True, logy=True, interpolation="linear")
    (line,) = lines(made)
    level = 1.6448536269514722
    np.testing.assert_allclose(np.log10(line[:, 1]) - np.log10(line[:, 0]), 3 - level, atol=1e-9)


def test_the_forbidden_region_is_in_the_values_of_the_axes() -> None:
    made = lifetimes(logy=True, forbidden="y<1e-2")
    found = np.concatenate(lines(made))
    assert found[:, 1].min() == pytest.approx(1e-2, rel=1e-3)


def test_along_one_axis_the_crossing_is_interpolated_in_the_logarithm() -> None:
    level = 1.6448536269514722
    scan = scan_of([(0.01,), (1.0,), (100.0,)], lambda tau: level - math.log10(tau) + 1, labels=("tau",))
    made = plane(data_of(scan), logx=True)
    ((crossing,),) = (curve["points"] for curve in made.contours["curves"] if curve["which"] == "observed")
    assert crossing == pytest.approx([10.0, 0.05])
    along, values = along_axis(made.points)
    assert along[:: BETWEEN // 2] == pytest.approx([0.01, 0.1, 1.0, 10.0, 100.0])
    assert values[3 * BETWEEN // 2, 0] == pytest.approx(0.05)
    assert along[::BETWEEN].tolist() == [0.01, 1.0, 100.0]  # the points themselves are not rounded


def test_without_a_second_axis_logy_changes_nothing() -> None:
    scan = scan_of([(m,) for m in range(100, 600, 100)], lambda m: 3 - m / 200, labels=("m",))
    assert plane(data_of(scan), logy=True).contours == plane(data_of(scan)).contours


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"logy": True}, "--logy: tau = 0 of the hypothesis h002 cannot be drawn on a logarithmic axis; select the"),
        (
            {"logx": True, "x": "m-200"},
            "--logx: m-200 = 0 of the hypothesis h000 .*axis; neither can those of 2 other hypotheses; ",
        ),
        ({"logx": True, "x": "log(tau)", "y": "m"}, "--logx: log.tau. = 0 of the hypothesis h000 cannot"),
    ],
)
def test_a_value_without_a_logarithm_names_hypothesis_and_axis(options: dict[str, Any], said: str) -> None:
    points = [(200, 1.0), (200, 2.0), (200, 0.0), (300, 1.0), (300, 3.0)]
    scan = scan_of(points, lambda m, tau: 3 - m / 200, labels=("m", "tau"))
    with pytest.raises(OptionError, match=said):
        plane(data_of(scan), **options)


@pytest.mark.parametrize(
    ("values", "advised"),
    [
        (TAUS, True),
        ([0.01, 0.03, 0.1, 0.3, 1, 3, 10], True),  # nearly equal ratios
        ([1, 2, 5, 10, 20, 50], False),  # less than two decades
        (range(100, 20001, 400), False),  # equal steps
        ([0, 0.01, 0.1, 1, 10], False),  # has a value without a logarithm
        ([0.01, 0.1, 10], False),  # too few
    ],
)
def test_a_logarithmic_axis_is_advised_for_equal_ratios_over_decades(values: Any, advised: bool) -> None:
    points = [(m, tau) for m in (200, 300, 400) for tau in values]
    made = plane(data_of(scan_of(points, lambda m, tau: 3 - m / 200, labels=("m", "tau"))))
    hints = [note for note in made.contours["notes"] if "--log" in note]
    said = "interpolate and draw in its logarithm with 'hfx plot RUN --logy'; limits change."
    assert [note.partition("): ")[2] for note in hints] == ([said] if advised else [])
    again = plane(data_of(scan_of(points[1:], lambda m, tau: 3 - m / 200, labels=("m", "tau"))), logy=min(values) > 0)
    assert not advised or not [note for note in again.contours["notes"] if "--log" in note]
