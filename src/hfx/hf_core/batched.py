"""The batched fit: damped Newton with exact Hessians, box bounds by an active set, one trial point an iteration.

``init``, ``step`` and the loop act on an explicit :class:`State` of the fits still running; a fit leaves the batch when it
ends. A trial is accepted only on a sufficient decrease of the NLL, so that the step control cannot cycle; once the predicted
decrease drowns in rounding (1e-9), Newton steps that do not raise the NLL by more than rounding polish the certificate, and
their number is bounded.

The certificate of a fit is its EDM (estimated distance to the minimum, in 2NLL: g' H^-1 g over the parameters that are
not held, with the exact and positive definite H) together with the sign of the gradient at every bound that holds.
Source of the damping: Levenberg-Marquardt with the gain ratio, Nocedal and Wright, Numerical Optimization, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.compile import Tables
from hfx.hf_core.parameters import NORMAL, POISSON
from hfx.hf_core.problem import (
    CONVERGED,
    DROWNED,
    EDM_LIMIT,
    FACE_ROUNDS,
    FLAT,
    FLOOR,
    ITERATIONS,
    LEAST_DAMPING,
    LONG,
    MAX_DAMPING,
    MAX_ITERATIONS,
    NOT_FINITE,
    NOTHING,
    POLISH,
    POLISH_STEPS,
    REACH,
    REACH_AT_LEAST,
    ROUNDING,
    RUNNING,
    SADDLE_PREDICTED,
    STALLED,
    FitResult,
    Problem,
)

__all__ = ["TensorKernel", "minimize_batch"]

Array = NDArray[np.float64]


class TensorKernel(Protocol):
    """Evaluates rows as :class:`hfx.hf_core.model.Kernel` does, but from and to tensors on ``device``."""

    device: torch.device
    tables: Tables

    def evaluate(
        self, hypothesis: Tensor, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor, order: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]: ...

    def yields(self, hypothesis: Tensor, theta: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]: ...


@dataclass
class State:
    """The running fits, one row each."""

    row: Tensor
    hypothesis: Tensor
    theta: Tensor
    sign: Tensor
    kinked: Tensor
    reach: Tensor
    lower: Tensor
    upper: Tensor
    main: Tensor
    aux: Tensor
    value: Tensor
    gradient: Tensor
    hessian: Tensor
    damping: Tensor
    growth: Tensor
    polished: Tensor
    iterations: Tensor

    def keep(self, mask: Tensor) -> State:
        return State(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class _Direction:
    step: Tensor  # (B, P), within the bounds
    predicted: Tensor  # (B,) decrease of the NLL by the quadratic model
    edm: Tensor  # (B,) of the undamped step, or of a valley's floor; infinite where damped or not convex
    stretch: Tensor  # (B,) by how much the step was shortened to stay within REACH

    def keep(self, mask: Tensor) -> _Direction:
        return _Direction(self.step[mask], self.predicted[mask], self.edm[mask], self.stretch[mask])


def minimize_batch(kernel: TensorKernel, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
    """Run all fits of ``problem`` to their certificates, on the kernel's device; no row depends on another."""
    count = len(problem.hypothesis)
    result = FitResult(
        theta=problem.start.copy(),
        deviance=np.full(count, np.inf),
        edm=np.full(count, np.inf),
        iterations=np.zeros(count, dtype=np.int64),
        status=np.full(count, ITERATIONS, dtype=np.int64),
        yields=np.zeros((count, 0)),
    )
    state = _init(kernel, problem)
    infinite = torch.full_like(state.value, torch.inf)
    state = _retire(state, infinite, torch.where(torch.isfinite(state.value), RUNNING, NOT_FINITE), result)
    while len(state.row):
        _settle_kinks(kernel, state)
        direction = _direction(kernel, state)
        state, direction = _finish(kernel, state, direction, most, result)
        if len(state.row):
            _advance(kernel, state, direction)
    return _with_yields(kernel, problem, result)


def _init(kernel: TensorKernel, problem: Problem) -> State:
    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(kernel.device)

    lower, upper = tensor(problem.lower), tensor(problem.upper)
    theta = torch.minimum(torch.maximum(tensor(problem.start), lower), upper)
    hypothesis = tensor(problem.hypothesis)
    main, aux = tensor(problem.data.main), tensor(problem.data.aux)
    sign = _sign(theta)
    value, gradient, hessian = kernel.evaluate(hypothesis, theta, sign, main, aux, 2)
    assert gradient is not None and hessian is not None
    zeros = torch.zeros_like(value)
    return State(
        row=torch.arange(len(theta), device=kernel.device),
        hypothesis=hypothesis,
        theta=theta,
        sign=sign,
        kinked=tensor(kernel.tables.kinked[problem.hypothesis]),
        reach=tensor(np.maximum(REACH * _widths(kernel, problem), REACH_AT_LEAST)),
        lower=lower,
        upper=upper,
        main=main,
        aux=aux,
        value=value,
        gradient=gradient,
        hessian=hessian,
        damping=zeros.clone(),
        growth=torch.full_like(value, 4.0),
        polished=zeros.to(torch.int64),
        iterations=zeros.to(torch.int64),
    )


def _widths(kernel: TensorKernel, problem: Problem) -> Array:
    """Prior widths (B, P); infinite for an unconstrained parameter."""
    kind = kernel.tables.constraint[problem.hypothesis]
    width = kernel.tables.width[problem.hypothesis]
    poisson = np.sqrt(np.maximum(problem.data.aux, 1e-6) / width)
    return np.where(kind == NORMAL, width, np.where(kind == POISSON, poisson, np.inf))


def _sign(theta: Tensor) -> Tensor:
    return torch.where(theta < 0.0, -1.0, 1.0).to(theta.dtype)


def _bounds(state: State) -> tuple[Tensor, Tensor]:
    """The box of this iteration: a parameter with a kink at zero stays on its side until it stops there."""
    lower = torch.where(state.kinked & (state.sign > 0.0), state.lower.clamp(min=0.0), state.lower)
    upper = torch.where(state.kinked & (state.sign < 0.0), state.upper.clamp(max=0.0), state.upper)
    return lower, upper


def _free(state: State, lower: Tensor, upper: Tensor) -> Tensor:
    """Parameters that may move: not fixed, not pressed against a bound, not without any influence."""
    at_lower = (state.theta <= lower) & (state.gradient >= 0.0)
    at_upper = (state.theta >= upper) & (state.gradient <= 0.0)
    diagonal = torch.diagonal(state.hessian, dim1=1, dim2=2)
    flat = (diagonal.abs() < NOTHING) & (state.gradient.abs() < NOTHING)
    return ~(at_lower | at_upper | flat | (lower >= upper))


def _direction(kernel: TensorKernel, state: State) -> _Direction:
    """The (damped) Newton step within the bounds; rows whose matrix is not positive definite are damped until it is."""
    lower, upper = _bounds(state)
    free = _free(state, lower, upper)
    gradient = torch.where(free, state.gradient, 0.0)
    factor, convex, used = _factorise(kernel, state, free)
    step = _solve(factor, -gradient)
    edm = torch.where(convex & (state.damping == 0.0), -(gradient * step).sum(1), torch.inf)
    step = _within(state, used, free, gradient, step, lower, upper)
    stretch = (step.abs() / state.reach).amax(1).clamp(min=1.0)
    step = step / stretch[:, None]
    curved = torch.einsum("bp,bpq,bq->b", step, state.hessian, step)
    predicted = -((gradient * step).sum(1) + 0.5 * curved)
    # Damping hides a negative curvature from the factorisation: a vanished step under damping may be a saddle too.
    saddle = (~convex | (state.damping > 0.0)) & (predicted < SADDLE_PREDICTED)
    if saddle.any():
        step, predicted, edm = _leave_saddle(state, free, step, predicted, edm, saddle, lower, upper)
    return _Direction(step, predicted, edm, stretch)


def _masked(hessian: Tensor, free: Tensor, extra: Tensor) -> Tensor:
    """The matrix of the free parameters, ``extra`` added to its diagonal; identity for the others."""
    both = free[:, :, None] & free[:, None, :]
    matrix = torch.where(both, hessian, 0.0)
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    diagonal += torch.where(free, extra, 1.0)
    return matrix


def _scale(state: State) -> Tensor:
    diagonal = torch.diagonal(state.hessian, dim1=1, dim2=2).abs()
    return torch.maximum(diagonal, 0.1 * state.gradient.abs()).clamp(min=NOTHING)


def _factorise(kernel: TensorKernel, state: State, free: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cholesky factors of the damped Hessian; where that is not positive definite, of its Gauss-Newton part instead.

    A further raise of the damping, should that fail too, goes into ``state``. Also returns which rows used the Hessian, and the
    matrix of each row: its Hessian, or the Gauss-Newton part.
    """
    used = state.hessian
    scale = _scale(state)
    factor, info = torch.linalg.cholesky_ex(_masked(state.hessian, free, state.damping[:, None] * scale))
    convex = info == 0
    bad = torch.nonzero(info).squeeze(1)
    if len(bad):
        inputs = (state.hypothesis[bad], state.theta[bad], state.sign[bad], state.main[bad], state.aux[bad])
        _, _, gauss_newton = kernel.evaluate(*inputs, 1)
        assert gauss_newton is not None
        used = used.clone()
        used[bad] = gauss_newton
        again, info = torch.linalg.cholesky_ex(_masked(gauss_newton, free[bad], state.damping[bad, None] * scale[bad]))
        factor[bad] = again
        bad = bad[info != 0]
    while len(bad):
        state.damping[bad] = (4.0 * state.damping[bad]).clamp(min=1e-3)
        matrix = _masked(state.hessian[bad], free[bad], state.damping[bad, None] * scale[bad])
        again, info = torch.linalg.cholesky_ex(matrix)
        solved = (info == 0) | (state.damping[bad] > MAX_DAMPING)
        factor[bad[solved]] = again[solved]
        bad = bad[~solved]
    return factor, convex, used


def _solve(factor: Tensor, right: Tensor) -> Tensor:
    return torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]


def _within(state: State, used: Tensor, free: Tensor, gradient: Tensor, step: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The step on the face of the box: what would leave goes to its bound, and the others are solved again, with the Hessian
    or, where that is not positive definite, with the matrix that was ``used``."""
    low, high = lower - state.theta, upper - state.theta
    held = torch.zeros_like(free)
    for _ in range(FACE_ROUNDS):
        outside = free & ~held & ((step < low) | (step > high))
        rows = torch.nonzero(outside.any(1)).squeeze(1)
        if not len(rows):
            break
        held |= outside
        step = torch.where(outside, torch.minimum(torch.maximum(step, low), high), step)
        fixed = torch.where(held[rows], step[rows], 0.0)
        moving = free[rows] & ~held[rows]
        pushed = gradient[rows] + torch.einsum("bpq,bq->bp", state.hessian[rows], fixed)
        extra = state.damping[rows, None] * _scale(state)[rows]
        factor, info = torch.linalg.cholesky_ex(_masked(state.hessian[rows], moving, extra))
        if info.any():
            instead, _ = torch.linalg.cholesky_ex(_masked(used[rows], moving, extra))
            factor = torch.where((info != 0)[:, None, None], instead, factor)
        again = _solve(factor, torch.where(moving, -pushed, 0.0))
        step[rows] = torch.where(held[rows], fixed, again)
    return torch.minimum(torch.maximum(torch.where(free, step, 0.0), low), high)


def _leave_saddle(
    state: State,
    free: Tensor,
    step: Tensor,
    predicted: Tensor,
    edm: Tensor,
    saddle: Tensor,
    lower: Tensor,
    upper: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Where the gradient has vanished and the Hessian is not positive definite, look at its eigenvectors.

    With a direction of negative curvature: step along it. With none, only flat ones (a parameter degenerate with another): it is
    a minimum, the floor of a valley, and its EDM counts a flat direction with the smallest curvature that is resolved.
    """
    rows = torch.nonzero(saddle).squeeze(1)
    root = torch.where(free[rows], _scale(state)[rows].sqrt(), 1.0)
    matrix = _masked(state.hessian[rows], free[rows], torch.zeros_like(root)) / (root[:, :, None] * root[:, None, :])
    values, vectors = torch.linalg.eigh(matrix)
    along = torch.where(free[rows], vectors[:, :, 0] / root, 0.0)
    uphill = (along * state.gradient[rows]).sum(1) > 0.0
    along = torch.where(uphill[:, None], -along, along) / (1.0 + state.damping[rows, None])
    low, high = (lower - state.theta)[rows], (upper - state.theta)[rows]
    along = torch.minimum(torch.maximum(along, low), high)
    curved = torch.einsum("bp,bpq,bq->b", along, state.hessian[rows], along)
    step, predicted, edm = step.clone(), predicted.clone(), edm.clone()
    scaled = torch.where(free[rows], state.gradient[rows], 0.0) / root
    slopes = torch.einsum("bp,bpq->bq", scaled, vectors)
    valley = values[:, 0] > -FLAT
    edm[rows] = torch.where(valley, (slopes * slopes / values.clamp(min=FLAT)).sum(1), edm[rows])
    leaves = rows[~valley]
    step[leaves] = along[~valley]
    predicted[leaves] = -((along * state.gradient[rows]).sum(1) + 0.5 * curved)[~valley]
    return step, predicted, edm


def _finish(kernel: TensorKernel, state: State, direction: _Direction, most: int, result: FitResult) -> tuple[State, _Direction]:
    """Hand the fits that have ended to ``result`` and drop their rows."""
    certified = direction.edm <= EDM_LIMIT
    done = (direction.edm <= POLISH) | (certified & (state.polished >= POLISH_STEPS))
    state.polished += certified.to(torch.int64)
    stuck = (state.damping > MAX_DAMPING) & ~certified
    code = torch.full_like(state.row, RUNNING)
    code[state.iterations >= most] = ITERATIONS
    code[stuck] = STALLED
    code[done] = CONVERGED
    ended = code != RUNNING
    _last_step(kernel, state, direction, done)
    return _retire(state, direction.edm, code, result), direction.keep(~ended)


def _last_step(kernel: TensorKernel, state: State, direction: _Direction, done: Tensor) -> None:
    """The certificate's own step is still taken (changes ``state``)."""
    if not done.any():
        return
    lower, upper = _bounds(state)
    ahead = torch.minimum(torch.maximum(state.theta + direction.step, lower), upper)
    state.theta = torch.where(done[:, None], ahead, state.theta)
    value, _, _ = kernel.evaluate(state.hypothesis, state.theta, _sign(state.theta), state.main, state.aux, 0)
    state.value = torch.where(done, value, state.value)


def _retire(state: State, edm: Tensor, code: Tensor, result: FitResult) -> State:
    """Rows whose ``code`` is a status go to ``result``; the state of the others is returned."""
    ended = code != RUNNING
    if not ended.any():
        return state
    rows = state.row[ended].cpu().numpy()
    result.theta[rows] = state.theta[ended].cpu().numpy()
    value = state.value[ended].cpu().numpy()
    result.deviance[rows] = np.where(np.isfinite(value), 2.0 * value, np.inf)
    result.edm[rows] = edm[ended].cpu().numpy()
    result.iterations[rows] = state.iterations[ended].cpu().numpy()
    result.status[rows] = code[ended].cpu().numpy()
    return state.keep(~ended)


def _advance(kernel: TensorKernel, state: State, direction: _Direction) -> None:
    """Evaluate one trial point a row; take it or damp the next step (changes ``state``)."""
    trial = torch.minimum(torch.maximum(state.theta + direction.step, state.lower), state.upper)
    lower, upper = _bounds(state)
    trial = torch.minimum(torch.maximum(trial, lower), upper)
    sign = torch.where(trial == 0.0, state.sign, _sign(trial))
    value, gradient, hessian = kernel.evaluate(state.hypothesis, trial, sign, state.main, state.aux, 2)
    assert gradient is not None and hessian is not None
    decrease = state.value - value
    rounding = ROUNDING * (1.0 + state.value.abs())
    drowned = (direction.predicted < DROWNED) & (decrease >= -rounding)
    taken = torch.isfinite(value) & ((decrease >= 1e-4 * direction.predicted) & (direction.predicted > 0.0) | drowned)
    long = direction.stretch > LONG
    good = taken & ((decrease >= 0.75 * direction.predicted) | drowned) & ~long
    poor = taken & ((decrease < 0.25 * direction.predicted) & ~drowned | long)
    calmer = state.damping / 8.0
    calmer = torch.where((calmer < LEAST_DAMPING / 8.0) | (direction.predicted < 1e-6), 0.0, calmer)
    damping = torch.where(good, calmer, torch.where(poor, (2.0 * state.damping).clamp(min=LEAST_DAMPING), state.damping))
    raised = (state.damping * state.growth).clamp(min=LEAST_DAMPING)
    state.damping = torch.where(taken, damping, raised)
    state.growth = torch.where(taken, 4.0, 2.0 * state.growth).clamp(max=1024.0)
    state.theta = torch.where(taken[:, None], trial, state.theta)
    state.sign = torch.where(taken[:, None], sign, state.sign)
    state.value = torch.where(taken, value, state.value)
    state.gradient = torch.where(taken[:, None], gradient, state.gradient)
    state.hessian = torch.where(taken[:, None, None], hessian, state.hessian)
    state.iterations += 1


def _settle_kinks(kernel: TensorKernel, state: State) -> None:
    """A parameter that rests on its kink at zero looks to the other side, and changes over where that lowers the NLL."""
    resting = state.kinked & (state.theta == 0.0)
    if not resting.any():
        return
    flipped = torch.where(resting, -state.sign, state.sign)
    _, other, _ = kernel.evaluate(state.hypothesis, state.theta, flipped, state.main, state.aux, 2)
    assert other is not None
    held_here = state.sign * state.gradient >= 0.0
    leaves = resting & held_here & (flipped * other < 0.0)
    if not leaves.any():
        return
    state.sign = torch.where(leaves, flipped, state.sign)
    value, gradient, hessian = kernel.evaluate(state.hypothesis, state.theta, state.sign, state.main, state.aux, 2)
    assert gradient is not None and hessian is not None
    state.value, state.gradient, state.hessian = value, gradient, hessian


def _with_yields(kernel: TensorKernel, problem: Problem, result: FitResult) -> FitResult:
    """Adds the expected events; a fit that ends where some bin's rate lies below its floor is not certified: the likelihood is
    not defined there."""
    theta = torch.from_numpy(result.theta).to(kernel.device)
    hypothesis = torch.from_numpy(problem.hypothesis).to(kernel.device)
    yields, rates = kernel.yields(hypothesis, theta, _sign(theta))
    floor = kernel.tables.floor[problem.hypothesis]
    limit = np.where(problem.data.main > 0.0, np.minimum(floor, 0.5 * problem.data.main), -1e-6 * floor)
    below = (rates.cpu().numpy() < limit).any(axis=1)
    result.status[below & (result.status == CONVERGED)] = FLOOR
    return replace(result, yields=yields.cpu().numpy())
