"""The fused CPU kernel: value, gradient and exact Hessian of one fit after another, in passes over the non-zeros.

Notation (one block = sample x channel, cell = block x bin): nu = phi A with phi the product of the factors and
A = nominal + sum of the shifts; l = d log(phi)/d theta, d = dA/d theta. Then grad nu = phi (A l + d) and
Hess nu = phi (A l l' + l d' + d l' + diag(...)). Everything is in NLL (half of 2NLL) as a deviance from its own minimum, so
that huge auxiliary counts lose no digits.

All cells of a block share its scalar factors, so that the Hessian is a sum of few products of rows: for each block
w l l' + l s' + s l' (w and s: the sums over its bins of dNLL/dnu times nu and phi d), for each bin the curvature of its Poisson
term times the square of its row of the Jacobian. The rows lie in one table; :func:`_products` adds them up above the diagonal.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import types
from numba.experimental import structref

from hfx.hf_core.interpolation import clip, histosys_0, histosys_2, histosys_4p, normsys_4
from hfx.hf_core.parameters import NORMAL

__all__ = ["derivatives", "evaluate", "inline", "jit", "rates", "resolve", "value", "work"]

# Sums may be reassociated (so that they fill the vector lanes); NaN and infinity keep their meaning.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


def jit(function: Any) -> Any:
    """Compiled without the interpreter's lock, and kept between runs where some folder can be written."""
    try:
        return numba.njit(cache=True, nogil=True, **_OPTIONS)(function)
    except RuntimeError:  # numba finds no folder for its cache: a read-only installation without a home
        return numba.njit(nogil=True, **_OPTIONS)(function)


def inline(function: Any) -> Any:
    """Becomes part of its caller before that is compiled, for what is called from one place: the compiler goes once over each
    function and again over all that its callers link, so that few levels compile in half the time."""
    return numba.njit(inline="always", **_OPTIONS)(function)


# A linear factor at zero (mu = 0) is replaced by this: nu is unchanged in float64, and log-derivatives stay finite.
_TINY = 1e-150


@jit
def _poisson(nu: float, n: float, floor: float) -> Any:
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
        u = (nu - n) / n
        return n * (u - math.log1p(u)), (nu - n) / nu, n / (nu * nu)
    u = (floor - n) / n
    slope, curvature = (floor - n) / floor, n / (floor * floor)
    step = nu - floor
    return n * (u - math.log1p(u)) + step * (slope + 0.5 * curvature * step), slope + curvature * step, curvature


@jit
def _constraint(kind: int, theta: float, aux: float, width: float) -> Any:
    """Deviance/2, slope and curvature of a constraint term; theta and aux in the parameter's own unit."""
    if kind == NORMAL:
        pull = (theta - aux) / width
        return 0.5 * pull * pull, pull / width, 1.0 / (width * width)
    if aux <= 0.0:
        return width * theta, width, 0.0
    u = (theta - aux) / aux
    return width * aux * (u - math.log1p(u)), width * (theta - aux) / theta, width * aux / (theta * theta)


@inline
def _shift_shape(code: int, a: float, sign: float) -> Any:
    if code == 4:
        return histosys_4p(a, sign)
    if code == 2:
        return histosys_2(a, sign)
    return histosys_0(a, sign)


class Work(structref.StructRefProxy):
    """One thread's buffers: passed by reference, so that a call copies one pointer."""


@structref.register
class _WorkType(types.StructRef):
    pass


_FIELDS = [
    "shape",  # (3, P): T, T', T'' of each parameter
    "clipped",  # (P,)
    "above",  # (P,): what lies beyond 1
    "below",  # (P,): what lies beyond -1
    "factor_from",  # (blocks + 1,): where each block's factors begin
    "index",  # the parameter of each scalar factor, block after block
    "slope",  # f'/f
    "second",  # f''/f
    "block_shift_from",  # (blocks + 1,)
    "shift_index",  # the parameter of each shift, block after block
    "alpha",  # of one block's shifts, as the next five
    "even",
    "even_slope",
    "moved",
    "summed",
    "curved",
    "scale",  # phi of each cell
    "yields",  # phi A of each cell
    "nu",  # (N,)
    "first",  # (N,) slope of the Poisson term
    "curvature",  # (N,)
    "rows",  # l, then s, then w l + s of each block, then the Jacobian of each bin: (3 blocks + N, P)
    "cell",  # (P,)
    "coefficient",  # of the products for one parameter
    "row",
]
structref.define_constructor(Work, _WorkType, _FIELDS)  # type: ignore[no-untyped-call]


@jit
def work(t: Any) -> Any:
    """Buffers for the largest hypothesis."""
    parameters, bins = t.width.shape[1], t.floor.shape[1]
    factors, shifts, cells, blocks, most = 1, 1, 1, 1, 1
    for h in range(len(t.bins)):
        f, s, c = 0, 0, 0
        for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
            k = t.hypothesis_block[r]
            own = t.shift_from[k + 1] - t.shift_from[k]
            f += t.linear_from[k + 1] - t.linear_from[k] + t.normsys_from[k + 1] - t.normsys_from[k]
            s += own
            c += t.block_bins[k]
            most = max(most, own)
        factors, shifts, cells = max(factors, f), max(shifts, s), max(cells, c)
        blocks = max(blocks, t.hypothesis_from[h + 1] - t.hypothesis_from[h])
    return Work(  # type: ignore[no-untyped-call]
        np.zeros((3, parameters)),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(factors, dtype=np.int64),
        np.zeros(factors),
        np.zeros(factors),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(shifts, dtype=np.int64),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(cells),
        np.zeros(cells),
        np.zeros(bins),
        np.zeros(bins),
        np.zeros(bins),
        np.zeros((3 * blocks + bins, parameters)),
        np.zeros(parameters),
        np.zeros(2 * blocks + bins + 3),
        np.zeros(2 * blocks + bins + 3, dtype=np.int64),
    )


@jit
def resolve(t: Any, h: int, w: Any) -> None:
    """Which parameters hypothesis h's factors and shifts are: what stays the same for all evaluations of a fit."""
    factor, shift = 0, 0
    first = t.hypothesis_from[h]
    for cell in range(len(w.yields)):
        w.yields[cell] = 0.0  # a smaller hypothesis leaves the last ones empty
    for r in range(t.hypothesis_from[h + 1] - first):
        k = t.hypothesis_block[first + r]
        w.factor_from[r], w.block_shift_from[r] = factor, shift
        for e in range(t.linear_from[k], t.linear_from[k + 1]):
            w.index[factor] = t.start[h, t.linear_key[e]]
            factor += 1
        for e in range(t.normsys_from[k], t.normsys_from[k + 1]):
            w.index[factor] = t.start[h, t.normsys_key[e]]
            factor += 1
        for e in range(t.shift_from[k], t.shift_from[k + 1]):
            w.shift_index[shift] = t.start[h, t.shift_key[e]]
            shift += 1
    last = t.hypothesis_from[h + 1] - first
    w.factor_from[last], w.block_shift_from[last] = factor, shift


@inline
def _normsys_1(table: Any, first: int, at: int, count: int, theta: Any, sign: Any, w: Any) -> float:
    exponent = 0.0
    for j in range(count):
        p = w.index[at + j]
        slope = table[6, first + j] if sign[p] > 0.0 else -table[7, first + j]
        exponent += theta[p] * slope
        w.slope[at + j] = slope
        w.second[at + j] = slope * slope
    return math.exp(exponent)


@inline
def _normsys_4(table: Any, first: int, at: int, count: int, outside: bool, w: Any) -> float:
    """Product of ``count`` factors from entry ``first``; f'/f and f''/f go to ``w`` from ``at``."""
    product = 1.0
    c1, c2, c3 = table[0, first : first + count], table[1, first : first + count], table[2, first : first + count]
    c4, c5, c6 = table[3, first : first + count], table[4, first : first + count], table[5, first : first + count]
    index = w.index[at : at + count]
    slopes, seconds = w.slope[at : at + count], w.second[at : at + count]
    for j in range(count):
        value, slope, second = normsys_4(w.clipped[index[j]], c1[j], c2[j], c3[j], c4[j], c5[j], c6[j])
        value = value if abs(value) >= _TINY else _TINY
        inverse = 1.0 / value
        product *= value
        slopes[j] = slope * inverse
        seconds[j] = second * inverse
    if outside:
        exponent = 0.0
        for j in range(count):
            exponent += w.above[index[j]] * table[6, first + j] + w.below[index[j]] * table[7, first + j]
        product *= math.exp(exponent)
    return product


@inline
def _shapes(t: Any, size: int, theta: Any, sign: Any, w: Any) -> bool:
    """T, T', T'' and the clipped value of each parameter; whether any lies outside [-1, 1]."""
    outside = False
    for p in range(size):
        a = theta[p]
        w.shape[0, p], w.shape[1, p], w.shape[2, p] = _shift_shape(t.histosys_code, a, sign[p])
        w.clipped[p] = clip(a)
        w.above[p] = max(a - 1.0, 0.0)
        w.below[p] = max(-1.0 - a, 0.0)
        outside |= abs(a) > 1.0
    return outside


@jit
def rates(t: Any, h: int, theta: Any, sign: Any, w: Any) -> None:
    """Expected events of every cell (``w.yields``; ``w.scale`` is phi) and main bin (``w.nu``) of one fit."""
    outside = _shapes(t, t.size[h], theta, sign, w)
    w.nu[:] = 0.0
    cell = 0
    first = t.hypothesis_from[h]
    for r in range(t.hypothesis_from[h + 1] - first):
        k = t.hypothesis_block[first + r]
        at = w.factor_from[r]
        phi = 1.0
        for _ in range(t.linear_from[k + 1] - t.linear_from[k]):
            factor = theta[w.index[at]]
            factor = factor if abs(factor) >= _TINY else _TINY
            phi *= factor
            w.slope[at] = 1.0 / factor
            w.second[at] = 0.0
            at += 1
        count = t.normsys_from[k + 1] - t.normsys_from[k]
        if count and t.normsys_code == 1:
            phi *= _normsys_1(t.normsys_table, t.normsys_from[k], at, count, theta, sign, w)
        elif count:
            phi *= _normsys_4(t.normsys_table, t.normsys_from[k], at, count, outside, w)
        begin = w.block_shift_from[r]
        shifts = w.block_shift_from[r + 1] - begin
        for j in range(shifts):
            p = w.shift_index[begin + j]
            w.alpha[j], w.even[j] = theta[p], w.shape[0, p]
        place = t.offset[h, t.block_channel[k]]
        for i in range(t.block_bins[k]):
            scale = phi
            for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
                gamma = theta[t.start[h, t.gamma_key[e]] + i]
                scale *= gamma if abs(gamma) >= _TINY else _TINY
            rate = scale * (t.nominal[t.block_cell[k] + i] + _shifted(t, t.shift_cell[k] + i * shifts, shifts, w))
            w.scale[cell] = scale
            w.yields[cell] = rate
            w.nu[place + i] += rate
            cell += 1


@inline
def _shifted(t: Any, at: int, count: int, w: Any) -> float:
    """Sum of alpha S + T D over one cell's shifts."""
    odd, even = t.shift_odd[at : at + count], t.shift_even[at : at + count]
    total = 0.0
    for j in range(count):
        total += w.alpha[j] * odd[j] + w.even[j] * even[j]
    return total


@jit
def value(t: Any, h: int, theta: Any, sign: Any, main: Any, aux: Any, w: Any) -> float:
    """NLL deviance of one fit of the resolved hypothesis h; leaves in ``w`` what :func:`derivatives` needs."""
    rates(t, h, theta, sign, w)
    total = 0.0
    for n in range(t.bins[h]):
        term, w.first[n], w.curvature[n] = _poisson(w.nu[n], main[n], t.floor[h, n])
        total += term
    for p in range(t.size[h]):
        if t.constraint[h, p] != 0:
            total += _constraint(t.constraint[h, p], theta[p], aux[p], t.width[h, p])[0]
    return total


@jit
def derivatives(t: Any, h: int, theta: Any, aux: Any, exact: bool, w: Any, gradient: Any, hessian: Any) -> None:
    """Gradient (P,) and the upper triangle of the Hessian (P, P) where :func:`value` was last computed.

    The Hessian is the exact one, or its Gauss-Newton part, which is never negative.
    """
    size, bins = t.size[h], t.bins[h]
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    first = t.hypothesis_from[h]
    blocks = t.hypothesis_from[h + 1] - first
    w.rows[: 3 * blocks + bins, :] = 0.0
    cell = 0
    for r in range(blocks):
        _block_rows(t, h, r, blocks, cell, theta, exact, w, hessian)
        cell += t.block_bins[t.hypothesis_block[first + r]]
    jacobian = w.rows[3 * blocks : 3 * blocks + bins]
    for n in range(bins):
        row, slope, curvature = jacobian[n], w.first[n], w.curvature[n]
        for p in range(size):
            gradient[p] += slope * row[p]
            hessian[p, p] += curvature * row[p] * row[p]
    for p in range(size):
        if t.constraint[h, p] != 0:
            _, slope, curvature = _constraint(t.constraint[h, p], theta[p], aux[p], t.width[h, p])
            gradient[p] += slope
            hessian[p, p] += curvature
    for p in range(1, size):  # the rows of the factors per bin lie on both sides of the diagonal
        for q in range(p):
            hessian[q, p] += hessian[p, q]
    _products(blocks if exact else 0, blocks, bins, size, w, hessian)


@inline
def _block_rows(t: Any, h: int, r: int, blocks: int, cell: int, theta: Any, exact: bool, w: Any, hessian: Any) -> None:
    """The rows l, s and w l + s of the hypothesis' block r, its cells' part of the Jacobian, and what its factors and shifts
    add to the diagonal of the Hessian and its factors per bin to their rows of it."""
    size = t.size[h]
    k = t.hypothesis_block[t.hypothesis_from[h] + r]
    place = t.offset[h, t.block_channel[k]]
    logarithmic, additive, both = w.rows[r], w.rows[blocks + r], w.rows[2 * blocks + r]
    for f in range(w.factor_from[r], w.factor_from[r + 1]):
        logarithmic[w.index[f]] = w.slope[f]
    begin = w.block_shift_from[r]
    shifts = w.block_shift_from[r + 1] - begin
    index = w.shift_index[begin : begin + shifts]
    for j in range(shifts):
        w.even_slope[j] = w.shape[1, index[j]]
        w.summed[j] = 0.0
        w.curved[j] = 0.0
    weight = 0.0
    gammas = t.gamma_from[k + 1] - t.gamma_from[k]
    for i in range(t.block_bins[k]):
        rate, slope = w.yields[cell + i], w.first[place + i]
        weight += slope * rate
        at = t.shift_cell[k] + i * shifts
        _move(t.shift_odd[at : at + shifts], t.shift_even[at : at + shifts], w.scale[cell + i], slope, w)
        jacobian = w.rows[3 * blocks + place + i]
        if gammas == 0:
            for j in range(shifts):
                jacobian[index[j]] += w.moved[j]
            for p in range(size):
                jacobian[p] += rate * logarithmic[p]
            continue
        for p in range(size):
            w.cell[p] = rate * logarithmic[p]
        for j in range(shifts):
            w.cell[index[j]] += w.moved[j]
        for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
            gamma = t.start[h, t.gamma_key[e]] + i
            inverse = 1.0 / theta[gamma] if abs(theta[gamma]) >= _TINY else 1.0 / _TINY
            if exact:
                for p in range(size):
                    hessian[gamma, p] += slope * inverse * w.cell[p]
            w.cell[gamma] += rate * inverse
        for p in range(size):
            jacobian[p] += w.cell[p]
    if exact:
        for j in range(shifts):
            p = index[j]
            additive[p] = w.summed[j]
            hessian[p, p] += w.curved[j] * w.shape[2, p]
        for p in range(size):
            both[p] = weight * logarithmic[p] + additive[p]
        for f in range(w.factor_from[r], w.factor_from[r + 1]):
            p, slope = w.index[f], w.slope[f]
            hessian[p, p] += weight * w.second[f] + 2.0 * slope * additive[p]


@inline
def _move(odd: Any, even: Any, scale: float, slope: float, w: Any) -> None:
    """phi d of one cell's shifts, and dNLL/dnu times it and its derivative, summed over the bins."""
    weight = slope * scale
    for j in range(len(odd)):
        moved = scale * (odd[j] + w.even_slope[j] * even[j])
        w.moved[j] = moved
        w.summed[j] += slope * moved
        w.curved[j] += weight * even[j]


@inline
def _products(exact: int, blocks: int, bins: int, size: int, w: Any, hessian: Any) -> None:
    """Add the products of rows to the part of the Hessian above its diagonal, row by row, four products at a time."""
    for p in range(size):
        count = 0
        for r in range(exact):
            if w.rows[r, p] != 0.0:
                w.coefficient[count], w.row[count] = w.rows[r, p], 2 * blocks + r
                count += 1
            if w.rows[blocks + r, p] != 0.0:
                w.coefficient[count], w.row[count] = w.rows[blocks + r, p], r
                count += 1
        for n in range(bins):
            if w.rows[3 * blocks + n, p] != 0.0:
                w.coefficient[count], w.row[count] = w.curvature[n] * w.rows[3 * blocks + n, p], 3 * blocks + n
                count += 1
        while count % 4 != 0:
            w.coefficient[count], w.row[count] = 0.0, 0
            count += 1
        target = hessian[p, p + 1 : size]
        for e in range(0, count, 4):
            c0, c1, c2, c3 = w.coefficient[e], w.coefficient[e + 1], w.coefficient[e + 2], w.coefficient[e + 3]
            row0, row1 = w.rows[w.row[e], p + 1 : size], w.rows[w.row[e + 1], p + 1 : size]
            row2, row3 = w.rows[w.row[e + 2], p + 1 : size], w.rows[w.row[e + 3], p + 1 : size]
            for q in range(size - p - 1):
                target[q] += (c0 * row0[q] + c1 * row1[q]) + (c2 * row2[q] + c3 * row3[q])


@jit
def evaluate(
    t: Any,
    hypothesis: Any,
    theta: Any,
    sign: Any,
    main: Any,
    aux: Any,
    exact: bool,
    values: Any,
    gradient: Any,
    hessian: Any,
) -> None:
    """NLL deviance of each fit b into ``values`` (B,), its ``gradient`` (B, P) and ``hessian`` (B, P, P): the exact one, or its
    Gauss-Newton part (never negative).

    ``t`` are the Tables, ``hypothesis`` (B,), ``theta`` and ``aux`` (B, P), ``main`` (B, N) the data in events; ``sign`` (B, P)
    is the side on which a kink at zero is read.
    """
    w = work(t)
    for b in range(len(hypothesis)):
        h = hypothesis[b]
        resolve(t, h, w)
        values[b] = value(t, h, theta[b], sign[b], main[b], aux[b], w)
        derivatives(t, h, theta[b], aux[b], exact, w, gradient[b], hessian[b])
        for p in range(t.size[h]):
            for q in range(p):
                hessian[b, p, q] = hessian[b, q, p]
