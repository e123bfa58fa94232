"""The rim of the points along a kinematic edge, at which an excluded area ends because no hypotheses lie beyond it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.surface.triangulation import Mesh

__all__ = ["rim_at_edge"]

Array = NDArray[np.float64]
Edges = NDArray[np.intp]

# Points nearer to the edge than this fraction of the range of distances, farther than the nearest point, lie at it.
_NEAR = 0.06
# No point at all lies nearer to it than this fraction: the points end for another reason.
_FAR = 0.25
# A side whose ends are at distances that differ by more than this, relative to its length, leads away from the edge.
_SLOPE = 0.5
# An edge is evident where so many sides of the rim in a row lie at it, over so much of the plane.
_FEWEST, _LEAST = 4, 0.3


def rim_at_edge(mesh: Mesh, forbidden: Callable[[Array, Array], Array] | None = None) -> Edges:
    """The edges [e, 2] of the rim of ``mesh`` that lie at a kinematic edge.

    It is the one of the region ``forbidden`` (positive within), if that is given; else one of a smallest difference of the two
    axes, along which the points of a grid end: then the rim follows the diagonal, as it does for two masses alone.
    """
    x, y = mesh.points.T
    edges = mesh.rim
    if forbidden is not None:
        sides = np.diff(mesh.points[edges] / np.ptp(mesh.points, axis=0), axis=1)[:, 0]
        distance = -np.asarray(forbidden(x, y), dtype=np.float64)
        return _at(distance / (float(np.ptp(distance)) or 1.0), edges, np.linalg.norm(sides, axis=1))
    if not ((x > y).all() or (y > x).all()):
        return edges[:0]
    distance = np.abs(x - y)
    span = float(np.ptp(distance)) or 1.0
    found = _at(distance / span, edges, np.abs(np.diff(mesh.points[edges], axis=1)[:, 0]).sum(axis=1) / span)
    corners = mesh.points[np.unique(found)]
    wide = len(found) >= _FEWEST and bool((np.ptp(corners, axis=0) >= _LEAST * np.ptp(mesh.points, axis=0)).any())
    return found if wide else edges[:0]


def _at(distance: Array, edges: Edges, lengths: Array) -> Edges:
    """The edges both of whose ends are about as near as the nearest point, and that do not lead away.

    ``distance`` [n] of the points from the kinematic edge, in units of its range; ``lengths`` [e] in the same units.
    """
    if not distance.min() <= _FAR:
        return edges[:0]
    near = distance <= distance.min() + _NEAR
    along = np.abs(np.diff(distance[edges], axis=1)[:, 0]) < _SLOPE * lengths
    return np.asarray(edges[near[edges].all(axis=1) & along], dtype=np.intp)
