"""The state of a batch of fits on a device, and the parts that all kinds of step share: bounds and acceptance of a trial.

Nothing here reads a value from the device: shapes do not depend on values, and ended fits are masked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hfx.hf_core.batch.tolerances import MIN_DAMPING, NO_INFLUENCE, ROUNDING, SHORTENED, UNRESOLVED_DECREASE

__all__ = ["Limits", "State", "judge", "limits", "scale", "side"]


@dataclass
class State:
    """The fits of a batch, one row each. The first fields are given; from ``theta`` on, steps change them in place."""

    hypothesis: Tensor  # (B,)
    kinked: Tensor  # (B, P): has a kink at zero
    reach: Tensor  # (B, P): how far a parameter moves at most in one step
    lower: Tensor  # (B, P)
    upper: Tensor  # (B, P)
    main: Tensor  # (B, N) events
    aux: Tensor  # (B, P)
    theta: Tensor  # (B, P)
    sign: Tensor  # (B, P): the side on which a kink at zero is read
    value: Tensor  # (B,) NLL
    edm: Tensor  # (B,) of the last step
    damping: Tensor  # (B,)
    growth: Tensor  # (B,): the factor by which a further rejection raises the damping
    polished: Tensor  # (B,): steps since the first that was certified
    iterations: Tensor  # (B,)
    code: Tensor  # (B,): RUNNING, or the status that the fit ended with
    waiting: Tensor  # (B,): whether its next step needs the Hessian's matrix

    _CHANGE = ("theta", "sign", "value", "edm", "damping", "growth", "polished", "iterations", "code", "waiting")

    def take(self, index: Tensor) -> State:
        return State(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def put(self, index: Tensor, other: State) -> None:
        """Copies the fields that steps change from ``other`` to the rows of ``index``."""
        for name in self._CHANGE:
            getattr(self, name).index_copy_(0, index, getattr(other, name))

    def replace(self, index: Tensor, other: State) -> None:
        """Other fits take the rows of ``index``."""
        for name in self.__dataclass_fields__:
            getattr(self, name).index_copy_(0, index, getattr(other, name))


def side(theta: Tensor) -> Tensor:
    """-1 below zero, else 1."""
    return torch.where(theta < 0.0, -1.0, 1.0).to(theta.dtype)


@dataclass(frozen=True, eq=False)
class Limits:
    """The box of one step and the parameters that may move in it, all (B, P)."""

    lower: Tensor
    upper: Tensor
    free: Tensor


def limits(state: State, gradient: Tensor, diagonal: Tensor) -> Limits:
    """A parameter with a kink at zero stays on its side until it stops there. What is fixed, pressed against a bound or without
    any influence does not move."""
    lower = torch.where(state.kinked & (state.sign > 0.0), state.lower.clamp(min=0.0), state.lower)
    upper = torch.where(state.kinked & (state.sign < 0.0), state.upper.clamp(max=0.0), state.upper)
    at_lower = (state.theta <= lower) & (gradient >= 0.0)
    at_upper = (state.theta >= upper) & (gradient <= 0.0)
    flat = (diagonal.abs() < NO_INFLUENCE) & (gradient.abs() < NO_INFLUENCE)
    return Limits(lower, upper, ~(at_lower | at_upper | flat | (lower >= upper)))


def scale(gradient: Tensor, diagonal: Tensor) -> Tensor:
    """Of the damping: (B, P)."""
    return torch.maximum(diagonal.abs(), 0.1 * gradient.abs()).clamp(min=NO_INFLUENCE)


def judge(state: State, found: Tensor, predicted: Tensor, stretch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """True where a trial at NLL ``found`` (B,) is taken; the next damping, and the factor by which a further rejection raises it.

    ``predicted``: the decrease of the NLL by the quadratic model; ``stretch``: by how much the step was shortened.
    """
    decrease = state.value - found
    drowned = (predicted < UNRESOLVED_DECREASE) & (decrease >= -ROUNDING * (1.0 + state.value.abs()))
    taken = torch.isfinite(found) & ((decrease >= 1e-4 * predicted) & (predicted > 0.0) | drowned)
    long = stretch > SHORTENED
    good = ((decrease >= 0.75 * predicted) | drowned) & ~long
    poor = (decrease < 0.25 * predicted) & ~drowned | long
    calmer = state.damping / 8.0
    calmer = torch.where((calmer < MIN_DAMPING / 8.0) | (predicted < 1e-6), 0.0, calmer)
    damping = torch.where(good, calmer, torch.where(poor, (2.0 * state.damping).clamp(min=MIN_DAMPING), state.damping))
    raised = (state.damping * state.growth).clamp(min=MIN_DAMPING)
    growth = torch.where(taken, 4.0, (2.0 * state.growth).clamp(max=1024.0))
    return taken, torch.where(taken, damping, raised), growth
