"""The fused CPU kernel: value, gradient and exact Hessian of one fit after another, in one pass over the non-zeros.

Notation (one block = sample x channel, cell = block x bin): nu = phi A with phi the product of the factors and
A = nominal + sum of the shifts; l = d log(phi)/d theta, d = dA/d theta. Then grad nu = phi (A l + d) and
Hess nu = phi (A l l' + l d' + d l' + diag(...)). Everything is in NLL (half of 2NLL) as a deviance from its own minimum, so
that huge auxiliary counts lose no digits.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from hfx.hf_core.interpolation import clip, histosys_0, histosys_2, histosys_4p, normsys_4
from hfx.hf_core.parameters import NORMAL, POISSON

__all__ = ["evaluate", "sample_yields"]

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")

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
def _normsys(code: int, a: float, sign: float, row: Any) -> Any:
    """f, f'/f and f''/f of one normsys factor."""
    if code == 1:
        slope = row[6] if sign > 0.0 else -row[7]
        return math.exp(a * slope), slope, slope * slope
    c = clip(a)
    value, slope, curvature = normsys_4(c, row[0], row[1], row[2], row[3], row[4], row[5])
    if abs(value) < _TINY:
        value = _TINY
    if a > 1.0:
        return value * math.exp((a - 1.0) * row[6]), slope / value, curvature / value
    if a < -1.0:
        return value * math.exp((-1.0 - a) * row[7]), slope / value, curvature / value
    return value, slope / value, curvature / value


@_jit
def _shift_shape(code: int, a: float, sign: float) -> Any:
    if code == 4:
        return histosys_4p(a, sign)
    if code == 2:
        return histosys_2(a, sign)
    return histosys_0(a, sign)


@_jit
def _block_factors(t: Any, h: int, k: int, theta: Any, sign: Any, slopes: Any, seconds: Any, indices: Any) -> Any:
    """Product of block k's scalar factors; log-derivatives, f''/f and parameter indices into the given buffers."""
    phi = 1.0
    count = 0
    for e in range(t.linear_from[k], t.linear_from[k + 1]):
        p = t.start[h, t.linear_key[e]]
        value = theta[p]
        if abs(value) < _TINY:
            value = _TINY
        phi *= value
        slopes[count] = 1.0 / value
        seconds[count] = 0.0
        indices[count] = p
        count += 1
    for e in range(t.normsys_from[k], t.normsys_from[k + 1]):
        p = t.start[h, t.normsys_key[e]]
        value, slope, second = _normsys(t.normsys_code, theta[p], sign[p], t.normsys_table[e])
        phi *= value
        slopes[count] = slope
        seconds[count] = second
        indices[count] = p
        count += 1
    return phi, count


@_jit
def _block_yields(t: Any, h: int, k: int, theta: Any, shape: Any, additive: Any) -> None:
    """A of each bin of block k into ``additive``."""
    bins = t.block_bins[k]
    cell = t.block_cell[k]
    for i in range(bins):
        additive[i] = t.nominal[cell + i]
    for e in range(t.shift_from[k], t.shift_from[k + 1]):
        p = t.start[h, t.shift_key[e]]
        a, even, at = theta[p], shape[0, p], t.shift_cell[e]
        for i in range(bins):
            additive[i] += a * t.shift_odd[at + i] + even * t.shift_even[at + i]


@_jit
def _gamma_product(t: Any, h: int, k: int, i: int, theta: Any) -> float:
    product = 1.0
    for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
        value = theta[t.start[h, t.gamma_key[e]] + i]
        product *= value if abs(value) >= _TINY else _TINY
    return product


@_jit
def _shapes(t: Any, h: int, theta: Any, sign: Any, shape: Any) -> None:
    for p in range(t.size[h]):
        shape[0, p], shape[1, p], shape[2, p] = _shift_shape(t.histosys_code, theta[p], sign[p])


@_jit
def _scratch(t: Any, parameters: int) -> Any:
    """Buffers for one thread, sized by the largest block."""
    bins, factors = 1, 1
    for k in range(len(t.block_bins)):
        bins = max(bins, t.block_bins[k])
        factors = max(
            factors, t.linear_from[k + 1] - t.linear_from[k] + t.normsys_from[k + 1] - t.normsys_from[k]
        )
    return bins, factors


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
    """NLL deviance of each fit b into ``value`` (B,); with order 2 also ``gradient`` (B, P) and ``hessian`` (B, P, P),
    which is the exact one with order 2 and its Gauss-Newton part (never negative) with order 1.

    ``t`` are the Tables, ``hypothesis`` (B,), ``theta`` and ``aux`` (B, P), ``main`` (B, N) the data in events; ``sign`` (B, P)
    is the side on which a kink at zero is read.
    """
    fits, parameters = theta.shape
    max_bins, max_factors = _scratch(t, parameters)
    shape = np.zeros((3, parameters))
    slopes, seconds = np.zeros(max_factors), np.zeros(max_factors)
    indices = np.zeros(max_factors, dtype=np.int64)
    additive = np.zeros(max_bins)
    nu = np.zeros(main.shape[1])
    first, second = np.zeros(main.shape[1]), np.zeros(main.shape[1])
    jacobian = np.zeros((main.shape[1], parameters))
    mixed, cell, summed = np.zeros(parameters), np.zeros(parameters), np.zeros(parameters)
    for b in range(fits):
        h = hypothesis[b]
        x, s = theta[b], sign[b]
        size, bins = t.size[h], t.bins[h]
        _shapes(t, h, x, s, shape)
        nu[:bins] = 0.0
        for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
            k = t.hypothesis_block[r]
            place = t.offset[h, t.block_channel[k]]
            phi, _ = _block_factors(t, h, k, x, s, slopes, seconds, indices)
            _block_yields(t, h, k, x, shape, additive)
            for i in range(t.block_bins[k]):
                nu[place + i] += phi * additive[i] * _gamma_product(t, h, k, i, x)
        total = 0.0
        for n in range(bins):
            term, first[n], second[n] = _poisson(nu[n], main[b, n], t.floor[h, n])
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
            jacobian[:bins, :] = 0.0
            for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
                k = t.hypothesis_block[r]
                _add_block(
                    t, h, k, x, s, order == 2, shape, first, jacobian, hessian[b], size,
                    slopes, seconds, indices, additive, mixed, cell, summed,
                )  # fmt: skip
            _add_bins(bins, size, first, second, jacobian, gradient[b], hessian[b])


@_jit
def _add_block(
    t: Any, h: int, k: int, theta: Any, sign: Any, exact: bool, shape: Any, first: Any, jacobian: Any, hess: Any, size: int,
    slopes: Any, seconds: Any, indices: Any, additive: Any, mixed: Any, cell: Any, summed: Any,
) -> None:  # fmt: skip
    """Block k's rows of the Jacobian of nu, and its second derivatives weighted by dNLL/dnu (half: U of U + U')."""
    phi, factors = _block_factors(t, h, k, theta, sign, slopes, seconds, indices)
    _block_yields(t, h, k, theta, shape, additive)
    place = t.offset[h, t.block_channel[k]]
    shift_first, shift_last = t.shift_from[k], t.shift_from[k + 1]
    gamma_first, gamma_last = t.gamma_from[k], t.gamma_from[k + 1]
    summed[:size] = 0.0  # sum over bins of w phi d
    weight = 0.0  # sum over bins of w nu
    for i in range(t.block_bins[k]):
        factor = phi * _gamma_product(t, h, k, i, theta)
        rate = factor * additive[i]
        w = first[place + i]
        weight += w * rate
        cell[:size] = 0.0
        for e in range(shift_first, shift_last):
            p = t.start[h, t.shift_key[e]]
            at = t.shift_cell[e] + i
            d = factor * (t.shift_odd[at] + shape[1, p] * t.shift_even[at])
            cell[p] += d
            if exact:
                hess[p, p] += 0.5 * w * factor * shape[2, p] * t.shift_even[at]
        for p in range(size):
            summed[p] += w * cell[p]
        for f in range(factors):
            cell[indices[f]] += rate * slopes[f]
        for e in range(gamma_first, gamma_last):
            p = t.start[h, t.gamma_key[e]] + i
            inverse = 1.0 / theta[p] if abs(theta[p]) >= _TINY else 1.0 / _TINY
            if exact:
                scale = w * inverse
                for q in range(size):
                    hess[p, q] += scale * cell[q]
            cell[p] += rate * inverse
        for p in range(size):
            jacobian[place + i, p] += cell[p]
    if not exact:
        return
    for p in range(size):
        mixed[p] = summed[p]
    for f in range(factors):
        mixed[indices[f]] += 0.5 * weight * slopes[f]
    for f in range(factors):
        p, slope = indices[f], slopes[f]
        kept = mixed[p]
        mixed[p] = 0.0  # the diagonal is not l l' but f''/f
        for q in range(size):
            hess[p, q] += slope * mixed[q]
        mixed[p] = kept
        hess[p, p] += 0.5 * weight * seconds[f] + slope * summed[p]


@_jit
def _add_bins(
    bins: int, size: int, first: Any, second: Any, jacobian: Any, grad: Any, hess: Any
) -> None:
    """Gradient and Gauss-Newton part from the bins; completes hess = U + U'."""
    for n in range(bins):
        row = jacobian[n]
        for p in range(size):
            grad[p] += first[n] * row[p]
        half = 0.5 * second[n]
        if half != 0.0:
            for p in range(size):
                scale = half * row[p]
                if scale != 0.0:
                    for q in range(size):
                        hess[p, q] += scale * row[q]
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
    max_bins, max_factors = _scratch(t, parameters)
    shape = np.zeros((3, parameters))
    slopes, seconds = np.zeros(max_factors), np.zeros(max_factors)
    indices = np.zeros(max_factors, dtype=np.int64)
    additive = np.zeros(max_bins)
    for b in range(fits):
        h = hypothesis[b]
        _shapes(t, h, theta[b], sign[b], shape)
        rates[b, :] = 0.0
        yields[b, :] = 0.0
        cell = 0
        for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
            k = t.hypothesis_block[r]
            place = t.offset[h, t.block_channel[k]]
            phi, _ = _block_factors(t, h, k, theta[b], sign[b], slopes, seconds, indices)
            _block_yields(t, h, k, theta[b], shape, additive)
            for i in range(t.block_bins[k]):
                rate = phi * additive[i] * _gamma_product(t, h, k, i, theta[b])
                yields[b, cell] = rate
                rates[b, place + i] += rate
                cell += 1
