"""A mesh of finer triangles, on which curved surfaces are linear."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.surface.triangulation import Mesh

__all__ = ["Refined", "finer"]

Array = NDArray[np.float64]

_SIDES = ((0, 1), (1, 2), (2, 0))


@dataclass(frozen=True)
class Refined:
    """A fine mesh within a coarse one: each point [v] lies in a coarse ``triangle``, with barycentric ``weights`` [v, 3]."""

    mesh: Mesh
    coarse: Mesh
    triangle: NDArray[np.intp]
    weights: Array

    def linear(self, values: Array) -> Array:
        """The values [v, c] at the fine points of ``values`` [n, c] at the coarse ones, linear on the coarse triangles."""
        corners = self.coarse.triangles[self.triangle]
        return np.asarray(np.einsum("vk,vkc->vc", self.weights, values[corners]))

    def bounded(self, bulge: Array, values: Array, fraction: float) -> Array:
        """``bulge`` [v, c], a difference from linear values, brought smoothly within bounds.

        On a coarse edge the bound is ``fraction`` of the difference of ``values`` [n, c] at its ends; inside a triangle it is
        the mean of those of its three edges, weighted so that it goes over into them.
        """
        corners = self.coarse.triangles[self.triangle]
        near = np.stack([self.weights[:, i] * self.weights[:, j] for i, j in _SIDES], axis=1)
        steps = np.stack([np.abs(values[corners[:, i]] - values[corners[:, j]]) for i, j in _SIDES], axis=1)
        total = np.maximum(near.sum(axis=1), 1e-300)
        bound = fraction * np.einsum("vk,vkc->vc", near, steps) / total[:, None]
        return np.asarray(bound * np.tanh(bulge / np.maximum(bound, 1e-30)))

    def between_corners(self, fine: Array, values: Array) -> Array:
        """``fine`` [v, c], brought between the values at the corners around each fine point: of ``values`` [n, c] at the coarse
        points, those at the ends of its edge, or at the corners of its triangle. So where the corners are all on one side of a
        level, the triangle is: no line surrounds a place without a point."""
        around = values[self.coarse.triangles[self.triangle]]
        far = (self.weights == 0)[:, :, None]
        low, high = np.where(far, np.inf, around).min(axis=1), np.where(far, -np.inf, around).max(axis=1)
        return np.clip(fine, low, high)


def finer(mesh: Mesh, parts: int) -> Refined:
    """Every triangle cut into ``parts``² equal ones; the points of the fine mesh are sorted, those of ``mesh`` among them."""
    steps = [(i, j) for i in range(parts + 1) for j in range(parts + 1 - i)]
    weights = np.array([(parts - i - j, i, j) for i, j in steps]) / parts
    a, b, c = (mesh.points[mesh.triangles[:, k]][:, None, :] for k in range(3))
    # Summed in this order, a place on an edge has the same digits from both sides: the corners are sorted.
    places = a * weights[:, :1] + b * weights[:, 1:2] + c * weights[:, 2:]
    points, first, index = np.unique(places.reshape(-1, 2), axis=0, return_index=True, return_inverse=True)
    at = {step: k for k, step in enumerate(steps)}
    upright = [[at[i, j], at[i + 1, j], at[i, j + 1]] for i, j in steps if i + j < parts]
    turned = [[at[i + 1, j], at[i, j + 1], at[i + 1, j + 1]] for i, j in steps if i + j < parts - 1]
    corners = index.reshape(len(mesh.triangles), -1)[:, np.array(upright + turned)]
    fine = Mesh(points, np.sort(corners.reshape(-1, 3), axis=1).astype(np.intp))
    return Refined(fine, mesh, first // len(steps), weights[first % len(steps)])
