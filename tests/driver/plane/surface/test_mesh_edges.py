"""Edges along rows and columns, put into triangulations."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from hfx.driver.plane.surface.mesh_edges import neighbours_in_lines, with_edges
from hfx.driver.plane.surface.triangulation import orientations

Array = NDArray[np.float64]


def edges_of(triangles: NDArray[np.intp]) -> set[tuple[int, int]]:
    return {(min(a, b), max(a, b)) for t in triangles.tolist() for a, b in ((t[0], t[1]), (t[0], t[2]), (t[1], t[2]))}


def identity(places: Array) -> Array:
    return places


@pytest.mark.parametrize("seed", range(8))
def test_an_edge_across_many_others_is_put_in_and_the_area_stays_covered(seed: int) -> None:
    points = np.random.default_rng(seed).random((40, 2))
    triangles = np.sort(Delaunay(points).simplices.astype(np.intp), axis=1)
    far = sorted(((a, b) for a in range(40) for b in range(a)), key=lambda p: -np.linalg.norm(points[p[0]] - points[p[1]]))
    wanted = next((b, a) for a, b in far[:60] if (b, a) not in edges_of(triangles))
    found = with_edges(points, triangles, [wanted])
    assert wanted in edges_of(found)
    assert len(found) == len(triangles)
    assert np.abs(orientations(points, found)).sum() == pytest.approx(np.abs(orientations(points, triangles)).sum())
    assert np.abs(orientations(points, found)).min() > 0


def test_an_earlier_edge_is_not_given_up_for_a_later_one() -> None:
    points = np.array([(0, 1), (2, 1), (1, 0), (1, 2)], dtype=np.float64)
    triangles = np.array([(0, 1, 2), (0, 1, 3)], dtype=np.intp)
    assert edges_of(with_edges(points, triangles, [(2, 3)])) >= {(2, 3)}
    assert edges_of(with_edges(points, triangles, [(0, 1), (2, 3)])) >= {(0, 1)}
    assert (2, 3) not in edges_of(with_edges(points, triangles, [(0, 1), (2, 3)]))


def test_an_edge_through_a_point_or_outside_is_left_out() -> None:
    points = np.array([(0, 0), (1, 0), (2, 0), (1, 1), (1, -1)], dtype=np.float64)
    triangles = np.sort(Delaunay(points).simplices.astype(np.intp), axis=1)
    assert with_edges(points, triangles, [(0, 2)]).tolist() == sorted(triangles.tolist())
    dent = np.array([(0, 0), (4, 0), (2, 1), (2, 3)], dtype=np.float64)
    inner = np.array([(0, 2, 3), (1, 2, 3)], dtype=np.intp)
    assert with_edges(dent, inner, [(0, 1)]).tolist() == inner.tolist()


def test_neighbours_are_next_to_each_other_with_nothing_beside_the_way() -> None:
    points = np.array([(0, 0), (1, 0), (3, 0), (0, 2), (2, 0.2)], dtype=np.float64)
    assert neighbours_in_lines(points, identity, identity) == [(0, 1), (0, 3)]  # the last point is beside the way from 1 to 2

    def stretched(places: Array) -> Array:
        return places * (1.0, 10.0)

    assert neighbours_in_lines(points, identity, stretched) == [(0, 1), (1, 2), (0, 3)]


def test_a_line_of_the_natural_coordinates_comes_before_a_row_that_is_much_longer_there() -> None:
    points = np.array([(x, x - gap) for x in (0.0, 0.1) for gap in (0.6, 0.65, 0.7)])  # from the row of 0.6 to that of 0.7
    long, short = (0, 5), (1, 4)  # that at equal y, and that at equal gap between

    def natural(scale: float) -> Callable[[Array], Array]:
        return lambda places: np.column_stack([places[:, 0], (places[:, 0] - places[:, 1]) * scale])

    for scale, first in ((5.0, short), (0.5, long)):
        found = neighbours_in_lines(points, identity, natural(scale))
        assert {long, short} <= set(found)
        assert min(found.index(long), found.index(short)) == found.index(first)
