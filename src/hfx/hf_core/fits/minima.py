"""The minima of one fit of one hypothesis, and where to look for more of them.

HistFactory likelihoods have several minima: interpolation codes that shift a yield the same way for both signs of a nuisance
parameter make V-shaped directions. A :class:`Pool` keeps the distinct minima that were found; its first entry is the
natural one (from the suggested initial values). Which of them counts is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.parameters import NORMAL, POISSON
from hfx.hf_core.fits.model import Data, FusedKernel, Model
from hfx.hf_core.fits.solver import CONVERGED, FLOOR, MAX_ITERATIONS, FitResult, Problem, minimize

__all__ = ["CHOICES", "NEGATIVE", "Fits", "Minimum", "Pool", "run_fits"]

Array = NDArray[np.float64]
CHOICES = ("natural", "admissible", "lowest")
NEGATIVE = -0.1  # events: a sample's yield below this is unphysical
_SAME_DEVIANCE = 1e-8  # two minima closer than this in 2NLL ...
_SAME_PLACE = 1e-3  # ... and in every parameter, in units of its prior width, are one
_IMPROVEMENT = 1e-7  # in 2NLL: a minimum lower by less is no reason to leave the natural one
_UNFINISHED = 1e-6  # in 2NLL: a start that went lower than this without converging casts doubt on what did
_CHUNKS = 4  # for each thread: the last ones even out how long they take
_ROW_BUDGET = 500_000  # elements of the Hessians of one chunk: 4 MB stay near the cache
_FUSED_ROWS = 1024  # of a kernel that takes one row after another; a compiled call cannot be stopped
_DEVICE_BUDGET = 50_000_000  # of another device, where many rows at once hide what a call costs; some ten such arrays are held


@dataclass(frozen=True, eq=False)
class Minimum:
    """theta (P,) of the hypothesis, its deviance in 2NLL, certificate, and the cells with a negative yield."""

    theta: Array
    deviance: float
    edm: float
    iterations: int
    status: int
    negative: frozenset[int]

    @property
    def converged(self) -> bool:
        return self.status == CONVERGED


@dataclass
class Pool:
    """Distinct minima of one fit; ``scale`` (P,) are the prior widths. The first is the natural one."""

    scale: Array
    minima: list[Minimum] = field(default_factory=list)

    def add(self, found: Minimum) -> None:
        """Keep ``found`` unless it is there already.

        A start that did not converge is kept as the natural one, and where it went lower than all minima so far: the
        lowest minimum is then not known, and must not be reported as if it were.
        """
        if self.minima and not found.converged:
            lowest = min(known.deviance for known in self.minima)
            if found.status == FLOOR or not found.deviance < lowest - _UNFINISHED:
                return
        for known in self.minima:
            if known.converged and self._same(known, found):
                return
        self.minima.append(found)

    def _same(self, one: Minimum, two: Minimum) -> bool:
        if abs(one.deviance - two.deviance) > _SAME_DEVIANCE * (1.0 + abs(one.deviance)):
            return False
        return bool((np.abs(one.theta - two.theta) <= _SAME_PLACE * self.scale).all())

    def chosen(self, choice: str) -> Minimum:
        """The natural minimum; or the lowest, or the lowest admissible, where it lies lower than the natural one.

        Admissible: no cell has a negative yield where the natural minimum has none.
        """
        natural = self.minima[0]
        if choice == "natural":
            return natural
        candidates = [m for m in self.minima if choice == "lowest" or m.negative <= natural.negative]
        best = min(candidates, key=lambda minimum: minimum.deviance)
        converged = min((m for m in candidates if m.converged), key=lambda minimum: minimum.deviance, default=best)
        if converged.deviance <= best.deviance + _UNFINISHED or best.status == FLOOR:
            best = converged
        if natural.converged and best.deviance > natural.deviance - _IMPROVEMENT:
            return natural
        return best


@dataclass(frozen=True)
class Fits:
    """What the fits of a batch share: the model, the number of threads."""

    model: Model
    threads: int = 1

    def scale(self, hypothesis: int) -> Array:
        """Prior width of each parameter (P,); 1 for an unconstrained one."""
        tables = self.model.batch.tables
        kind, width = tables.constraint[hypothesis], tables.width[hypothesis]
        poisson = np.sqrt(np.maximum(self.model.batch.aux[hypothesis], 1e-300) / width)
        return np.where(kind == NORMAL, width, np.where(kind == POISSON, poisson, 1.0))

    def problem(self, hypothesis: NDArray[np.int64], start: Array, data: Data, mu: Array, lower_poi: float | None) -> Problem:
        """Rows of fits with the POI held at ``mu`` (B,), or free (above ``lower_poi``) where that is NaN."""
        batch = self.model.batch
        held = batch.fixed[hypothesis]
        lower = np.where(held, batch.init[hypothesis], batch.lower[hypothesis])
        upper = np.where(held, batch.init[hypothesis], batch.upper[hypothesis])
        rows, poi = np.arange(len(hypothesis)), batch.poi[hypothesis]
        free_lower = batch.lower[hypothesis, poi]
        if lower_poi is not None:
            free_lower = np.maximum(free_lower, lower_poi)
        lower[rows, poi] = np.where(np.isnan(mu), free_lower, mu)
        upper[rows, poi] = np.where(np.isnan(mu), batch.upper[hypothesis, poi], mu)
        return Problem(hypothesis, np.clip(start, lower, upper), lower, upper, data)

    def run(self, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
        return run_fits(self.model, problem, self.threads, most)

    def minima(self, problem: Problem, result: FitResult) -> Iterator[Minimum]:
        """The result's rows as :class:`Minimum`, with their negative cells."""
        for row, hypothesis in enumerate(problem.hypothesis):
            size = int(self.model.batch.tables.size[hypothesis])
            yield Minimum(
                theta=result.theta[row, :size],
                deviance=float(result.deviance[row]),
                edm=float(result.edm[row]),
                iterations=int(result.iterations[row]),
                status=int(result.status[row]),
                negative=frozenset(np.flatnonzero(result.yields[row] < NEGATIVE).tolist()),
            )


def run_fits(model: Model, problem: Problem, threads: int = 1, most: int = MAX_ITERATIONS) -> FitResult:
    """All rows of ``problem``, in chunks near the cache's size, ``threads`` of them at a time; neither changes the result."""
    count, parameters = problem.start.shape
    shared_out = -(-count // (_CHUNKS * threads)) if threads > 1 else count
    budget = (_ROW_BUDGET if model.on_cpu else _DEVICE_BUDGET) // max(1, parameters * parameters)
    rows = max(1, min(_FUSED_ROWS if isinstance(model.kernel, FusedKernel) else budget, shared_out))
    chunks = [problem.rows(np.arange(first, min(first + rows, count))) for first in range(0, count, rows)] or [problem]
    if threads <= 1 or len(chunks) == 1:
        parts = [minimize(model.kernel, chunk, most) for chunk in chunks]
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda chunk: minimize(model.kernel, chunk, most), chunks))
    return FitResult(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(FitResult)))
