"""Contours over made-up CLs surfaces whose lines are known."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from hfx.driver.plane.contour import drawn_curves, plane, theory_curves
from hfx.driver.plane.points import PlotData, collect, transformed
from hfx.driver.plane.surface import level_sets, triangulation
from hfx.driver.questions.base import Brief, Surface
from hfx.driver.questions.exclusion import SURFACE, significance
from hfx.driver.run.file_types import Contours
from hfx.errors import OptionError
from hfx.hf_core.reasons import NO_PARAMETER
from tests.driver.plane.crossings import crossings, on_the_wrong_side

GRID = [(x, y) for x in range(100, 601, 50) for y in range(0, 401, 50)]
LEVEL = float(significance(0.05))


def scan_of(
    points: Iterable[Sequence[Any]],
    z: Callable[..., float],
    labels: Sequence[str] = ("m1", "m2"),
    **changes: Any,
) -> dict[str, Any]:
    """The content of a scan whose observed and median expected significance at a point is z; the expected spread is 1."""
    results = []
    for i, point in enumerate(points):
        value = z(*point)
        expected = [float(ndtr(-(value + shift))) for shift in (2, 1, 0, -1, -2)]
        record = {"name": f"h{i:03}", "values": list(point), "CLs_obs": expected[2], "CLs_exp": expected}
        results.append(record | {"status": "converged"} | changes.get(f"h{i:03}", {}))
    return {"pallet": {"labels": list(labels), "name": "fake"}, "results": results, "failures": []}


def brief_of(record: dict[str, Any]) -> Brief:
    regions = record.get("by_region", {})
    return Brief(
        name=record["name"],
        values=tuple(record["values"]),
        status=record["status"],
        numbers=(record["CLs_obs"], *record["CLs_exp"]),
        region=record.get("region"),
        by_region={name: (part["CLs_obs"], *part["CLs_exp"]) for name, part in regions.items()},
    )


def data_of(scan: dict[str, Any], surface: Surface = SURFACE) -> PlotData:
    """The data of the picture of a made-up scan."""
    results = [brief_of(record) for record in scan["results"]]
    return PlotData(tuple(scan["pallet"]["labels"]), results, scan["failures"], surface)


def contours(scan: dict[str, Any], **options: Any) -> Contours:
    return plane(data_of(scan), **options).contours


def curves_of(found: Contours, which: str) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    return [np.array(curve["points"]) for curve in found["curves"] if curve["which"] == which]


def test_line_of_a_plane_is_exact_and_needs_the_significance() -> None:
    found = contours(scan_of(GRID, lambda x, y: 6.0 - 0.01 * x - 0.002 * y), interpolation="linear")
    (line,) = curves_of(found, "observed")
    assert np.allclose(6.0 - 0.01 * line[:, 0] - 0.002 * line[:, 1], LEVEL, atol=1e-9)
    assert (found["x"], found["y"], found["interpolation"]) == ("m1", "m2", "linear")
    assert found["notes"] == ["Significances are interpolated between the points linearly on triangles (--interpolation linear)."]
    assert {curve["level"] for curve in found["curves"]} == {0.05}
    (above,), (below,) = curves_of(found, "expected-1"), curves_of(found, "expected+1")
    assert np.allclose(6.0 - 0.01 * above[:, 0] - 0.002 * above[:, 1], LEVEL - 1, atol=1e-9)
    assert np.allclose(6.0 - 0.01 * below[:, 0] - 0.002 * below[:, 1], LEVEL + 1, atol=1e-9)


def test_ring_is_closed_and_islands_are_separate() -> None:
    def two_hills(x: float, y: float) -> float:
        return sum(4 * math.exp(-(((x - a) / 80) ** 2) - ((y - 200) / 80) ** 2) for a in (200, 500))

    rings = curves_of(contours(scan_of(GRID, two_hills)), "observed")
    assert len(rings) == 2
    for ring in rings:
        assert ring[0].tolist() == ring[-1].tolist() == min(ring.tolist())
    assert rings[0][0, 0] < rings[1][0, 0]


def test_order_of_the_results_does_not_matter() -> None:
    scan = scan_of(GRID, lambda x, y: 5.0 - 1e-5 * ((x - 50) ** 2 + y**2))
    turned = {**scan, "results": scan["results"][::-1]}
    assert json.dumps(contours(scan)) == json.dumps(contours(turned))


def test_lines_stay_in_the_convex_hull() -> None:
    points = [(x, y) for x, y in GRID if y <= x - 100]
    for line in curves_of(contours(scan_of(points, lambda x, y: 4.0 - x / 150 + y / 300)), "observed"):
        assert (line[:, 1] <= line[:, 0] - 100 + 1e-9).all()
        assert (line >= -1e-9).all()


def test_forbidden_region_cuts_lines() -> None:
    scan = scan_of(GRID, lambda x, y: 3.0 - abs(y - 200) / 100)
    whole, cut = contours(scan), contours(scan, forbidden="y>x-125")
    assert max(len(curves_of(whole, "observed")), 1) == 2
    for line in curves_of(cut, "observed"):
        assert (line[:, 1] <= line[:, 0] - 125 + 1e-6).all()
        assert line[:, 0].max() == pytest.approx(600)


def test_forbidden_cuts_a_ring_into_one_open_part() -> None:
    ring = scan_of(GRID, lambda x, y: 4.0 - math.hypot(x - 350, y - 200) / 50)
    (part,) = curves_of(contours(ring, forbidden="x>400"), "observed")
    assert part[0].tolist() != part[-1].tolist()
    assert part[:, 0].max() == pytest.approx(400)


def test_significance_is_finite_at_the_ends() -> None:
    z = significance([0.0, 1e-300, 0.05, 0.5, 1.0])
    assert z[0] == z[1] == pytest.approx(37.0471, abs=1e-4)
    assert z[2] == pytest.approx(1.6448536269514722, abs=1e-12)
    assert z[3] == pytest.approx(0.0, abs=1e-15)
    assert -9 < z[4] < -8


def test_axes_are_expressions() -> None:
    scan = scan_of(GRID, lambda x, y: 5.0 - x / 100)
    found = contours(scan, x="m1", y="m1-m2")
    assert (found["x"], found["y"]) == ("m1", "m1-m2")
    (line,) = curves_of(found, "observed")
    assert np.allclose(line[:, 0], 100 * (5.0 - LEVEL))
    with pytest.raises(OptionError, match="m3"):
        contours(scan, x="m3", y="m1")


@pytest.mark.parametrize(
    ("given", "axes"),
    [({}, ("msb", "mn2")), ({"x": "mn1"}, ("mn1", "msb")), ({"y": "mn1"}, ("msb", "mn1"))],
)
def test_the_choice_of_axes_is_said(given: dict[str, str], axes: tuple[str, str]) -> None:
    points = [(x, y, 60) for x, y in GRID] + [(x, y + 130, y) for x, y in GRID[:30]]
    found = contours(scan_of(points, lambda x, y, z: 5.0 - x / 100, labels=("msb", "mn2", "mn1")), **given)
    assert (found["x"], found["y"]) == axes
    assert all(axis in found["choice"] for axis in axes)
    if not given:
        assert "mn1 can be chosen with --x and --y" in found["choice"]
        assert any("--where 'mn1==60'" in note for note in found["notes"])


def test_of_hypotheses_at_one_place_the_hardest_counts() -> None:
    points = [(x, y, k) for x, y in GRID for k in (0.1, 1.0)]
    found = contours(scan_of(points, lambda x, y, k: 5.0 - x / 100 + k, labels=("m1", "m2")))  # labels do not tell them apart
    (line,) = curves_of(found, "expected")
    assert np.allclose(line[:, 0], 100 * (5.1 - LEVEL))
    assert any("hardest to exclude" in note and str(len(GRID)) in note for note in found["notes"])


def test_points_without_a_result_are_left_out_and_named() -> None:
    bad = {
        "h003": {"status": "not converged: edm 1e-3"},
        "h010": {"CLs_obs": math.nan},
        "h011": {"CLs_exp": []},
    }
    scan = scan_of(GRID, lambda x, y: 5.0 - x / 100, **bad)
    scan["failures"] = [
        {"name": "f", "values": [700, 50], "reason": "negative rate"},
        {"name": "g", "values": [700, 90], "reason": NO_PARAMETER},
    ]
    assert contours(scan)["notes"][:3] == [
        "3 hypotheses have no converged result, left out: h003, h010, h011.",
        "1 hypothesis failed and is left out.",
        "1 hypothesis has no signal and is left out.",
    ]
    points = collect(data_of(scan))
    assert len(points.places) == len(GRID) - 3
    assert [700.0, 50.0] in points.failed.tolist()


LINE = [(x, x - 50) for x in range(100, 600, 100)]


@pytest.mark.parametrize(
    ("scan", "sentence", "crossings"),
    [
        (scan_of(LINE, lambda x, y: 5.0 - x / 100), "All points lie on one line", [[335.5146, 285.5146]]),
        (scan_of(LINE[:2], lambda x, y: 5.0 - x / 30), "All points lie on one line", [[100.6544, 50.6544]]),
        (scan_of([(100, 50)], lambda x, y: 3.0), "There is one point: no contour can be drawn.", []),
        (scan_of([], lambda x, y: 3.0), "No hypothesis has a usable result", []),
        (
            scan_of([(x, y) for x in (100, 400) for y in (0, 50, 100)], lambda x, y: 3.0 - y / 60),
            "m1 has two values, 100 and 400: between them the lines are interpolated",
            [[100.0, 81.3088]],
        ),
        (scan_of(GRID, lambda x, y: 0.3), "No point is excluded (observed)", []),
        (scan_of(GRID, lambda x, y: 40.0), "All points are excluded (observed)", []),
        (scan_of(GRID, lambda x, y: math.nan), "No hypothesis has a usable result", []),
        (scan_of([(100.0, "a"), (200.0, "b")], lambda x, y: 3.0), "All points are excluded (observed)", []),
    ],
)
def test_degenerate_sets_give_a_sentence(scan: dict[str, Any], sentence: str, crossings: list[list[float]]) -> None:
    found = contours(scan)
    assert any(note.startswith(sentence) for note in found["notes"]), found
    points = [curve[0] for curve in curves_of(found, "observed")]
    assert np.allclose(points, crossings, atol=1e-3)
    assert len(points) == len(crossings)


def test_one_label_gives_cls_against_it() -> None:
    found = contours(scan_of([(x,) for x in range(100, 600, 100)], lambda x: 5.0 - x / 100, labels=("m",)))
    assert (found["x"], found["y"]) == ("m", "CLs")
    (point,) = curves_of(found, "observed")
    assert np.allclose(point, [[100 * (5.0 - LEVEL), 0.05]])
    assert "only m varies" in found["choice"]


def test_scan_without_labels() -> None:
    found = contours(scan_of([()], lambda: 3.0, labels=()))
    assert (found["x"], found["y"]) == ("hypothesis", "CLs")


def test_between_tiles_the_band() -> None:
    points = np.array(GRID, dtype=np.float64)
    mesh = triangulation.triangulate(points)
    assert mesh is not None
    tiles = triangulation.between(mesh, 400.0 - points[:, 0], 250.0 - points[:, 0], 0.0)
    assert sum(_area(tile) for tile in tiles) == pytest.approx(150 * 400)


def _area(corners: Any) -> float:
    x, y = corners.T
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def published_points(name: str, shared: Path) -> PlotData:
    """The reference values of a published pallet; of sbottom those with mn1 = 60."""
    points = json.loads((shared / "truth" / f"{name}.json").read_text(encoding="utf-8"))["points"]
    results = [{**point, "status": "converged"} for point in points if "undecided" not in point]
    width = len(points[0]["values"])
    if width == 3:
        results = [record for record in results if record["values"][2] == 60]
    return data_of({"pallet": {"labels": ("msb", "mn2", "mn1")[:width]}, "results": results, "failures": []})


@pytest.mark.parametrize("interpolation", ["gp", "linear"])
@pytest.mark.parametrize("name", ["1Lbb", "3L-eRJR", "sbottom-RegionA"])
@pytest.mark.parametrize("curve", ["observed", "expected"])
def test_lines_cross_where_the_values_of_neighbouring_points_do(name: str, interpolation: str, curve: str, shared: Path) -> None:
    made = plane(published_points(name, shared), interpolation=interpolation)
    found = list(crossings(made, curve))
    assert sum(crossing.clear for crossing in found) > 8
    assert max(crossing.distance for crossing in found if crossing.clear) < 0.2
    assert on_the_wrong_side(made, curve) == []


def test_a_smoothed_line_does_not(shared: Path) -> None:
    made = plane(published_points("1Lbb", shared), interpolation="smooth")
    assert max(crossing.distance for crossing in crossings(made) if crossing.clear) > 0.2
    assert len(on_the_wrong_side(made)) > 0
    assert any(note.startswith("Smoothed: ") for note in made.contours["notes"])


def test_thin_triangles_along_the_rim_are_no_surface() -> None:
    # The points beside the diagonal are not quite on a line, those in the middle are not excluded: without care,
    # the surface runs from the first point to the last one past them, and the line turns back between.
    rim = [(100, 30), (200, 110), (300, 205), (400, 312), (500, 430)]
    points = rim + [(x, y) for x in range(100, 501, 100) for y in (0, 25) if y < x - 80]
    made = plane(data_of(scan_of(points, lambda x, y: 4.0 if y < 100 else 0.0)), interpolation="linear")
    assert made.interpolated is not None
    lines = level_sets.lines(made.interpolated.mesh, made.interpolated.pieces, 0, LEVEL)
    assert lines
    for line in lines:
        assert (np.diff(line[:, 0]) >= 0).all()


@pytest.mark.parametrize("dent", [0.0, 1e-3, 0.05, 0.3])
def test_every_point_stays_in_the_mesh(dent: float) -> None:
    points = np.array([(x, y + dent * (x * (4 - x) if y == 0 else 0.0)) for x in range(5) for y in range(4)], dtype=np.float64)
    mesh = triangulation.triangulate(points)
    assert mesh is not None
    assert set(mesh.triangles.ravel().tolist()) == set(range(len(points)))


LIMIT = Surface(name="limit", curves=("observed",), level=1.0, statement="Upper limits below 1")
VALUE = Surface(name="value", curves=("observed",))


def values_of(points: Sequence[Sequence[float]], value: Callable[..., float], surface: Surface) -> PlotData:
    """The data of hypotheses with one number each."""
    results = [
        Brief(name=f"h{i:03}", values=tuple(point), status="converged", numbers=(value(*point),))
        for i, point in enumerate(points)
    ]
    return PlotData(("m1", "m2"), results, (), surface)


def test_a_surface_with_one_curve_has_its_contour_and_no_band() -> None:
    made = plane(values_of(GRID, lambda x, y: x / 300, LIMIT), interpolation="linear")
    (curve,) = made.contours["curves"]
    assert (curve["which"], curve["level"]) == ("observed", 1.0)
    assert np.allclose(np.array(curve["points"])[:, 0], 300)
    assert made.band() == []
    (ring,) = made.excluded()
    assert ring[:, 0].max() == pytest.approx(300)
    assert made.contours["notes"] == [
        "Values are interpolated between the points linearly on triangles (--interpolation linear)."
    ]


def test_a_transformation_names_the_values_that_are_interpolated() -> None:
    def logarithm(values: Any) -> Any:
        return -np.log(values)

    surface = Surface(name="limit", curves=("observed",), level=1.0, transform=logarithm, scale="Logarithms")
    made = plane(values_of(GRID, lambda x, y: math.exp((x - 333) / 100), surface), interpolation="linear")
    assert np.allclose(np.array(made.contours["curves"][0]["points"])[:, 0], 333)
    assert made.contours["notes"][0].startswith("Logarithms are interpolated between the points")
    gp = plane(values_of(GRID, lambda x, y: math.exp((x - 333) / 100), surface)).contours
    assert set(gp["uncertainty"]) == {"observed"}
    assert any(note.startswith("Accuracy: ") and "sigma" not in note for note in gp["notes"])


def test_a_surface_without_a_level_has_no_contour() -> None:
    made = plane(values_of(GRID, lambda x, y: x - y, VALUE), forbidden="y>x-125")
    assert made.contours["curves"] == []
    assert "uncertainty" not in made.contours
    assert made.contours["notes"] == []
    assert (made.interpolated, made.band(), made.excluded(), made.uncertain()) == (None, [], [], [])
    assert not made.points.excluded().any()
    assert len(made.spanned()) == 1


def test_against_one_axis_the_value_is_named() -> None:
    data = PlotData(("m",), [Brief(name=str(i), values=(i,), status="converged", numbers=(i / 2,)) for i in range(5)], (), LIMIT)
    found = plane(data).contours
    assert (found["x"], found["y"]) == ("m", "limit")
    assert "limit is drawn against m" in found["choice"]
    assert found["curves"][0]["points"] == [[2.0, 1.0]]


def test_the_order_of_the_curves() -> None:
    assert drawn_curves(SURFACE) == ("observed", "expected", "expected-1", "expected+1", "expected-2", "expected+2")
    assert drawn_curves(LIMIT) == ("observed",)
    assert transformed(LIMIT, np.array([0.5, 2.0])).tolist() == [-0.5, -2.0]


def test_a_theory_band_belongs_to_its_plane() -> None:
    made: Contours = {
        "x": "m1",
        "y": "m2",
        "curves": [{"which": "theory-up", "level": 0.05, "points": [[300, 0], [300, 400]]}],
    }
    assert theory_curves(made, "m1", "m2") == theory_curves(made) == made["curves"]
    assert theory_curves(made, "m1", "m1-m2") == []
    assert theory_curves({}) == []
