"""The fused CPU kernel: value, gradient and exact Hessian of one fit after another, in one pass over the non-zeros.

Notation (one block = sample x channel, cell = block x bin): nu = phi A with phi the product of the factors and
A = nominal + sum of the shifts; l = d log(phi)/d theta, d = dA/d theta. Then grad nu = phi (A l + d) and
Hess nu = phi (A l l' + l d' + d l' + diag(...)). Everything is in NLL (half of 2NLL) as a deviance from its own minimum, so
that huge auxiliary counts lose no digits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from hfx.hf_core.interpolation import clip, histosys_0, histosys_2, histosys_4p, normsys_4
from hfx.hf_core.parameters import NORMAL

__all__ = ["evaluate", "sample_yields"]

# Sums may be reassociated (so that they fill the vector lanes); NaN and infinity keep their meaning.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


def _jit(function: Any) -> Any:
    """Compiled without the interpreter's lock, and kept between runs where some folder can be written."""
    try:
        return numba.njit(cache=True, nogil=True, **_OPTIONS)(function)
    except RuntimeError:  # numba finds no folder for its cache: a read-only installation without a home
        return numba.njit(nogil=True, **_OPTIONS)(function)


# A call would copy the tables' and buffers' hundreds of array fields; these are inlined before compilation.
def _inline(function: Any) -> Any:
    return numba.njit(inline="always", **_OPTIONS)(function)


# A linear factor at zero (mu = 0) is replaced by this: nu is unchanged in float64, and log-derivatives stay finite.
_TINY = 1e-150


@_jit
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


@_jit
def _constraint(kind: int, theta: float, aux: float, width: float) -> Any:
    """Deviance/2, slope and curvature of a constraint term; theta and aux in the parameter's own unit."""
    if kind == NORMAL:
        pull = (theta - aux) / width
        return 0.5 * pull * pull, pull / width, 1.0 / (width * width)
    if aux <= 0.0:
        return width * theta, width, 0.0
    u = (theta - aux) / aux
    return width * aux * (u - math.log1p(u)), width * (theta - aux) / theta, width * aux / (theta * theta)


@_jit
def _shift_shape(code: int, a: float, sign: float) -> Any:
    if code == 4:
        return histosys_4p(a, sign)
    if code == 2:
        return histosys_2(a, sign)
    return histosys_0(a, sign)


@_inline
def _normsys_factors(t: Any, k: int, theta: Any, sign: Any, w: Any, at: int) -> float:
    """Product of block k's normsys factors, whose parameter indices are in ``w.index[at:]``; f'/f and f''/f beside them."""
    first = t.normsys_from[k]
    count = t.normsys_from[k + 1] - first
    product = 1.0
    if t.normsys_code == 1:
        for j in range(count):
            p = w.index[at + j]
            slope = t.normsys_table[6, first + j] if sign[p] > 0.0 else -t.normsys_table[7, first + j]
            product *= math.exp(theta[p] * slope)
            w.slope[at + j] = slope
            w.second[at + j] = slope * slope
        return product
    for j in range(count):
        w.clipped[j] = clip(theta[w.index[at + j]])
    table = t.normsys_table
    for j in range(count):
        e = first + j
        value, slope, second = normsys_4(
            w.clipped[j], table[0, e], table[1, e], table[2, e], table[3, e], table[4, e], table[5, e]
        )
        value = value if abs(value) >= _TINY else _TINY
        inverse = 1.0 / value
        w.factor[j] = value
        w.slope[at + j] = slope * inverse
        w.second[at + j] = second * inverse
    exponent = 0.0
    for j in range(count):
        a = theta[w.index[at + j]]
        product *= w.factor[j]
        if a > 1.0:
            exponent += (a - 1.0) * table[6, first + j]
        elif a < -1.0:
            exponent -= (a + 1.0) * table[7, first + j]
    return product * math.exp(exponent) if exponent != 0.0 else product


@_inline
def _factors(t: Any, h: int, k: int, theta: Any, sign: Any, w: Any, at: int) -> Any:
    """Product of block k's scalar factors; their indices, f'/f and f''/f go to ``w`` from ``at``. Also returns their number."""
    product = 1.0
    count = at
    for e in range(t.linear_from[k], t.linear_from[k + 1]):
        p = t.start[h, t.linear_key[e]]
        value = theta[p] if abs(theta[p]) >= _TINY else _TINY
        product *= value
        w.index[count] = p
        w.slope[count] = 1.0 / value
        w.second[count] = 0.0
        count += 1
    for e in range(t.normsys_from[k], t.normsys_from[k + 1]):
        w.index[count + e - t.normsys_from[k]] = t.start[h, t.normsys_key[e]]
    product *= _normsys_factors(t, k, theta, sign, w, count)
    return product, count - at + t.normsys_from[k + 1] - t.normsys_from[k]


@_inline
def _gather_shifts(t: Any, h: int, k: int, theta: Any, w: Any) -> Any:
    """Block k's shift parameters side by side: index, alpha, T and T'; their number."""
    first = t.shift_from[k]
    count = t.shift_from[k + 1] - first
    for j in range(count):
        p = t.start[h, t.shift_key[first + j]]
        w.shift_index[j] = p
        w.alpha[j] = theta[p]
        w.even[j] = w.shape[0, p]
        w.even_slope[j] = w.shape[1, p]
    return count


@_inline
def _additive(t: Any, k: int, i: int, shifts: int, w: Any) -> Any:
    """A = nominal + sum of (alpha S + T D) of bin i of block k."""
    at = t.shift_cell[k] + i * shifts
    total = 0.0
    for j in range(shifts):
        total += w.alpha[j] * t.shift_odd[at + j] + w.even[j] * t.shift_even[at + j]
    return t.nominal[t.block_cell[k] + i] + total


@_inline
def _gammas(t: Any, h: int, k: int, i: int, theta: Any) -> float:
    product = 1.0
    for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
        value = theta[t.start[h, t.gamma_key[e]] + i]
        product *= value if abs(value) >= _TINY else _TINY
    return product


class _Work(NamedTuple):
    """One thread's buffers: per parameter, per factor of a hypothesis (block after block), per shift of a block, per bin."""

    shape: Any
    index: Any
    slope: Any
    second: Any
    clipped: Any
    factor: Any
    shift_index: Any
    alpha: Any
    even: Any
    even_slope: Any
    yields: Any
    scale: Any
    first: Any
    curvature: Any
    jacobian: Any
    mixed: Any
    cell: Any
    summed: Any


@_jit
def _work(t: Any, parameters: int, bins: int) -> Any:
    factors, cells, block_factors, block_shifts = 1, 1, 1, 1
    for h in range(len(t.bins)):
        f, c = 0, 0
        for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
            k = t.hypothesis_block[r]
            scalar = t.linear_from[k + 1] - t.linear_from[k] + t.normsys_from[k + 1] - t.normsys_from[k]
            f += scalar
            c += t.block_bins[k]
            block_factors = max(block_factors, scalar)
            block_shifts = max(block_shifts, t.shift_from[k + 1] - t.shift_from[k])
        factors, cells = max(factors, f), max(cells, c)
    return _Work(
        np.zeros((3, parameters)),
        np.zeros(factors, dtype=np.int64),
        np.zeros(factors),
        np.zeros(factors),
        np.zeros(block_factors),
        np.zeros(block_factors),
        np.zeros(block_shifts, dtype=np.int64),
        np.zeros(block_shifts),
        np.zeros(block_shifts),
        np.zeros(block_shifts),
        np.zeros(cells),
        np.zeros(cells),
        np.zeros(bins),
        np.zeros(bins),
        np.zeros((bins, parameters)),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros(parameters),
    )


@_jit
def _rates(t: Any, h: int, theta: Any, sign: Any, w: Any, nu: Any) -> None:
    """Expected events of every cell (``w.yields``; ``w.scale`` is phi) and main bin (``nu``) of one fit."""
    for p in range(t.size[h]):
        w.shape[0, p], w.shape[1, p], w.shape[2, p] = _shift_shape(t.histosys_code, theta[p], sign[p])
    nu[: t.bins[h]] = 0.0
    factor, cell = 0, 0
    for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
        k = t.hypothesis_block[r]
        place = t.offset[h, t.block_channel[k]]
        phi, count = _factors(t, h, k, theta, sign, w, factor)
        factor += count
        shifts = _gather_shifts(t, h, k, theta, w)
        for i in range(t.block_bins[k]):
            scale = phi * _gammas(t, h, k, i, theta)
            rate = scale * _additive(t, k, i, shifts, w)
            w.scale[cell] = scale
            w.yields[cell] = rate
            nu[place + i] += rate
            cell += 1


@_jit
def evaluate(
    t: Any,
    hypothesis: Any,
    theta: Any,
    sign: Any,
    main: Any,
    aux: Any,
    order: int,
    value: Any,
    gradient: Any,
    hessian: Any,
) -> None:
    """NLL deviance of each fit b into ``value`` (B,); above order 0 also ``gradient`` (B, P) and ``hessian`` (B, P, P),
    which is the exact one with order 2 and its Gauss-Newton part (never negative) with order 1.

    ``t`` are the Tables, ``hypothesis`` (B,), ``theta`` and ``aux`` (B, P), ``main`` (B, N) the data in events; ``sign`` (B, P)
    is the side on which a kink at zero is read.
    """
    fits, parameters = theta.shape
    w = _work(t, parameters, main.shape[1])
    nu = np.zeros(main.shape[1])
    for b in range(fits):
        h = hypothesis[b]
        x = theta[b]
        size, bins = t.size[h], t.bins[h]
        _rates(t, h, x, sign[b], w, nu)
        total = 0.0
        for n in range(bins):
            term, w.first[n], w.curvature[n] = _poisson(nu[n], main[b, n], t.floor[h, n])
            total += term
        if order > 0:
            gradient[b, :] = 0.0
            hessian[b, :, :] = 0.0
        for p in range(size):
            if t.constraint[h, p] != 0:
                term, slope, curvature = _constraint(t.constraint[h, p], x[p], aux[b, p], t.width[h, p])
                total += term
                if order > 0:
                    gradient[b, p] = slope
                    hessian[b, p, p] = 0.5 * curvature  # the matrix is completed as U + U' at the end
        value[b] = total
        if order > 0:
            w.jacobian[:bins, :] = 0.0
            factor, cell = 0, 0
            for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
                k = t.hypothesis_block[r]
                factor, cell = _add_block(t, h, k, x, order == 2, w, factor, cell, hessian[b])
            _add_bins(bins, size, w, gradient[b], hessian[b])


@_jit
def _add_row(row: Any, scale: float, values: Any, size: int) -> None:
    for q in range(size):
        row[q] += scale * values[q]


@_jit
def _add_block(t: Any, h: int, k: int, theta: Any, exact: bool, w: Any, factor: int, cell: int, hess: Any) -> Any:
    """Block k's rows of the Jacobian of nu, and its second derivatives weighted by dNLL/dnu (half: U of U + U').

    ``factor`` and ``cell`` are where the block's entries begin in ``w``; those of the next block are returned.
    """
    size = t.size[h]
    place = t.offset[h, t.block_channel[k]]
    factors = t.linear_from[k + 1] - t.linear_from[k] + t.normsys_from[k + 1] - t.normsys_from[k]
    shifts = _gather_shifts(t, h, k, theta, w)
    w.summed[:size] = 0.0  # sum over bins of weight phi d
    weight = 0.0  # sum over bins of weight nu
    for i in range(t.block_bins[k]):
        scale, rate, slope = w.scale[cell], w.yields[cell], w.first[place + i]
        cell += 1
        weight += slope * rate
        w.cell[:size] = 0.0
        at = t.shift_cell[k] + i * shifts
        for j in range(shifts):
            w.cell[w.shift_index[j]] += scale * (t.shift_odd[at + j] + w.even_slope[j] * t.shift_even[at + j])
        if exact:
            for j in range(shifts):
                p = w.shift_index[j]
                hess[p, p] += 0.5 * slope * scale * w.shape[2, p] * t.shift_even[at + j]
            _add_row(w.summed, slope, w.cell, size)
        for f in range(factor, factor + factors):
            w.cell[w.index[f]] += rate * w.slope[f]
        for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
            p = t.start[h, t.gamma_key[e]] + i
            inverse = 1.0 / theta[p] if abs(theta[p]) >= _TINY else 1.0 / _TINY
            if exact:
                _add_row(hess[p], slope * inverse, w.cell, size)
            w.cell[p] += rate * inverse
        _add_row(w.jacobian[place + i], 1.0, w.cell, size)
    if exact:
        _add_products(factor, factors, size, weight, w, hess)
    return factor + factors, cell


@_inline
def _add_products(factor: int, factors: int, size: int, weight: float, w: Any, hess: Any) -> None:
    """weight l l' + l s' + s l' with s = ``w.summed``; on the diagonal f''/f stands for l l'."""
    for p in range(size):
        w.mixed[p] = w.summed[p]
    for f in range(factor, factor + factors):
        w.mixed[w.index[f]] += 0.5 * weight * w.slope[f]
    for f in range(factor, factor + factors):
        p, slope = w.index[f], w.slope[f]
        kept = w.mixed[p]
        w.mixed[p] = 0.0
        _add_row(hess[p], slope, w.mixed, size)
        w.mixed[p] = kept
        hess[p, p] += 0.5 * weight * w.second[f] + slope * w.summed[p]


@_inline
def _add_bins(bins: int, size: int, w: Any, grad: Any, hess: Any) -> None:
    """Gradient and Gauss-Newton part from the bins; completes hess = U + U'."""
    for n in range(bins):
        row = w.jacobian[n]
        _add_row(grad, w.first[n], row, size)
        half = 0.5 * w.curvature[n]
        if half != 0.0:
            for p in range(size):
                if row[p] != 0.0:
                    _add_row(hess[p], half * row[p], row, size)
    for p in range(size):
        for q in range(p + 1):
            both = hess[p, q] + hess[q, p]
            hess[p, q] = both
            hess[q, p] = both


@_jit
def sample_yields(t: Any, hypothesis: Any, theta: Any, sign: Any, yields: Any, rates: Any) -> None:
    """Expected events of each block and bin into ``yields`` (B, cells of the largest hypothesis) and of each main bin
    into ``rates`` (B, N). Cells lie block after block, in the order of the hypothesis' ``samples``."""
    fits, parameters = theta.shape
    w = _work(t, parameters, rates.shape[1])
    for b in range(fits):
        rates[b, :] = 0.0
        w.yields[:] = 0.0
        _rates(t, hypothesis[b], theta[b], sign[b], w, rates[b])
        for cell in range(yields.shape[1]):
            yields[b, cell] = w.yields[cell]
