"""Lines and areas of surfaces with steps, and lines that are closed along a kinematic edge."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.driver.plane.surface import level_sets, triangulation
from hfx.driver.plane.surface.kinematic_edge import rim_at_edge
from hfx.driver.plane.surface.pieces import Piece, best_of
from hfx.driver.plane.surface.refinement import finer
from hfx.driver.plane.surface.triangulation import Mesh
from tests.driver.plane.surface.test_triangulation import area

Array = NDArray[np.float64]


def mesh_of(points: Array) -> Mesh:
    found = triangulation.triangulate(points)
    assert found is not None
    return found


SQUARE = np.array([(x, y) for x in range(11) for y in range(11)], dtype=np.float64)
DIAGONAL = np.array([(x, y) for x in range(100, 601, 50) for y in range(0, x - 99, 50)], dtype=np.float64)


def three_regions(places: Array) -> list[tuple[Array, None]]:
    """Three planes [height, value]: each is the highest in a part of the square, and has a constant second column."""
    x, y = places.T
    return [
        (np.column_stack([height, np.full(len(x), value)]), None) for height, value in ((x - 5, 1.0), (5 - x, -1.0), (y - 4, 1.0))
    ]


def test_pieces_cover_the_mesh_once_and_each_is_the_highest_in_its_own() -> None:
    fine = finer(mesh_of(SQUARE + 0.137), 3)
    pieces = list(best_of(fine.mesh, three_regions(fine.mesh.points), 0))
    assert len(pieces) == 3
    areas = [sum(area(piece.mesh.points[t]) for t in piece.mesh.triangles) for piece in pieces]
    assert sum(areas) == pytest.approx(100)
    for piece in pieces:
        middles = piece.mesh.points[piece.mesh.triangles].mean(axis=1)
        heights = np.array([values[:, 0] for values, _ in three_regions(middles)])
        own = piece.values[piece.mesh.triangles, 0].mean(axis=1)
        assert np.allclose(own, heights.max(axis=0), atol=1e-9)


def test_a_line_follows_the_step_between_pieces() -> None:
    fine = finer(mesh_of(SQUARE + 0.137), 3)
    pieces = list(best_of(fine.mesh, three_regions(fine.mesh.points), 0))
    (line,) = level_sets.lines(fine.coarse, pieces, 1, 0.0)
    # Where region 2 (value -1) is the best: x < 5 and y < 9 - x.
    x, y = line.T
    on_side = np.isclose(x, 5, atol=1e-6) & (y < 4 + 1e-6)
    on_slope = np.isclose(x + y, 9, atol=1e-6)
    assert (on_side | on_slope).all()
    assert line.min(axis=0) == pytest.approx([0.137, 0.137], abs=1e-6)
    covered = sum(area(polygon) for polygon in level_sets.above(pieces, 1, 0.0))
    assert covered == pytest.approx(100 - (8.863 * 4.863 - (5**2 - 0.137**2) / 2))


def test_a_line_is_closed_along_a_kinematic_edge_and_nowhere_else() -> None:
    mesh = mesh_of(DIAGONAL)
    fine = finer(mesh, 3)
    value = (450 - fine.mesh.points[:, 0])[:, None]
    edge = rim_at_edge(mesh)
    ends = mesh.points[edge]
    assert len(edge) >= 8
    assert np.allclose(ends[:, :, 0] - ends[:, :, 1], 100)
    (line,) = level_sets.lines(mesh, (Piece(fine.mesh, value),), 0, 0.0, edge)
    assert line[0].tolist() == [100, 0]
    assert line[-1] == pytest.approx([450, 0])
    along = np.isclose(line[:, 0] - line[:, 1], 100)
    assert (along | np.isclose(line[:, 0], 450)).all()
    assert line[along, 0].max() == pytest.approx(450)
    (open_line,) = level_sets.lines(mesh, (Piece(fine.mesh, value),), 0, 0.0)
    assert np.allclose(open_line[:, 0], 450)


def test_an_edge_is_evident_only_where_many_points_lie_along_it() -> None:
    rectangle = np.array([(x, y) for x in range(500, 1001, 50) for y in range(0, 401, 50)], dtype=np.float64)
    assert len(rim_at_edge(mesh_of(rectangle))) == 0
    crossing = np.array([(x, y) for x in range(0, 501, 50) for y in range(0, 401, 50)], dtype=np.float64)
    assert len(rim_at_edge(mesh_of(crossing))) == 0
    turned = rim_at_edge(mesh_of(DIAGONAL[:, ::-1].copy()))
    assert len(turned) >= 8


def test_a_given_edge_counts_wherever_it_is() -> None:
    rectangle = mesh_of(np.array([(x, y) for x in range(0, 501, 50) for y in range(0, 401, 50)], dtype=np.float64))
    edge = rim_at_edge(rectangle, lambda x, y: x - 520)
    assert np.allclose(rectangle.points[edge][:, :, 0], 500)
    assert len(edge) == 8
