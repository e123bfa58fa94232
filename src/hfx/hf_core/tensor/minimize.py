"""The batched fit: damped Newton with exact Hessians, box bounds by an active set, one trial point an iteration.

All fits of a batch iterate together on the device (`tensor.matrix_free_step`), those that have ended masked. After every few
iterations the number of running fits is read from the device: then those that wait for it make a step with the Hessian's matrix
(`tensor.matrix_step`), further fits take the places of ended ones (`tensor.slots`), and when there are none left, a batch of
which most have ended is made smaller. Results are copied once, at the end.

A trial is accepted only on a sufficient decrease of the NLL, so that the step control cannot cycle; once the predicted decrease
drowns in rounding (1e-9), Newton steps that do not raise the NLL by more than rounding polish the certificate, and their number
is bounded.

The certificate of a fit is its EDM (estimated distance to the minimum, in 2NLL: g' H^-1 g over the parameters that are
not at a bound, with the exact and positive definite H) together with the sign of the gradient at every bound that holds.
Source of the damping: Levenberg-Marquardt with the gain ratio, Nocedal and Wright, Numerical Optimization, chapter 4.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.batch.problem import CONVERGED, FLOOR, NOT_FINITE, RUNNING, FitResult, Problem
from hfx.hf_core.batch.tolerances import MAX_ITERATIONS, MAX_STEP, MAX_STEP_AT_LEAST
from hfx.hf_core.modifiers.base import NORMAL, POISSON
from hfx.hf_core.tensor.fit_state import State, side
from hfx.hf_core.tensor.matrix_step import TensorLikelihood, matrix_step
from hfx.hf_core.tensor.slots import Pace, Slots, pace_on

__all__ = ["Pace", "TensorLikelihood", "begin", "minimize_batch"]

Array = NDArray[np.float64]


def minimize_batch(kernel: TensorLikelihood, problem: Problem, most: int = MAX_ITERATIONS, pace: Pace | None = None) -> FitResult:
    """Run all fits of ``problem`` to their certificates, on the kernel's device; no row depends on another.

    With ``pace.leave``, the last ones are left with the status RUNNING.
    """
    pace = pace or pace_on(kernel.device)
    store = begin(kernel, problem)
    if kernel.matrix_free is not None:
        kernel = kernel.matrix_free.of(problem.hypothesis)
    _run(kernel, store, most, pace)
    return _result(kernel, problem, store)


def _run(kernel: TensorLikelihood, store: State, most: int, pace: Pace) -> None:
    """All fits of ``store`` to their ends, into it."""
    slots = Slots(kernel, store, torch.arange(min(pace.slots, len(store.theta)), device=kernel.device), most)
    following = len(slots.place)  # the first fit that has no slot yet
    while True:
        running, waiting = _matrix_steps(kernel, slots, most, pace.matrix_rounds)
        pending = len(store.theta) - following
        ended = len(slots.place) - running
        if pending and pace.refill * ended >= len(slots.place):
            following += slots.refill(following, min(ended, pending))
        elif not pending and running <= pace.leave:
            break
        elif not pending and slots.wider_than(max(pace.smallest, running)):
            slots.write()
            slots = Slots(kernel, store, slots.place[slots.running()], most)
        elif running > waiting:
            slots.advance(pace.iterations)
    slots.write()


def _matrix_steps(kernel: TensorLikelihood, slots: Slots, most: int, rounds: int) -> tuple[int, int]:
    """A step with the Hessian's matrix of all fits that wait for it; several, where no others run. Returns the numbers of
    running and of waiting fits, which are read from the device here alone."""
    for turn in range(rounds + 1):
        running = slots.state.code == RUNNING
        counts = torch.stack([running.sum(), (running & slots.state.waiting).sum()]).tolist()
        if not counts[1] or turn == rounds or (turn and counts[1] < counts[0]):
            break
        rows = torch.nonzero(running & slots.state.waiting).squeeze(1)
        some = slots.state.take(rows)
        matrix_step(kernel, some, most)
        if kernel.matrix_free is None:  # every step takes the matrix
            some.waiting.fill_(True)
        slots.state.put(rows, some)
    return int(counts[0]), int(counts[1])


def begin(kernel: TensorLikelihood, problem: Problem) -> State:
    """All fits of ``problem`` at their starts, on the kernel's device."""

    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(kernel.device)

    lower, upper = tensor(problem.lower), tensor(problem.upper)
    theta = torch.clamp(tensor(problem.start), lower, upper)
    hypothesis, main, aux = tensor(problem.hypothesis), tensor(problem.data.main), tensor(problem.data.aux)
    value, _, _ = kernel.evaluate(hypothesis, theta, side(theta), main, aux, 0)
    nothing = torch.zeros_like(hypothesis)
    return State(
        hypothesis=hypothesis,
        kinked=tensor(kernel.tables.kinked[problem.hypothesis]),
        reach=tensor(np.maximum(MAX_STEP * _widths(kernel, problem), MAX_STEP_AT_LEAST)),
        lower=lower,
        upper=upper,
        main=main,
        aux=aux,
        theta=theta,
        sign=side(theta),
        value=value,
        edm=torch.full_like(value, torch.inf),
        damping=torch.zeros_like(value),
        growth=torch.full_like(value, 4.0),
        polished=nothing.clone(),
        iterations=nothing.clone(),
        code=torch.where(torch.isfinite(value), RUNNING, NOT_FINITE),
        waiting=torch.full_like(hypothesis, kernel.matrix_free is None, dtype=torch.bool),
    )


def _widths(kernel: TensorLikelihood, problem: Problem) -> Array:
    """Prior widths (B, P); infinite for an unconstrained parameter."""
    kind = kernel.tables.constraint[problem.hypothesis]
    width = kernel.tables.width[problem.hypothesis]
    poisson = np.sqrt(np.maximum(problem.data.aux, 1e-6) / width)
    return np.where(kind == NORMAL, width, np.where(kind == POISSON, poisson, np.inf))


def _result(kernel: TensorLikelihood, problem: Problem, state: State) -> FitResult:
    """The ends of the fits, with their expected events; one that ends where some bin's rate lies below its floor is not
    certified: the likelihood is not defined there."""
    yields, rates = kernel.yields(state.hypothesis, state.theta, side(state.theta))
    floor = torch.from_numpy(kernel.tables.floor[problem.hypothesis]).to(kernel.device)
    limit = torch.where(state.main > 0.0, torch.minimum(floor, 0.5 * state.main), -1e-6 * floor)
    below = (rates < limit).any(1)
    status = torch.where(below & (state.code == CONVERGED), FLOOR, state.code)
    deviance = torch.where(torch.isfinite(state.value), 2.0 * state.value, torch.inf)
    found = (state.theta, deviance, state.edm, state.iterations, status, yields)
    return FitResult(*(tensor.cpu().numpy() for tensor in found))
