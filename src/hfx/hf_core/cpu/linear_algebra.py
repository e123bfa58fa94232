"""The linear algebra of one fit, compiled: matrices keep their upper triangle alone, row by row, so that every inner loop runs
along memory; rows begin and end at multiples of the vector lanes.
"""

from __future__ import annotations

import math
from typing import TypeVar, overload

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from hfx.hf_core.cpu.compilation import inline, jit, separately_compiled
from hfx.hf_core.cpu.structures import Array

__all__ = ["LANES", "cholesky", "dot", "padded", "solve", "subtract_eight", "zeros"]

# Rows of matrices begin and end at multiples of this: all vector lanes of any CPU, some iterations of a loop at once.
LANES = 16
_LINE = 64  # bytes of a cache line

Scalar = TypeVar("Scalar", bound=np.generic)


@register_jitable
def padded(parameters: int) -> int:
    """The length of a row of P entries: a multiple of the lanes, and even."""
    return (parameters + LANES - 1) // LANES * LANES


@overload
def zeros(shape: int | tuple[int, ...]) -> Array: ...
@overload
def zeros(shape: int | tuple[int, ...], dtype: type[Scalar]) -> NDArray[Scalar]: ...
def zeros(shape: int | tuple[int, ...], dtype: type[np.generic] = np.float64) -> NDArray[np.generic]:
    """As numpy's, but from where a cache line begins: rows that straddle these cost a fit some per cent."""
    size = math.prod((shape,) if isinstance(shape, int) else shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + _LINE, dtype=np.uint8)
    begin = -room.ctypes.data % _LINE
    found: NDArray[np.generic] = room[begin : begin + size].view(dtype).reshape(shape)
    return found


@inline
def subtract_eight(target: Array, rows: Array, first: int, p: int, left: int, width: int) -> None:
    """Subtract from ``target`` the eight rows from ``first`` on, each between ``left`` and ``width`` and times its p-th entry."""
    c0, c1, c2, c3 = rows[first, p], rows[first + 1, p], rows[first + 2, p], rows[first + 3, p]
    c4, c5, c6, c7 = rows[first + 4, p], rows[first + 5, p], rows[first + 6, p], rows[first + 7, p]
    if not c0 == c1 == c2 == c3 == c4 == c5 == c6 == c7 == 0.0:  # most are where each bin has few of the parameters
        r0, r1 = rows[first, left:width], rows[first + 1, left:width]
        r2, r3 = rows[first + 2, left:width], rows[first + 3, left:width]
        r4, r5 = rows[first + 4, left:width], rows[first + 5, left:width]
        r6, r7 = rows[first + 6, left:width], rows[first + 7, left:width]
        for q in range(width - left):
            one = (c0 * r0[q] + c1 * r1[q]) + (c2 * r2[q] + c3 * r3[q])
            two = (c4 * r4[q] + c5 * r5[q]) + (c6 * r6[q] + c7 * r7[q])
            target[q] -= one + two


@separately_compiled
def cholesky(a: Array, size: int) -> bool:
    """Upper factor of the leading ``size`` rows in place, eight rows at a time; False where it is not positive definite.

    Rows begin left of the diagonal and end beyond ``size``, at multiples of the lanes; entries there have no meaning.
    """
    width = padded(size)
    for j in range(0, size, 8):
        end = min(j + 8, size)
        left = j // LANES * LANES
        for r in range(j, end):
            row = a[r, left:width]
            for s in range(j, r):
                c, above = a[s, r], a[s, left:width]
                for q in range(width - left):
                    row[q] -= c * above[q]
            diagonal = a[r, r]
            if not diagonal > 0.0:
                return False
            inverse = 1.0 / math.sqrt(diagonal)
            for q in range(width - left):
                row[q] *= inverse
            for q in range(left, r):
                a[r, q] = 0.0
        for p in range(end, size):
            left = p // LANES * LANES
            subtract_eight(a[p, left:width], a, j, p, left, width)
    return True


@jit
def solve(factor: Array, size: int, x: Array) -> None:
    """x becomes (U'U)^-1 x."""
    for i in range(size):
        row, right = factor[i, i:size], x[i:size]
        found = right[0] / row[0]
        for q in range(size - i):
            right[q] -= found * row[q]
        right[0] = found
    for i in range(size - 1, -1, -1):
        row, right = factor[i, i:size], x[i:size]
        total = 0.0
        for q in range(1, size - i):
            total += row[q] * right[q]
        right[0] = (right[0] - total) / row[0]


@jit
def dot(one: Array, two: Array, size: int) -> float:
    total = 0.0
    for p in range(size):
        total += one[p] * two[p]
    return total
