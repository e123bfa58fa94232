"""The fused fit: the whole minimisation of one fit after another in compiled code, without a copy or a call between iterations.

It takes the same steps as `tensor.minimize`, which says what they are and why; here each is written for one fit. How a
step is found differs (`cpu.newton_step`), so does what it looks like across an empty bin's rate of zero, and a trial that
is rejected has a second chance.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hfx.hf_core.batch.problem import ABANDONED, CONVERGED, FLOOR, ITERATIONS, NOT_FINITE, RUNNING, STALLED
from hfx.hf_core.batch.tolerances import (
    DROWNED,
    EDM_LIMIT,
    LEAST_DAMPING,
    LONG,
    LONGEST_REST,
    MARGIN,
    MAX_DAMPING,
    NEAR,
    POLISH,
    POLISH_STEPS,
    QUICK_STEPS,
    REACH,
    REACH_AT_LEAST,
    ROUNDING,
    SURE,
)
from hfx.hf_core.cpu.buffers import resolve
from hfx.hf_core.cpu.compilation import entry, inline
from hfx.hf_core.cpu.derivatives import derivatives
from hfx.hf_core.cpu.mirrored_alphas import reflect
from hfx.hf_core.cpu.newton_step import limit_steps, step
from hfx.hf_core.cpu.rates import value
from hfx.hf_core.modifiers.base import NORMAL, POISSON

__all__ = ["minimize_rows"]


@inline
def _settle_kinks(t: Any, h: int, theta: Any, main: Any, aux: Any, size: int, current: float, w: Any, s: Any) -> float:
    """A parameter that rests on its kink at zero looks to the other side, and changes over where that lowers the NLL."""
    resting = False
    for p in range(size):
        rests = t.kinked[h, p] and theta[p] == 0.0
        s.trial_sign[p] = -s.sign[p] if rests else s.sign[p]
        resting |= rests
    if not resting:
        return current
    value(t, h, theta, s.trial_sign, main, aux, w)
    derivatives(t, h, theta, aux, w, s.other)
    for p in range(size):
        if t.kinked[h, p] and theta[p] == 0.0 and s.sign[p] * s.gradient[p] >= 0.0 and s.trial_sign[p] * s.other[p] < 0.0:
            s.sign[p] = s.trial_sign[p]
    current = value(t, h, theta, s.sign, main, aux, w)
    derivatives(t, h, theta, aux, w, s.gradient)
    return current


@inline
def _begin(t: Any, h: int, theta: Any, lower: Any, upper: Any, aux: Any, size: int, s: Any) -> bool:
    """Puts the start within its bounds; whether any parameter has a kink."""
    kinked = False
    for p in range(size):
        theta[p] = min(max(theta[p], lower[p]), upper[p])
        s.sign[p] = -1.0 if theta[p] < 0.0 else 1.0
        kinked |= t.kinked[h, p]
        width = np.inf
        if t.constraint[h, p] == NORMAL:
            width = t.width[h, p]
        elif t.constraint[h, p] == POISSON:
            width = math.sqrt(max(aux[p], 1e-6) / t.width[h, p])
        s.reach[p] = max(REACH * width, REACH_AT_LEAST)
    return kinked


@inline
def _trial_point(theta: Any, size: int, s: Any) -> None:
    """theta and the step, kept within the bounds; and the sides of the kinks there."""
    for p in range(size):
        trial = min(max(theta[p] + s.step[p], s.least[p]), s.most[p])
        s.trial[p] = trial
        s.trial_sign[p] = s.sign[p] if trial == 0.0 else (-1.0 if trial < 0.0 else 1.0)


@inline
def _keep(theta: Any, size: int, s: Any) -> None:
    for p in range(size):
        s.kept[p], s.kept_sign[p] = theta[p], s.sign[p]


@inline
def _go_back(t: Any, h: int, theta: Any, main: Any, aux: Any, size: int, w: Any, s: Any) -> float:
    """To what was kept; the NLL there."""
    for p in range(size):
        theta[p], s.sign[p] = s.kept[p], s.kept_sign[p]
    return float(value(t, h, theta, s.sign, main, aux, w))


@inline
def _judge(current: float, found: float, predicted: float, stretch: float, damping: float, growth: float) -> Any:
    """Whether a trial at NLL ``found`` is taken, the next step's damping, and by what a further rejection would multiply it."""
    decrease = current - found
    drowned = predicted < DROWNED and decrease >= -ROUNDING * (1.0 + abs(current))
    enough = predicted > 0.0 and decrease >= 1e-4 * predicted
    taken = math.isfinite(found) and (enough or drowned)
    long = stretch > LONG
    if not taken:
        damping, growth = max(damping * growth, LEAST_DAMPING), min(2.0 * growth, 1024.0)
    else:
        growth = 4.0
        if (decrease >= 0.75 * predicted or drowned) and not long:
            damping /= 8.0
            if damping < LEAST_DAMPING / 8.0 or predicted < 1e-6:
                damping = 0.0
        elif (decrease < 0.25 * predicted and not drowned) or long:
            damping = max(2.0 * damping, LEAST_DAMPING)
    return taken, damping, growth


@inline
def _end(t: Any, h: int, theta: Any, main: Any, aux: Any, size: int, current: float, code: int, w: Any, s: Any) -> float:
    """The NLL where the fit ends. The certificate's own step is still taken, unless it raises the NLL: at a kink it can."""
    if code == CONVERGED:
        _trial_point(theta, size, s)
        ahead = value(t, h, s.trial, s.trial_sign, main, aux, w)
        if ahead <= current + ROUNDING * (1.0 + abs(current)):
            for p in range(size):
                theta[p] = s.trial[p]
            return float(ahead)
    return float(value(t, h, theta, s.sign, main, aux, w))


@inline
def _on_floor(t: Any, h: int, main: Any, w: Any) -> bool:
    """Whether some bin's rate lies below its floor, where the likelihood is not defined."""
    below = False
    for n in range(t.bins[h]):
        floor = t.floor[h, n]
        below |= w.nu[n] < (min(floor, 0.5 * main[n]) if main[n] > 0.0 else -1e-6 * floor)
    return below


@inline
def _fit(
    t: Any, h: int, theta: Any, lower: Any, upper: Any, main: Any, aux: Any, size: int, most: int, target: float, w: Any, s: Any
) -> Any:
    """One fit of the resolved hypothesis h from ``theta`` and into it: (its NLL, EDM, iterations, status). With a negative
    ``most`` the NLL at the start alone.

    In narrow curved valleys a full step leaves the floor, and the next one from there comes back to it farther along. A trial
    that is rejected is therefore followed one step further before it is given up, unless that has just failed: the watchdog
    technique of Chamberlain, Powell, Lemarechal and Pedersen, Math. Program. Study 16 (1982) 1.
    """
    kinked = _begin(t, h, theta, lower, upper, aux, size, s)
    current = value(t, h, theta, s.sign, main, aux, w)
    damping, growth, edm, polished, steps = 0.0, 4.0, np.inf, 0, 0
    kept, wanted, raised, patience, rest = np.inf, 0.0, 0.0, 1, 0
    code = RUNNING if most >= 0 else CONVERGED
    if not math.isfinite(current):
        current, code = np.inf, NOT_FINITE
    fresh = True  # whether the derivatives are those of theta
    near = t.bins[h] >= size  # steps are taken with the whole Hessian, which certifies the last one
    while code == RUNNING:
        if fresh:
            derivatives(t, h, theta, aux, w, s.gradient)
            if kinked:
                current = _settle_kinks(t, h, theta, main, aux, size, current, w, s)
        limit_steps(t.kinked[h], theta, lower, upper, size, w.diagonal, s)
        # What may be abandoned is certified only where it is not.
        above = 2.0 * current - target
        quick, damping, predicted, edm, stretch = step(t, h, theta, lower, upper, main, size, near, above, damping, w, s)

        certified = edm <= EDM_LIMIT and not quick
        if edm <= SURE and above > MARGIN * edm:
            code = ABANDONED
        elif not quick and (edm <= POLISH or (certified and polished >= POLISH_STEPS)):
            code = CONVERGED
        elif damping > MAX_DAMPING and not certified:
            code = STALLED
        elif steps >= most:
            code = ITERATIONS
        ahead = np.inf
        if code == RUNNING:
            polished += certified
            near |= (edm <= NEAR and target == np.inf) or steps >= QUICK_STEPS
            _trial_point(theta, size, s)
            ahead = value(t, h, s.trial, s.trial_sign, main, aux, w)
            steps += 1
        elif kept == np.inf or (code == CONVERGED and current <= kept):
            break

        rest = max(rest - 1, 0)
        if kept < np.inf:
            if not kept - ahead >= 1e-4 * wanted:
                current = _go_back(t, h, theta, main, aux, size, w, s)
                code = ITERATIONS if code == ITERATIONS else RUNNING
                kept, edm, damping, growth, patience, fresh = np.inf, np.inf, raised, 8.0, min(2 * patience, LONGEST_REST), True
                rest = patience
                continue
            kept, patience = np.inf, 1
        else:
            fresh, raised, growth = _judge(current, ahead, predicted, stretch, damping, growth)
            damping = raised
            if not fresh:
                if rest > 0 or predicted < DROWNED or not math.isfinite(ahead):
                    continue
                kept, wanted, damping, growth, fresh = current, predicted, 0.0, 4.0, True
                _keep(theta, size, s)
        current = ahead
        for p in range(size):
            theta[p], s.sign[p] = s.trial[p], s.trial_sign[p]
    return current, edm, steps, code


@entry
def minimize_rows(
    t: Any,
    hypothesis: Any,
    starts: Any,
    lowest: Any,
    highest: Any,
    mains: Any,
    auxs: Any,
    most: int,
    target: Any,
    deviance: Any,
    edms: Any,
    iterations: Any,
    status: Any,
    yields: Any,
    bin_rates: Any,
    raised: Any,
    w: Any,
    s: Any,
) -> None:
    """Fit each row in at most ``most`` iterations, from its start (B, P) and into it, between ``lowest`` and ``highest``;
    ``deviance`` in 2NLL, ``edms``, ``iterations``, ``status`` (B,), and there the expected events of each (sample, channel, bin)
    cell, ``yields`` (B, cells), and of each main bin, ``bin_rates`` (B, N). A fit that cannot end below ``target`` (B,), in 2NLL,
    is abandoned once that is clear.

    A negative ``most`` asks for the deviance and the expected events at the start itself and, where ``raised`` has rows, for what
    :func:`hfx.hf_core.cpu.mirrored_alphas.reflect` says, in 2NLL. ``t`` are the Tables by reference, ``w`` and ``s`` one
    thread's buffers, of the same tables, from call to call.
    """
    for b in range(len(hypothesis)):
        h, theta, lower, upper, main, aux = hypothesis[b], starts[b], lowest[b], highest[b], mains[b], auxs[b]
        resolve(t, h, w)
        size, poi = t.size[h], t.poi[h]
        if poi >= 0 and lower[poi] == 0.0 and upper[poi] == 0.0:  # nothing is expected of a signal that is held at none
            w.blocks[0] = t.background[h]
            w.yields[:] = 0.0
        current, edm, steps, code = _fit(t, h, theta, lower, upper, main, aux, size, most, target[b], w, s)
        if most >= 0:
            current = _end(t, h, theta, main, aux, size, current, code, w, s)
            if code == CONVERGED and _on_floor(t, h, main, w):
                code = FLOOR
        if b < len(raised):
            reflect(t, h, theta, main, aux, w, raised[b])
            for p in range(size):
                raised[b, p] *= 2.0
        for cell in range(yields.shape[1]):
            yields[b, cell] = w.yields[cell]
        for n in range(bin_rates.shape[1]):
            bin_rates[b, n] = w.nu[n]
        deviance[b], edms[b], iterations[b], status[b] = 2.0 * current, edm, steps, code
