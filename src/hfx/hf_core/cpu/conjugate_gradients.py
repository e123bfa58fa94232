"""Newton's step without the Hessian's matrix: preconditioned conjugate gradients on its rows.

Bins are few and parameters many, so that D + J' C J, with D a diagonal, is inverted by a matrix of bins x bins (Woodbury's
identity). D is the exact Hessian's diagonal without that of J' C J, but at least half of the constraints' curvature. The rest
of the Hessian is small near a minimum, and a few products with the exact Hessian (`cpu.derivatives.hessian_product`) make up
for it: Steihaug's iteration, SIAM J. Numer. Anal. 20 (1983) 626.
"""

from __future__ import annotations

import math

import numpy as np

from hfx.hf_core.cpu.buffers import WorkArrays
from hfx.hf_core.cpu.compilation import inline, separately_compiled
from hfx.hf_core.cpu.derivatives import hessian_product
from hfx.hf_core.cpu.linear_algebra import cholesky, solve
from hfx.hf_core.cpu.structures import Array, Flags

__all__ = ["conjugate"]

_MOST_PRODUCTS = 24
_RESIDUAL = 1e-2  # of the residual's square, relative to the first, in the preconditioner's norm; less near the end, but
_ENOUGH = 1e-13  # not less than this in all
_CONSTRAINED = 0.5  # of its constraint's curvature: the least entry of a parameter in D
_UNCONSTRAINED = 1e-6  # of its own curvature: the least entry of an unconstrained parameter in D


@separately_compiled
def conjugate(
    blocks: int,
    bins: int,
    size: int,
    damping: float,
    scale: Array,
    free: Flags,
    at_bound: Flags,
    right: Array,
    exact: bool,
    w: WorkArrays,
) -> bool:
    """Solves (H + damping scale) x = ``right`` (P,) over the parameters that are free and not at_bound, into ``w.solution``, as
    closely as the next step of Newton can tell. False where H shows that it is not positive definite, or where too many products
    do not suffice.

    Not ``exact``: with D + J' C J in place of H, in one step. ``w.bend`` is x' H x, or NaN where it was not needed.
    """
    solution, residual, direction, product, preconditioned = w.solution, w.residual, w.direction, w.product, w.preconditioned
    width = len(solution)
    _beside_the_bins(bins, size, w, product)
    for p in range(size):
        moves = free[p] and not at_bound[p]
        own = max(product[p] + damping * scale[p], _UNCONSTRAINED * scale[p])
        w.inverse[p] = 1.0 / own if moves else 0.0
        residual[p] = right[p] if moves else 0.0
    for p in range(size, width):
        w.inverse[p] = residual[p] = 0.0
    if not _prepare(bins, w):
        return False
    for p in range(width):
        direction[p] = solution[p] = 0.0
    before, wanted = 1.0, np.inf
    w.bend[0] = np.nan
    for turn in range(_MOST_PRODUCTS):
        _precondition(bins, residual, w, preconditioned)
        along = 0.0
        for p in range(width):
            along += residual[p] * preconditioned[p]
        if turn == 0:
            wanted = min(_RESIDUAL, max(along, _ENOUGH / along)) * along
            if not exact:
                for p in range(width):  # an assignment of a slice compiles a sentence for shapes that differ
                    solution[p] = preconditioned[p]
        if exact and not along > wanted:
            w.bend[0] = 0.0
            for p in range(size):  # H x = right - residual - damping scale x
                w.bend[0] += solution[p] * (right[p] - residual[p] - damping * scale[p] * solution[p])
        if not exact or not along > wanted:
            return math.isfinite(along) and along >= 0.0
        ratio = 0.0 if turn == 0 else along / before
        before = along
        for p in range(width):
            direction[p] = preconditioned[p] + ratio * direction[p]
        hessian_product(blocks, bins, direction, w, product)
        curvature = 0.0
        for p in range(size):
            product[p] += damping * scale[p] * direction[p]
            curvature += product[p] * direction[p]
        if not curvature > 0.0:
            return False
        step = along / curvature
        for p in range(width):
            solution[p] += step * direction[p]
            residual[p] -= step * product[p] if w.inverse[p] != 0.0 else 0.0
    return False


@inline
def _beside_the_bins(bins: int, size: int, w: WorkArrays, own: Array) -> None:
    """The diagonal D before damping into ``own``."""
    for p in range(size):
        own[p] = w.diagonal[p]
    for n in range(bins):
        row, curvature = w.jacobian[n], w.row_curvature[n]
        for p in range(w.shared[0]):
            own[p] -= curvature * row[p] * row[p]
        for p in range(w.local_from[n], w.local_from[n + 1]):
            own[p] -= curvature * w.own[p] * w.own[p]
    for p in range(size):
        own[p] = max(own[p], _CONSTRAINED * w.prior[p])


@inline
def _prepare(bins: int, w: WorkArrays) -> bool:
    """The Cholesky factor of 1 + sqrt(C) J D^-1 J' sqrt(C)."""
    inverse, product, inner = w.inverse, w.product, w.inner
    width = w.jacobian.shape[1]
    for m in range(bins):
        w.root[m] = math.sqrt(max(w.row_curvature[m], 0.0))
    for m in range(bins):
        row = w.jacobian[m]
        for p in range(width):
            product[p] = w.root[m] * inverse[p] * row[p]
        for n in range(m, bins):
            other, total = w.jacobian[n], 0.0
            for p in range(width):
                total += product[p] * other[p]
            inner[m, n] = w.root[n] * total
        for n in range(m):
            inner[m, n] = 0.0
        for n in range(bins, inner.shape[1]):
            inner[m, n] = 0.0
        alone = 0.0  # of the bin's own parameters
        for p in range(w.local_from[m], w.local_from[m + 1]):
            alone += inverse[p] * w.own[p] * w.own[p]
        inner[m, m] += 1.0 + w.root[m] * w.root[m] * alone
    return bool(cholesky(inner, bins))


@inline
def _precondition(bins: int, residual: Array, w: WorkArrays, preconditioned: Array) -> None:
    """(D + J' C J)^-1 residual into ``preconditioned`` (padded P)."""
    inverse, inner = w.inverse, w.along
    width = w.jacobian.shape[1]
    for p in range(len(inverse)):
        preconditioned[p] = inverse[p] * residual[p]
    for n in range(bins):
        row, total = w.jacobian[n], 0.0
        for p in range(width):
            total += row[p] * preconditioned[p]
        for p in range(w.local_from[n], w.local_from[n + 1]):
            total += w.own[p] * preconditioned[p]
        inner[n] = w.root[n] * total
    solve(w.inner, bins, inner)
    for n in range(bins):
        row, given = w.jacobian[n], w.root[n] * inner[n]
        for p in range(width):
            preconditioned[p] -= inverse[p] * given * row[p]
        for p in range(w.local_from[n], w.local_from[n + 1]):
            preconditioned[p] -= inverse[p] * given * w.own[p]
