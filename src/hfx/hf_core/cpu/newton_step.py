"""Newton's step of one fit within its bounds, from the rows of the Hessian or from its matrix; compiled.

The rows alone serve as long as the Hessian is positive definite there; the matrix certifies the last step, and finds the way
out of saddles and valleys.
"""

from __future__ import annotations

import numpy as np

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.batch.tolerances import (
    ABANDON_EDM,
    ABANDON_MARGIN,
    ACTIVE_SET_ROUNDS,
    EMPTY_BIN_ROUNDS,
    MAX_DAMPING,
    NO_INFLUENCE,
    POLISHED_EDM,
    SADDLE_DECREASE,
)
from hfx.hf_core.cpu.arrow_matrix import factorise, list_moving, solve_factorised
from hfx.hf_core.cpu.buffers import WorkArrays
from hfx.hf_core.cpu.compilation import inline, jit, separately_compiled
from hfx.hf_core.cpu.conjugate_gradients import conjugate
from hfx.hf_core.cpu.derivatives import hessian, hessian_product
from hfx.hf_core.cpu.linear_algebra import dot
from hfx.hf_core.cpu.negative_curvature import lowest_curvature, valley_edm
from hfx.hf_core.cpu.solver_state import State
from hfx.hf_core.cpu.structures import Array, Flags

__all__ = ["limit_steps", "step"]

# A step is found by conjugate gradients on the Hessian's rows, by their preconditioner alone, or with the matrix.
ROWS, CONVEX_ROWS, MATRIX = 0, 1, 2


@jit
def limit_steps(kinked: Flags, theta: Array, lower: Array, upper: Array, size: int, diagonals: Array, s: State) -> None:
    """The limits of each parameter's step: its bounds, and zero for one with a kink there. Also the scale of the damping, and the
    parameters that may move: not fixed, not pressed against a bound, not without any influence."""
    for p in range(size):
        low, high = lower[p], upper[p]
        if kinked[p] and s.sign[p] > 0.0:
            low = max(low, 0.0)
        elif kinked[p]:
            high = min(high, 0.0)
        slope, diagonal = s.gradient[p], abs(diagonals[p])
        flat = diagonal < NO_INFLUENCE and abs(slope) < NO_INFLUENCE
        pressed = (theta[p] <= low and slope >= 0.0) or (theta[p] >= high and slope <= 0.0)
        s.free[p] = not (flat or pressed or low >= high)
        s.at_bound[p] = False
        s.least[p], s.most[p] = low, high
        s.low[p], s.high[p] = low - theta[p], high - theta[p]
        s.scale[p] = max(diagonal, 0.1 * abs(slope), NO_INFLUENCE)


@inline
def _solve_rows(t: Tables, h: int, size: int, convex: bool, damping: float, w: WorkArrays, s: State) -> bool:
    """The moving parameters' ``s.step`` without the matrix; False where this does not succeed."""
    blocks = w.blocks[0]
    solved = bool(conjugate(blocks, t.bins[h], size, damping, s.scale, s.free, s.at_bound, s.right, convex, w))
    for p in range(size):
        if solved and s.free[p] and not s.at_bound[p]:
            s.step[p] = w.solution[p]
    return solved


@inline
def _solve_matrix(bins: int, convex: bool, ready: bool, damping: float, w: WorkArrays, s: State) -> bool:
    """The moving parameters' ``s.step`` with the Hessian, or where that is not positive definite and the whole is known not to
    be (not ``convex``), with its Gauss-Newton part; False where neither is. ``ready``: the factor is there."""
    count = list_moving(bins, w, s)
    found = ready or factorise(s.hessian, s.hessian_border, s.hessian_corner, damping, s)
    if not found and not convex:
        found = factorise(s.gauss_newton, s.gauss_newton_border, s.gauss_newton_corner, damping, s)
    if not found:
        return False
    for i in range(count):
        s.packed[i] = s.right[s.index[i]]
    solve_factorised(s, s.packed)
    for i in range(count):
        s.step[s.index[i]] = s.packed[i]
    return True


@jit
def _predicted(blocks: int, bins: int, size: int, w: WorkArrays, s: State) -> float:
    """The decrease of the quadratic model along the step."""
    hessian_product(blocks, bins, s.step, w, s.product)
    return float(-(dot(s.step, s.gradient, size) + 0.5 * dot(s.step, s.product, size)))


@jit
def _leave_saddle(
    blocks: int,
    bins: int,
    size: int,
    damping: float,
    predicted: float,
    edm: float,
    w: WorkArrays,
    s: State,
) -> tuple[float, float]:
    """At a vanished gradient without a positive definite Hessian: (predicted, edm) of a step along the lowest curvature, or of
    the floor of a valley."""
    for p in range(size):
        s.at_bound[p] = False
    count = list_moving(bins, w, s)
    if count == 0:
        return predicted, 0.0
    flat = valley_edm(count, s)
    if flat >= 0.0:
        return predicted, flat
    lowest_curvature(count, s)
    uphill = 0.0
    for p in range(size):
        s.step[p] = 0.0
    for i in range(count):
        p = s.index[i]
        s.step[p] = s.packed[i]
        uphill += s.step[p] * s.gradient[p]
    length = (-1.0 if uphill > 0.0 else 1.0) / (1.0 + damping)
    for p in range(size):
        s.step[p] = min(max(length * s.step[p], s.low[p]), s.high[p])
    return _predicted(blocks, bins, size, w, s), edm


@jit
def _curvature(t: Tables, h: int, size: int, damping: float, w: WorkArrays, s: State) -> tuple[bool, float]:
    """The Hessian's matrix, its Gauss-Newton part where it is not positive definite, and the damping raised until one of both is.
    Returns whether the Hessian is, and the damping."""
    blocks, bins = w.blocks[0], t.bins[h]
    hessian(blocks, bins, size, np.bool_(True), w, s.hessian, s.hessian_border, s.hessian_corner)
    s.at_bound[:] = False
    list_moving(bins, w, s)
    convex = True
    while True:
        if factorise(s.hessian, s.hessian_border, s.hessian_corner, damping, s) or damping > MAX_DAMPING:
            break
        if convex:
            convex = False
            hessian(blocks, bins, size, np.bool_(False), w, s.gauss_newton, s.gauss_newton_border, s.gauss_newton_corner)
            if factorise(s.gauss_newton, s.gauss_newton_border, s.gauss_newton_corner, damping, s):
                break
        damping = max(4.0 * damping, 1e-3)
    return convex, damping


@inline
def _direction(
    t: Tables,
    h: int,
    size: int,
    convex: bool,
    damping: float,
    matrix_free: bool,
    w: WorkArrays,
    s: State,
) -> tuple[bool, float, float, float]:
    """The step into ``s.step``: (whether there is one, decrease of the NLL by the quadratic model, EDM, by how much the step was
    shortened). Within the bounds: parameters that would leave go to their bounds, and the others are solved again."""
    blocks, bins = w.blocks[0], t.bins[h]
    for p in range(size):
        s.at_bound[p] = False
        s.step[p] = 0.0
        s.right[p] = -s.gradient[p]
    edm = 0.0 if convex and damping == 0.0 else np.inf
    first_solution = True  # whether the first solution is the step
    for turn in range(ACTIVE_SET_ROUNDS + 1):
        solved = (
            _solve_rows(t, h, size, convex, damping, w, s)
            if matrix_free
            else _solve_matrix(bins, convex, turn == 0, damping, w, s)
        )
        if not solved and (matrix_free or turn == 0):
            return False, 0.0, np.inf, 1.0
        if turn == 0:
            for p in range(size):
                edm -= s.gradient[p] * s.step[p]
        left = False
        for p in range(size):
            if s.free[p] and not s.at_bound[p] and not s.low[p] <= s.step[p] <= s.high[p]:
                s.at_bound[p] = left = True
                first_solution = False
                s.step[p] = min(max(s.step[p], s.low[p]), s.high[p])
        if not left or not solved or turn == ACTIVE_SET_ROUNDS:
            break
        for p in range(size):
            s.pushed[p] = s.step[p] if s.at_bound[p] else 0.0
        hessian_product(blocks, bins, s.pushed, w, s.product)
        for p in range(size):
            s.right[p] = -(s.gradient[p] + s.product[p])
    stretch = 1.0
    for p in range(size):
        s.step[p] = min(max(s.step[p], s.low[p]), s.high[p]) if s.free[p] else 0.0
        stretch = max(stretch, abs(s.step[p]) / s.reach[p])
    for p in range(size):
        s.step[p] /= stretch
    if matrix_free and convex and first_solution:  # the iteration knows the product already
        predicted = -dot(s.step, s.gradient, size) - 0.5 * w.bend[0] / (stretch * stretch)
    else:
        predicted = _predicted(blocks, bins, size, w, s)
    if not matrix_free and (not convex or damping > 0.0) and predicted < SADDLE_DECREASE:
        predicted, edm = _leave_saddle(blocks, bins, size, damping, predicted, edm, w, s)
    return True, predicted, edm, stretch


@separately_compiled
def step(
    t: Tables,
    h: int,
    theta: Array,
    lower: Array,
    upper: Array,
    main: Array,
    size: int,
    near: bool,
    above: float,
    damping: float,
    w: WorkArrays,
    s: State,
) -> tuple[bool, float, float, float, float]:
    """The step into ``s.step``: (whether it was found without the matrix, damping, decrease of the NLL by the quadratic model,
    EDM, the factor by which the step was shortened). ``above``: 2NLL less the target that the fit must go below."""
    way = MATRIX if near else ROWS
    turn, beyond = 0, 0.0
    while True:
        matrix_free, convex = way != MATRIX, True
        if way == CONVEX_ROWS:
            convex = False
        elif way == MATRIX:
            convex, damping = _curvature(t, h, size, damping, w, s)
        found, predicted, edm, stretch = _direction(t, h, size, convex, damping, matrix_free, w, s)
        if way == ROWS and not found:
            way = CONVEX_ROWS
        elif matrix_free and (
            not found
            or (edm <= POLISHED_EDM and not above > ABANDON_MARGIN * edm)
            or (way == CONVEX_ROWS and predicted < ABANDON_EDM)
        ):
            way = MATRIX  # to certify, or near the end, where there may be a saddle or a valley
        elif turn < EMPTY_BIN_ROUNDS and _change_sides(t, h, main, w, s):
            turn += 1
            beyond = _beyond(t, h, main, w)
            limit_steps(w.kinked, theta, lower, upper, size, w.diagonal, s)
        else:
            break
    if beyond != 0.0:
        predicted, edm = predicted - beyond, np.inf
    return matrix_free, damping, predicted, edm, stretch


@jit
def _change_sides(t: Tables, h: int, main: Array, w: WorkArrays, s: State) -> bool:
    """The curvature of a bin without events jumps at a rate of zero: where the step leads across, the other side's derivatives
    are taken. Whether any are."""
    changed = False
    for n in range(t.bins[h]):
        if main[n] <= 0.0:
            row = w.jacobian[n]
            trial_rate = w.row_rate[n] + dot(row, s.step, w.shared[0])
            for p in range(w.local_from[n], w.local_from[n + 1]):
                trial_rate += w.own[p] * s.step[p]
            if (trial_rate < 0.0) != (w.row_curvature[n] != 0.0):
                changed = True
                inverse = 1.0 / t.floor[h, n]
                if trial_rate >= 0.0:
                    inverse = -inverse
                slope = inverse * w.row_rate[n]
                w.row_curvature[n] = max(inverse, 0.0)
                for p in range(w.shared[0]):
                    s.gradient[p] += slope * row[p]
                    w.diagonal[p] += inverse * row[p] * row[p]
                for p in range(w.local_from[n], w.local_from[n + 1]):
                    s.gradient[p] += slope * w.own[p]
                    w.diagonal[p] += inverse * w.own[p] * w.own[p]
    return changed


@inline
def _beyond(t: Tables, h: int, main: Array, w: WorkArrays) -> float:
    """The change of the NLL here by taking the derivatives of the other side in bins without events."""
    total = 0.0
    for n in range(t.bins[h]):
        if main[n] <= 0.0 and (w.row_rate[n] < 0.0) != (w.row_curvature[n] != 0.0):
            more = 0.5 * w.row_rate[n] * w.row_rate[n] / t.floor[h, n]
            total += more if w.row_rate[n] >= 0.0 else -more
    return total
