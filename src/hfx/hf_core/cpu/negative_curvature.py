"""The direction of lowest curvature, for points where the gradient vanishes and the Hessian is not positive definite.

Curvatures are those of the Hessian H relative to the damping's scale S: the eigenvalues of S^-1/2 H S^-1/2. Whether one lies
below -x is seen from a Cholesky factor of H + x S; the lowest one's vector follows by inverse iteration. (LAPACK's eigenvalues
would do as well, but its threads keep other cores busy long after.)
"""

from __future__ import annotations

import math

from hfx.hf_core.batch.tolerances import FLAT_CURVATURE
from hfx.hf_core.cpu.arrow_matrix import factorise, solve_factorised
from hfx.hf_core.cpu.compilation import inline, jit
from hfx.hf_core.cpu.solver_state import State
from hfx.hf_core.cpu.structures import Array

__all__ = ["lowest_curvature", "valley_edm"]

_HIGHEST = 1e8  # no negative curvature is larger
_BRACKET = 2.0  # to this factor the lowest one is known before the iteration begins
_ITERATIONS = 60
_CLOSER = 5  # after so many the shift is moved towards the curvature found
_MARGIN = 1.02
_SETTLED = 1e-12  # relative change of the curvature


@inline
def _shifted(shift: float, s: State) -> bool:
    """The factor of H + ``shift`` S over the moving parameters; False where some curvature lies below -``shift``."""
    return bool(factorise(s.hessian, s.hessian_border, s.hessian_corner, shift, s))


@jit
def valley_edm(count: int, s: State) -> float:
    """The EDM where no curvature lies below -f, f = FLAT_CURVATURE, with those below f taken as f; negative where one does.

    For each curvature c, max(c, f) >= (c + f)/2, so that twice the EDM of H + f S is not too small.
    """
    if not _shifted(FLAT_CURVATURE, s):
        return -1.0
    total = 0.0
    for i in range(count):
        s.packed[i] = s.gradient[s.index[i]]
    solve_factorised(s, s.packed)
    for i in range(count):
        total += s.packed[i] * s.gradient[s.index[i]]
    return 2.0 * total


@inline
def _bracketed(s: State) -> float:
    """A shift that makes H + shift S positive definite, within a factor of the least one; its factor is in ``s.factor``."""
    low, high = FLAT_CURVATURE, _HIGHEST
    while high > _BRACKET * low:
        middle = math.sqrt(low * high)
        if _shifted(middle, s):
            high = middle
        else:
            low = middle
    _shifted(high, s)
    return high


@jit
def lowest_curvature(count: int, s: State) -> None:
    """Into ``s.packed`` (count,) the direction x of the moving parameters with the lowest curvature, x' S x = 1; its sign is that
    of its largest component's."""
    shift = _bracketed(s)
    x, before = s.packed, 0.0
    for i in range(count):
        x[i] = (1.0 + 0.1 * math.sin(3.0 * i + 1.0)) / math.sqrt(s.scale[s.index[i]])
    for turn in range(_ITERATIONS):
        # (H + shift S)^-1 S x, normalised: its length is 1 / (curvature + shift) in the end.
        length = 0.0
        for i in range(count):
            x[i] *= s.scale[s.index[i]]
        solve_factorised(s, x)
        for i in range(count):
            length += s.scale[s.index[i]] * x[i] * x[i]
        length = math.sqrt(length)
        for i in range(count):
            x[i] /= length
        if abs(length - before) <= _SETTLED * length:
            break
        before = length
        if turn % _CLOSER == _CLOSER - 1:
            closer = _MARGIN * (shift - 1.0 / length)
            if closer < shift and closer > 0.0:
                if _shifted(closer, s):
                    shift, before = closer, 0.0
                else:
                    _shifted(shift, s)
    _orient(count, x)


@inline
def _orient(count: int, x: Array) -> None:
    largest = 0
    for i in range(count):
        if abs(x[i]) > abs(x[largest]):
            largest = i
    if x[largest] < 0.0:
        for i in range(count):
            x[i] = -x[i]
