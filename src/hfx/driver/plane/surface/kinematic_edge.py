"""The rim of the points along a kinematic edge, at which an excluded area ends because no hypotheses lie beyond it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.surface.triangulation import Mesh

__all__ = ["rim_at_edge"]

Array = NDArray[np.float64]
Edges = NDArray[np.intp]

# Points nearer to the edge than this fraction of the range of distances lie at it.
_NEAR = 0.06
# A side whose ends are at distances that differ by more than this, relative to its length, leads away from the edge.
_SLOPE = 0.5
# An edge is evident where so many sides of the rim in a row lie at it, over so much of the plane.
_FEWEST, _LEAST = 4, 0.3


def rim_at_edge(mesh: Mesh, forbidden: Callable[[Array, Array], Array] | None = None) -> Edges:
    """The edges [e, 2] of the rim of ``mesh`` that lie at a kinematic edge.

    It is the one of the region ``forbidden`` (positive within), if that is given; else one of equal masses, or of a smallest
    difference of the two axes, along which the points of a grid end.
    """
    x, y = mesh.points.T
    edges = mesh.rim
    if forbidden is not None:
        return _at(mesh.points, -forbidden(x, y), edges)
    if not ((x > y).all() or (y > x).all()):
        return edges[:0]
    found = _at(mesh.points, np.abs(x - y), edges)
    corners = mesh.points[np.unique(found)]
    wide = len(found) >= _FEWEST and bool((np.ptp(corners, axis=0) >= _LEAST * np.ptp(mesh.points, axis=0)).any())
    return found if wide else edges[:0]


def _at(places: Array, distance: Array, edges: Edges) -> Edges:
    """The edges both of whose ends are about as near as the nearest point, and that do not lead away."""
    distance = distance / (float(np.ptp(distance)) or 1.0)
    near = distance <= distance.min() + _NEAR
    lengths = np.linalg.norm(np.diff(places[edges] / np.ptp(places, axis=0), axis=1)[:, 0], axis=1)
    along = np.abs(np.diff(distance[edges], axis=1)[:, 0]) < _SLOPE * lengths
    return np.asarray(edges[near[edges].all(axis=1) & along], dtype=np.intp)
