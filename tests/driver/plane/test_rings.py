"""Finer meshes and outlines, by their areas and corners."""

import numpy as np
import pytest

from hfx.driver.plane import rings as tiles
from hfx.driver.plane import triangulation
from tests.driver.plane.test_triangulation import area


def mesh_of(count: int) -> triangulation.Mesh:
    mesh = triangulation.triangulate(np.array([(x, y + 0.1 * x) for x in range(count) for y in range(count)], dtype=np.float64))
    assert mesh is not None
    return mesh


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_a_finer_mesh_covers_the_same_once(parts: int) -> None:
    mesh = mesh_of(4)
    fine = tiles.refined(mesh, parts)
    assert len(fine.triangles) == parts**2 * len(mesh.triangles)
    areas = [area(fine.points[t]) for t in fine.triangles]
    assert sum(areas) == pytest.approx(9.0)
    assert max(areas) == pytest.approx(min(areas)) == pytest.approx(0.5 / parts**2)
    assert {tuple(p) for p in mesh.points.tolist()} <= {tuple(p) for p in fine.points.tolist()}
    assert len(fine.points) == len(np.unique(fine.points.round(9), axis=0)) == (3 * parts + 1) ** 2


def test_an_outline_is_the_rim_and_the_holes() -> None:
    squares = [np.array([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)], dtype=np.float64) for x in range(3) for y in range(3)]
    (whole,) = tiles.outline(squares)
    assert area(whole) == pytest.approx(9)
    rings = tiles.outline([square for i, square in enumerate(squares) if i != 4])
    assert sorted(area(ring) for ring in rings) == pytest.approx([1, 9])
    assert tiles.area(rings) == pytest.approx(8)
    assert tiles.outline([]) == []


def test_the_outline_of_a_band_has_the_area_of_its_tiles() -> None:
    mesh = tiles.refined(mesh_of(5), 3)
    heights = mesh.points[:, 0] - 0.3 * mesh.points[:, 1]
    polygons = triangulation.between(mesh, heights, heights - 1.7, 0.4)
    rings = tiles.outline(polygons)
    assert tiles.area(rings) == pytest.approx(sum(map(area, polygons)))
    assert len(rings) == 1
    assert len(rings[0]) < len(polygons)
