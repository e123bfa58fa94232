"""Edges between neighbours in a row or a column of a grid, put into a triangulation.

Values are read along rows and columns: where two neighbours in one lie on different sides of a contour, it crosses the straight
edge between them, at a place that their values alone determine.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = ["Measure", "neighbours_in_lines", "with_edges"]

Array = NDArray[np.float64]
Triangles = NDArray[np.intp]
Edge = tuple[int, int]
Measure = Callable[[Array], Array]
"""A function of places [m, 2] with an array of m rows."""

# No other point lies nearer to the way between two neighbours than this fraction of its length.
_CLEAR = 0.25
_WAY = np.linspace(0.1, 0.9, 9)
_TURNS = 20  # for each edge in the way, before an edge is given up
_DIGITS = 9  # to which equal coordinates are equal, of a range of 1
_FLAT = 1e-9  # of the area of the plane: thinner triangles are none


def neighbours_in_lines(points: Array, axes: Measure, natural: Measure) -> list[Edge]:
    """Pairs of neighbours in a line of ``points`` [n, 2], with no other point beside the way between them.

    ``axes``, ``natural``: coordinates of the plane, and those in which values vary evenly, each of a range of about 1. First
    come rows and columns of the axes whose way is clear in natural coordinates, then the other ones and those of the natural
    coordinates; of them the shortest first, where rows and columns of the axes count as half as long as they are.
    """
    found: dict[Edge, tuple[int, float]] = {}
    for lines, clear, rank, weight in ((axes, natural, 0, 1.0), (axes, axes, 1, 0.5), (natural, natural, 1, 1.0)):
        for a, b in (pair for fixed in (0, 1) for pair in _in_lines(lines(points), fixed)):
            edge, way = (min(a, b), max(a, b)), points[a] + _WAY[:, None] * (points[b] - points[a])
            if edge not in found and _is_clear(clear(points), clear(way), edge):
                found[edge] = rank, weight * float(np.linalg.norm(np.diff(natural(points[[a, b]]), axis=0)))
    return sorted(found, key=lambda edge: (found[edge], edge))


def _is_clear(points: Array, way: Array, ends: Edge) -> bool:
    """Whether no point but its ends is near a way [k, 2]."""
    distances = cdist(way, points)
    distances[:, list(ends)] = np.inf
    length = float(np.linalg.norm(points[ends[0]] - points[ends[1]]))
    return bool(distances.min(initial=np.inf) >= _CLEAR * length)


def _in_lines(places: Array, fixed: int) -> Iterator[Edge]:
    """Neighbours among the places that have one coordinate in common."""
    common, other = np.round(places[:, fixed], _DIGITS), places[:, 1 - fixed]
    order = np.lexsort((other, common))
    for a, b in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        if common[a] == common[b]:
            yield a, b


def with_edges(points: Array, triangles: Triangles, wanted: Sequence[Edge]) -> Triangles:
    """The triangles [t, 3] over ``points`` [n, 2] with the edges of ``wanted`` that can be had, earlier ones first.

    An edge is put in by turning the diagonals of convex quadrilaterals, as in S. W. Sloan, Computers and Structures 47 (1993)
    441. One that crosses the rim, an earlier one or a point is left out.
    """
    mesh = _Mesh(points, triangles)
    for edge in wanted:
        mesh.insert(edge)
    return mesh.triangles()


class _Mesh:
    """Triangles that can be changed by turning diagonals."""

    def __init__(self, points: Array, triangles: Triangles) -> None:
        self._points = points
        self._flat = _FLAT * float(np.prod(np.ptp(points, axis=0)))
        self._beside: dict[Edge, set[int]] = defaultdict(set)  # the corners opposite to an edge
        self._kept: set[Edge] = set()
        for a, b, c in np.sort(triangles, axis=1).tolist():
            for edge, corner in (((a, b), c), ((a, c), b), ((b, c), a)):
                self._beside[edge].add(corner)

    def triangles(self) -> Triangles:
        found = {tuple(sorted((*edge, corner))) for edge, corners in self._beside.items() for corner in corners}
        return np.array(sorted(found), dtype=np.intp).reshape(-1, 3)

    def insert(self, wanted: Edge) -> None:
        """Put an edge in, if that is possible."""
        if not self._beside.get(wanted):
            before = {edge: set(corners) for edge, corners in self._beside.items()}
            if not self._turned(wanted):
                self._beside = defaultdict(set, before)
                return
        self._kept.add(wanted)

    def _turned(self, wanted: Edge) -> bool:
        """Turn diagonals until the edge is there; whether it is."""
        waiting = deque(self._crossing(wanted))
        if not waiting or any(edge in self._kept or len(self._beside[edge]) < 2 for edge in waiting):
            return False
        for _ in range(_TURNS * len(waiting)):
            if not waiting:
                break
            edge = waiting.popleft()
            if not self._convex(edge):
                waiting.append(edge)
                continue
            new = self._turn(edge)
            if new != wanted and self._cross(new, wanted):
                waiting.append(new)
        return bool(self._beside.get(wanted))

    def _crossing(self, wanted: Edge) -> list[Edge]:
        """The edges that cross one, sorted."""
        edges = np.array([edge for edge, corners in self._beside.items() if corners], dtype=np.intp)
        apart = ~np.isin(edges, wanted).any(axis=1)
        edges = edges[apart]
        a, b = self._points[list(wanted)]
        c, d = self._points[edges[:, 0]], self._points[edges[:, 1]]
        across = (_turn(a, b, c) * _turn(a, b, d) < 0) & (_turn(c, d, a) * _turn(c, d, b) < 0)
        return sorted((int(i), int(j)) for i, j in edges[across])

    def _cross(self, one: Edge, other: Edge) -> bool:
        if set(one) & set(other):
            return False
        a, b, c, d = (self._points[i] for i in (*one, *other))
        return bool(_turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0)

    def _convex(self, edge: Edge) -> bool:
        """Whether the two triangles beside an edge form a strictly convex quadrilateral."""
        a, b = (self._points[i] for i in edge)
        c, d = (self._points[i] for i in self._beside[edge])
        one, other = float(_turn(c, d, a)), float(_turn(c, d, b))
        return one * other < 0 and min(abs(one), abs(other)) > self._flat

    def _turn(self, edge: Edge) -> Edge:
        """Replace the diagonal of a quadrilateral by its other one, and return that."""
        (a, b), (c, d) = edge, sorted(self._beside[edge])
        del self._beside[edge]
        for side, old, new in (((a, c), b, d), ((a, d), b, c), ((b, c), a, d), ((b, d), a, c)):
            corners = self._beside[min(side), max(side)]
            corners.discard(old)
            corners.add(new)
        self._beside[c, d] = {a, b}
        return c, d


def _turn(a: Array, b: Array, c: Array) -> Array:
    """Twice the signed area of triangles; positive where a, b, c run counter-clockwise."""
    one, other = b - a, c - a
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0], dtype=np.float64)
