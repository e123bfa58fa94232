"""Outlines of areas, by their areas and corners."""

from itertools import pairwise

import numpy as np
import pytest

from hfx.driver.plane.surface import polygons as rings
from hfx.driver.plane.surface import triangulation
from hfx.driver.plane.surface.refinement import finer
from tests.driver.plane.surface.test_triangulation import area, area_within, mesh_of


def test_an_outline_is_the_rim_and_the_holes() -> None:
    squares = [np.array([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)], dtype=np.float64) for x in range(3) for y in range(3)]
    (whole,) = rings.outline(squares)
    assert area(whole) == pytest.approx(9)
    found = rings.outline([square for i, square in enumerate(squares) if i != 4])
    assert sorted(area(ring) for ring in found) == pytest.approx([1, 9])
    assert area_within(found) == pytest.approx(8)
    assert rings.outline([]) == []


def test_the_outline_of_a_band_has_the_area_of_its_polygons() -> None:
    mesh = finer(mesh_of(5), 3).mesh
    heights = mesh.points[:, 0] - 0.3 * mesh.points[:, 1]
    polygons = triangulation.between(mesh, heights, heights - 1.7, 0.4)
    found = rings.outline(polygons)
    assert area_within(found) == pytest.approx(sum(map(area, polygons)))
    assert len(found) == 1
    assert len(found[0]) < len(polygons)


def test_outer_rings_and_holes_are_closed_and_turn_opposite_ways() -> None:
    squares = [np.array([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)], dtype=np.float64) for x in range(3) for y in range(3)]
    found = rings.outline([square for i, square in enumerate(squares) if i != 4])
    assert all(ring[0].tolist() == ring[-1].tolist() for ring in found)
    turns = {round(sum(a[0] * b[1] - a[1] * b[0] for a, b in pairwise(ring.tolist())) / 2) for ring in found}
    assert turns == {9, -1}


def test_corners_that_differ_in_their_last_digits_are_one() -> None:
    left = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
    right = np.array([(1.0 + 1e-15, 1.0), (0.0, 1.0 - 1e-15), (0.0, 1e-17)])
    (ring,) = rings.outline([left, right])
    assert len(ring) == 5
    assert area(ring[:-1]) == pytest.approx(1.0)


def test_polygons_without_area_leave_no_trace() -> None:
    triangle = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    line = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1e-15)])
    (ring,) = rings.outline([triangle, line])
    assert area(ring[:-1]) == pytest.approx(0.5)
