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
_FLAT = 1e-9  # of the area of the plane: thinner triangles are none


def neighbours_in_lines(points: Array, measures: Sequence[Measure]) -> list[Edge]:
    """Pairs of neighbours in a row or column of ``points`` [n, 2] with no other point beside the way between them.

    ``measures``: functions to coordinates in which distances are compared; in one of them, at least, the way is clear. Pairs
    for which it is so in the first come first, and of them the shortest.
    """
    found: dict[Edge, tuple[int, float]] = {}
    for a, b in (pair for fixed in (0, 1) for pair in _in_lines(points, fixed)):
        way = points[a] + _WAY[:, None] * (points[b] - points[a])
        clear = [k for k, measure in enumerate(measures) if _is_clear(measure(points), measure(way), (a, b))]
        if clear:
            ends = measures[0](points[[a, b]])
            found[min(a, b), max(a, b)] = clear[0], float(np.linalg.norm(ends[0] - ends[1]))
    return sorted(found, key=lambda edge: (found[edge], edge))


def _is_clear(points: Array, way: Array, ends: Edge) -> bool:
    """Whether no point but its ends is near a way [k, 2]."""
    distances = cdist(way, points)
    distances[:, list(ends)] = np.inf
    length = float(np.linalg.norm(points[ends[0]] - points[ends[1]]))
    return bool(distances.min(initial=np.inf) >= _CLEAR * length)


def _in_lines(points: Array, fixed: int) -> Iterator[Edge]:
    """Neighbours among the points that have one coordinate in common."""
    order = np.lexsort((points[:, 1 - fixed], points[:, fixed]))
    for a, b in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        if points[a, fixed] == points[b, fixed]:
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
