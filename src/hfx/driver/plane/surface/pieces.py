"""Surfaces side by side: each place of a mesh belongs to the one of several surfaces that is highest there in one column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.surface.triangulation import Mesh, half_plane

__all__ = ["Piece", "best_of"]

Array = NDArray[np.float64]

_DIGITS = 11  # of coordinates in units of their range: fewer than those in which one corner, computed from two sides, differs


@dataclass(frozen=True)
class Piece:
    """Values [v, c] at the points of a mesh, linear on its triangles; ``deviation`` [v, c]: their standard deviations."""

    mesh: Mesh
    values: Array
    deviation: Array | None = None


def best_of(mesh: Mesh, surfaces: Sequence[tuple[Array, Array | None]], column: int) -> Iterator[Piece]:
    """The parts of ``mesh`` in which each of the surfaces, (values, deviations) [v, c] over its points, is the highest.

    Triangles in which that changes are cut along the straight line where two surfaces are equal.
    """
    if len(surfaces) == 1:
        yield Piece(mesh, *surfaces[0])
        return
    heights = np.array([values[:, column] for values, _ in surfaces])
    highest = heights.argmax(axis=0)[mesh.triangles]
    whole = (highest == highest[:, :1]).all(axis=1)
    for k, (values, deviation) in enumerate(surfaces):
        rows = np.column_stack([mesh.points, values, *([] if deviation is None else [deviation])])
        lead = np.delete(heights[k] - heights, k, axis=0).T
        parts = [_cut(rows[triangle], lead[triangle]) for triangle in mesh.triangles[~whole]]
        corners = np.concatenate([rows[mesh.triangles[whole & (highest[:, 0] == k)]], *parts])
        if len(corners):
            yield _joined(corners, values.shape[1])


def _cut(rows: Array, lead: Array) -> Array:
    """The triangles [t, 3, m] of the part of one triangle, rows [3, m], where all columns of ``lead`` [3, r] are positive."""
    corners = np.column_stack([rows, lead])
    for column in range(rows.shape[1], corners.shape[1]):
        corners = half_plane(corners, column)
    fan = [(0, i, i + 1) for i in range(1, len(corners) - 1)]
    return corners[np.array(fan, dtype=np.intp).reshape(-1, 3), : rows.shape[1]]


def _joined(corners: Array, width: int) -> Piece:
    """A piece from the corners [t, 3, m] of its triangles, each a place, values, and deviations if there are any."""
    rows = corners.reshape(-1, corners.shape[2])
    span = np.ptp(rows[:, :2], axis=0)
    unit = (rows[:, :2] - rows[:, :2].min(axis=0)) / np.where(span > 0, span, 1.0)
    _, first, index = np.unique(unit.round(_DIGITS), axis=0, return_index=True, return_inverse=True)
    triangles = np.sort(index.reshape(-1, 3), axis=1).astype(np.intp)
    triangles = triangles[(triangles[:, 0] < triangles[:, 1]) & (triangles[:, 1] < triangles[:, 2])]
    kept = rows[first]
    deviation = kept[:, 2 + width :] if kept.shape[1] > 2 + width else None
    return Piece(Mesh(kept[:, :2], np.unique(triangles, axis=0)), kept[:, 2 : 2 + width], deviation)
