"""One step of fits with the matrix of their Hessian: it certifies their ends, and leaves saddles and valleys.

Rows whose Hessian is not positive definite, or whose step leaves the bounds, are solved again by themselves. Their number is read
from the device, so that such a step is taken between the iterations of `tensor.matrix_free_step`, not in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.batch.problem import CONVERGED, ITERATIONS, RUNNING, STALLED
from hfx.hf_core.batch.tolerances import (
    ACTIVE_SET_ROUNDS,
    EDM_LIMIT,
    FLAT_CURVATURE,
    MATRIX_EDM,
    MATRIX_FREE_STEPS,
    MAX_DAMPING,
    POLISH_STEPS,
    POLISHED_EDM,
    SADDLE_DECREASE,
)
from hfx.hf_core.tensor.fit_state import Limits, State, judge, limits, scale, side
from hfx.hf_core.tensor.likelihood import BatchLikelihood

__all__ = ["TensorLikelihood", "matrix_step"]


class TensorLikelihood(Protocol):
    """Evaluates rows as :class:`hfx.hf_core.batch.kernel.Kernel` does, but from and to tensors on ``device``.

    ``matrix_free`` is the same likelihood with its Hessian as rows (`tensor.hessian_rows`), None where it gives matrices alone:
    every step of its fits then takes the matrix.
    """

    @property
    def device(self) -> torch.device: ...

    @property
    def tables(self) -> Tables: ...

    @property
    def matrix_free(self) -> BatchLikelihood | None: ...

    def evaluate(
        self, hypothesis: Tensor, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor, order: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]: ...

    def yields(self, hypothesis: Tensor, theta: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]: ...


@dataclass(frozen=True, eq=False)
class _Point:
    """Derivatives at the current points of the fits, and the bounds of their step."""

    gradient: Tensor  # (B, P), zero where a parameter may not move
    hessian: Tensor  # (B, P, P)
    box: Limits
    scale: Tensor  # (B, P) of the damping

    def take(self, index: Tensor) -> _Point:
        box = Limits(self.box.lower[index], self.box.upper[index], self.box.free[index])
        return _Point(self.gradient[index], self.hessian[index], box, self.scale[index])


@dataclass(frozen=True, eq=False)
class _Direction:
    step: Tensor  # (B, P), within the bounds
    predicted: Tensor  # (B,) decrease of the NLL by the quadratic model
    edm: Tensor  # (B,) of the undamped step, or of a valley's floor; infinite where damped or not convex
    stretch: Tensor  # (B,) by how much the step was shortened to stay within reach


def matrix_step(kernel: TensorLikelihood, state: State, most: int) -> None:
    """Every row ends, or makes one step (changes ``state``). It waits for another such step where it is near its end, or where
    this one met a Hessian that is not positive definite."""
    gradient, hessian = _settle_kinks(kernel, state)
    diagonal = torch.diagonal(hessian, dim1=1, dim2=2)
    box = limits(state, gradient, diagonal)
    point = _Point(torch.where(box.free, gradient, 0.0), hessian, box, scale(gradient, diagonal))
    direction, convex = _direction(kernel, state, point)
    state.edm.copy_(direction.edm)
    certified = direction.edm <= EDM_LIMIT
    done = (direction.edm <= POLISHED_EDM) | (certified & (state.polished >= POLISH_STEPS))
    stuck = (state.damping > MAX_DAMPING) & ~certified
    state.polished += certified
    code = torch.where(state.iterations >= most, ITERATIONS, state.code)
    code = torch.where(done, CONVERGED, torch.where(stuck, STALLED, code))
    state.code.copy_(code)
    _advance(kernel, state, box, direction, done)
    state.waiting.copy_(
        (state.code == RUNNING) & ((direction.edm <= MATRIX_EDM) | ~convex | (state.iterations >= MATRIX_FREE_STEPS))
    )


def _evaluate(kernel: TensorLikelihood, state: State, sign: Tensor, order: int) -> tuple[Tensor, Tensor, Tensor]:
    value, gradient, hessian = kernel.evaluate(state.hypothesis, state.theta, sign, state.main, state.aux, order)
    assert gradient is not None and hessian is not None
    return value, gradient, hessian


def _settle_kinks(kernel: TensorLikelihood, state: State) -> tuple[Tensor, Tensor]:
    """Gradient and Hessian. A parameter that rests on its kink at zero looks to the other side first, and changes over where that
    lowers the NLL."""
    value, gradient, hessian = _evaluate(kernel, state, state.sign, 2)
    resting = state.kinked & (state.theta == 0.0)
    if resting.any():
        flipped = torch.where(resting, -state.sign, state.sign)
        other = _evaluate(kernel, state, flipped, 2)[1]
        leaves = resting & (state.sign * gradient >= 0.0) & (flipped * other < 0.0)
        if leaves.any():
            state.sign.copy_(torch.where(leaves, flipped, state.sign))
            value, gradient, hessian = _evaluate(kernel, state, state.sign, 2)
            state.value.copy_(value)
    return gradient, hessian


def _direction(kernel: TensorLikelihood, state: State, point: _Point) -> tuple[_Direction, Tensor]:
    """The (damped) Newton step within the bounds, and whether the matrix is positive definite; where it is not it is damped until
    it is."""
    factor, convex, used = _factorise(kernel, state, point)
    step = _solve(factor, -point.gradient)
    edm = torch.where(convex & (state.damping == 0.0), -(point.gradient * step).sum(1), torch.inf)
    step = _within(state, point, used, step)
    stretch = (step.abs() / state.reach).amax(1).clamp(min=1.0)
    step = step / stretch[:, None]
    direction = _Direction(step, _predicted(point, step), edm, stretch)
    # Damping hides a negative curvature from the factorisation: a vanished step under damping may be a saddle too.
    saddle = (~convex | (state.damping > 0.0)) & (direction.predicted < SADDLE_DECREASE)
    rows = torch.nonzero(saddle).squeeze(1)
    if len(rows):
        direction = _leave_saddle(state, point, direction, rows)
    return direction, convex


def _predicted(point: _Point, step: Tensor) -> Tensor:
    """The decrease of the quadratic model along the step (B,)."""
    curved = torch.einsum("bp,bpq,bq->b", step, point.hessian, step)
    return -((point.gradient * step).sum(1) + 0.5 * curved)


def _masked(hessian: Tensor, free: Tensor, extra: Tensor) -> Tensor:
    """The matrix of the free parameters, ``extra`` added to its diagonal; identity for the others."""
    both = free[:, :, None] & free[:, None, :]
    matrix = torch.where(both, hessian, 0.0)
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    diagonal += torch.where(free, extra, 1.0)
    return matrix


def _factorise(kernel: TensorLikelihood, state: State, point: _Point) -> tuple[Tensor, Tensor, Tensor]:
    """Cholesky factors of the damped Hessian; where that is not positive definite, of its Gauss-Newton part instead.

    A further raise of the damping, should that fail too, goes into ``state``. Also returns which rows used the Hessian, and the
    matrix of each row: its Hessian, or the Gauss-Newton part.
    """
    free, used = point.box.free, point.hessian
    factor, info = torch.linalg.cholesky_ex(_masked(point.hessian, free, state.damping[:, None] * point.scale))
    convex = info == 0
    bad = torch.nonzero(info).squeeze(1)
    if len(bad):
        some = state.take(bad)
        gauss_newton = _evaluate(kernel, some, some.sign, 1)[2]
        used = used.clone()
        used[bad] = gauss_newton
        again, info = torch.linalg.cholesky_ex(_masked(gauss_newton, free[bad], some.damping[:, None] * point.scale[bad]))
        factor[bad] = again
        bad = bad[info != 0]
    while len(bad):
        state.damping[bad] = (4.0 * state.damping[bad]).clamp(min=1e-3)
        matrix = _masked(point.hessian[bad], free[bad], state.damping[bad, None] * point.scale[bad])
        again, info = torch.linalg.cholesky_ex(matrix)
        solved = (info == 0) | (state.damping[bad] > MAX_DAMPING)
        factor[bad[solved]] = again[solved]
        bad = bad[~solved]
    return factor, convex, used


def _solve(factor: Tensor, right: Tensor) -> Tensor:
    return torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]


def _within(state: State, point: _Point, used: Tensor, step: Tensor) -> Tensor:
    """The step within the bounds: parameters that would leave go to their bounds, and the others are solved again, with the
    Hessian or, where that is not positive definite, with the matrix that was ``used``."""
    free = point.box.free
    low, high = point.box.lower - state.theta, point.box.upper - state.theta
    at_bound = torch.zeros_like(free)
    for _ in range(ACTIVE_SET_ROUNDS):
        outside = free & ~at_bound & ((step < low) | (step > high))
        rows = torch.nonzero(outside.any(1)).squeeze(1)
        if not len(rows):
            break
        at_bound |= outside
        step = torch.where(outside, torch.clamp(step, low, high), step)
        fixed = torch.where(at_bound[rows], step[rows], 0.0)
        again = _solved_again(point.take(rows), used[rows], free[rows] & ~at_bound[rows], fixed, state.damping[rows])
        step[rows] = torch.where(at_bound[rows], fixed, again)
    return torch.clamp(torch.where(free, step, 0.0), low, high)


def _solved_again(point: _Point, used: Tensor, moving: Tensor, fixed: Tensor, damping: Tensor) -> Tensor:
    """The step of the ``moving`` parameters, given the step ``fixed`` of the others."""
    pushed = point.gradient + torch.einsum("bpq,bq->bp", point.hessian, fixed)
    extra = damping[:, None] * point.scale
    factor, info = torch.linalg.cholesky_ex(_masked(point.hessian, moving, extra))
    if info.any():
        instead, _ = torch.linalg.cholesky_ex(_masked(used, moving, extra))
        factor = torch.where((info != 0)[:, None, None], instead, factor)
    return _solve(factor, torch.where(moving, -pushed, 0.0))


def _leave_saddle(state: State, point: _Point, direction: _Direction, rows: Tensor) -> _Direction:
    """The step from the eigenvectors of the Hessian, where the gradient has vanished and the Hessian is not positive definite.

    With a direction of negative curvature: step along it. With none, only flat ones (a parameter degenerate with another): it is
    a minimum, the floor of a valley, and its EDM counts a flat direction with the smallest curvature that is resolved.
    """
    here = point.take(rows)
    free = here.box.free
    root = torch.where(free, here.scale.sqrt(), 1.0)
    matrix = _masked(here.hessian, free, torch.zeros_like(root)) / (root[:, :, None] * root[:, None, :])
    values, vectors = torch.linalg.eigh(matrix)
    along = torch.where(free, vectors[:, :, 0] / root, 0.0)
    uphill = (along * here.gradient).sum(1) > 0.0
    along = torch.where(uphill[:, None], -along, along) / (1.0 + state.damping[rows, None])
    theta = state.theta[rows]
    along = torch.clamp(along, here.box.lower - theta, here.box.upper - theta)
    slopes = torch.einsum("bp,bpq->bq", here.gradient / root, vectors)
    valley = values[:, 0] > -FLAT_CURVATURE
    flat = torch.where(valley, (slopes * slopes / values.clamp(min=FLAT_CURVATURE)).sum(1), direction.edm[rows])
    step = torch.where(valley[:, None], direction.step[rows], along)
    predicted = torch.where(valley, direction.predicted[rows], _predicted(here, along))
    return _Direction(
        direction.step.index_copy(0, rows, step),
        direction.predicted.index_copy(0, rows, predicted),
        direction.edm.index_copy(0, rows, flat),
        direction.stretch,
    )


def _advance(kernel: TensorLikelihood, state: State, box: Limits, direction: _Direction, done: Tensor) -> None:
    """Evaluate one trial point a row; take it or damp the next step. The certificate's own step is taken too, where it does not
    raise the NLL: in a valley it may be long."""
    moving = state.code == RUNNING
    trial = torch.clamp(state.theta + direction.step, box.lower, box.upper)
    sign = torch.where(done[:, None] | (trial != 0.0), side(trial), state.sign)
    value, _, _ = kernel.evaluate(state.hypothesis, trial, sign, state.main, state.aux, 0)
    taken, damping, growth = judge(state, value, direction.predicted, direction.stretch)
    taken &= moving | done
    state.damping.copy_(torch.where(moving, damping, state.damping))
    state.growth.copy_(torch.where(moving, growth, state.growth))
    state.theta.copy_(torch.where(taken[:, None], trial, state.theta))
    state.sign.copy_(torch.where(taken[:, None], sign, state.sign))
    state.value.copy_(torch.where(taken, value, state.value))
    state.iterations += moving
