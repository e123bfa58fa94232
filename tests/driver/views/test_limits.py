"""The limits of a scan in words: how far lines reach, crossings along one axis, several planes, units and digits."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from hfx.driver.questions.base import Brief, Surface
from hfx.driver.questions.exclusion import SURFACE
from hfx.driver.run.file_types import Contours
from hfx.driver.views import limits


def brief(*values: float, cls: float, status: str = "converged") -> Brief:
    return Brief(name=str(values), values=values, status=status, numbers=(cls, cls, cls, cls, cls, cls))


def curve(which: str, *points: tuple[float, float]) -> dict[str, Any]:
    return {"which": which, "level": 0.05, "points": [list(point) for point in points]}


def sentences(contours: dict[str, Any], results: list[Brief], labels: tuple[str, ...] = ("m1", "m2")) -> list[str]:
    return list(limits.sentences(cast(Contours, contours), labels, results, SURFACE))


GRID = [brief(x, y, cls=0.01 if x < 700 and y < 300 else 0.5) for x in (200, 600, 1000) for y in (0, 240, 300)]


@pytest.mark.parametrize(
    ("excluded", "said"),
    [
        (lambda x, y: x < 750 and y < 200, "up to m1 = 733 GeV (at m2 = 10 GeV) and m2 = 219 GeV (at m1 = 300 GeV)"),
        (lambda x, y: x > 700 and y > 200, "down to m1 = 710 GeV (at m2 = 300 GeV) and m2 = 205 GeV (at m1 = 900 GeV)"),
        (
            lambda x, y: x < 1500 and y > 200,
            "up to m1 = 1000 GeV (at m2 = 240 GeV, where the points end) and down to m2 = 205 GeV (at m1 = 900 GeV)",
        ),
        (
            lambda x, y: not (500 < x < 900 and 80 < y < 200),  # all but a hole
            "up to m1 = 1000 GeV (at m2 = 0 GeV, where the points end) and m2 = 320 GeV (at m1 = 200 GeV, where the points end)",
        ),
        (
            lambda x, y: x < 800 and y < 100,
            "up to m1 = 733 GeV (at m2 = 10 GeV) and m2 = 219 GeV (at m1 = 300 GeV, the largest excluded point has 80 GeV)",
        ),
    ],
)
def test_the_end_is_that_of_the_excluded_area(excluded: Callable[[float, float], bool], said: str) -> None:
    results = [brief(x, y, cls=0.01 if excluded(x, y) else 0.5) for x in range(200, 1001, 100) for y in range(0, 321, 80)]
    places = [(x, y) for x, y in ((733.0, 10.0), (300.0, 219.0), (710.0, 300.0), (900.0, 205.0))]
    upper = excluded(200, 0)
    line = curve("observed", *(places[:2] if upper else places[2:]))
    (text,) = sentences({"x": "m1", "y": "m2", "curves": [line]}, results)
    assert text.startswith(f"observed {said};")


def test_a_plane_has_the_largest_values_of_both_axes_and_their_places() -> None:
    lines = [
        curve("observed", (736.4, 0.0), (650.0, 200.2)),
        curve("observed", (650.0, 200.2), (500.0, 280.3), (300.0, 100.0)),
        curve("expected", (990.0, 0.0), (1000.0, 150.0), (800.0, 299.9)),
        curve("expected-1", (2000.0, 0.0), (2000.0, 900.0)),
        curve("theory-up", (2000.0, 0.0), (2000.0, 900.0)),
    ]
    assert sentences({"x": "m1", "y": "m2", "curves": lines}, GRID) == [
        "observed up to m1 = 736 GeV (at m2 = 0 GeV) and m2 = 280 GeV (at m1 = 500 GeV); expected up to "
        "m1 = 1000 GeV (at m2 = 150 GeV, where the points end) and m2 = 300 GeV (at m1 = 800 GeV, where the points end)"
    ]


def test_a_line_that_is_not_there_says_on_which_side_the_points_are() -> None:
    lines = [curve("expected", (736.4, 0.0), (600.0, 200.0))]
    contours = {"x": "m1", "y": "m2", "curves": lines}
    (none,) = sentences(contours, [brief(*one.values, cls=0.5) for one in GRID])
    assert none.startswith("observed nowhere: no point is excluded; expected up to m1 = 736 GeV")
    (every,) = sentences(contours, [brief(*one.values, cls=0.01) for one in GRID])
    assert every.startswith("observed beyond the points: all are excluded; expected")
    assert sentences({**contours, "curves": []}, GRID) == []


def test_along_one_axis_the_crossings_and_the_excluded_side() -> None:
    results = [brief(x, cls=0.01 if x < 700 else 0.5) for x in (200, 600, 1000)]
    lines = [curve("observed", (736.4, 0.05)), curve("expected", (712.0, 0.05))]
    contours = {"x": "m1", "y": "CLs", "curves": lines}
    assert sentences(contours, results, ("m1",)) == [
        "observed m1 = 736 GeV (excluded below); expected m1 = 712 GeV (excluded below)"
    ]
    island = [brief(x, cls=0.01 if x == 600 else 0.5) for x in (200, 600, 1000)]
    contours["curves"] = [curve("observed", (736.4, 0.05)), curve("observed", (431.0, 0.05))]
    assert sentences(contours, island, ("m1",)) == [
        "observed m1 = 431 and 736 GeV (excluded between); expected not drawn",
    ]


def test_several_planes_have_a_sentence_each() -> None:
    """Each with its own points: all of one slice are excluded."""
    results = [
        Brief(name="", values=(x, y, n), status="converged", numbers=(0.01 if n == 60 else 0.5, *[0.01 if x < 500 else 0.5] * 5))
        for x in (200, 900)
        for y in (0, 300)
        for n in (60, 130)
    ]
    panels = [
        {"where": f"n=={n}", "x": "m1", "y": "m2", "curves": [curve("expected", (x, 0.0), (300.0, 100.0))]}
        for n, x in ((60, 800.0), (130, 600.0))
    ]
    first, second = sentences({"x": "m1", "y": "m2", "curves": [], "panels": panels}, results, ("m1", "m2", "n"))
    assert first.startswith("n==60: observed beyond the points: all are excluded; expected up to m1 = 800 GeV (at m2 = 0 GeV)")
    assert second.startswith("n==130: observed nowhere: no point is excluded; expected up to m1 = 600 GeV (at m2 = 0 GeV)")


def test_units_and_digits_are_those_of_the_labels() -> None:
    """Splittings of a few GeV keep their fractions; a label that is no mass has no unit."""
    results = [brief(x, y, cls=0.01 if x < 0.2 and y < 2 else 0.5) for x in (0.1, 0.9) for y in (1.5, 8)]
    lines = [curve("observed", (0.3456, 2.0), (0.2, 4.256))]
    (text,) = sentences({"x": "coupling", "y": "mn1", "curves": lines}, results, ("coupling", "mn1"))
    assert text.startswith("observed up to coupling = 0.346 (at mn1 = 2 GeV) and mn1 = 4.26 GeV (at coupling = 0.2)")


def test_a_number_far_below_the_points_distance_is_zero() -> None:
    lines = [curve("observed", (344.2, 0.0587), (200.0, 280.0))]
    results = [brief(x, y, cls=0.01 if x < 300 and y < 300 else 0.5) for x in (200, 600) for y in (0, 300)]
    (text,) = sentences({"x": "x1", "y": "x2", "curves": lines}, results, ("x1", "x2"))
    assert text.startswith("observed up to x1 = 344 (at x2 = 0) and x2 = 280 (at x1 = 200)")
    couplings = [brief(x, y, cls=0.01 if x < 1e-4 and y < 300 else 0.5) for x in (1e-5, 1e-3) for y in (0, 300)]
    lines = [curve("observed", (2.5e-5, 100.0), (1e-5, 280.0))]
    (text,) = sentences({"x": "x1", "y": "x2", "curves": lines}, couplings, ("x1", "x2"))
    assert text.startswith("observed up to x1 = 2.5e-05 (at x2 = 100)")


def test_nothing_without_a_contour_a_level_or_known_axes() -> None:
    lines = [curve("observed", (736.4, 0.0), (650.0, 200.2))]
    assert sentences({}, GRID) == []
    assert sentences({"x": "other", "y": "m2", "curves": lines}, GRID) == []
    contours = cast(Contours, {"x": "m1", "y": "m2", "curves": lines})
    assert list(limits.sentences(contours, ("m1", "m2"), GRID, None)) == []
    assert list(limits.sentences(contours, ("m1", "m2"), GRID, Surface(name="CLs", curves=("observed",)))) == []
    assert sentences({"x": "m1", "y": "m2", "curves": lines}, [brief(1, 2, cls=0.1, status="fixed: step limit")]) == []


def test_on_a_logarithmic_axis_numbers_have_three_figures_and_distances_are_ratios() -> None:
    taus = (0.01, 0.1, 1.0, 10.0, 99.0)
    results = [brief(m, tau, cls=0.01 if m < 700 and tau < 0.05 else 0.5) for m in (200, 600, 1000) for tau in taus]
    contours = {"x": "m", "y": "tau", "logy": True, "curves": [curve("observed", (650.0, 0.0123), (300.0, 0.5123))]}
    (text,) = sentences(contours, results, ("m", "tau"))
    assert text.startswith(
        "observed up to m = 650 (at tau = 0.0123) and tau = 0.512 (at m = 300, the largest excluded point has 0.01); expected"
    )
    (linear,) = sentences({**contours, "logy": False}, results, ("m", "tau"))
    assert "largest excluded point" not in linear
