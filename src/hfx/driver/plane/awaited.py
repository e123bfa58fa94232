"""The parts of a picture that may still change, because hypotheses there have no result yet.

A line through a triangle between fitted hypotheses is settled when none is awaited within the circle through its corners: such
a one would become a corner of other triangles in its place (Delaunay).
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from hfx.driver.plane.contour import Plane
from hfx.driver.run.file_types import Contours

__all__ = ["Awaited", "so_far"]

Array = NDArray[np.float64]

# Places this near a side, in units of the points' range, belong to the triangles on both of its sides.
_NEAR = 1e-9

# Notes that say what is lacking, or that hold for all points: premature while some are awaited.
_PREMATURE = re.compile(
    r"^(No hypothesis has a usable|There is one point|All points |No point is |\S+ has two values)|fewer than \d+ points"
)


def so_far(plane: Plane) -> Plane:
    """The plane of the results so far without the notes that more results may make wrong; they would read as errors."""

    def kept(notes: Sequence[str]) -> list[str]:
        return [note for note in notes if not _PREMATURE.search(note)]

    contours: Contours = {**plane.contours, "notes": kept(plane.contours["notes"])}
    return replace(plane, points=replace(plane.points, notes=tuple(kept(plane.points.notes))), contours=contours)


class Awaited:
    """Where in a picture results are missing: `plane` is that of the results so far, `places` [m, 2] are those of awaited
    hypotheses."""

    def __init__(self, plane: Plane, places: Array) -> None:
        self._axes = plane.points.axes
        self._along = np.sort(places[:, 0]) if plane.points.axes.y is None else None
        self._fitted = np.sort(plane.points.places[:, 0])
        self._places = self._axes.scaled(places)
        self._triangles: shapely.STRtree | None = None
        self._waiting = np.zeros(0, dtype=bool)
        mesh = plane.points.mesh if plane.interpolated is None else plane.interpolated.mesh
        if self._along is None and mesh is not None and len(places):
            self._index(mesh.points, mesh.triangles)

    def _index(self, corners: Array, triangles: NDArray[np.intp]) -> None:
        self._low, self._span = corners.min(axis=0), np.ptp(corners, axis=0)
        rings = self._unit(corners)[triangles]
        self._triangles = shapely.STRtree(shapely.polygons(rings))
        self._waiting = np.zeros(len(triangles), dtype=bool)
        self._waiting[self._near(self._places)[1]] = True
        self._waiting |= _contain_any(*_circles(rings), self._unit(self._places))

    def contain(self, places: ArrayLike | Sequence[Array]) -> NDArray[np.bool_]:
        """Whether each of these places [k, 2] is where the picture may still change."""
        return self._contain(self._axes.scaled(np.asarray(places, dtype=np.float64).reshape(-1, 2)))

    def _contain(self, at: Array) -> NDArray[np.bool_]:
        """The same of places on the scales of the axes."""
        found = np.zeros(len(at), dtype=bool)
        if self._triangles is None:
            return found
        which, triangles = self._near(at)
        found[which[self._waiting[triangles]]] = True
        found[np.bincount(which, minlength=len(at)) == 0] = True  # outside of what is fitted, where others are to come
        return found

    def split(self, polygons: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """The polygons, each within a triangle on the scales of the axes, that are settled, and those that may still change."""
        middles = np.array([polygon.mean(axis=0) for polygon in polygons]).reshape(-1, 2)
        waiting = self._contain(middles).tolist()
        settled = [polygon for polygon, waits in zip(polygons, waiting, strict=True) if not waits]
        return settled, [polygon for polygon, waits in zip(polygons, waiting, strict=True) if waits]

    def segments(self, line: ArrayLike) -> NDArray[np.intp]:
        """The positions of the segments of a line [k, 2] that may still change; [0] for a single point that may."""
        at = np.asarray(line, dtype=np.float64).reshape(-1, 2)
        if self._along is not None:
            # A line has more places than points: all between two points are open where a hypothesis between these is awaited.
            waiting = np.unique(np.searchsorted(self._fitted, self._along))
            return np.flatnonzero(np.isin(np.searchsorted(self._fitted, (at[1:, 0] + at[:-1, 0]) / 2), waiting))
        if len(at) == 1:  # a crossing along the one row of points that are fitted
            return np.zeros(int(len(self._places) > 0), dtype=np.intp)
        at = self._axes.scaled(at)
        return np.flatnonzero(self._contain((at[1:] + at[:-1]) / 2))

    def _near(self, places: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of a place and a triangle that holds it."""
        assert self._triangles is not None
        which, triangles = self._triangles.query(shapely.points(self._unit(places)), predicate="dwithin", distance=_NEAR)
        return which, triangles

    def _unit(self, places: Array) -> Array:
        return np.asarray((places - self._low) / self._span, dtype=np.float64)


def _contain_any(middles: Array, squares: Array, places: Array) -> NDArray[np.bool_]:
    """Whether each circle contains one of the places [m, 2]: whether it contains the nearest one, which a tree finds."""
    found = np.isfinite(middles).all(axis=1) & np.isfinite(squares)
    distances, _ = KDTree(places).query(middles[found])
    found[found] = distances**2 < squares[found] * (1 - _NEAR)
    return found


def _circles(triangles: Array) -> tuple[Array, Array]:
    """The middles [t, 2] and the squares of the radii [t] of the circles through the corners of triangles [t, 3, 2]."""
    first = triangles[:, 0]
    sides = triangles[:, 1:] - first[:, None]
    with np.errstate(all="ignore"):
        offsets = np.linalg.solve(sides, (sides**2).sum(axis=2)[:, :, None] / 2)[:, :, 0]
    return first + offsets, (offsets**2).sum(axis=1)
