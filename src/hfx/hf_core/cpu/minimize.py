"""The minimisation of one fit after another in compiled code, without a copy or a call from Python between iterations.

The steps are those of `tensor.minimize`, whose docstring explains them; here each is written for one fit. Three things differ:
a step may be found without the matrix (`cpu.newton_step`), it takes the curvature beyond a rate of zero in an empty bin, and a
rejected trial is followed one step further.
"""

from __future__ import annotations

import math

import numpy as np

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.batch.problem import ABANDONED, CONVERGED, FLOOR, ITERATIONS, NOT_FINITE, RUNNING, STALLED
from hfx.hf_core.batch.tolerances import (
    ABANDON_EDM,
    ABANDON_MARGIN,
    EDM_LIMIT,
    LONGEST_PAUSE,
    MATRIX_EDM,
    MATRIX_FREE_STEPS,
    MAX_DAMPING,
    MAX_STEP,
    MAX_STEP_AT_LEAST,
    MIN_DAMPING,
    POLISH_STEPS,
    POLISHED_EDM,
    ROUNDING,
    SHORTENED,
    UNRESOLVED_DECREASE,
)
from hfx.hf_core.cpu.buffers import WorkArrays, resolve
from hfx.hf_core.cpu.compilation import entry, inline
from hfx.hf_core.cpu.derivatives import derivatives
from hfx.hf_core.cpu.mirrored_alphas import reflect
from hfx.hf_core.cpu.newton_step import limit_steps, step
from hfx.hf_core.cpu.rates import value
from hfx.hf_core.cpu.solver_state import State
from hfx.hf_core.cpu.structures import Array, Index
from hfx.hf_core.modifiers.base import NORMAL, POISSON

__all__ = ["minimize_rows"]


@inline
def _settle_kinks(
    t: Tables,
    h: int,
    theta: Array,
    main: Array,
    aux: Array,
    size: int,
    current: float,
    w: WorkArrays,
    s: State,
) -> float:
    """A parameter that rests on its kink at zero looks to the other side, and changes over where that lowers the NLL."""
    resting = False
    for p in range(size):
        rests = w.kinked[p] and theta[p] == 0.0
        s.trial_sign[p] = -s.sign[p] if rests else s.sign[p]
        resting |= rests
    if not resting:
        return current
    value(t, h, theta, s.trial_sign, main, aux, w)
    derivatives(t, h, theta, aux, w, s.other)
    for p in range(size):
        if w.kinked[p] and theta[p] == 0.0 and s.sign[p] * s.gradient[p] >= 0.0 and s.trial_sign[p] * s.other[p] < 0.0:
            s.sign[p] = s.trial_sign[p]
    current = value(t, h, theta, s.sign, main, aux, w)
    derivatives(t, h, theta, aux, w, s.gradient)
    return current


@inline
def _begin(theta: Array, lower: Array, upper: Array, aux: Array, size: int, w: WorkArrays, s: State) -> bool:
    """Puts the start within its bounds; whether any parameter has a kink."""
    kinked = False
    for p in range(size):
        theta[p] = min(max(theta[p], lower[p]), upper[p])
        s.sign[p] = -1.0 if theta[p] < 0.0 else 1.0
        kinked |= w.kinked[p]
        width = np.inf
        if w.constraint[p] == NORMAL:
            width = w.width[p]
        elif w.constraint[p] == POISSON:
            width = math.sqrt(max(aux[p], 1e-6) / w.width[p])
        s.reach[p] = max(MAX_STEP * width, MAX_STEP_AT_LEAST)
    return kinked


@inline
def _trial_point(theta: Array, size: int, s: State) -> None:
    """theta and the step, saved within the bounds; and the sides of the kinks there."""
    for p in range(size):
        trial = min(max(theta[p] + s.step[p], s.least[p]), s.most[p])
        s.trial[p] = trial
        s.trial_sign[p] = s.sign[p] if trial == 0.0 else (-1.0 if trial < 0.0 else 1.0)


@inline
def _save(theta: Array, size: int, s: State) -> None:
    for p in range(size):
        s.saved[p], s.saved_sign[p] = theta[p], s.sign[p]


@inline
def _restore(t: Tables, h: int, theta: Array, main: Array, aux: Array, size: int, w: WorkArrays, s: State) -> float:
    """Returns to the saved point; the NLL there."""
    for p in range(size):
        theta[p], s.sign[p] = s.saved[p], s.saved_sign[p]
    return float(value(t, h, theta, s.sign, main, aux, w))


@inline
def _judge(
    current: float,
    found: float,
    predicted: float,
    stretch: float,
    damping: float,
    growth: float,
) -> tuple[bool, float, float]:
    """True where a trial at NLL ``found`` is taken; the next damping, and the factor by which a further rejection raises it."""
    decrease = current - found
    drowned = predicted < UNRESOLVED_DECREASE and decrease >= -ROUNDING * (1.0 + abs(current))
    enough = predicted > 0.0 and decrease >= 1e-4 * predicted
    taken = math.isfinite(found) and (enough or drowned)
    long = stretch > SHORTENED
    if not taken:
        damping, growth = max(damping * growth, MIN_DAMPING), min(2.0 * growth, 1024.0)
    else:
        growth = 4.0
        if (decrease >= 0.75 * predicted or drowned) and not long:
            damping /= 8.0
            if damping < MIN_DAMPING / 8.0 or predicted < 1e-6:
                damping = 0.0
        elif (decrease < 0.25 * predicted and not drowned) or long:
            damping = max(2.0 * damping, MIN_DAMPING)
    return taken, damping, growth


@inline
def _end(
    t: Tables,
    h: int,
    theta: Array,
    main: Array,
    aux: Array,
    size: int,
    current: float,
    code: int,
    w: WorkArrays,
    s: State,
) -> float:
    """The NLL where the fit ends. The certificate's own step is still taken, unless it raises the NLL: at a kink it can."""
    if code == CONVERGED:
        _trial_point(theta, size, s)
        trial_value = value(t, h, s.trial, s.trial_sign, main, aux, w)
        if trial_value <= current + ROUNDING * (1.0 + abs(current)):
            for p in range(size):
                theta[p] = s.trial[p]
            return float(trial_value)
    return float(value(t, h, theta, s.sign, main, aux, w))


@inline
def _on_floor(t: Tables, h: int, main: Array, w: WorkArrays) -> bool:
    """True where some bin's rate lies below its floor: the likelihood is not defined there."""
    below = False
    for n in range(t.bins[h]):
        floor = t.floor[h, n]
        below |= w.nu[n] < (min(floor, 0.5 * main[n]) if main[n] > 0.0 else -1e-6 * floor)
    return below


@inline
def _fit(
    t: Tables,
    h: int,
    theta: Array,
    lower: Array,
    upper: Array,
    main: Array,
    aux: Array,
    size: int,
    most: int,
    target: float,
    w: WorkArrays,
    s: State,
) -> tuple[float, float, int, int]:
    """One fit of the resolved hypothesis h from ``theta`` and into it: (its NLL, EDM, iterations, status). With a negative
    ``most`` the NLL at the start alone.

    In narrow curved valleys a full step leaves the floor, and the next one from there comes back to it farther along. A trial
    that is rejected is therefore followed one step further before it is given up, unless that has just failed: the watchdog
    technique of Chamberlain, Powell, Lemarechal and Pedersen, Math. Program. Study 16 (1982) 1.
    """
    kinked = _begin(theta, lower, upper, aux, size, w, s)
    current = value(t, h, theta, s.sign, main, aux, w)
    damping, growth, edm, polished, steps = 0.0, 4.0, np.inf, 0, 0
    saved, wanted, raised, patience, pause = np.inf, 0.0, 0.0, 1, 0
    code = RUNNING if most >= 0 else CONVERGED
    if not math.isfinite(current):
        current, code = np.inf, NOT_FINITE
    fresh = True  # whether the derivatives are those of theta
    near = t.bins[h] >= w.shared[0]  # steps are taken with the Hessian's matrix, which certifies the last one
    while code == RUNNING:
        if fresh:
            derivatives(t, h, theta, aux, w, s.gradient)
            if kinked:
                current = _settle_kinks(t, h, theta, main, aux, size, current, w, s)
        limit_steps(w.kinked, theta, lower, upper, size, w.diagonal, s)
        # A fit that may be abandoned is certified only where it is not.
        above = 2.0 * current - target
        matrix_free, damping, predicted, edm, stretch = step(t, h, theta, lower, upper, main, size, near, above, damping, w, s)

        certified = edm <= EDM_LIMIT and not matrix_free
        if edm <= ABANDON_EDM and above > ABANDON_MARGIN * edm:
            code = ABANDONED
        elif not matrix_free and (edm <= POLISHED_EDM or (certified and polished >= POLISH_STEPS)):
            code = CONVERGED
        elif damping > MAX_DAMPING and not certified:
            code = STALLED
        elif steps >= most:
            code = ITERATIONS
        trial_value = np.inf
        if code == RUNNING:
            polished += certified
            near |= (edm <= MATRIX_EDM and target == np.inf) or steps >= MATRIX_FREE_STEPS
            _trial_point(theta, size, s)
            trial_value = value(t, h, s.trial, s.trial_sign, main, aux, w)
            steps += 1
        elif saved == np.inf or (code == CONVERGED and current <= saved):
            break

        pause = max(pause - 1, 0)
        if saved < np.inf:
            if not saved - trial_value >= 1e-4 * wanted:
                current = _restore(t, h, theta, main, aux, size, w, s)
                code = ITERATIONS if code == ITERATIONS else RUNNING
                saved, edm, damping, growth, patience, fresh = np.inf, np.inf, raised, 8.0, min(2 * patience, LONGEST_PAUSE), True
                pause = patience
                continue
            saved, patience = np.inf, 1
        else:
            fresh, raised, growth = _judge(current, trial_value, predicted, stretch, damping, growth)
            damping = raised
            if not fresh:
                if pause > 0 or predicted < UNRESOLVED_DECREASE or not math.isfinite(trial_value):
                    continue
                saved, wanted, damping, growth, fresh = current, predicted, 0.0, 4.0, True
                _save(theta, size, s)
        current = trial_value
        for p in range(size):
            theta[p], s.sign[p] = s.trial[p], s.trial_sign[p]
    return current, edm, steps, code


@entry
def minimize_rows(
    t: Tables,
    hypothesis: Index,
    starts: Array,
    lowest: Array,
    highest: Array,
    mains: Array,
    auxs: Array,
    most: int,
    target: Array,
    deviance: Array,
    edms: Array,
    iterations: Index,
    status: Index,
    yields: Array,
    bin_rates: Array,
    raised: Array,
    w: WorkArrays,
    s: State,
) -> None:
    """Fit each row in at most ``most`` iterations, from its start (B, P) and into it, between ``lowest`` and ``highest``;
    ``deviance`` in 2NLL, ``edms``, ``iterations``, ``status`` (B,), and there the expected events of each (sample, channel, bin)
    cell, ``yields`` (B, cells), and of each main bin, ``bin_rates`` (B, N). A fit that cannot end below ``target`` (B,), in 2NLL,
    is abandoned once that is clear.

    A negative ``most`` gives the deviance and the expected events at the start itself and, where ``raised`` has rows, the result
    of :func:`hfx.hf_core.cpu.mirrored_alphas.reflect`, in 2NLL. ``t`` are the Tables by reference, ``w`` and ``s`` one
    thread's buffers, of the same tables, from call to call.
    """
    theta, lower, upper, aux, order = s.theta, s.lower, s.upper, s.aux, w.order
    for b in range(len(hypothesis)):
        h, main = hypothesis[b], mains[b]
        resolve(t, h, w)
        size, poi = t.size[h], t.poi[h]
        for p in range(size):
            theta[p], lower[p], upper[p] = starts[b, order[p]], lowest[b, order[p]], highest[b, order[p]]
            aux[p] = auxs[b, order[p]]
        if poi >= 0 and lowest[b, poi] == 0.0 and highest[b, poi] == 0.0:  # a signal fixed at zero has no expected events
            w.blocks[0] = t.background[h]
            w.yields[:] = 0.0
        current, edm, steps, code = _fit(t, h, theta, lower, upper, main, aux, size, most, target[b], w, s)
        if most >= 0:
            current = _end(t, h, theta, main, aux, size, current, code, w, s)
            if code == CONVERGED and _on_floor(t, h, main, w):
                code = FLOOR
        if b < len(raised):
            reflect(t, h, theta, main, aux, w)
            for p in range(size):
                raised[b, order[p]] = 2.0 * w.raised[p]
        for p in range(size):
            starts[b, order[p]] = theta[p]
        for cell in range(yields.shape[1]):
            yields[b, cell] = w.yields[cell]
        for n in range(bin_rates.shape[1]):
            bin_rates[b, n] = w.nu[n]
        deviance[b], edms[b], iterations[b], status[b] = 2.0 * current, edm, steps, code
