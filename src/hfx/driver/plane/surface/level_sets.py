"""Level lines and areas of a surface that is made of pieces side by side.

Where two pieces meet, their values have a step. A level line follows it where the level lies between the two values.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.surface import triangulation
from hfx.driver.plane.surface.pieces import Piece
from hfx.driver.plane.surface.triangulation import Mesh

__all__ = ["above", "between", "lines"]

Array = NDArray[np.float64]
Edges = NDArray[np.intp]

Place = tuple[float, float]
Frame = tuple[Array, Array]  # the lower corner of the points, and their range

_ON = 1e-7  # of the range of the points: a line nearer to the rim than this lies on it
_DIGITS = 9  # of coordinates in units of their range by which ends of segments are the same


def above(pieces: Sequence[Piece], column: int, level: float, deviations: float = 0.0) -> list[Array]:
    """Polygons side by side that cover where a column of the values, moved by so many deviations, is above ``level``."""
    found = []
    for piece in pieces:
        values = _moved(piece, column, deviations)
        found += triangulation.between(piece.mesh, values, np.full(len(values), level - 1.0), level)
    return found


def between(pieces: Sequence[Piece], upper: tuple[int, float], lower: tuple[int, float], level: float) -> list[Array]:
    """Polygons side by side that cover where one column is above ``level`` and another one is not.

    ``upper`` and ``lower``: a column, and the number of deviations by which it is moved.
    """
    return [
        polygon
        for piece in pieces
        for polygon in triangulation.between(piece.mesh, _moved(piece, *upper), _moved(piece, *lower), level)
    ]


def lines(
    mesh: Mesh, pieces: Sequence[Piece], column: int, level: float, closed: Edges | None = None, deviations: float = 0.0
) -> list[Array]:
    """The lines [k, 2] where a column, moved by so many deviations, equals ``level``, sorted as those of `level_lines`.

    ``mesh``: that of the points. ``closed`` [e, 2]: edges of its rim along which the lines are closed where the values are
    above the level there.
    """
    values = [_moved(piece, column, deviations) - level for piece in pieces]
    if len(pieces) == 1 and (closed is None or not len(closed)):
        return triangulation.level_lines(pieces[0].mesh, values[0], 0.0)
    frame = mesh.points.min(axis=0), np.ptp(mesh.points, axis=0)
    segments = [_crossing_segments(piece.mesh, own) for piece, own in zip(pieces, values, strict=True)]
    rims = [piece.mesh.rim for piece in pieces]
    if closed is not None and len(closed):
        segments += [
            _above_on_edges(piece.mesh.points, edges[_on(piece.mesh.points[edges], mesh.points[closed])], own)
            for piece, edges, own in zip(pieces, rims, values, strict=True)
        ]
    if len(pieces) > 1:
        segments.append(_steps(pieces, rims, values, frame))
    return _joined(np.concatenate(segments), frame)


def _moved(piece: Piece, column: int, deviations: float) -> Array:
    values = piece.values[:, column]
    return values if piece.deviation is None or not deviations else values + deviations * piece.deviation[:, column]


def _zero(start: Array, end: Array, at_start: Array, at_end: Array) -> Array:
    """The places [k, 2] where values, linear from ``start`` to ``end`` [k, 2], are zero."""
    return np.asarray(start + (at_start / (at_start - at_end))[:, None] * (end - start))


def _crossing_segments(mesh: Mesh, values: Array) -> Array:
    """The segments [k, 2, 2] along which values, linear on the triangles of a mesh, are zero."""
    inside = (values > 0)[mesh.triangles]
    triangles = mesh.triangles[(inside.any(axis=1)) & ~inside.all(axis=1)]
    inside = (values > 0)[triangles]
    # The corner that is alone on its side of the line, and the two others.
    alone = np.where(inside.sum(axis=1) == 1, inside.argmax(axis=1), (~inside).argmax(axis=1))
    rows = np.arange(len(triangles))
    corner = triangles[rows, alone]
    ends = []
    for step in (1, 2):
        other = triangles[rows, (alone + step) % 3]
        a, b = np.minimum(corner, other), np.maximum(corner, other)  # the same digits from both sides of an edge
        ends.append(_zero(mesh.points[a], mesh.points[b], values[a], values[b]))
    return np.stack(ends, axis=1)


def _above_on_edges(points: Array, edges: Edges, values: Array) -> Array:
    """The parts [k, 2, 2] of edges [e, 2] on which values are positive."""
    inside = values[edges] > 0
    edges, inside = edges[inside.any(axis=1)], inside[inside.any(axis=1)]
    found = points[edges].copy()
    for outer in (0, 1):
        cut = ~inside[:, outer]
        a, b = edges[cut].T
        found[cut, outer] = _zero(points[a], points[b], values[a], values[b])
    return found


def _on(segments: Array, lines: Array) -> NDArray[np.bool_]:
    """Whether the middle of each of the segments [k, 2, 2] lies on one of the lines [l, 2, 2]."""
    span = np.ptp(np.concatenate([segments.reshape(-1, 2), lines.reshape(-1, 2)]), axis=0)
    span = np.where(span > 0, span, 1.0)
    start, way = lines[:, 0] / span, (lines[:, 1] - lines[:, 0]) / span
    offset = segments.mean(axis=1)[:, None, :] / span - start
    along = np.clip((offset * way).sum(axis=2) / np.maximum((way**2).sum(axis=1), 1e-300), 0.0, 1.0)
    distances = np.sqrt(((offset - along[:, :, None] * way) ** 2).sum(axis=2)).min(axis=1, initial=np.inf)
    return np.asarray(distances < _ON, dtype=np.bool_)


def _steps(pieces: Sequence[Piece], rims: Sequence[Edges], values: Sequence[Array], frame: Frame) -> Array:
    """The parts [k, 2, 2] of the borders between pieces on one side of which alone the values are positive."""
    sides: dict[tuple[Place, Place], list[tuple[float, float, Array, Array]]] = defaultdict(list)
    for piece, edges, own in zip(pieces, rims, values, strict=True):
        ends = piece.mesh.points[edges]
        for (a, b), (one, other), (u, v) in zip(_keys(ends, frame), ends, own[edges].tolist(), strict=True):
            sides[min(a, b), max(a, b)].append((u, v, one, other) if a <= b else (v, u, other, one))
    found = []
    for both in sides.values():
        if len(both) == 2:
            (u, v, start, end), (s, t, _, _) = both
            found += [[start + p * (end - start), start + q * (end - start)] for p, q in _one_sided(u, v, s, t)]
    return np.array(found, dtype=np.float64).reshape(-1, 2, 2)


def _one_sided(u: float, v: float, s: float, t: float) -> list[tuple[float, float]]:
    """The intervals within [0, 1] in which one of two linear functions, u to v and s to t, is positive and the other is not."""
    cuts = sorted({0.0, 1.0, *(a / (a - b) for a, b in ((u, v), (s, t)) if (a > 0) != (b > 0))})
    middles = [(p, q, (p + q) / 2) for p, q in pairwise(cuts)]
    return [(p, q) for p, q, m in middles if (u + m * (v - u) > 0) != (s + m * (t - s) > 0)]


def _keys(places: Array, frame: Frame) -> list[list[Place]]:
    """Places [k, m, 2] rounded in units of the points' range, so that one that is computed in two ways is one key."""
    low, span = frame
    return [[(x, y) for x, y in row] for row in (((places - low) / span).round(_DIGITS) + 0.0).tolist()]


def _joined(segments: Array, frame: Frame) -> list[Array]:
    """Segments [k, 2, 2] joined at their ends into lines."""
    neighbours: dict[Place, list[Place]] = defaultdict(list)
    position: dict[Place, Array] = {}
    for (a, b), (one, other) in zip(_keys(segments, frame), segments, strict=True):
        if a != b and b not in neighbours[a]:
            neighbours[a].append(b)
            neighbours[b].append(a)
            position |= {a: one, b: other}
    found = [triangulation.tidy(np.array([position[key] for key in chain])) for chain in triangulation.chains(neighbours)]
    return sorted((line for line in found if len(line) > 1), key=lambda line: line[0].tolist())
