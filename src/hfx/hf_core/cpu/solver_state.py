"""Work arrays of the solver for one fit."""

from __future__ import annotations

import numba
import numpy as np
from numba import types
from numba.core.types import Type
from numba.experimental import structref

from hfx.hf_core.cpu.array_types import Array, Flags, Index
from hfx.hf_core.cpu.compilation import entry
from hfx.hf_core.cpu.linear_algebra import padded, zeros
from hfx.hf_core.cpu.structures import numba_type

__all__ = ["State", "make_state", "state", "state_fields", "state_type"]


class State(structref.StructRefProxy):
    """Work arrays of one fit: vectors (P,) and matrices (P, P)."""

    sign: Array
    reach: Array
    least: Array  # the bounds of one step: a kink at zero is not stepped across
    most: Array
    low: Array  # how far each parameter may step down (not above 0)
    high: Array
    gradient: Array
    hessian: Array  # upper triangle
    gauss_newton: Array  # where the Hessian is not positive definite
    other: Array  # a gradient on the other side of a kink
    scale: Array  # of the damping
    right: Array  # the right-hand side of the equations for a step
    factor: Array  # upper Cholesky factor of the moving parameters
    index: Index  # the moving parameters
    free: Flags
    at_bound: Flags  # free, but gone to a bound in this step
    packed: Array  # a vector over the moving parameters
    step: Array  # padded
    pushed: Array  # padded: the part of a step that is at_bound
    product: Array  # padded: the Hessian times a step
    trial: Array
    trial_sign: Array
    saved: Array  # the point before a rejected trial that is followed one step further
    saved_sign: Array


_FIELDS = list(State.__annotations__)


@numba_type(State, _FIELDS)
class _StateType(types.StructRef):
    pass


@entry
def make_state(arrays: tuple[Array | Index | Flags, ...]) -> State:
    """A :class:`State` of these arrays, one for each field."""
    return State(*arrays)  # type: ignore[no-untyped-call]


def state(parameters: int) -> State:
    """Work arrays of one fit with this number of parameters."""
    return make_state(state_fields(parameters))


def state_type(parameters: int) -> Type:
    """numba's type of the result of :func:`state`."""
    arrays = state_fields(parameters)
    return _StateType(list(zip(_FIELDS, map(numba.typeof, arrays), strict=True)))  # type: ignore[no-untyped-call]


def state_fields(parameters: int) -> tuple[Array | Index | Flags, ...]:
    """The arrays of a :class:`State`, in the order of its fields."""
    width = padded(parameters)
    arrays: dict[str, Array | Index | Flags] = {
        "sign": zeros(parameters),
        "reach": zeros(parameters),
        "least": zeros(parameters),
        "most": zeros(parameters),
        "low": zeros(parameters),
        "high": zeros(parameters),
        "gradient": zeros(parameters),
        "hessian": zeros((width, width)),
        "gauss_newton": zeros((width, width)),
        "other": zeros(parameters),
        "scale": zeros(parameters),
        "right": zeros(parameters),
        "factor": zeros((width, width)),
        "index": zeros(parameters, dtype=np.int64),
        "free": zeros(parameters, dtype=np.bool_),
        "at_bound": zeros(parameters, dtype=np.bool_),
        "packed": zeros(parameters),
        "step": zeros(width),
        "pushed": zeros(width),
        "product": zeros(width),
        "trial": zeros(parameters),
        "trial_sign": zeros(parameters),
        "saved": zeros(parameters),
        "saved_sign": zeros(parameters),
    }
    return tuple(arrays[name] for name in _FIELDS)
