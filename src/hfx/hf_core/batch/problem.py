"""The input and the output of a batch of fits: data, start and bounds; minimum, certificate and status."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.tolerances import MAX_ITERATIONS

__all__ = [
    "ABANDONED",
    "CONVERGED",
    "FLOOR",
    "ITERATIONS",
    "NOT_FINITE",
    "RUNNING",
    "STALLED",
    "STATUS",
    "Data",
    "FitResult",
    "Problem",
]

Array = NDArray[np.float64]
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
