"""Meshes and bands, compared with their definitions, triangle by triangle."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.driver.plane.surface import triangulation
from hfx.driver.plane.surface.refinement import finer

Array = NDArray[np.float64]
Triangle = tuple[int, ...]


def thinness(unit: Array, kept: list[Triangle], triangle: Triangle) -> float | None:
    """Height over outer side of a triangle with one side on the rim, the corner across from it inside, beside the middle of that
    side; else None."""
    counts = {side: sum(set(side) <= set(other) for other in kept) for t in kept for side in combinations(t, 2)}
    rim = {corner for side, count in counts.items() if count == 1 for corner in side}
    outer = [side for side in combinations(triangle, 2) if counts[side] == 1]
    if len(outer) != 1 or (across := next(iter(set(triangle) - set(outer[0])))) in rim:
        return None
    along, off = unit[outer[0][1]] - unit[outer[0][0]], unit[across] - unit[outer[0][0]]
    if not 0.1 < along @ off / (along @ along) < 0.9:
        return None
    return float(abs(along[0] * off[1] - along[1] * off[0]) / (along @ along))


def thinned(unit: Array, triangles: list[Triangle]) -> list[Triangle]:
    """The definition: look at all triangles, take the thinnest of the rim off, look again."""
    kept = list(triangles)
    while True:
        found = [(thin, t) for t in kept if (thin := thinness(unit, kept, t)) is not None and thin < 0.1]
        if not found:
            return kept
        kept.remove(min(found)[1])


@pytest.mark.parametrize("seed", range(12))
def test_the_rim_is_thinned_as_defined(seed: int) -> None:
    rng = np.random.default_rng(seed)
    unit = rng.random((18, 2))
    unit[:, 1] *= unit[:, 0]
    unit[:9, 1] = unit[:9, 0] - 0.02 * rng.random(9)  # a rim nearly on a line, as beside a kinematic limit
    triangles = np.sort(triangulation.Delaunay(unit).simplices.astype(np.intp), axis=1)
    expected = thinned(unit, [tuple(t) for t in triangles.tolist()])
    assert [tuple(t) for t in triangulation.without_thin_rim(unit, triangles).tolist()] == expected
    assert len(expected) < len(triangles)


def test_a_band_covers_the_area_between_two_planes() -> None:
    points = np.array([(x, y) for x in range(11) for y in range(11)], dtype=np.float64)
    mesh = triangulation.triangulate(points)
    assert mesh is not None
    # Above the level where x > 2.25, and not above it where x < 7.5.
    polygons = triangulation.between(mesh, points[:, 0] - 2.25, points[:, 0] - 7.5, 0.0)
    assert sum(map(area, polygons)) == pytest.approx(10 * (7.5 - 2.25))
    assert min(p[:, 0].min() for p in polygons) == 2.25
    assert max(p[:, 0].max() for p in polygons) == 7.5
    assert triangulation.between(mesh, points[:, 0] - 20, points[:, 0] - 7.5, 0.0) == []


def mesh_of(count: int) -> triangulation.Mesh:
    mesh = triangulation.triangulate(np.array([(x, y + 0.1 * x) for x in range(count) for y in range(count)], dtype=np.float64))
    assert mesh is not None
    return mesh


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_a_finer_mesh_covers_the_same_once(parts: int) -> None:
    mesh = mesh_of(4)
    fine = finer(mesh, parts).mesh
    assert len(fine.triangles) == parts**2 * len(mesh.triangles)
    areas = [area(fine.points[t]) for t in fine.triangles]
    assert sum(areas) == pytest.approx(9.0)
    assert max(areas) == pytest.approx(min(areas)) == pytest.approx(0.5 / parts**2)
    assert {tuple(p) for p in mesh.points.tolist()} <= {tuple(p) for p in fine.points.tolist()}
    assert len(fine.points) == len(np.unique(fine.points.round(9), axis=0)) == (3 * parts + 1) ** 2


def area(polygon: Array) -> float:
    x, y = polygon.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def area_within(rings: list[Array]) -> float:
    """The area within closed rings whose holes turn the other way."""
    signed = [float(ring[:-1, 0] @ ring[1:, 1] - ring[1:, 0] @ ring[:-1, 1]) / 2 for ring in rings]
    return abs(sum(signed))
