"""Gradient and exact Hessian of one fit, as a few rows, from which products with a vector and the matrix are computed.

With l = d log(phi)/d theta and d = dA/d theta (:mod:`hfx.hf_core.cpu.rates` has the notation), grad nu = phi (A l + d) and
Hess nu = phi (A l l' + l d' + d l' + diag(...)). All cells of a block share its interpolated factors, so that the Hessian is

- for each block w l l' + l s' + s l', with w and s the sums over its bins of dNLL/dnu times nu and times phi d;
- for each bin the curvature of its Poisson term times J J', with J its row of the Jacobian;
- for each parameter that is a factor itself (normfactors, lumi, gammas) one row across: such a factor has no second
  derivative, and its row is finite also where the factor is zero;
- a diagonal.

A row has the shared parameters alone (:mod:`hfx.hf_core.cpu.arrangement`); beside it lie the few of its bin's own ones.
"""

from __future__ import annotations

import numpy as np

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu.buffers import WorkArrays, resolve
from hfx.hf_core.cpu.compilation import entry, inline, separately_compiled
from hfx.hf_core.cpu.linear_algebra import LANES
from hfx.hf_core.cpu.rates import TINY, constraint, slopes, value
from hfx.hf_core.cpu.solver_state import State
from hfx.hf_core.cpu.structures import Array, Index

__all__ = ["derivatives", "evaluate", "hessian", "hessian_product"]


@separately_compiled
def derivatives(t: Tables, h: int, theta: Array, aux: Array, w: WorkArrays, gradient: Array) -> None:
    """Gradient (P,) where :func:`hfx.hf_core.cpu.rates.value` was last computed, and into ``w`` the rows of the Hessian there."""
    size, bins, first = t.size[h], t.bins[h], t.hypothesis_from[h]
    jacobian, diagonal, remainder, prior, bent = w.jacobian, w.diagonal, w.remainder, w.prior, w.bent
    slopes(t, h, w)
    bent[:] = 0.0
    remainder[:] = 0.0
    diagonal[:] = 0.0
    jacobian[:bins] = 0.0
    w.own[:size] = 0.0
    w.across[: w.slots[0]] = 0.0
    w.across_own[: w.slots[0]] = 0.0
    w.joint[: w.slots[0]] = 0.0
    w.joint_own[: w.slots[0]] = 0.0
    cell = 0
    for r in range(w.blocks[0]):
        k = t.hypothesis_block[first + r]
        _block(t, h, r, k, cell, theta, w)
        cell += t.block_bins[k]
    for p in range(len(bent)):
        remainder[p] += bent[p]
    for p in range(len(bent)):
        diagonal[p] += bent[p]
    _rows_of_gammas(theta, w)
    for p in range(size):
        gradient[p] = 0.0
    rates, row_slopes, curvatures, row_curvature, row_rate = w.nu, w.first, w.curvature, w.row_curvature, w.row_rate
    shared, own, local_from = w.shared[0], w.own, w.local_from
    for n in range(bins):
        row, slope, curvature = jacobian[n], row_slopes[n], curvatures[n]
        row_curvature[n], row_rate[n] = curvature, rates[n]
        for p in range(shared):
            gradient[p] += slope * row[p]
            diagonal[p] += curvature * row[p] * row[p]
        for p in range(local_from[n], local_from[n + 1]):
            gradient[p] = slope * own[p]
            diagonal[p] = curvature * own[p] * own[p]
    kind, widths = w.constraint, w.width
    for p in range(size):
        prior[p] = 0.0
        if kind[p] != 0:
            _, slope, curvature = constraint(kind[p], theta[p], aux[p], widths[p])
            gradient[p] += slope
            diagonal[p] += curvature
            prior[p] = curvature


@inline
def _block(t: Tables, h: int, r: int, k: int, cell: int, theta: Array, w: WorkArrays) -> None:
    """The rows of the hypothesis' block k, its r-th, and its part of the Jacobian, the rows across and the diagonal."""
    jacobian, across, joint, width = w.jacobian, w.across, w.joint, w.jacobian.shape[1]
    place, bins = t.offset[h, t.block_channel[k]], t.block_bins[k]
    logarithmic, additive, both, remainder, diagonal = w.logarithmic[r], w.additive[r], w.both[r], w.remainder, w.diagonal
    bent, index, slopes, seconds = w.bent, w.normsys, w.slope, w.second
    for e in range(w.normsys_from[r], w.normsys_from[r + 1]):
        logarithmic[index[e]] = slopes[e]
    begin = w.shift_from[r]
    shifts = w.shift_from[r + 1] - begin
    shifted = w.shift_index[begin : begin + shifts]
    shape, even_slope, moved, summed, curved = w.shape, w.even_slope, w.moved, w.summed, w.curved
    for j in range(shifts):
        even_slope[j] = shape[1, shifted[j]]
        summed[j] = 0.0
        curved[j] = 0.0
    gammas, gamma_begin = t.gamma_from[k + 1] - t.gamma_from[k], w.gamma_from[r]
    gamma_slot, slotted, local_from, shared = w.gamma_slot, w.slotted, w.local_from, w.shared[0]
    linear, linear_slope, linear_begin, linear_end = w.linear, w.linear_slope, w.linear_from[r], w.linear_from[r + 1]
    rates, row_slopes, scales, odd_table, even_table = w.yields, w.first, w.scale, t.shift_odd, t.shift_even
    at, weight = t.shift_cell[k], 0.0
    for i in range(bins):
        rate, slope, scale = rates[cell + i], row_slopes[place + i], scales[cell + i]
        weight += slope * rate
        odd, even = odd_table[at : at + shifts], even_table[at : at + shifts]
        at += shifts
        for j in range(shifts):
            moved[j] = scale * (odd[j] + even_slope[j] * even[j])
        for j in range(shifts):
            summed[j] += slope * moved[j]
        for j in range(shifts):
            curved[j] += slope * scale * even[j]
        if gammas == 0:
            _add_cell(
                jacobian[place + i], rate, logarithmic, moved, shifts, shifted, linear_begin, linear_end, linear, linear_slope
            )
        for g in range(gammas):
            slot = gamma_slot[gamma_begin + g * bins + i]
            row, own = (across[slot], w.across_own[slot]) if g == 0 else (joint[slot], w.joint_own[slot])
            _add_cell(row, rate, logarithmic, moved, shifts, shifted, linear_begin, linear_end, linear, linear_slope)
            for other in range(g if g == 0 else g + 1, gammas):
                gamma = slotted[gamma_slot[gamma_begin + other * bins + i]]
                if gamma < shared:
                    row[gamma] += rate * _inverse(theta[gamma])
                else:
                    own[gamma - local_from[place + i]] += rate * _inverse(theta[gamma])
    w.weight[r] = weight
    for e in range(w.normsys_from[r], w.normsys_from[r + 1]):
        bent[index[e]] += weight * seconds[e]
    for j in range(shifts):
        additive[shifted[j]] = summed[j]
        bent[shifted[j]] += curved[j] * shape[2, shifted[j]]
    for p in range(width):
        both[p] = weight * logarithmic[p] + additive[p]
    for p in range(width):
        diagonal[p] += 2.0 * logarithmic[p] * additive[p]
    for p in range(width):
        remainder[p] -= weight * logarithmic[p] * logarithmic[p]
    for e in range(linear_begin, linear_end):
        row, slope = across[w.linear_slot[e]], linear_slope[e]
        for p in range(width):
            row[p] += slope * both[p]
        for other in range(linear_begin, e):
            row[linear[other]] += weight * slope * linear_slope[other]


@inline
def _add_cell(
    row: Array,
    rate: float,
    logarithmic: Array,
    moved: Array,
    shifts: int,
    shifted: Index,
    begin: int,
    end: int,
    linear: Index,
    linear_slope: Array,
) -> None:
    """Add a cell's derivatives by all but its factors per bin."""
    for p in range(len(row)):
        row[p] += rate * logarithmic[p]
    for j in range(shifts):
        row[shifted[j]] += moved[j]
    for e in range(begin, end):
        row[linear[e]] += rate * linear_slope[e]


@inline
def _rows_of_gammas(theta: Array, w: WorkArrays) -> None:
    """Adds the rows of the factors per bin to the Jacobian, and turns them into the derivatives of its rows."""
    across, joints, jacobians, first, slotted, slot_bin = w.across, w.joint, w.jacobian, w.first, w.slotted, w.slot_bin
    width, local_from, shared = jacobians.shape[1], w.local_from, w.shared[0]
    for slot in range(w.slots[0]):
        n, gamma = slot_bin[slot], slotted[slot]
        if n >= 0:
            row, joint, jacobian = across[slot], joints[slot], jacobians[n]
            for p in range(width):
                jacobian[p] += row[p]
            factor = first[n] * _inverse(theta[gamma])
            for p in range(width):
                row[p] = factor * (row[p] + joint[p])
            begin, row_own, joint_own = local_from[n], w.across_own[slot], w.joint_own[slot]
            for j in range(local_from[n + 1] - begin):
                w.own[begin + j] += row_own[j]
                row_own[j] = factor * (row_own[j] + joint_own[j])
            if gamma < shared:
                row[gamma] = 0.0
            else:
                row_own[gamma - begin] = 0.0


@inline
def _inverse(factor: float) -> float:
    return 1.0 / factor if abs(factor) >= TINY else 1.0 / TINY


@separately_compiled
def hessian_product(blocks: int, bins: int, v: Array, w: WorkArrays, out: Array) -> None:
    """The exact Hessian, of the rows in ``w``, times ``v`` (padded P; zero beyond P) into ``out`` (padded P)."""
    for p in range(len(out)):
        out[p] = (w.remainder[p] + w.prior[p]) * v[p]
    width, local_from, own = w.jacobian.shape[1], w.local_from, w.own
    for r in range(blocks):
        logarithmic, additive = w.logarithmic[r], w.additive[r]
        one, two = 0.0, 0.0
        for p in range(width):
            one += logarithmic[p] * v[p]
            two += additive[p] * v[p]
        two += w.weight[r] * one
        for p in range(width):
            out[p] += two * logarithmic[p] + one * additive[p]
    for n in range(bins):
        row, along = w.jacobian[n], 0.0
        for p in range(width):
            along += row[p] * v[p]
        for p in range(local_from[n], local_from[n + 1]):
            along += own[p] * v[p]
        along *= w.row_curvature[n]
        for p in range(width):
            out[p] += along * row[p]
        for p in range(local_from[n], local_from[n + 1]):
            out[p] += along * own[p]
    for slot in range(w.slots[0]):
        row, parameter, along = w.across[slot], w.slotted[slot], 0.0
        for p in range(width):
            along += row[p] * v[p]
        given, n = v[parameter], w.slot_bin[slot]
        for p in range(width):
            out[p] += given * row[p]
        if n >= 0:
            begin, row_own = local_from[n], w.across_own[slot]
            for j in range(local_from[n + 1] - begin):
                along += row_own[j] * v[begin + j]
                out[begin + j] += given * row_own[j]
        out[parameter] += along


@separately_compiled
def hessian(
    blocks: int, bins: int, size: int, exact: bool | np.bool_, w: WorkArrays, matrix: Array, border: Array, corner: Array
) -> None:
    """The Hessian of the rows in ``w``, as a matrix of `cpu.arrow_matrix`: the exact one, or its Gauss-Newton part, which is
    never negative. Entries below its diagonal or beyond its parameters have no meaning."""
    shared, width = w.shared[0], w.jacobian.shape[1]
    for p in range(shared):
        for q in range(width):
            matrix[p, q] = 0.0
    border[: size - shared] = 0.0
    corner[: size - shared] = 0.0
    if exact:
        for slot in range(w.slots[0]):
            _across(slot, w, matrix, border, corner)
    _products(blocks if exact else 0, bins, shared, w, matrix)
    for n in range(bins):
        _own_products(n, w, border, corner)
    for p in range(shared):
        if exact:
            matrix[p, p] = w.diagonal[p]
        else:
            total = w.prior[p]
            for n in range(bins):
                total += w.row_curvature[n] * w.jacobian[n, p] ** 2
            matrix[p, p] = total
    for n in range(bins):
        begin = w.local_from[n]
        for p in range(begin, w.local_from[n + 1]):
            gauss_newton = w.prior[p] + w.row_curvature[n] * w.own[p] ** 2
            corner[p - shared, p - begin] = w.diagonal[p] if exact else gauss_newton


@inline
def _across(slot: int, w: WorkArrays, matrix: Array, border: Array, corner: Array) -> None:
    """Add a row across."""
    p, row, own, n, shared = w.slotted[slot], w.across[slot], w.across_own[slot], w.slot_bin[slot], w.shared[0]
    begin = w.local_from[n] if n >= 0 else 0
    count = w.local_from[n + 1] - begin if n >= 0 else 0
    if p < shared:
        above = matrix[p]
        for q in range(p + 1, shared):
            above[q] += row[q]
        for q in range(p):
            matrix[q, p] += row[q]
        for j in range(count):
            border[begin + j - shared, p] += own[j]
    else:
        target, at = border[p - shared], p - begin
        for q in range(shared):
            target[q] += row[q]
        for j in range(at):
            corner[begin + j - shared, at] += own[j]
        for j in range(at + 1, count):
            corner[p - shared, j] += own[j]


@inline
def _own_products(n: int, w: WorkArrays, border: Array, corner: Array) -> None:
    """Add the products of bin n's row that its own parameters are part of."""
    begin, end, shared, row = w.local_from[n], w.local_from[n + 1], w.shared[0], w.jacobian[n]
    for p in range(begin, end):
        factor, target = w.row_curvature[n] * w.own[p], border[p - shared]
        if factor != 0.0:
            for q in range(len(row)):
                target[q] += factor * row[q]
            for q in range(p + 1, end):
                corner[p - shared, q - begin] += factor * w.own[q]


@inline
def _products(blocks: int, bins: int, shared: int, w: WorkArrays, matrix: Array) -> None:
    """Add the products of rows to the Hessian, two of its rows and three products at a time.

    The compiler fills the vector lanes only where few pairs of arrays could overlap (five arrays, not six), and only multiples
    of :data:`LANES`: whence rows that begin left of the diagonal and end beyond P.
    """
    rows, coefficients, products = w.rows, w.coefficient, w.row
    most = len(w.weight)
    width = rows.shape[1]
    for p in range(0, shared, 2):
        other = min(p + 1, shared - 1)
        count = 0
        for r in range(blocks):
            a, b = rows[r, p], rows[r, other]
            if a != 0.0 or b != 0.0:
                coefficients[count, 0], coefficients[count, 1], products[count] = a, b, 2 * most + r
                count += 1
            a, b = rows[most + r, p], rows[most + r, other]
            if a != 0.0 or b != 0.0:
                coefficients[count, 0], coefficients[count, 1], products[count] = a, b, r
                count += 1
        for n in range(bins):
            a, b = w.row_curvature[n] * rows[3 * most + n, p], w.row_curvature[n] * rows[3 * most + n, other]
            if a != 0.0 or b != 0.0:
                coefficients[count, 0], coefficients[count, 1], products[count] = a, b, 3 * most + n
                count += 1
        while count % 3:
            coefficients[count, 0], coefficients[count, 1], products[count] = 0.0, 0.0, 0
            count += 1
        left = p // LANES * LANES
        above, below = matrix[p, left:width], matrix[p + 1, left:width]
        for e in range(0, count, 3):
            a0, a1, a2 = coefficients[e, 0], coefficients[e + 1, 0], coefficients[e + 2, 0]
            b0, b1, b2 = coefficients[e, 1], coefficients[e + 1, 1], coefficients[e + 2, 1]
            row0, row1, row2 = rows[products[e], left:width], rows[products[e + 1], left:width], rows[products[e + 2], left:width]
            for q in range(width - left):
                x, y, z = row0[q], row1[q], row2[q]
                above[q] += a0 * x + a1 * y + a2 * z
                below[q] += b0 * x + b1 * y + b2 * z


@entry
def evaluate(
    t: Tables,
    hypothesis: Index,
    theta: Array,
    sign: Array,
    main: Array,
    aux: Array,
    exact: bool,
    values: Array,
    gradient: Array,
    matrices: Array,
    w: WorkArrays,
    s: State,
) -> None:
    """NLL deviance of each fit b into ``values`` (B,), its ``gradient`` (B, P) and Hessian ``matrices`` (B, P, P): the exact one,
    or its Gauss-Newton part (never negative).

    ``t`` are the Tables by reference, ``hypothesis`` (B,), ``theta`` and ``aux`` (B, P), ``main`` (B, N) the data in events;
    ``sign`` (B, P) is the side on which a kink at zero is read. ``w`` and ``s`` are one thread's buffers.
    """
    for b in range(len(hypothesis)):
        h = hypothesis[b]
        resolve(t, h, w)
        size, shared, order = t.size[h], w.shared[0], w.order
        for p in range(size):
            s.theta[p], s.sign[p], s.aux[p] = theta[b, order[p]], sign[b, order[p]], aux[b, order[p]]
        values[b] = value(t, h, s.theta, s.sign, main[b], s.aux, w)
        gradient[b, :] = 0.0
        matrices[b, :, :] = 0.0
        derivatives(t, h, s.theta, s.aux, w, s.gradient)
        hessian(w.blocks[0], t.bins[h], size, exact, w, s.hessian, s.hessian_border, s.hessian_corner)
        for p in range(size):
            gradient[b, order[p]] = s.gradient[p]
        for p in range(shared):
            for q in range(p, shared):
                matrices[b, order[p], order[q]] = matrices[b, order[q], order[p]] = s.hessian[p, q]
        for n in range(t.bins[h]):
            begin, end = w.local_from[n], w.local_from[n + 1]
            for p in range(begin, end):
                for q in range(shared):
                    matrices[b, order[p], order[q]] = matrices[b, order[q], order[p]] = s.hessian_border[p - shared, q]
                for q in range(p, end):
                    matrices[b, order[p], order[q]] = matrices[b, order[q], order[p]] = s.hessian_corner[p - shared, q - begin]
