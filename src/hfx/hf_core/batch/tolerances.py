"""Tolerances and limits of a fit's steps, which both kernels have in common.

`cpu.minimize` takes these steps for one fit after another (compiled, CPU), `tensor.minimize` for a whole batch at once (torch,
any device). Predicted and actual decreases are in NLL; an EDM is in 2NLL.
"""

from __future__ import annotations

__all__ = [
    "ABANDON_EDM",
    "ABANDON_MARGIN",
    "ACTIVE_SET_ROUNDS",
    "EDM_LIMIT",
    "EMPTY_BIN_ROUNDS",
    "FLAT_CURVATURE",
    "LONGEST_PAUSE",
    "MATRIX_EDM",
    "MATRIX_FREE_STEPS",
    "MAX_DAMPING",
    "MAX_ITERATIONS",
    "MAX_STEP",
    "MAX_STEP_AT_LEAST",
    "MIN_DAMPING",
    "NO_INFLUENCE",
    "POLISHED_EDM",
    "POLISH_STEPS",
    "ROUNDING",
    "SADDLE_DECREASE",
    "SHORTENED",
    "UNRESOLVED_DECREASE",
]

EDM_LIMIT = 1e-9  # a converged fit has an EDM of at most this
POLISHED_EDM = 1e-12  # no further steps are needed; the last one is still taken, and reaches the precision of rounding
MATRIX_EDM = 3e-7  # EDM below which the next step takes the matrix of the Hessian, which certifies
MAX_ITERATIONS = 300
MAX_DAMPING = 1e12
MIN_DAMPING = 0.05
# A trial moves a constrained parameter by at most this, so that fits stay near their starts:
MAX_STEP = 1.0  # in prior widths, or
MAX_STEP_AT_LEAST = 0.25  # in the unit of the parameter, whichever is larger
SHORTENED = 4.0  # a step shortened by more than this raises the damping, which shortens the long components alone
POLISH_STEPS = 3
LONGEST_PAUSE = 64  # iterations between two rejected trials that are followed in vain; doubled each time, from two on
ACTIVE_SET_ROUNDS = 6  # repetitions of a step that leaves the bounds
EMPTY_BIN_ROUNDS = 4  # repetitions of a step that takes the rate of a bin without events across zero
NO_INFLUENCE = 1e-100  # a derivative below this is that of a parameter without influence (mu = 0 switches a sample off)
SADDLE_DECREASE = 1e-10  # a smaller predicted decrease, where the Hessian is not positive definite, means a saddle
FLAT_CURVATURE = 1e-8  # a curvature below this, relative to the parameters' own, is not resolved
UNRESOLVED_DECREASE = 1e-9  # predicted decreases below this are not tested against rounded differences of the NLL
ROUNDING = 1e-11  # relative: a rise of the NLL by less is rounding
MATRIX_FREE_STEPS = 40  # after these every step takes the matrix of the Hessian
ABANDON_EDM = 1e-3  # EDM below which the end of a fit is predicted: its 2NLL less ABANDON_MARGIN times its EDM;
ABANDON_MARGIN = 2.0  # a fit predicted to end above its target is abandoned
