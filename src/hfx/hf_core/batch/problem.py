"""What a fit is given and what it returns, and the numbers that the two solvers' steps have in common.

`tensor.minimize` takes these steps for a whole batch at once (torch, any device), `cpu.minimize` for one fit
after another (compiled, CPU).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
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
RUNNING, CONVERGED, ITERATIONS, NOT_FINITE, FLOOR, STALLED, ABANDONED = -1, 0, 1, 2, 3, 4, 5
STATUS = {
    CONVERGED: "converged",
    ITERATIONS: f"not converged after {MAX_ITERATIONS} iterations; the likelihood may have no minimum within the bounds",
    NOT_FINITE: "the likelihood is not finite at the start",
    FLOOR: "the best fit drives an expected rate to zero or below; the likelihood is not defined there",
    STALLED: "stopped where no step lowers the likelihood; the EDM is above its limit",
    ABANDONED: "abandoned: it leads to a minimum that is not lower than its target",
}


@dataclass(frozen=True, eq=False)
class Data:
    """The data of B fits: ``main`` (B, N) in events, ``aux`` (B, P) in units of the parameters."""

    main: Array
    aux: Array

    def rows(self, index: NDArray[np.int64]) -> Data:
        return Data(self.main[index], self.aux[index])


@dataclass(frozen=True, eq=False)
class Problem:
    """B fits: hypothesis (B,), start, bounds (B, P) (equal bounds hold a parameter) and data; ``target`` (B,) in 2NLL: a fit that
    is seen to end above it may be abandoned (infinite by default)."""

    hypothesis: NDArray[np.int64]
    start: Array
    lower: Array
    upper: Array
    data: Data
    target: Array | None = None

    def rows(self, index: NDArray[np.int64]) -> Problem:
        target = None if self.target is None else self.target[index]
        start, lower, upper = (array[index] for array in (self.start, self.lower, self.upper))
        return Problem(self.hypothesis[index], start, lower, upper, self.data.rows(index), target)


@dataclass(frozen=True, eq=False)
class FitResult:
    """theta (B, P), deviance (B,) in 2NLL without constants, edm (B,) in 2NLL, iterations (B,), status (B,) of STATUS, and
    yields (B, cells), the expected events of each (sample, channel, bin) cell at theta."""

    theta: Array
    deviance: Array
    edm: Array
    iterations: NDArray[np.int64]
    status: NDArray[np.int64]
    yields: Array

    @property
    def converged(self) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = self.status == CONVERGED
        return result
