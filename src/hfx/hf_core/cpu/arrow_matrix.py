"""The Hessian of the free parameters as an arrowhead matrix: a dense block of shared parameters, a block for each bin's own
parameters, and the border between.

Its Cholesky factor begins with the blocks, so that only the dense block fills up: time grows like the number of bins times the
square of the number of shared parameters (:mod:`hfx.hf_core.cpu.arrangement`). Upper triangles alone are kept. A row of the
border or of a block is that of one own parameter, counted from the first of all.
"""

from __future__ import annotations

import math

from hfx.hf_core.cpu.buffers import WorkArrays
from hfx.hf_core.cpu.compilation import inline, jit, separately_compiled
from hfx.hf_core.cpu.linear_algebra import LANES, cholesky, padded, solve, subtract_eight
from hfx.hf_core.cpu.solver_state import BINS, MOVING, SHARED, SHARED_MOVING, State
from hfx.hf_core.cpu.structures import Array, Index

__all__ = ["factorise", "list_moving", "solve_factorised"]

_ROWS = 8  # of the border, that are subtracted at a time


@jit
def list_moving(bins: int, w: WorkArrays, s: State) -> int:
    """Lists the parameters that are free and not at_bound, in their order; their number."""
    shared = w.shared[0]
    count = 0
    for p in range(shared):
        if s.free[p] and not s.at_bound[p]:
            s.index[count] = p
            count += 1
    s.counts[SHARED], s.counts[SHARED_MOVING], s.counts[BINS] = shared, count, bins
    s.moving_from[0] = count
    for n in range(bins):
        s.first_own[n] = w.local_from[n]
        for p in range(w.local_from[n], w.local_from[n + 1]):
            if s.free[p] and not s.at_bound[p]:
                s.index[count] = p
                count += 1
        s.moving_from[n + 1] = count
    s.counts[MOVING] = count
    return count


@separately_compiled
def factorise(matrix: Array, border: Array, corner: Array, damping: float, s: State) -> bool:
    """The factor of the matrix over the listed parameters, with ``damping`` times ``s.scale`` on its diagonal, into ``s``; False
    where that is not positive definite."""
    count, rows, blocks = s.counts[SHARED_MOVING], s.factor_border, s.factor_corner
    _pack(matrix, s.index, count, damping, s.scale, s.factor)
    for n in range(s.counts[BINS]):
        begin, end = s.moving_from[n], s.moving_from[n + 1]
        for a in range(begin, end):
            p = s.index[a]
            _pack_own(border[p - s.counts[SHARED]], corner[p - s.counts[SHARED]], n, a, s)
            blocks[a - count, a - begin] += damping * s.scale[p]
        for a in range(begin, end):
            row, block = rows[a - count], blocks[a - count]
            for b in range(begin, a):
                _subtract(blocks[b - count, a - begin], rows[b - count], row)
                _subtract(blocks[b - count, a - begin], blocks[b - count], block)
            diagonal = block[a - begin]
            if not diagonal > 0.0:
                return False
            inverse = 1.0 / math.sqrt(diagonal)
            for i in range(len(row)):
                row[i] *= inverse
            for j in range(a - begin, end - begin):
                block[j] *= inverse
    _eliminate(s.counts[MOVING] - count, count, s)
    return bool(cholesky(s.factor, count))


@inline
def _subtract(factor: float, one: Array, other: Array) -> None:
    for i in range(len(other)):
        other[i] -= factor * one[i]


@inline
def _pack(matrix: Array, index: Index, size: int, damping: float, scale: Array, packed: Array) -> None:
    """Rows and columns ``index`` of ``matrix``, with ``damping`` times ``scale`` on the diagonal."""
    width = padded(size)
    for i in range(size):
        p = index[i]
        for j in range(i):
            packed[i, j] = 0.0
        for j in range(i, size):
            packed[i, j] = matrix[p, index[j]]
        for j in range(size, width):
            packed[i, j] = 0.0
        packed[i, i] += damping * scale[p]


@inline
def _pack_own(border: Array, corner: Array, n: int, a: int, s: State) -> None:
    """The listed columns of bin n's own parameter, the a-th of the list: those of the shared parameters and of its block."""
    count, begin, end = s.counts[SHARED_MOVING], s.moving_from[n], s.moving_from[n + 1]
    row, block = s.factor_border[a - count], s.factor_corner[a - count]
    for i in range(count):
        row[i] = border[s.index[i]]
    for i in range(count, len(row)):
        row[i] = 0.0
    for b in range(a, end):
        block[b - begin] = corner[s.index[b] - s.first_own[n]]
    for b in range(begin, a):
        block[b - begin] = 0.0


@inline
def _eliminate(own: int, count: int, s: State) -> None:
    """Subtract the products of the border's rows from the full part, some rows at a time."""
    rows, width = s.factor_border, padded(count)
    for a in range(own, (own + _ROWS - 1) // _ROWS * _ROWS):
        rows[a, :] = 0.0
    for p in range(count):
        left = p // LANES * LANES
        for a in range(0, own, _ROWS):
            subtract_eight(s.factor[p, left:width], rows, a, p, left, width)


@jit
def solve_factorised(s: State, x: Array) -> None:
    """x, over the listed parameters, becomes the solution for x of the matrix that was factorised last."""
    count, rows, blocks = s.counts[SHARED_MOVING], s.factor_border, s.factor_corner
    for n in range(s.counts[BINS]):
        begin, end = s.moving_from[n], s.moving_from[n + 1]
        for a in range(begin, end):
            row, block = rows[a - count], blocks[a - count]
            x[a] /= block[a - begin]
            for b in range(a + 1, end):
                x[b] -= block[b - begin] * x[a]
            for i in range(count):
                x[i] -= row[i] * x[a]
    solve(s.factor, count, x)
    for n in range(s.counts[BINS]):
        begin, end = s.moving_from[n], s.moving_from[n + 1]
        for a in range(end - 1, begin - 1, -1):
            row, block = rows[a - count], blocks[a - count]
            total = 0.0
            for i in range(count):
                total += row[i] * x[i]
            for b in range(a + 1, end):
                total += block[b - begin] * x[b]
            x[a] = (x[a] - total) / block[a - begin]
