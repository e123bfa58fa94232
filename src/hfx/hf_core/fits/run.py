"""Runs of many fits of one model: bounds from the measurement and the parameter of interest (POI), chunks, threads, minima."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.batch.problem import CONVERGED, Data, FitResult, Problem
from hfx.hf_core.batch.tolerances import MAX_ITERATIONS
from hfx.hf_core.fits.model import Model
from hfx.hf_core.modifiers.base import NORMAL, POISSON

__all__ = ["NEGATIVE", "Fits", "Minimum", "run_fits"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
NEGATIVE = -0.1  # events: a sample's yield below this is unphysical
_CHUNKS = 4  # for each thread, so that threads that finish early take further chunks


@dataclass(frozen=True, eq=False)
class Minimum:
    """theta (P,) of the hypothesis, its deviance in 2NLL, certificate, and ``negative``, the size of its negative yields: the
    sum of all yields of a sample in a bin that are below :data:`NEGATIVE`, in events, without the sign."""

    theta: Array
    deviance: float
    edm: float
    iterations: int
    status: int
    negative: float

    @property
    def converged(self) -> bool:
        return self.status == CONVERGED


@dataclass(frozen=True)
class Fits:
    """Runs fits of ``model`` on ``threads`` threads."""

    model: Model
    threads: int = 1

    def scale(self, hypothesis: int) -> Array:
        """Prior width of each parameter (P,); 1 for an unconstrained one."""
        tables = self.model.batch.tables
        kind, width = tables.constraint[hypothesis], tables.width[hypothesis]
        poisson = np.sqrt(np.maximum(self.model.batch.aux[hypothesis], 1.0 / width) / width)  # of no count: that of one
        return np.where(kind == NORMAL, width, np.where(kind == POISSON, poisson, 1.0))

    def poi_range(self, hypothesis: Index, lower_poi: float | None, reach: tuple[float, float] | None) -> tuple[Array, Array]:
        """The lowest and the highest value (B,) of a free POI: the bounds of the measurement, widened to contain ``reach``, and
        above ``lower_poi``."""
        batch, column = self.model.batch, self.model.batch.poi[hypothesis]
        lower, upper = batch.lower[hypothesis, column], batch.upper[hypothesis, column]
        if reach is not None:
            lower, upper = np.minimum(lower, reach[0]), np.maximum(upper, reach[1])
        return (lower if lower_poi is None else np.maximum(lower, lower_poi)), upper

    def problem(
        self,
        hypothesis: Index,
        start: Array,
        data: Data,
        poi: Array,
        lower_poi: float | None,
        reach: tuple[float, float] | None = None,
    ) -> Problem:
        """One fit a row, with the POI fixed at ``poi`` (B,), or free in its `poi_range` where that is NaN.

        Raises :class:`OptionError` where the POI of a hypothesis without one is to be fixed.
        """
        batch = self.model.batch
        fixed = batch.fixed[hypothesis]
        lower = np.where(fixed, batch.init[hypothesis], batch.lower[hypothesis])
        upper = np.where(fixed, batch.init[hypothesis], batch.upper[hypothesis])
        with_poi = batch.poi[hypothesis] >= 0
        if not np.isnan(poi[~with_poi]).all():
            raise OptionError("a hypothesis has no parameter of interest to be fixed; fit it without a value for one")
        rows = np.flatnonzero(with_poi)
        column, value, some = batch.poi[hypothesis[rows]], poi[rows], hypothesis[rows]
        free_lower, free_upper = self.poi_range(some, lower_poi, reach)
        lower[rows, column] = np.where(np.isnan(value), free_lower, value)
        upper[rows, column] = np.where(np.isnan(value), free_upper, value)
        return Problem(hypothesis, np.clip(start, lower, upper), lower, upper, data)

    def run(self, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
        """All fits of ``problem``, each in at most ``most`` iterations."""
        return run_fits(self.model, problem, self.threads, most)

    def minima(self, problem: Problem, result: FitResult) -> Iterator[Minimum]:
        """The rows of ``result`` as :class:`Minimum`, with their negative yields."""
        negative = -np.where(result.yields < NEGATIVE, result.yields, 0.0).sum(axis=1)
        for row, hypothesis in enumerate(problem.hypothesis):
            size = int(self.model.batch.tables.size[hypothesis])
            yield Minimum(
                theta=result.theta[row, :size],
                deviance=float(result.deviance[row]),
                edm=float(result.edm[row]),
                iterations=int(result.iterations[row]),
                status=int(result.status[row]),
                negative=float(negative[row]),
            )


def run_fits(model: Model, problem: Problem, threads: int = 1, most: int = MAX_ITERATIONS) -> FitResult:
    """All rows of ``problem``, in chunks of a size that suits the kernel, ``threads`` of them at a time.

    Neither the chunks nor the threads change the result.
    """
    count, kernel = len(problem.start), model.kernel
    share = -(-count // (_CHUNKS * threads)) if threads > 1 else count
    rows = max(1, min(kernel.rows_per_call, share))
    chunks = [problem.rows(np.arange(first, min(first + rows, count))) for first in range(0, count, rows)] or [problem]
    if threads <= 1 or len(chunks) == 1:
        parts = [kernel.minimize(chunk, most) for chunk in chunks]
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda chunk: kernel.minimize(chunk, most), chunks))
    return FitResult(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(FitResult)))
