"""Piecewise linear surfaces over scattered points: level lines and the region between two surfaces.

A surface is linear on each triangle of a Delaunay triangulation, made with both axes scaled to unit range so
that its choice of triangles does not depend on units. Its level lines are straight within a triangle and are
computed exactly, edge by edge: nothing is sampled and nothing overshoots. No line leaves the convex hull, nor
follows its rim through the thin triangles that join points far apart past the ones between them. On the
published pallets this predicts a point that is left out no worse than a cubic (Clough-Tocher) surface.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

__all__ = [
    "Mesh",
    "between",
    "chains",
    "collinear",
    "crossings",
    "half_plane",
    "level_lines",
    "orientations",
    "tidy",
    "triangulate",
    "without_thin_rim",
]

Array = NDArray[np.float64]
Edge = tuple[int, int]
Triangle = tuple[int, int, int]
Node = TypeVar("Node", bound=tuple[float, float])

# A triangle thinner than this (height over the unit range) has no area that a picture could show.
_SLIVER = 1e-6

# A triangle at the rim that is thinner than this (height over its outer side) is there only because the points along
# the rim, as those beside a kinematic limit, are not quite on a line: a surface over it would join its far ends. Its third
# corner lies beside the middle of that side: thin triangles between two columns of a narrow diagonal grid are none of these.
_RIM = 0.1


@dataclass(frozen=True)
class Mesh:
    """Triangles over points: ``points`` [n, 2] in the units of the axes, ``triangles`` [t, 3] indices, sorted."""

    points: Array
    triangles: NDArray[np.intp]

    @cached_property
    def rim(self) -> NDArray[np.intp]:
        """The edges [e, 2] that belong to one triangle alone."""
        edges = np.concatenate([self.triangles[:, [a, b]] for a, b in ((0, 1), (0, 2), (1, 2))])
        _, first, counts = np.unique(edges @ [len(self.points), 1], return_index=True, return_counts=True)
        return np.asarray(edges[first[counts == 1]], dtype=np.intp)


def triangulate(points: Array) -> Mesh | None:
    """The Delaunay triangulation of distinct ``points`` [n, 2]; None where they span no area."""
    if len(points) < 3 or collinear(points):
        return None
    unit = _unit(points)
    try:
        triangles = np.sort(Delaunay(unit).simplices.astype(np.intp), axis=1)
    except QhullError:
        return None
    triangles = triangles[_heights(unit[triangles]) > _SLIVER]
    triangles = without_thin_rim(unit, triangles[np.lexsort(triangles.T[::-1])])
    return Mesh(points, triangles) if len(triangles) else None


def orientations(points: Array, triangles: NDArray[np.intp]) -> Array:
    """Twice the signed areas [t] of triangles over ``points``: positive where the corners run counter-clockwise."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0], dtype=np.float64)


def without_thin_rim(unit: Array, triangles: NDArray[np.intp]) -> NDArray[np.intp]:
    """The triangles, over points in units of their range, without the thin ones of the rim.

    They are removed from the thinnest on, as long as every point stays in the mesh.
    """
    kept: dict[Triangle, None] = dict.fromkeys((a, b, c) for a, b, c in triangles.tolist())
    beside: dict[Edge, list[Triangle]] = defaultdict(list)
    for triangle in kept:
        for side in _edges(triangle):
            beside[side].append(triangle)
    rim = {corner for side, near in beside.items() if len(near) == 1 for corner in side}
    # A removed triangle leaves those behind it on the rim; a triangle that is no candidate any more never becomes one again.
    waiting = [found for near in beside.values() if len(near) == 1 for found in _thin_rim(unit, near[0], beside, rim)]
    heapify(waiting)
    while waiting:
        found = heappop(waiting)
        triangle = found[1]
        if triangle not in kept or found not in _thin_rim(unit, triangle, beside, rim):
            continue
        del kept[triangle]
        rim.update(triangle)
        for side in _edges(triangle):
            beside[side].remove(triangle)
            for behind in beside[side]:
                for candidate in _thin_rim(unit, behind, beside, rim):
                    heappush(waiting, candidate)
    return np.array(list(kept), dtype=np.intp).reshape(-1, 3)


def _thin_rim(
    unit: Array, triangle: Triangle, beside: Mapping[Edge, Sequence[Triangle]], rim: Set[int]
) -> list[tuple[float, Triangle]]:
    """[(height over outer side, triangle)] of a thin triangle with one side on the rim and its other corner inside; else []."""
    outer = [side for side in _edges(triangle) if len(beside[side]) == 1]
    (across,) = set(triangle).difference(outer[0]) if len(outer) == 1 else (None,)
    if across is None or across in rim:
        return []
    along, off = unit[outer[0][1]] - unit[outer[0][0]], unit[across] - unit[outer[0][0]]
    length = float(along @ along)
    thinness, place = float(abs(along[0] * off[1] - along[1] * off[0])) / length, float(along @ off) / length
    return [(thinness, triangle)] if thinness < _RIM and _RIM < place < 1 - _RIM else []


def collinear(points: Array) -> bool:
    """Whether ``points`` [n, 2] lie on one line, to a millionth of their range."""
    unit = _unit(points)
    centred = unit - unit.mean(axis=0)
    return bool(np.linalg.svd(centred, compute_uv=False)[-1] < 1e-6) if len(points) > 2 else True


def level_lines(mesh: Mesh, values: Array, level: float) -> list[Array]:
    """The lines [k, 2] where the surface through ``values`` [n] equals ``level``.

    Sorted by their first point; an open line starts at its smaller end, a closed one at its smallest point,
    which it repeats at its end.
    """
    inside = values > level
    neighbours: dict[Edge, list[Edge]] = defaultdict(list)
    above = inside[mesh.triangles].sum(axis=1)
    for triangle in mesh.triangles[(above > 0) & (above < 3)].tolist():
        crossed = [(a, b) for a, b in _edges(triangle) if inside[a] != inside[b]]
        first, second = crossed
        neighbours[first].append(second)
        neighbours[second].append(first)
    position = {edge: _crossing(mesh.points, values, edge, level) for edge in neighbours}
    lines = [tidy(np.array([position[edge] for edge in chain])) for chain in chains(neighbours)]
    return sorted((line for line in lines if len(line) > 1), key=lambda line: line[0].tolist())


def between(mesh: Mesh, upper: Array, lower: Array, level: float) -> list[Array]:
    """Polygons [k, 2] side by side that cover the region where ``upper`` is above ``level`` and ``lower`` is not."""
    heights = np.stack([upper - level, level - lower], axis=1)
    fewest = (heights[mesh.triangles] > 0).sum(axis=1).min(axis=1)
    corners = np.concatenate([mesh.points, heights], axis=1)[mesh.triangles]
    parts = map(_clipped, corners[(fewest > 0) & (fewest < 3)])
    return [*corners[fewest == 3][:, :, :2], *(part for part in parts if part is not None)]


def _clipped(corners: Array) -> Array | None:
    """The part [k, 2] of a triangle [3, 4] where its third and its fourth column are positive; None without such a part."""
    for column in (2, 3):
        corners = half_plane(corners, column)
    return corners[:, :2] if len(corners) > 2 else None


def crossings(points: Array, values: Array, level: float) -> list[Array]:
    """The places [1, 2] where ``values`` [n] cross ``level`` along a line through ``points`` [n, 2], in order."""
    order = np.lexsort(points.T[::-1])
    points, values = points[order], values[order]
    inside = values > level
    return [_crossing(points, values, (i, i + 1), level)[None, :] for i in range(len(points) - 1) if inside[i] != inside[i + 1]]


def _unit(points: Array) -> Array:
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    return np.asarray((points - low) / np.where(span > 0, span, 1.0), dtype=np.float64)


def _heights(corners: Array) -> Array:
    """The smallest height of each triangle of ``corners`` [t, 3, 2]."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    return np.asarray(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / longest, dtype=np.float64)


def _edges(triangle: Sequence[int]) -> Iterable[Edge]:
    a, b, c = triangle
    return (a, b), (a, c), (b, c)


def _crossing(points: Array, values: Array, edge: Edge, level: float) -> Array:
    a, b = edge
    step = (level - values[a]) / (values[b] - values[a])
    return np.asarray(points[a] + step * (points[b] - points[a]), dtype=np.float64)


def chains(neighbours: Mapping[Node, Sequence[Node]]) -> list[list[Node]]:
    """Nodes joined into lines: first the open ones from their ends, then the closed ones, which repeat their first node."""
    seen: set[Node] = set()
    found = []
    ends: list[Node] = sorted(node for node, near in neighbours.items() if len(near) == 1)
    for start in [*ends, *sorted(neighbours)]:
        if start in seen:
            continue
        chain = [start]
        seen.add(start)
        while onward := [node for node in neighbours[chain[-1]] if node not in seen]:
            chain.append(onward[0])
            seen.add(onward[0])
        if len(neighbours[start]) == 2:
            chain.append(start)
        found.append(chain)
    return found


def tidy(line: Array) -> Array:
    """The line without repeated points, with the start and the direction that `level_lines` promises."""
    line = line[np.r_[True, np.any(np.diff(line, axis=0) != 0, axis=1)]]
    if len(line) < 3 or np.any(line[0] != line[-1]):
        return line if line[0].tolist() <= line[-1].tolist() else line[::-1]
    ring = line[:-1]
    ring = np.roll(ring, -int(np.lexsort(ring.T[::-1])[0]), axis=0)
    if ring[1].tolist() > ring[-1].tolist():
        ring = np.concatenate([ring[:1], ring[:0:-1]])
    return np.concatenate([ring, ring[:1]])


def half_plane(corners: Array, column: int) -> Array:
    """The part of a convex polygon [k, m] where a column is positive (Sutherland-Hodgman); columns are linear."""
    kept = []
    for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if here[column] > 0:
            kept.append(here)
        if (here[column] > 0) != (there[column] > 0):
            kept.append(here + (there - here) * here[column] / (here[column] - there[column]))
    return np.array(kept).reshape(-1, corners.shape[1])
