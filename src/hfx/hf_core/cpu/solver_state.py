"""Work arrays of the solver for one fit."""

from __future__ import annotations

import numba
import numpy as np
from numba import types
from numba.core.types import Type
from numba.experimental import structref

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu.arrangement import Arrangement, arrangement
from hfx.hf_core.cpu.compilation import entry
from hfx.hf_core.cpu.linear_algebra import padded, zeros
from hfx.hf_core.cpu.structures import AnyArray, Array, Flags, Index, numba_type

__all__ = ["BINS", "MOVING", "SHARED", "SHARED_MOVING", "State", "make_state", "state", "state_fields", "state_type"]


SHARED, SHARED_MOVING, MOVING, BINS = range(4)
"""The entries of ``State.counts``: shared parameters, those of them that move, all that move, main bins."""


class State(structref.StructRefProxy):
    """Work arrays of one fit: vectors (P,) in the kernels' order (`cpu.arrangement`), and matrices (`cpu.arrow_matrix`) with
    their full part (shared, shared), their border (own, shared) and their blocks (own, largest block)."""

    theta: Array
    lower: Array
    upper: Array
    aux: Array
    sign: Array
    reach: Array
    least: Array  # the bounds of one step: a kink at zero is not stepped across
    most: Array
    low: Array  # how far each parameter may step down (not above 0)
    high: Array
    gradient: Array
    hessian: Array
    hessian_border: Array
    hessian_corner: Array
    gauss_newton: Array  # where the Hessian is not positive definite
    gauss_newton_border: Array
    gauss_newton_corner: Array
    other: Array  # a gradient on the other side of a kink
    scale: Array  # of the damping
    right: Array  # the right-hand side of the equations for a step
    factor: Array  # upper Cholesky factor of the moving parameters
    factor_border: Array
    factor_corner: Array
    counts: Index  # (4,)
    index: Index  # the moving parameters
    moving_from: Index  # (N + 1,): where each bin's own ones begin among them
    first_own: Index  # (N,): the first parameter of each bin
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
def make_state(arrays: tuple[AnyArray, ...]) -> State:
    """A :class:`State` of these arrays, one for each field."""
    return State(*arrays)  # type: ignore[no-untyped-call]


def state(t: Tables, arranged: Arrangement | None = None) -> State:
    """Work arrays of one fit of these tables."""
    return make_state(state_fields(t, arranged))


def state_type(t: Tables) -> Type:
    """numba's type of the result of :func:`state`."""
    arrays = state_fields(t)
    return _StateType(list(zip(_FIELDS, map(numba.typeof, arrays), strict=True)))  # type: ignore[no-untyped-call]


def state_fields(t: Tables, arranged: Arrangement | None = None) -> tuple[AnyArray, ...]:
    """The arrays of a :class:`State`, in the order of its fields."""
    arranged = arranged or arrangement(t)
    parameters, bins = t.width.shape[1], t.floor.shape[1]
    own, largest = arranged.most_own, arranged.most_in_one_bin
    width = padded(arranged.most_shared)
    vectors = "theta lower upper aux sign reach least most low high gradient other scale right packed trial trial_sign saved"
    arrays: dict[str, AnyArray] = {name: zeros(parameters) for name in (*vectors.split(), "saved_sign")}
    arrays |= {name: zeros(padded(parameters)) for name in ("step", "pushed", "product")}
    arrays |= {name: zeros(parameters, dtype=np.bool_) for name in ("free", "at_bound")}
    for name in ("hessian", "gauss_newton", "factor"):
        arrays |= {name: zeros((width, width)), f"{name}_border": zeros((own, width)), f"{name}_corner": zeros((own, largest))}
    arrays |= {"counts": zeros(4, dtype=np.int64), "index": zeros(parameters, dtype=np.int64)}
    arrays |= {"moving_from": zeros(bins + 1, dtype=np.int64), "first_own": zeros(bins, dtype=np.int64)}
    return tuple(arrays[name] for name in _FIELDS)
