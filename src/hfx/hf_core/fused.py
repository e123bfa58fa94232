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

import numpy as np
from numba import types
from numba.experimental import structref

from hfx.hf_core.interpolation import clip, histosys_0, histosys_2, histosys_4p, normsys_4
from hfx.hf_core.jit import inline, jit
from hfx.hf_core.linear import LANES, padded
from hfx.hf_core.parameters import NORMAL

__all__ = ["TINY", "constraint", "derivatives", "evaluate", "poisson", "rates", "resolve", "shift_shape", "value", "work"]

# A linear factor at zero (mu = 0) is replaced by this: nu is unchanged in float64, and log-derivatives stay finite.
TINY = 1e-150


@jit
def poisson(nu: float, n: float, floor: float) -> Any:
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
def constraint(kind: int, theta: float, aux: float, width: float) -> Any:
    """Deviance/2, slope and curvature of a constraint term; theta and aux in the parameter's own unit."""
    if kind == NORMAL:
        pull = (theta - aux) / width
        return 0.5 * pull * pull, pull / width, 1.0 / (width * width)
    if aux <= 0.0:
        return width * theta, width, 0.0
    u = (theta - aux) / aux
    return width * aux * (u - math.log1p(u)), width * (theta - aux) / theta, width * aux / (theta * theta)


@inline
def shift_shape(code: int, a: float, sign: float) -> Any:
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
    "coefficient",  # (products, 2): of the products for two parameters
    "row",  # (products,)
    "diagonal",  # (P,): the Hessian's
    "across",  # (P,): whether a parameter is a factor per bin
    "reflected",  # (P,) where one parameter alone goes
    "ratio",  # (P,) of its factor there
    "changed",  # (P, N): of each bin's rate
]
structref.define_constructor(Work, _WorkType, _FIELDS)  # type: ignore[no-untyped-call]


@jit
def work(t: Any) -> Any:
    """Buffers for the largest hypothesis."""
    parameters, bins = t.width.shape[1], t.floor.shape[1]
    width = padded(parameters)
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
        np.zeros((3 * blocks + bins, width)),
        np.zeros(width),
        np.zeros((2 * blocks + bins + 2, 2)),
        np.zeros(2 * blocks + bins + 2, dtype=np.int64),
        np.zeros(parameters),
        np.zeros(parameters, dtype=np.bool_),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros((parameters, bins)),
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
def _normsys_1(log_hi: Any, log_lo: Any, index: Any, theta: Any, sign: Any, slopes: Any, seconds: Any) -> float:
    exponent = 0.0
    for j in range(len(index)):
        p = index[j]
        slope = log_hi[j] if sign[p] > 0.0 else -log_lo[j]
        exponent += theta[p] * slope
        slopes[j] = slope
        seconds[j] = slope * slope
    return math.exp(exponent)


@inline
def _normsys_4(table: Any, first: int, index: Any, clipped: Any, slopes: Any, seconds: Any) -> float:
    """Product of the factors inside [-1, 1], from entry ``first``; f'/f and f''/f."""
    last = first + len(index)
    c1, c2, c3 = table[0, first:last], table[1, first:last], table[2, first:last]
    c4, c5, c6 = table[3, first:last], table[4, first:last], table[5, first:last]
    product = 1.0
    for j in range(len(index)):
        value, slope, second = normsys_4(clipped[index[j]], c1[j], c2[j], c3[j], c4[j], c5[j], c6[j])
        value = value if abs(value) >= TINY else TINY
        inverse = 1.0 / value
        product *= value
        slopes[j] = slope * inverse
        seconds[j] = second * inverse
    return product


@inline
def _beyond(log_hi: Any, log_lo: Any, index: Any, above: Any, below: Any) -> float:
    """What the exponentials outside [-1, 1] add to the product's logarithm."""
    exponent = 0.0
    for j in range(len(index)):
        exponent += above[index[j]] * log_hi[j] + below[index[j]] * log_lo[j]
    return exponent


@inline
def _shapes(code: int, size: int, theta: Any, sign: Any, shape: Any, clipped: Any, above: Any, below: Any) -> bool:
    """T, T', T'' and the clipped value of each parameter; whether any lies outside [-1, 1]."""
    outside = False
    for p in range(size):
        a = theta[p]
        shape[0, p], shape[1, p], shape[2, p] = shift_shape(code, a, sign[p])
        clipped[p] = clip(a)
        above[p] = max(a - 1.0, 0.0)
        below[p] = max(-1.0 - a, 0.0)
        outside |= abs(a) > 1.0
    return outside


@inline
def _shifted(alpha: Any, even: Any, odd_table: Any, even_table: Any) -> float:
    """Sum of alpha S + T D over one cell's shifts."""
    total = 0.0
    for j in range(len(odd_table)):
        total += alpha[j] * odd_table[j] + even[j] * even_table[j]
    return total


@jit
def rates(t: Any, h: int, theta: Any, sign: Any, w: Any) -> None:
    """Expected events of every cell (``w.yields``; ``w.scale`` is phi) and main bin (``w.nu``) of one fit."""
    shape, clipped, above, below, alpha, even = w.shape, w.clipped, w.above, w.below, w.alpha, w.even
    index, slopes, seconds, shift_index = w.index, w.slope, w.second, w.shift_index
    scales, yields, nu = w.scale, w.yields, w.nu
    outside = _shapes(t.histosys_code, t.size[h], theta, sign, shape, clipped, above, below)
    for n in range(len(nu)):
        nu[n] = 0.0
    cell = 0
    first = t.hypothesis_from[h]
    for r in range(t.hypothesis_from[h + 1] - first):
        k = t.hypothesis_block[first + r]
        at = w.factor_from[r]
        phi = 1.0
        for _ in range(t.linear_from[k + 1] - t.linear_from[k]):
            factor = theta[index[at]]
            factor = factor if abs(factor) >= TINY else TINY
            phi *= factor
            slopes[at] = 1.0 / factor
            seconds[at] = 0.0
            at += 1
        begin, end = t.normsys_from[k], t.normsys_from[k + 1]
        if end > begin:
            last = at + end - begin
            entries, log_hi, log_lo = index[at:last], t.normsys_table[6, begin:end], t.normsys_table[7, begin:end]
            if t.normsys_code == 1:
                phi *= _normsys_1(log_hi, log_lo, entries, theta, sign, slopes[at:last], seconds[at:last])
            else:
                phi *= _normsys_4(t.normsys_table, begin, entries, clipped, slopes[at:last], seconds[at:last])
                if outside:
                    phi *= math.exp(_beyond(log_hi, log_lo, entries, above, below))
        begin = w.block_shift_from[r]
        shifts = w.block_shift_from[r + 1] - begin
        for j in range(shifts):
            p = shift_index[begin + j]
            alpha[j], even[j] = theta[p], shape[0, p]
        place = t.offset[h, t.block_channel[k]]
        for i in range(t.block_bins[k]):
            scale = phi
            for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
                gamma = theta[t.start[h, t.gamma_key[e]] + i]
                scale *= gamma if abs(gamma) >= TINY else TINY
            at = t.shift_cell[k] + i * shifts
            moved = _shifted(alpha, even, t.shift_odd[at : at + shifts], t.shift_even[at : at + shifts])
            rate = scale * (t.nominal[t.block_cell[k] + i] + moved)
            scales[cell] = scale
            yields[cell] = rate
            nu[place + i] += rate
            cell += 1


@jit
def value(t: Any, h: int, theta: Any, sign: Any, main: Any, aux: Any, w: Any) -> float:
    """NLL deviance of one fit of the resolved hypothesis h; leaves in ``w`` what :func:`derivatives` needs."""
    rates(t, h, theta, sign, w)
    total = 0.0
    for n in range(t.bins[h]):
        term, w.first[n], w.curvature[n] = poisson(w.nu[n], main[n], t.floor[h, n])
        total += term
    for p in range(t.size[h]):
        if t.constraint[h, p] != 0:
            total += constraint(t.constraint[h, p], theta[p], aux[p], t.width[h, p])[0]
    return total


@jit
def derivatives(t: Any, h: int, theta: Any, aux: Any, exact: bool, w: Any, gradient: Any, hessian: Any) -> None:
    """Gradient (P,) and the upper triangle of the Hessian (P, :func:`padded` P) where :func:`value` was last computed.

    The Hessian is the exact one, or its Gauss-Newton part, which is never negative. What lies below its diagonal or beyond
    P is of no meaning.
    """
    size, bins = t.size[h], t.bins[h]
    rows, diagonal, firsts, curvatures, across = w.rows, w.diagonal, w.first, w.curvature, w.across
    width = rows.shape[1]
    first = t.hypothesis_from[h]
    blocks = t.hypothesis_from[h + 1] - first
    for p in range(size):
        gradient[p] = diagonal[p] = 0.0
        across[p] = False
        for q in range(width):
            hessian[p, q] = 0.0
    for r in range(3 * blocks + bins):
        for q in range(width):
            rows[r, q] = 0.0
    cell = 0
    for r in range(blocks):
        _block_rows(t, h, r, blocks, cell, theta, exact, w, rows, diagonal, hessian)
        cell += t.block_bins[t.hypothesis_block[first + r]]
    for n in range(bins):
        row, slope, curvature = rows[3 * blocks + n], firsts[n], curvatures[n]
        for p in range(size):
            gradient[p] += slope * row[p]
            diagonal[p] += curvature * row[p] * row[p]
    for p in range(size):
        diagonal[p] += hessian[p, p]
        if t.constraint[h, p] != 0:
            _, slope, curvature = constraint(t.constraint[h, p], theta[p], aux[p], t.width[h, p])
            gradient[p] += slope
            diagonal[p] += curvature
        if across[p]:  # its row lies on both sides of the diagonal
            for q in range(p):
                hessian[q, p] += hessian[p, q]
    _products(blocks if exact else 0, blocks, bins, size, rows, curvatures, w.coefficient, w.row, hessian)
    for p in range(size):
        hessian[p, p] = diagonal[p]


@inline
def _block_rows(
    t: Any, h: int, r: int, blocks: int, cell: int, theta: Any, exact: bool, w: Any, rows: Any, diagonal: Any, hessian: Any
) -> None:
    """The rows l, s and w l + s of the hypothesis' block r, its cells' part of the Jacobian, and what its factors and shifts
    add to the diagonal of the Hessian and its factors per bin to their rows of it."""
    width = rows.shape[1]
    k = t.hypothesis_block[t.hypothesis_from[h] + r]
    place = t.offset[h, t.block_channel[k]]
    logarithmic, additive, both, row = rows[r], rows[blocks + r], rows[2 * blocks + r], w.cell
    factors, slopes, seconds = w.index, w.slope, w.second
    for f in range(w.factor_from[r], w.factor_from[r + 1]):
        logarithmic[factors[f]] = slopes[f]
    begin = w.block_shift_from[r]
    shifts = w.block_shift_from[r + 1] - begin
    index = w.shift_index[begin : begin + shifts]
    shape, even_slope, moved, summed, curved = w.shape, w.even_slope, w.moved, w.summed, w.curved
    for j in range(shifts):
        even_slope[j] = shape[1, index[j]]
        summed[j] = 0.0
        curved[j] = 0.0
    weight = 0.0
    for i in range(t.block_bins[k]):
        rate, slope, scale = w.yields[cell + i], w.first[place + i], w.scale[cell + i]
        weight += slope * rate
        at = t.shift_cell[k] + i * shifts
        odd, even = t.shift_odd[at : at + shifts], t.shift_even[at : at + shifts]
        for j in range(shifts):
            moved[j] = scale * (odd[j] + even_slope[j] * even[j])
        for j in range(shifts):
            summed[j] += slope * moved[j]
            curved[j] += slope * scale * even[j]
        for p in range(width):
            row[p] = rate * logarithmic[p]
        for j in range(shifts):
            row[index[j]] += moved[j]
        for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
            gamma = t.start[h, t.gamma_key[e]] + i
            inverse = 1.0 / theta[gamma] if abs(theta[gamma]) >= TINY else 1.0 / TINY
            if exact:
                w.across[gamma] = True
                whole = hessian[gamma]
                for p in range(width):
                    whole[p] += slope * inverse * row[p]
            row[gamma] += rate * inverse
        jacobian = rows[3 * blocks + place + i]
        for p in range(width):
            jacobian[p] += row[p]
    if exact:
        for j in range(shifts):
            p = index[j]
            additive[p] = summed[j]
            diagonal[p] += curved[j] * shape[2, p]
        for p in range(width):
            both[p] = weight * logarithmic[p] + additive[p]
        for f in range(w.factor_from[r], w.factor_from[r + 1]):
            p = factors[f]
            diagonal[p] += weight * seconds[f] + 2.0 * slopes[f] * additive[p]


@inline
def _products(
    exact: int, blocks: int, bins: int, size: int, rows: Any, curvatures: Any, coefficients: Any, products: Any, hessian: Any
) -> None:
    """Add the products of rows to the Hessian, two of its rows and three products at a time.

    The compiler fills the vector lanes only where few pairs of arrays could overlap (five arrays, not six), and only multiples
    of :data:`LANES`: whence rows that begin left of the diagonal and end beyond P.
    """
    width = rows.shape[1]
    for p in range(0, size, 2):
        other = min(p + 1, size - 1)
        count = 0
        for r in range(exact):
            a, b = rows[r, p], rows[r, other]
            if a != 0.0 or b != 0.0:
                coefficients[count, 0], coefficients[count, 1], products[count] = a, b, 2 * blocks + r
                count += 1
            a, b = rows[blocks + r, p], rows[blocks + r, other]
            if a != 0.0 or b != 0.0:
                coefficients[count, 0], coefficients[count, 1], products[count] = a, b, r
                count += 1
        for n in range(bins):
            a, b = curvatures[n] * rows[3 * blocks + n, p], curvatures[n] * rows[3 * blocks + n, other]
            if a != 0.0 or b != 0.0:
                coefficients[count, 0], coefficients[count, 1], products[count] = a, b, 3 * blocks + n
                count += 1
        while count % 3:
            coefficients[count, 0], coefficients[count, 1], products[count] = 0.0, 0.0, 0
            count += 1
        left = p // LANES * LANES
        above, below = hessian[p, left:width], hessian[p + 1, left:width]
        for e in range(0, count, 3):
            a0, a1, a2 = coefficients[e, 0], coefficients[e + 1, 0], coefficients[e + 2, 0]
            b0, b1, b2 = coefficients[e, 1], coefficients[e + 1, 1], coefficients[e + 2, 1]
            row0, row1, row2 = rows[products[e], left:width], rows[products[e + 1], left:width], rows[products[e + 2], left:width]
            for q in range(width - left):
                x, y, z = row0[q], row1[q], row2[q]
                above[q] += a0 * x + a1 * y + a2 * z
                below[q] += b0 * x + b1 * y + b2 * z


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
    width = padded(theta.shape[1])
    upper = np.zeros((width, width))
    for b in range(len(hypothesis)):
        h = hypothesis[b]
        resolve(t, h, w)
        values[b] = value(t, h, theta[b], sign[b], main[b], aux[b], w)
        gradient[b, :] = 0.0
        hessian[b, :, :] = 0.0
        derivatives(t, h, theta[b], aux[b], exact, w, gradient[b], upper)
        for p in range(t.size[h]):
            for q in range(p, t.size[h]):
                hessian[b, p, q] = hessian[b, q, p] = upper[p, q]
