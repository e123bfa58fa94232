"""Values on fine triangles: linear between the coarse points, and bounded where they are not."""

import numpy as np
import pytest

from hfx.driver.plane.surface.refinement import finer
from tests.driver.plane.surface.test_triangulation import mesh_of


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_linear_values_are_those_of_the_triangles(parts: int) -> None:
    refined = finer(mesh_of(4), parts)

    def plane(points: object) -> object:
        return points @ [[2.0, 1.0], [-3.0, 0.5]]  # type: ignore[operator]

    assert np.allclose(refined.linear(plane(refined.coarse.points)), plane(refined.mesh.points))  # type: ignore[arg-type]
    assert np.allclose(refined.weights.sum(axis=1), 1)


def test_a_bulge_stays_within_its_share_of_the_difference_along_an_edge() -> None:
    refined = finer(mesh_of(4), 6)
    values = np.random.default_rng(1).normal(size=(len(refined.coarse.points), 2))
    huge = 1e3 * np.sin(refined.mesh.points @ [[3.0, 1.0], [2.0, 5.0]])
    bounded = refined.bounded(huge, values, 0.2)
    corners = refined.coarse.triangles[refined.triangle]
    for k in range(3):
        i, j = [c for c in range(3) if c != k]
        on_edge = refined.weights[:, k] == 0
        bound = 0.2 * np.abs(values[corners[:, i]] - values[corners[:, j]])
        assert (np.abs(bounded[on_edge]) <= bound[on_edge] + 1e-12).all()
    at_points = refined.weights.max(axis=1) == 1
    assert (bounded[at_points] == 0).all()
    small = 1e-6 * huge / 1e3
    assert np.abs(refined.bounded(small, values, 0.2)[~at_points] - small[~at_points]).max() < 2e-6


def test_values_are_brought_between_those_of_the_corners_around_them() -> None:
    refined = finer(mesh_of(4), 4)
    values = np.random.default_rng(1).normal(size=(len(refined.coarse.points), 2))
    huge = refined.linear(values) + 1e3 * np.sin(refined.mesh.points @ [[3.0, 1.0], [2.0, 5.0]])
    found = refined.between_corners(huge, values)
    corners = refined.coarse.triangles[refined.triangle]
    for at, (weights, around) in enumerate(zip(refined.weights, values[corners], strict=True)):
        near = around[weights > 0]
        assert (found[at] == np.minimum(np.maximum(huge[at], near.min(axis=0)), near.max(axis=0))).all()
    linear = refined.linear(values)
    assert np.allclose(refined.between_corners(linear, values), linear)
