"""The expected events and the likelihood of one fit, compiled, in passes over the non-zero entries of the tables.

Notation (one block = sample x channel, cell = block x bin): nu = phi A with phi the product of the factors and
A = nominal + sum of the shifts. Everything is in NLL (half of 2NLL) as a deviance from its own minimum, so that huge auxiliary
counts lose no digits. :mod:`hfx.hf_core.cpu.derivatives` has the derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu.buffers import WorkArrays
from hfx.hf_core.cpu.compilation import inline, jit, separately_compiled
from hfx.hf_core.cpu.structures import Array
from hfx.hf_core.modifiers.base import NORMAL
from hfx.hf_core.modifiers.interpolation import SHIFT_CODES, ShiftCode, clip, normsys_4

__all__ = ["TINY", "constraint", "poisson", "rates", "shift_shape", "slopes", "value"]

# A linear factor at zero (mu = 0) is replaced by this: nu is unchanged in float64, and log-derivatives stay finite.
TINY = 1e-150


@jit
def _deviance(x: float, n: float) -> float:
    """n log(n/x) + x - n: exact near x = n by log1p, and far below by the logarithm of the quotient, whose rounding log1p would
    multiply by n/x."""
    u = (x - n) / n
    return n * (u - (math.log1p(u) if u > -0.5 else math.log(x / n)))


@jit
def poisson(nu: float, n: float, floor: float) -> tuple[float, float, float]:
    """Deviance/2, slope and curvature in nu of a Poisson term; below ``floor`` a convex quadratic continues it.

    A hard wall at nu = 0 jams a line search and the plain formula runs away below it (a bin with n = 0 rewards any negative
    rate). With n = 0 the term is exact for every nu >= 0.
    """
    if n <= 0.0:
        if nu >= 0.0:
            return nu, 1.0, 0.0
        return nu + 0.5 * nu * nu / floor, 1.0 + nu / floor, 1.0 / floor
    floor = min(floor, 0.5 * n)  # Asimov data may be tiny themselves
    if nu >= floor:
        return _deviance(nu, n), (nu - n) / nu, n / (nu * nu)
    slope, curvature = (floor - n) / floor, n / (floor * floor)
    step = nu - floor
    return _deviance(floor, n) + step * (slope + 0.5 * curvature * step), slope + curvature * step, curvature


@jit
def constraint(kind: int, theta: float, aux: float, width: float) -> tuple[float, float, float]:
    """Deviance/2, slope and curvature of a constraint term; theta and aux in the parameter's own unit."""
    if kind == NORMAL:
        pull = (theta - aux) / width
        return 0.5 * pull * pull, pull / width, 1.0 / (width * width)
    if aux <= 0.0:
        return width * theta, width, 0.0
    return width * _deviance(theta, aux), width * (theta - aux) / theta, width * aux / (theta * theta)


def _choice(codes: Sequence[ShiftCode]) -> Callable[[int, float, float], tuple[float, float, float]]:
    """A function (code, a, sign) of T, T', T'' for these codes: a chain of comparisons of their numbers, of which the last code
    needs none."""
    shape, number = codes[0].shape, codes[0].number
    if len(codes) == 1:

        @inline
        def last(code: int, a: float, sign: float) -> tuple[float, float, float]:
            return shape(a, sign)

        return last
    others = _choice(codes[1:])

    @inline
    def chosen(code: int, a: float, sign: float) -> tuple[float, float, float]:
        if code == number:
            return shape(a, sign)
        return others(code, a, sign)

    return chosen


shift_shape = _choice([*SHIFT_CODES.values()][::-1])


# The interpolated factors are computed in pieces of this many, which stay in the first-level cache.
_PIECE = 512


@inline
def _normsys_1(count: int, theta: Array, sign: Array, w: WorkArrays) -> None:
    """f'/f of code 1, the logarithm of the factor of the parameter's side, and the logarithm of f."""
    for e in range(count):
        p = w.normsys[e]
        w.slope[e] = w.table[6, e] if sign[p] > 0.0 else -w.table[7, e]
        w.exponent[e] = theta[p] * w.slope[e]


@inline
def _normsys_4(count: int, w: WorkArrays) -> None:
    """f of code 4 inside [-1, 1].

    Each loop fills one array, so that the compiler can rule out that they overlap, and fill its vector lanes.
    """
    clipped = w.clipped
    for begin in range(0, count, _PIECE):
        end = min(begin + _PIECE, count)
        index, at, factor, table = w.normsys[begin:end], w.at[begin:end], w.factor[begin:end], w.table
        c1, c2, c3 = table[0, begin:end], table[1, begin:end], table[2, begin:end]
        c4, c5, c6 = table[3, begin:end], table[4, begin:end], table[5, begin:end]
        for e in range(end - begin):
            at[e] = clipped[index[e]]
        for e in range(end - begin):
            found = normsys_4(at[e], c1[e], c2[e], c3[e], c4[e], c5[e], c6[e])[0]
            factor[e] = found if abs(found) >= TINY else TINY


@inline
def _beyond(blocks: int, w: WorkArrays) -> None:
    """The logarithm of the product of each block's exponentials outside [-1, 1]: few parameters are there."""
    beyond = w.beyond
    for r in range(blocks):
        beyond[r] = 0.0
    for p in range(w.shared[0]):
        if w.excess[p] != 0.0:
            row, length = w.outward[0 if w.excess[p] > 0.0 else 1, p], abs(w.excess[p])
            for r in range(blocks):
                beyond[r] += length * row[r]


@inline
def slopes(t: Tables, h: int, w: WorkArrays) -> None:
    """f'/f and f''/f of hypothesis h's interpolated factors, where :func:`value` was last computed: only points that a fit takes
    need them."""
    count = w.normsys_from[w.blocks[0]]
    if t.normsys_code == 1:
        for e in range(count):
            w.second[e] = w.slope[e] * w.slope[e]
        return
    for begin in range(0, count, _PIECE):
        end = min(begin + _PIECE, count)
        at, inverse, slope, second = w.at[begin:end], w.inverse_factor[begin:end], w.slope[begin:end], w.second[begin:end]
        c1, c2, c3 = w.table[0, begin:end], w.table[1, begin:end], w.table[2, begin:end]
        c4, c5, c6 = w.table[3, begin:end], w.table[4, begin:end], w.table[5, begin:end]
        _inverses(end - begin, w.factor[begin:end], inverse, slope)
        for e in range(end - begin):
            slope[e] = normsys_4(at[e], c1[e], c2[e], c3[e], c4[e], c5[e], c6[e])[1] * inverse[e]
        for e in range(end - begin):
            second[e] = normsys_4(at[e], c1[e], c2[e], c3[e], c4[e], c5[e], c6[e])[2] * inverse[e]


@inline
def _inverses(count: int, factor: Array, inverse: Array, joint: Array) -> None:
    """1/factor, two with one division, which takes longer than all else here: no factor is below :data:`TINY`."""
    half = (count + 1) // 2
    first, second = factor[:half], factor[count - half :]
    before, after = inverse[:half], inverse[count - half :]
    for e in range(half):
        joint[e] = 1.0 / (first[e] * second[e])
    for e in range(half):
        before[e] = joint[e] * second[e]
    for e in range(half):
        after[e] = joint[e] * first[e]


@inline
def _interpolated(code: int, r: int, outside: bool, w: WorkArrays) -> float:
    """The product of the interpolated factors of the hypothesis' block r."""
    begin, end = w.normsys_from[r], w.normsys_from[r + 1]
    if code == 1:
        exponents, total = w.exponent[begin:end], 0.0
        for e in range(end - begin):
            total += exponents[e]
        return math.exp(total)
    product, factor = 1.0, w.factor[begin:end]
    for e in range(end - begin):
        product *= factor[e]
    return product * math.exp(w.beyond[r]) if outside else product


@inline
def _shapes(code: int, size: int, theta: Array, sign: Array, shape: Array, clipped: Array, excess: Array) -> bool:
    """T, T', T'' and the clipped value of each parameter; whether any lies outside [-1, 1]."""
    outside = False
    for p in range(size):
        a = theta[p]
        shape[0, p], shape[1, p], shape[2, p] = shift_shape(code, a, sign[p])
        clipped[p] = clip(a)
        excess[p] = a - clipped[p]
        outside |= abs(a) > 1.0
    return outside


@inline
def _shifted(alpha: Array, even: Array, odd_table: Array, even_table: Array) -> float:
    """Sum of alpha S + T D over one cell's shifts."""
    total = 0.0
    for j in range(len(odd_table)):
        total += alpha[j] * odd_table[j] + even[j] * even_table[j]
    return total


@inline
def rates(t: Tables, h: int, theta: Array, sign: Array, w: WorkArrays) -> None:
    """Expected events of every cell (``w.yields``; ``w.scale`` is phi) and main bin (``w.nu``) of one fit."""
    shape, alpha, even, shift_index = w.shape, w.alpha, w.even, w.shift_index
    scales, yields, nu, normsys_from, shift_from = w.scale, w.yields, w.nu, w.normsys_from, w.shift_from
    linear, linear_from, linear_slope = w.linear, w.linear_from, w.linear_slope
    nominal, odd_table, even_table = t.nominal, t.shift_odd, t.shift_even
    gamma_from, gammas, block_bins = w.gamma_from, w.gamma, t.block_bins
    code = t.normsys_code
    outside = _shapes(t.histosys_code, w.shared[0], theta, sign, shape, w.clipped, w.excess)
    first = t.hypothesis_from[h]
    blocks = w.blocks[0]
    if code == 1:
        _normsys_1(normsys_from[blocks], theta, sign, w)
    else:
        _normsys_4(normsys_from[blocks], w)
        if outside:
            _beyond(blocks, w)
    for n in range(len(nu)):
        nu[n] = 0.0
    cell = 0
    for r in range(blocks):
        k = t.hypothesis_block[first + r]
        phi = 1.0
        for e in range(linear_from[r], linear_from[r + 1]):
            factor = theta[linear[e]]
            factor = factor if abs(factor) >= TINY else TINY
            phi *= factor
            linear_slope[e] = 1.0 / factor
        if normsys_from[r + 1] > normsys_from[r]:
            phi *= _interpolated(code, r, outside, w)
        begin = shift_from[r]
        shifts = shift_from[r + 1] - begin
        for j in range(shifts):
            p = shift_index[begin + j]
            alpha[j], even[j] = theta[p], shape[0, p]
        place, at, source = t.offset[h, t.block_channel[k]], t.shift_cell[k], t.block_cell[k]
        begin, end, bins = gamma_from[r], gamma_from[r + 1], block_bins[k]
        for i in range(bins):
            scale = phi
            for e in range(begin + i, end, bins):
                gamma = theta[gammas[e]]
                scale *= gamma if abs(gamma) >= TINY else TINY
            moved = _shifted(alpha, even, odd_table[at : at + shifts], even_table[at : at + shifts])
            at += shifts
            rate = scale * (nominal[source + i] + moved)
            scales[cell] = scale
            yields[cell] = rate
            nu[place + i] += rate
            cell += 1


@separately_compiled
def value(t: Tables, h: int, theta: Array, sign: Array, main: Array, aux: Array, w: WorkArrays) -> float:
    """NLL deviance of one fit of the resolved hypothesis h; leaves in ``w`` the values that the derivatives need."""
    rates(t, h, theta, sign, w)
    first, curvature, nu, floor, total = w.first, w.curvature, w.nu, t.floor[h], 0.0
    for n in range(t.bins[h]):
        term, first[n], curvature[n] = poisson(nu[n], main[n], floor[n])
        total += term
    kind, width = w.constraint, w.width
    for p in range(t.size[h]):
        if kind[p] != 0:
            total += constraint(kind[p], theta[p], aux[p], width[p])[0]
    return total
