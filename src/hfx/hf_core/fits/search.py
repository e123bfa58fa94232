"""The search for minima: runs starts and collects the distinct minima that they reach.

One search may hold fits at several values of the parameter of interest (POI) and to several data sets. Starts other than the
natural ones are tried for a lower minimum, and are abandoned once it is clear that they do not reach one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.problem import Data, Problem
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.minima import Pool
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.fits.starts import LOWER, UNTARGETED, Start, Starts

__all__ = ["DEFAULT_STARTS", "FLIP_ROUNDS", "Search"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
DEFAULT_STARTS = 5  # of the fit at the tested POI: the natural one, draws (which count as one), and sinks
FLIP_ROUNDS = 8
_HALVINGS = 6


@dataclass
class Search:
    """The minima of a batch: ``pools`` by hypothesis and fit.

    A free POI is above ``lower_poi`` (None: no such bound), and its range contains ``reach`` even where the bounds of the
    measurement do not. ``data`` holds the generated data sets by hypothesis and key; each has one row.
    """

    fits: Fits
    lower_poi: float | None = None
    reach: tuple[float, float] | None = None
    pools: dict[tuple[int, Fit], Pool] = field(default_factory=dict)
    data: dict[tuple[int, str], Data] = field(default_factory=dict)
    starts: Starts = field(init=False)
    _scales: dict[int, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.starts = Starts(self.fits.model, self.pools, self.data)

    def run(self, starts: Sequence[Start]) -> None:
        """Run ``starts`` as one batch and add the minima that they reach to the pools, in their order."""
        if not starts:
            return
        problem = replace(self._problem(starts), target=np.array([self._target(start) for start in starts]))
        if any(start.kind != "natural" for start in starts):  # natural starts are the points that others are moved towards
            self._pull_back(problem)
        result = self.fits.run(problem)
        for start, minimum in zip(starts, self.fits.minima(problem, result), strict=True):
            key = start.hypothesis, start.fit
            if key not in self.pools:
                self.pools[key] = Pool(self._scale(start.hypothesis)[: len(minimum.theta)])
            pool = self.pools[key]
            pool.drawn += start.kind == "draw"
            if start.iterations:
                minimum = replace(minimum, iterations=minimum.iterations + start.iterations)
            pool.add(minimum, start.hits)

    def _scale(self, hypothesis: int) -> Array:
        if hypothesis not in self._scales:
            self._scales[hypothesis] = self.fits.scale(hypothesis)
        return self._scales[hypothesis]

    def poi_range(self, hypothesis: int) -> tuple[float, float]:
        """The lowest and the highest value of a free POI."""
        lower, upper = self.fits.poi_range(np.array([hypothesis]), self.lower_poi, self.reach)
        return float(lower[0]), float(upper[0])

    def bounds(self, hypothesis: int, fit: Fit) -> tuple[Array, Array]:
        """The lowest and the highest value (P,) of each parameter in a fit; equal ones hold it."""
        size = int(self.fits.model.batch.tables.size[hypothesis])
        problem = self._problem([Start(hypothesis, fit, self.fits.model.batch.init[hypothesis, :size], "moved")])
        return problem.lower[0, :size], problem.upper[0, :size]

    def _problem(self, starts: Sequence[Start]) -> Problem:
        rows, theta = self.starts.padded(starts)
        poi = np.array([np.nan if start.fit.poi is None else start.fit.poi for start in starts])
        return self.fits.problem(rows, theta, self.starts.data_of(starts, rows), poi, self.lower_poi, self.reach)

    def _target(self, start: Start) -> float:
        """The deviance that a start must go below to be of use; infinite where it is used wherever it ends. For a draw at least
        that of the natural minimum, so that it counts for each lower one that it reaches."""
        pool = self.pools.get((start.hypothesis, start.fit))
        if start.kind in UNTARGETED or pool is None or not pool.minima[0].converged:
            return np.inf
        useful = pool.useful()
        return (max(useful, pool.minima[0].deviance) if start.kind == "draw" else useful) - LOWER

    def _pull_back(self, problem: Problem) -> None:
        """Move starts with a rate that is not positive towards the initial values, by halves (changes ``problem.start``)."""
        batch = self.fits.model.batch
        bins = np.arange(batch.observed.shape[1]) < batch.tables.bins[problem.hypothesis][:, None]
        bad = np.arange(len(bins))
        for _ in range(_HALVINGS):
            _, rates = self.fits.model.yields(problem.hypothesis[bad], problem.start[bad])
            bad = bad[((rates <= 0.0) & bins[bad] & (problem.data.main[bad] > 0.0)).any(axis=1)]
            if not len(bad):
                return
            init = np.clip(batch.init[problem.hypothesis[bad]], problem.lower[bad], problem.upper[bad])
            problem.start[bad] = 0.5 * (problem.start[bad] + init)

    def sink(self, hypotheses: Iterable[int], fit: Fit, count: int) -> list[Start]:
        """The ``count`` starts with a cell driven below zero that are lowest in 2NLL before they are fitted."""
        return self.best(self.starts.sinks(hypotheses, fit), count) if count >= 1 else []

    def best(self, starts: Sequence[Start], count: int) -> list[Start]:
        """The ``count`` starts of each fit that are lowest in 2NLL before any is fitted."""
        if not starts:
            return []
        problem = self._problem(starts)
        self._pull_back(problem)
        deviance = self.fits.model.deviance(problem.hypothesis, problem.start, problem.data)
        rows_of: dict[tuple[int, Fit], list[int]] = {}
        for row, start in enumerate(starts):
            rows_of.setdefault((start.hypothesis, start.fit), []).append(row)
        return [
            starts[rows[place]]
            for rows in rows_of.values()
            for place in np.argsort(deviance[rows], kind="stable")[:count].tolist()
        ]

    def generate(self, thetas: Mapping[tuple[int, str], Array]) -> None:
        """Add the Asimov data of the parameters (P,) that are given by hypothesis and key of the data set."""
        if not thetas:
            return
        rows = np.array([h for h, _ in thetas], dtype=np.int64)
        padded = self.fits.model.batch.init[rows].copy()
        for row, theta in enumerate(thetas.values()):
            padded[row, : len(theta)] = theta
        data = self.fits.model.asimov(rows, padded)
        for row, key in enumerate(thetas):
            self.data[key] = data.rows(np.array([row], dtype=np.int64))
