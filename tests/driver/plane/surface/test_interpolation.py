"""Interpolations by name: exact where they promise it, refused or replaced with a word, never outside the points."""

from typing import Any

import numpy as np
import pytest

from hfx.driver.plane.contour import plane
from hfx.driver.plane.points import collect
from hfx.driver.plane.surface import interpolation, triangulation
from hfx.driver.questions.exclusion import significance
from hfx.driver.questions.options import ScanOptions
from hfx.errors import OptionError
from tests.driver.plane.surface.test_triangulation import area_within
from tests.driver.plane.test_contour import GRID, LEVEL, contours, curves_of, data_of, scan_of

POINTS = np.array(GRID, dtype=np.float64)


def mesh_of(points: Any) -> triangulation.Mesh:
    mesh = triangulation.triangulate(np.asarray(points, dtype=np.float64))
    assert mesh is not None
    return mesh


def bump(points: Any) -> Any:
    return (4.0 - np.hypot(points[:, 0] - 350, points[:, 1] - 200) / 60)[:, None]


def test_the_names_and_the_default_are_those_of_the_options() -> None:
    assert ScanOptions().interpolation == interpolation.DEFAULT
    for name in interpolation.INTERPOLATIONS:
        assert ScanOptions(interpolation=name).interpolation == name
    with pytest.raises(OptionError, match="--interpolation 'cubic' is not one of gp, smooth, rbf, linear"):
        interpolation.check("cubic")
    with pytest.raises(OptionError, match="--interpolation 'cubic'"):
        ScanOptions(interpolation="cubic")


def values_at(surface: interpolation.InterpolatedSurface, places: Any) -> Any:
    """The surface's values at points of its mesh."""
    (piece,) = surface.pieces
    order = {tuple(p): i for i, p in enumerate(piece.mesh.points.tolist())}
    return piece.values[[order[tuple(p)] for p in places.tolist()]]


def rough(points: Any) -> Any:
    """A smooth function, and a scatter that is none."""
    return bump(points) + np.random.default_rng(3).normal(scale=0.3, size=(len(points), 1))


@pytest.mark.parametrize("name", ["gp", "rbf", "linear"])
def test_the_surface_passes_through_every_point(name: str) -> None:
    surface = interpolation.interpolate(mesh_of(POINTS), rough(POINTS), name)
    assert np.allclose(values_at(surface, POINTS), rough(POINTS), atol=1e-8)
    assert surface.states_deviations == (name == "gp")


def test_smoothing_is_for_those_who_ask_for_it_and_says_by_how_much() -> None:
    surface = interpolation.interpolate(mesh_of(POINTS), rough(POINTS), "smooth")
    off = values_at(surface, POINTS) - rough(POINTS)
    assert surface.scatter is not None
    assert 0.2 < np.sqrt(np.mean(off**2)) < surface.scatter[0] < 0.4


def test_between_points_the_surface_is_within_a_fifth_of_the_straight_line() -> None:
    values = 6 * np.tanh((POINTS[:, :1] - 320) / 60)  # bends much between two columns
    mesh = mesh_of(POINTS)
    (piece,) = interpolation.interpolate(mesh, values, "gp").pieces
    row = piece.mesh.points[:, 1] == 200
    x, z = piece.mesh.points[row, 0], piece.values[row, 0]
    columns = np.unique(POINTS[:, 0])
    straight = np.interp(x, columns, 6 * np.tanh((columns - 320) / 60))
    step = np.abs(np.diff(6 * np.tanh((columns - 320) / 60)))[np.clip(np.searchsorted(columns, x) - 1, 0, len(columns) - 2)]
    assert len(x) > 5 * len(columns)
    assert (np.abs(z - straight) <= 0.2 * step + 1e-9).all()
    assert np.abs(z - straight).max() > 0.02  # it is not the straight line


def test_the_error_at_left_out_points_is_stated() -> None:
    """Where nothing but scatter is between the points, points cannot be predicted better than by their scatter."""
    surface = interpolation.interpolate(mesh_of(POINTS), rough(POINTS), "gp", level=2.0)
    assert surface.error is not None
    assert 0.3 < surface.error[0] < 0.4
    smooth = interpolation.interpolate(mesh_of(POINTS), bump(POINTS) + 0 * POINTS[:, :1], "gp", level=2.0)
    assert smooth.error is not None
    assert smooth.error[0] < 0.03


def compressed(m1: Any, m2: Any) -> Any:
    """A significance that depends on the logarithm of the mass splitting, and on it alone."""
    return 1.2 * np.log((m1 - m2) / 3.0) + (180 - m1) / 40


def test_a_grid_that_is_even_in_the_logarithm_of_the_splitting_is_interpolated_there() -> None:
    """Between splittings of 40 and 60 nothing constrains a surface of one scale in the masses themselves."""
    splittings = (1.5, 2, 3, 5, 10, 15, 20, 25, 30, 40, 60)
    points = [(m1, m1 - d) for m1 in (90, 100, *range(125, 326, 25)) for d in splittings]
    found = contours(scan_of(points, lambda x, y: float(compressed(x, y))), y="m1-m2")
    assert found["coordinates"] in (["m1", "log(m1-m2)"], ["log(m1)", "log(m1-m2)"])
    (line,) = curves_of(found, "observed")
    gap = (line[:, 1] > 40) & (line[:, 1] < 60)
    assert gap.any()
    assert np.abs(compressed(line[gap, 0], line[gap, 0] - line[gap, 1]) - LEVEL).max() < 0.02
    plain = contours(scan_of(points, lambda x, y: float(compressed(x, y))))
    (line,) = (line for line in curves_of(plain, "observed") if len(line) > 20)
    far = line[:, 0] - line[:, 1] > 1.6  # the rest follows the kinematic edge
    assert np.abs(compressed(line[far, 0], line[far, 1]) - LEVEL).max() < 0.15


@pytest.mark.parametrize(("name", "within"), [("gp", 1.0), ("smooth", 1.0), ("rbf", 0.5), ("linear", 4.0)])
def test_a_circle_is_found(name: str, within: float) -> None:
    found = contours(scan_of(GRID, lambda x, y: 4.0 - np.hypot(x - 350, y - 200) / 40), interpolation=name)
    (ring,) = curves_of(found, "observed")
    radius = np.hypot(ring[:, 0] - 350, ring[:, 1] - 200)
    assert np.abs(radius - 40 * (4.0 - LEVEL)).max() < within
    assert found["interpolation"] == name
    assert any(f"(--interpolation {name})" in note for note in found["notes"])


@pytest.mark.parametrize("name", interpolation.INTERPOLATIONS)
def test_nothing_is_drawn_where_the_points_do_not_reach(name: str) -> None:
    points = [(x, y) for x, y in GRID if y <= x - 100]
    made = plane(data_of(scan_of(points, lambda x, y: 4.0 - x / 150 + np.sin(y / 80))), interpolation=name)
    hull = [np.array(c["points"]) for c in made.contours["curves"]] + made.band() + made.excluded()
    assert len(hull) > 3
    for line in hull:
        assert (line[:, 1] <= line[:, 0] - 100 + 1e-6).all()
        assert line[:, 0].max() <= 600 + 1e-6
        assert line.min() >= -1e-6


def test_gp_gives_an_uncertainty_that_holds_the_line() -> None:
    rng = np.random.default_rng(7)
    noise = {point: rng.normal(scale=0.3) for point in GRID}
    made = plane(data_of(scan_of(GRID, lambda x, y: 5.0 - x / 100 + noise[x, y])))
    low, high = (made.contours["uncertainty"]["observed"][way] for way in ("low", "high"))
    middle = np.concatenate(curves_of(made.contours, "observed"))
    assert np.mean(np.concatenate(low)[:, 0]) < np.mean(middle[:, 0]) < np.mean(np.concatenate(high)[:, 0])
    truth = 100 * (5.0 - LEVEL)
    assert np.mean(np.concatenate(low)[:, 0]) - 15 < truth < np.mean(np.concatenate(high)[:, 0]) + 15
    assert area_within(made.uncertain()) > 400 * 2
    assert any(note.startswith("Accuracy: ") for note in made.contours["notes"])
    assert "uncertainty" not in contours(scan_of(GRID, lambda x, y: 5.0 - x / 100), interpolation="linear")


def test_points_that_lie_across_the_line_are_counted() -> None:
    odd = (300, 200)
    found = contours(scan_of(GRID, lambda x, y: -1.0 if (x, y) == odd else 5.2 - x / 150 - y / 5000), interpolation="smooth")
    assert any(f"1 of {len(GRID)} points lies on the wrong side of the observed contour" in note for note in found["notes"])


@pytest.mark.parametrize("name", ["gp", "smooth", "rbf"])
def test_too_many_points_are_linear_and_it_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "MOST_POINTS", 50)
    found = contours(scan_of(GRID, lambda x, y: 5.0 - x / 120), interpolation=name)
    assert found["interpolation"] == "linear"
    assert any(f"--interpolation {name} is not possible for more than 50 points (here 99)" in n for n in found["notes"])


@pytest.mark.parametrize("name", ["gp", "smooth", "rbf"])
def test_few_points_are_linear_and_it_is_said(name: str) -> None:
    few = [(100, 0), (200, 0), (100, 100), (200, 100)]
    found = contours(scan_of(few, lambda x, y: 4.0 - x / 60), interpolation=name)
    assert found["interpolation"] == "linear"
    assert any(f"--interpolation {name} is not possible for fewer than 8 points (here 4)" in note for note in found["notes"])


@pytest.mark.parametrize("name", ["gp", "rbf", "linear"])
def test_each_region_of_a_combination_has_its_own_surface(name: str) -> None:
    """Two regions, each linear: the best of them changes at x = 350, where the observed limit has a step."""

    def significances(x: float, y: float) -> dict[str, tuple[float, float]]:
        expected = {"A": (600 - x) / 100, "B": (x - 100) / 100}
        return {"A": (expected["A"], 4.0 - y / 100), "B": (expected["B"], 3.0 - y / 100)}

    points = [(x, y) for x, y in GRID if x != 350]
    scan = scan_of(points, lambda x, y: 0.0)
    for record, (x, y) in zip(scan["results"], points, strict=True):
        both = significances(x, y)
        by_region = {
            name: {"CLs_obs": cls(observed), "CLs_exp": [cls(expected + s) for s in (2, 1, 0, -1, -2)]}
            for name, (expected, observed) in both.items()
        }
        best = max(both, key=lambda name: both[name][0])
        record |= {**by_region[best], "by_region": by_region, "region": best}
    points_of_regions = collect(data_of(scan))
    assert points_of_regions.regions.shape == (2, len(points), 6)
    made = plane(data_of(scan), interpolation=name)
    assert made.interpolated is not None
    left, right = sorted(made.interpolated.pieces, key=lambda piece: piece.mesh.points[:, 0].min())
    assert left.mesh.points[:, 0].max() == pytest.approx(350, abs=1e-6)
    assert right.mesh.points[:, 0].min() == pytest.approx(350, abs=1e-6)
    for piece, height in ((left, 4.0), (right, 3.0)):
        assert np.allclose(piece.values[:, 0], height - piece.mesh.points[:, 1] / 100, atol=1e-4)
    # One line: along y = 236 to the place where the regions change, straight down, and along y = 136.
    (line,) = curves_of(made.contours, "observed")
    at_step = line[np.abs(line[:, 0] - 350) < 1e-6]
    assert [at_step[:, 1].min(), at_step[:, 1].max()] == pytest.approx([300 - 100 * LEVEL, 400 - 100 * LEVEL], abs=0.1)
    assert np.allclose(line[line[:, 0] < 349.9, 1], 400 - 100 * LEVEL, atol=0.1)
    assert np.allclose(line[line[:, 0] > 350.1, 1], 300 - 100 * LEVEL, atol=0.1)
    assert any("Each region is interpolated separately" in note for note in made.contours["notes"])


def cls(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(-z))


def test_a_region_without_a_result_somewhere_is_no_obstacle() -> None:
    scan = scan_of(GRID, lambda x, y: 5.0 - x / 120)
    for i, record in enumerate(scan["results"]):
        own = {"CLs_obs": record["CLs_obs"], "CLs_exp": record["CLs_exp"]}
        worse = {"CLs_obs": 0.9, "CLs_exp": [0.5, 0.6, 0.7, 0.8, 0.9]}
        record["by_region"] = {"A": own} if i % 7 == 0 else {"A": own, "B": worse}
    alone = contours(scan_of(GRID, lambda x, y: 5.0 - x / 120), interpolation="rbf")
    found = contours(scan, interpolation="rbf")
    (one,), (other,) = curves_of(alone, "observed"), curves_of(found, "observed")
    assert np.allclose(one, other, atol=1e-6)


def test_significances_of_regions_may_be_missing() -> None:
    assert np.isnan(significance(np.array([np.nan]))).all()
