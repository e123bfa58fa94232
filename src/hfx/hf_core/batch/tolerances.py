"""Tolerances and limits of a fit's steps, which both kernels have in common.

`cpu.minimize` takes these steps for one fit after another (compiled, CPU), `tensor.minimize` for a whole batch at once (torch,
any device). Predicted and actual decreases are in NLL; an EDM is in 2NLL.
"""

from __future__ import annotations

__all__ = [
    "DROWNED",
    "EDM_LIMIT",
    "FACE_ROUNDS",
    "FLAT",
    "LEAST_DAMPING",
    "LONG",
    "LONGEST_REST",
    "MARGIN",
    "MAX_DAMPING",
    "MAX_ITERATIONS",
    "NEAR",
    "NOTHING",
    "POLISH",
    "POLISH_STEPS",
    "QUICK_STEPS",
    "REACH",
    "REACH_AT_LEAST",
    "ROUNDING",
    "SADDLE_PREDICTED",
    "SIDE_ROUNDS",
    "SURE",
]

EDM_LIMIT = 1e-9  # in 2NLL: what "converged" certifies
POLISH = 1e-12  # stop polishing here; the last step is still taken, and leads to what rounding leaves
NEAR = 3e-7  # EDM below which the next step is taken with the whole Hessian, which certifies
MAX_ITERATIONS = 300
MAX_DAMPING = 1e12
LEAST_DAMPING = 0.05
REACH = 1.0  # prior widths, or
REACH_AT_LEAST = 0.25  # in the parameter's unit: no trial moves a constrained parameter further, so that fits stay near starts
LONG = 4.0  # a step shortened by more than this asks for damping, which shortens the long components alone
POLISH_STEPS = 3
LONGEST_REST = 64  # iterations after a trial that was followed in vain, before another is; twice as many each time, from two on
FACE_ROUNDS = 6
SIDE_ROUNDS = 4
NOTHING = 1e-100  # a derivative below this is that of a parameter without influence (mu = 0 switches a sample off)
SADDLE_PREDICTED = 1e-10
FLAT = 1e-8  # a curvature below this, relative to the parameters' own, is not resolved
DROWNED = 1e-9  # predicted decreases below this are not tested against rounded differences of the NLL
ROUNDING = 1e-11
QUICK_STEPS = 40  # after these every step is taken with the whole Hessian
SURE = 1e-3  # EDM below which a fit's end is foreseen, as its 2NLL less
MARGIN = 2.0  # times its EDM: one that ends above its target is abandoned
