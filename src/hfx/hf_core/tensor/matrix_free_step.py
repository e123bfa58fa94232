"""One iteration of every fit of a batch without the matrix of its Hessian, and without reading from the device.

The step is that of `cpu.conjugate_gradients`: conjugate gradients on the Hessian's rows, preconditioned by D + J' C J. Here
their number of turns is fixed; a fit whose step is found waits for the others. A turn also puts parameters that have left the
bounds on them, once the others have settled: the iteration goes on with the rest.

A fit is ``waiting`` where the matrix is needed: to certify its end, or where the rows alone do not lead further. The iteration
leaves such rows as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hfx.hf_core.batch.problem import RUNNING
from hfx.hf_core.batch.tolerances import ABANDON_EDM, MATRIX_FREE_STEPS, MAX_DAMPING, POLISHED_EDM, UNRESOLVED_DECREASE
from hfx.hf_core.tensor.fit_state import Limits, State, judge, limits, scale, side
from hfx.hf_core.tensor.hessian_rows import Rows, along, back
from hfx.hf_core.tensor.likelihood import BatchLikelihood
from hfx.hf_core.tensor.padded_tables import Layout

__all__ = ["iterate"]

TURNS = 6  # a truncated step costs less than the turns that few fits need
_RESIDUAL = 1e-2  # as in cpu.conjugate_gradients, the next two too
_CONSTRAINED = 0.5
_UNCONSTRAINED = 1e-6


def iterate(kernel: BatchLikelihood, at: Layout, state: State, most: int) -> None:
    """Every running fit that is not waiting makes a step, or is found to wait (changes ``state``)."""
    rows = kernel.rows(at, state.theta, state.sign, state.main, state.aux)
    diagonal = rows.beside_the_bins() + rows.of_the_bins()
    box = limits(state, rows.gradient, diagonal)
    found = _direction(state, rows, box, diagonal)
    stretch = (found.step.abs() / state.reach).amax(1).clamp(min=1.0)
    step = found.step / stretch[:, None]
    predicted = -(step * (rows.gradient + 0.5 * rows.product(step))).sum(1)
    moving = (state.code == RUNNING) & ~state.waiting
    halted = (found.edm <= POLISHED_EDM) | ~(predicted > 0.0) | (predicted < UNRESOLVED_DECREASE) & ~found.edm.isfinite()
    halted |= (
        ~found.convex & (predicted < ABANDON_EDM)
        | (state.damping > MAX_DAMPING)
        | (state.iterations >= min(most, MATRIX_FREE_STEPS))
    )
    # The other side of a kink is looked at with the matrix.
    halted |= (state.kinked & (state.theta == 0.0)).any(1)
    state.waiting |= moving & halted
    _advance(kernel, at, state, box, _Step(step, predicted, stretch, found.edm, moving & ~halted))


@dataclass(frozen=True, eq=False)
class _Step:
    step: Tensor  # (B, P)
    predicted: Tensor  # (B,) decrease of the NLL by the quadratic model
    stretch: Tensor  # (B,) by how much the step was shortened
    edm: Tensor  # (B,)
    made: Tensor  # (B,): whether it is


def _advance(kernel: BatchLikelihood, at: Layout, state: State, box: Limits, proposed: _Step) -> None:
    """Evaluate one trial point a row; take it or damp the next step (changes ``state``)."""
    trial = torch.minimum(torch.maximum(state.theta + proposed.step, box.lower), box.upper)
    sign = torch.where(trial == 0.0, state.sign, side(trial))
    value = kernel.value(at, trial, sign, state.main, state.aux)
    taken, damping, growth = judge(state, value, proposed.predicted, proposed.stretch)
    taken = taken & proposed.made
    state.damping.copy_(torch.where(proposed.made, damping, state.damping))
    state.growth.copy_(torch.where(proposed.made, growth, state.growth))
    state.edm.copy_(torch.where(proposed.made, proposed.edm, state.edm))
    state.theta.copy_(torch.where(taken[:, None], trial, state.theta))
    state.sign.copy_(torch.where(taken[:, None], sign, state.sign))
    state.value.copy_(torch.where(taken, value, state.value))
    state.iterations += proposed.made


@dataclass(frozen=True, eq=False)
class _Found:
    step: Tensor  # (B, P), within the box
    edm: Tensor  # (B,) infinite where damped, not convex or not solved
    convex: Tensor  # (B,): False where the Hessian was seen not to be


@dataclass(frozen=True, eq=False)
class _Preconditioner:
    """(D + J' C J)^-1 over the free parameters, by a matrix of bins x bins (Woodbury's identity)."""

    inverse: Tensor  # (B, P): of D, zero where a parameter does not move
    outer: Tensor  # (B, N, P): sqrt(C) J
    inner: Tensor  # (B, N, P): (1 + sqrt(C) J D^-1 J' sqrt(C))^-1 sqrt(C) J

    def __call__(self, residual: Tensor) -> Tensor:
        first = self.inverse * residual
        return torch.addcmul(first, self.inverse, back(self.outer, along(self.inner, first)), value=-1.0)


def _preconditioner(rows: Rows, free: Tensor, scales: Tensor, extra: Tensor) -> _Preconditioner:
    own = torch.maximum(rows.beside_the_bins(), _CONSTRAINED * rows.prior) + extra
    inverse = torch.where(free, 1.0 / torch.maximum(own, _UNCONSTRAINED * scales), 0.0)
    outer = rows.curvature.clamp(min=0.0).sqrt()[:, :, None] * rows.jacobian
    inner = (outer * inverse[:, None, :]) @ outer.transpose(1, 2)
    torch.diagonal(inner, dim1=1, dim2=2).add_(1.0)
    return _Preconditioner(inverse, outer, _inverted(inner) @ outer)


def _inverted(matrix: Tensor) -> Tensor:
    """The inverse of positive definite matrices (B, N, N) that are small, by Gauss and Jordan's elimination: no library whose
    calls could not be recorded."""
    size = matrix.shape[1]
    unit = torch.eye(size, dtype=matrix.dtype, device=matrix.device)
    both = torch.cat([matrix, unit.expand_as(matrix)], 2)
    for n in range(size):
        pivot = both[:, n] / both[:, n, n, None]
        both = torch.addcmul(both, (both[:, :, n] - unit[n])[:, :, None], pivot[:, None, :], value=-1.0)
    return both[:, :, size:]


def _direction(state: State, rows: Rows, box: Limits, diagonal: Tensor) -> _Found:
    """The (damped) Newton step within the bounds, or where the Hessian is not positive definite there, the step of its
    preconditioner."""
    low, high = box.lower - state.theta, box.upper - state.theta
    scales = scale(rows.gradient, diagonal)
    extra = state.damping[:, None] * scales
    condition = _preconditioner(rows, box.free, scales, extra)
    residual = torch.where(box.free, -rows.gradient, 0.0)
    x, moves = torch.zeros_like(residual), box.free
    first = direction = x
    edm = before = wanted = torch.zeros_like(state.value)
    convex = unbounded = torch.ones_like(state.waiting)
    solved = pushed = torch.zeros_like(state.waiting)
    zero, one = state.value.new_zeros(()), state.value.new_ones(())
    for turn in range(TURNS):
        left = torch.where(moves, residual, zero)
        z = torch.where(moves, condition(left), zero)
        product = (left * z).sum(1)
        if turn == 0:
            first, direction = z, z
            wanted = torch.minimum(0.1 * product, torch.full_like(product, _RESIDUAL)) * product
        settled = product <= wanted
        solved = solved | (settled & unbounded)
        if turn > 0:
            # What is outside goes to its bound in a turn of its own. For truth values, a > b is a and not b.
            within = torch.clamp(x, low, high)
            outside = moves & (within != x) & (settled & convex)[:, None]
            moves = moves > outside
            ratio = torch.where(pushed, zero, product / before)
            pushed = outside.any(1)
            conjugate_direction = torch.addcmul(z, ratio[:, None], direction)
            direction = torch.where(pushed[:, None], torch.where(outside, within - x, zero), conjugate_direction)
            unbounded = unbounded > pushed
        bent = torch.addcmul(rows.product(direction), extra, direction)
        curvature = (direction * bent).sum(1)
        steps = convex > settled
        convex = convex & (settled | (curvature > 0.0))
        length = torch.where(pushed, one, torch.where(steps & convex, product / curvature, zero))
        x = torch.addcmul(x, length[:, None], direction)
        residual = torch.addcmul(residual, length[:, None], bent, value=-1.0)
        edm = edm + torch.where(unbounded, length * product, zero)
        before = product
    sure = convex & solved & (state.damping == 0.0)
    step = torch.where(convex[:, None], x, first)
    step = torch.where(box.free, torch.clamp(step, low, high), 0.0)
    return _Found(step, torch.where(sure, edm, torch.inf), convex)
