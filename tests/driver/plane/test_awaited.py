"""Which parts of a picture may still change: triangles with an awaited hypothesis in the circle through their corners."""

import time

import numpy as np
import pytest

from hfx.driver.plane.awaited import Awaited
from hfx.driver.plane.contour import Plane, plane
from hfx.driver.plane.points import PlotData
from hfx.driver.questions.base import Brief
from hfx.driver.questions.exclusion import SURFACE

CORNERS = [(0.0, 0.0), (2.0, 0.0), (0.0, 2.0), (2.0, 2.0), (4.0, 0.0), (4.0, 2.0)]


def fitted(places: list[tuple[float, ...]], x: str | None = None, y: str | None = None) -> Plane:
    results = [Brief(name=f"h{place}", values=place, status="converged", numbers=(0.01,) * 6) for place in places]
    return plane(PlotData(("m1", "m2")[: len(places[0])], results, [], SURFACE), x=x, y=y)


def test_a_place_on_a_side_opens_the_triangles_on_both_sides() -> None:
    """Between two fitted neighbours of a grid lies the side of two triangles: a line through either may still change."""
    near = Awaited(fitted([*CORNERS, (6.0, 0.0), (6.0, 2.0), (8.0, 0.0), (8.0, 2.0)]), np.array([[2.0, 1.0]]))
    left, right, far = (1.9, 1.0), (2.1, 1.0), (7.9, 0.1)
    assert near.contain([left, right, far]).tolist() == [True, True, False]


def test_only_segments_near_awaited_hypotheses_are_open() -> None:
    near = Awaited(fitted(CORNERS), np.array([[3.2, 0.7], [3.2, 1.3]]))  # in both triangles of the right half
    line = [(0.5, 1.0), (1.5, 1.0), (2.5, 1.0), (3.5, 1.0)]
    assert near.segments(line).tolist()[-1] == 2
    assert 0 not in near.segments(line)


def test_a_triangle_that_an_awaited_hypothesis_beside_it_would_replace_is_open() -> None:
    """(3, 1) lies beside the slope from (2, 3) to (3, 0), not in the triangle; that will go from (2, 3) to it then."""
    near = Awaited(fitted([(0.0, 0.0), (0.0, 3.0), (2.0, 0.0), (2.0, 3.0), (3.0, 0.0)]), np.array([[3.0, 1.0]]))
    assert near.contain([(2.2, 0.5), (1.0, 1.0)]).tolist() == [True, False]


def test_outside_of_what_is_fitted_nothing_is_settled_while_others_are_to_come() -> None:
    assert Awaited(fitted(CORNERS), np.array([[9.0, 9.0]])).contain([(5.0, 1.0), (1.0, 1.0)]).tolist() == [True, False]


@pytest.mark.parametrize("line", [[(0.5, 1.0), (3.5, 1.0)], [(1.0, 1.0)]])
def test_where_none_is_awaited_all_is_settled(line: list[tuple[float, float]]) -> None:
    assert Awaited(fitted(CORNERS), np.zeros((0, 2))).segments(line).tolist() == []


def test_along_one_label_a_segment_past_an_awaited_hypothesis_is_open() -> None:
    near = Awaited(fitted([(100.0,), (200.0,), (400.0,), (500.0,)]), np.array([[300.0, 0.0], [600.0, 0.0]]))
    assert near.segments([(100, 0.1), (200, 0.2), (400, 0.3), (500, 0.4)]).tolist() == [1]


def test_crossings_on_one_row_are_open_while_others_are_awaited() -> None:
    row = fitted([(100.0, 0.0), (200.0, 0.0)], "m1", "m2")
    assert row.points.mesh is None
    assert Awaited(row, np.array([[150.0, 20.0]])).segments([(150.0, 0.0)]).tolist() == [0]


@pytest.mark.parametrize("seed", range(3))
def test_with_many_hypotheses_the_open_triangles_are_those_with_one_in_their_circle(seed: int) -> None:
    """Computed here pair by pair; the grid's triangles lie with their corners on circles that others touch."""
    random = np.random.default_rng(seed)
    places = [(float(i), float(j)) for i in range(12) for j in range(12)]
    random.shuffle(places)
    made, awaited = fitted(places[:90]), np.array(places[90:])
    mesh = made.points.mesh
    assert mesh is not None
    unit = (mesh.points - mesh.points.min(axis=0)) / np.ptp(mesh.points, axis=0)
    waiting = (awaited - mesh.points.min(axis=0)) / np.ptp(mesh.points, axis=0)
    open_ones = []
    for corners in unit[mesh.triangles]:
        (ax, ay), (bx, by), (cx, cy) = corners
        middle = np.linalg.solve(
            2 * np.array([[bx - ax, by - ay], [cx - ax, cy - ay]]), [bx**2 + by**2 - ax**2 - ay**2, cx**2 + cy**2 - ax**2 - ay**2]
        )
        open_ones.append(
            bool((np.linalg.norm(waiting - middle, axis=1) < np.linalg.norm(corners[0] - middle) * (1 - 1e-7)).any())
        )
    centres = mesh.points[mesh.triangles].mean(axis=1)
    assert 0 < sum(open_ones) < len(open_ones)
    inside = np.array(open_ones)
    assert (Awaited(made, awaited).contain(centres) >= inside).all()
    # What else is open has an awaited hypothesis on a side of the triangle.
    others = np.flatnonzero(Awaited(made, awaited).contain(centres) & ~inside)
    for triangle in others:
        corners = unit[mesh.triangles[triangle]]
        assert any(
            np.isclose(np.linalg.norm(one - a) + np.linalg.norm(one - b), np.linalg.norm(a - b), atol=1e-8)
            for one in waiting
            for a, b in zip(corners, np.roll(corners, 1, axis=0), strict=True)
        )


def test_ten_thousand_hypotheses_are_looked_at_at_once() -> None:
    """Of each pair of a triangle and an awaited hypothesis something would be computed: 50 million pairs."""
    places = [(float(i), float(j)) for i in range(100) for j in range(100)]
    made, awaited = fitted(places[::2]), np.array(places[1::2])
    began = time.thread_time()
    Awaited(made, awaited)
    assert time.thread_time() - began < 0.5
