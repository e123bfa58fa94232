"""The local search for minima: natural starts, then further starts of each hypothesis alone.

What the kinds of start are good for was measured on published pallets (the benchmark ``benchmarks/minima.py`` prints it):

- *cross*: the other fits' minima with the POI moved to this fit's value;
- *climb*: the fit at a larger mu, and from there back to its own. A large signal pulls the nuisance parameters along the
  collective direction that moves the bins as the signal does, over the ridge into the basins that hide a signal;
- *flip*: one nuisance parameter at a time to its other side, those first whose flip hardly changes 2NLL (V-shaped directions),
  again from every improvement;
- *swell*: the collective direction of all shifts that makes the signal larger or smaller in one bin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.compile import Batch
from hfx.hf_core.minima import CHOICES, Fits, Minimum, Pool
from hfx.hf_core.model import Data
from hfx.hf_core.parameters import NORMAL
from hfx.hf_core.solver import Problem

__all__ = ["CLIMBS", "DATA_FITS", "DEFAULT_STARTS", "FLIP_ROUNDS", "Search", "Start"]

Array = NDArray[np.float64]
DATA_FITS = ("bkg", "fixed", "free")
DEFAULT_STARTS = 18
CLIMBS = (3.0, 16.0, 1.5, 64.0, 2.0)  # in units of the tested mu, the most fruitful first
_CLIMBING = 30  # iterations: a climb need not arrive, only go up
FLIP_ROUNDS = 8
_FLIPS = 4  # a minimum and round
_PROMISING = 0.1  # 2NLL
_PULLED = 0.05  # prior widths: a parameter pulled by less is not flipped
_FLIPPED = 3  # of this many lowest minima
_SWELL = 3.0  # prior widths
_HALVINGS = 6


@dataclass(frozen=True, eq=False)
class Start:
    """One start: hypothesis, which pool it feeds, parameters (P,), and how it was made."""

    hypothesis: int
    key: str
    theta: Array
    kind: str


@dataclass
class Search:
    """The pools of a batch: ``pools[h, key]`` with key "bkg", "fixed", "free" or "asimov:i" (i: minimum of "bkg").

    ``found`` counts, for each kind of start, the minima that it was the first to reach.
    """

    fits: Fits
    mu: float
    lower_poi: float | None
    pools: dict[tuple[int, str], Pool] = field(default_factory=dict)
    asimov: dict[tuple[int, str], Data] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    flipped: dict[int, Minimum] = field(default_factory=dict)

    def poi_value(self, key: str) -> float:
        """Where the fit of this name holds the POI; NaN where it is free."""
        return {"bkg": 0.0, "free": np.nan}.get(key, self.mu)

    def run(self, starts: Sequence[Start]) -> None:
        """Run ``starts`` as one batch and add what they reach to the pools, in their order."""
        if not starts:
            return
        batch = self.fits.model.batch
        rows = np.array([start.hypothesis for start in starts], dtype=np.int64)
        theta = batch.init[rows].copy()
        for row, start in enumerate(starts):
            theta[row, : len(start.theta)] = start.theta
        mu = np.array([self.poi_value(start.key) for start in starts])
        problem = self.fits.problem(rows, theta, self._data(starts, rows), mu, self.lower_poi)
        self._pull_back(problem)
        result = self.fits.run(problem)
        for start, minimum in zip(starts, self.fits.minima(problem, result), strict=True):
            pool = self.pools.setdefault(
                (start.hypothesis, start.key), Pool(self.fits.scale(start.hypothesis)[: len(minimum.theta)])
            )
            before = len(pool.minima)
            pool.add(minimum)
            if len(pool.minima) > before:
                self.found[start.kind] = self.found.get(start.kind, 0) + 1

    def _pull_back(self, problem: Problem) -> None:
        """Move starts with a rate that is not positive towards the initial values, by halves (changes ``problem.start``)."""
        batch = self.fits.model.batch
        bins = np.arange(batch.observed.shape[1]) < batch.tables.bins[problem.hypothesis][:, None]
        init = np.clip(batch.init[problem.hypothesis], problem.lower, problem.upper)
        for _ in range(_HALVINGS):
            _, rates = self.fits.model.yields(problem.hypothesis, problem.start)
            bad = ((rates <= 0.0) & bins & (problem.data.main > 0.0)).any(axis=1)
            if not bad.any():
                return
            problem.start[bad] = 0.5 * (problem.start[bad] + init[bad])

    def _data(self, starts: Sequence[Start], rows: NDArray[np.int64]) -> Data:
        data = self.fits.model.observed(rows)
        for row, start in enumerate(starts):
            generated = self.asimov.get((start.hypothesis, start.key))
            if generated is not None:
                data.main[row], data.aux[row] = generated.main[0], generated.aux[0]
        return data

    def natural(self, hypotheses: Iterable[int], keys: Sequence[str]) -> list[Start]:
        """pyhf's suggested initial values (the POI is set by the fit's bounds)."""
        return [Start(h, key, self._init(h), "natural") for h in hypotheses for key in keys]

    def _init(self, hypothesis: int) -> Array:
        batch = self.fits.model.batch
        return batch.init[hypothesis, : int(batch.tables.size[hypothesis])]

    def cross(self, hypotheses: Iterable[int], keys: Sequence[str], sources: Sequence[str]) -> list[Start]:
        """From the distinct minima of the other fits."""
        return [
            Start(h, key, minimum.theta, "cross")
            for h in hypotheses
            for key in keys
            for source in sources
            if source != key
            for minimum in self.pools[h, source].minima
        ]

    def climb(self, hypotheses: Sequence[int], key: str, tops: Sequence[float]) -> list[Start]:
        """The fit ``key`` from the suggested initial values at ``tops`` times the tested mu: starts to come back from."""
        away = [(h, top) for h in hypotheses for top in tops]
        if not away:
            return []
        starts = [Start(h, key, self._init(h), "climb") for h, _ in away]
        rows = np.array([h for h, _ in away], dtype=np.int64)
        mu = np.array([top * (self.mu or 1.0) for _, top in away])
        batch = self.fits.model.batch
        problem = self.fits.problem(rows, batch.init[rows], self._data(starts, rows), mu, None)
        result = self.fits.run(problem, _CLIMBING)
        sizes = batch.tables.size[rows]
        return [Start(h, key, result.theta[row, : int(sizes[row])], "climb") for row, h in enumerate(rows.tolist())]

    def swell(self, hypotheses: Iterable[int], key: str, count: int) -> list[Start]:
        """From the natural minimum along the directions that swell or shrink one bin of the signal the most."""
        starts = []
        for h in hypotheses:
            theta = self.pools[h, key].minima[0].theta
            for index, direction in signal_directions(self.fits.model.batch, h)[:count]:
                moved = theta.copy()
                moved[index] += _SWELL * direction
                starts.append(Start(h, key, moved, "swell"))
        return starts

    def flip(self, hypotheses: Iterable[int], keys: Sequence[str]) -> list[Start]:
        """From the lowest minima and the lowest admissible one, each of the most promising parameters on its other side.

        Promising is what one evaluation shows: a parameter whose flip hardly raises 2NLL sits in a V.
        """
        starts = []
        for h in hypotheses:
            for key in keys:
                pool = self.pools[h, key]
                sources = [*sorted(pool.minima, key=lambda m: m.deviance)[:_FLIPPED], pool.chosen("admissible")]
                for minimum in {id(m): m for m in sources if m.converged}.values():
                    if id(minimum) not in self.flipped:
                        self.flipped[id(minimum)] = minimum
                        starts += self._flips(h, key, minimum)
        return starts

    def _flips(self, h: int, key: str, minimum: Minimum) -> list[Start]:
        batch = self.fits.model.batch
        size = len(minimum.theta)
        normal = (batch.tables.constraint[h, :size] == NORMAL) & ~batch.fixed[h, :size]
        aux = batch.aux[h, :size]
        pull = np.where(normal, np.abs(minimum.theta - aux) / self.pools[h, key].scale, 0.0)
        pulled = np.flatnonzero(pull > _PULLED)
        if not len(pulled):
            return []
        flipped = np.repeat(minimum.theta[None, :], len(pulled), axis=0)
        flipped[np.arange(len(pulled)), pulled] = 2.0 * aux[pulled] - minimum.theta[pulled]
        data = self.asimov.get((h, key)) or self.fits.model.observed(np.array([h], dtype=np.int64))
        raised = self.fits.model.deviance(h, flipped, data) - minimum.deviance
        order = np.argsort(raised, kind="stable")[:_FLIPS]
        return [Start(h, key, flipped[row], "flip") for row in order if raised[row] < _PROMISING]

    def make_asimov(self, hypotheses: Iterable[int]) -> list[tuple[int, str]]:
        """Asimov data of the background fits that the three choices take; the new (hypothesis, key) pairs."""
        made = []
        for h in hypotheses:
            for choice in CHOICES:
                key = self.asimov_key(h, choice)
                if (h, key) not in self.asimov:
                    minimum = self.pools[h, "bkg"].chosen(choice)
                    theta = self.fits.model.batch.init[h][None, :].copy()
                    theta[0, : len(minimum.theta)] = minimum.theta
                    self.asimov[h, key] = self.fits.model.asimov(np.array([h], dtype=np.int64), theta)
                    made.append((h, key))
        return made

    def asimov_key(self, h: int, choice: str) -> str:
        """Name of the pool of fixed-mu fits to the Asimov data of the background minimum of ``choice``."""
        pool = self.pools[h, "bkg"]
        return f"asimov:{pool.minima.index(pool.chosen(choice))}"

    def chosen(self, h: int, choice: str) -> Mapping[str, Minimum]:
        """The minima of the four fits for one choice."""
        fits = {key: self.pools[h, key].chosen(choice) for key in DATA_FITS}
        return {**fits, "asimov_fixed": self.pools[h, self.asimov_key(h, choice)].chosen(choice)}


def signal_directions(batch: Batch, h: int) -> list[tuple[NDArray[np.int64], Array]]:
    """(parameter indices, unit vector over them) for each signal cell, up and down; the strongest response first.

    The response of a cell to alpha = +1 or -1 on the side that counts: S + D or D - S, relative to the root of what its bin
    observed, plus one.
    """
    t, poi = batch.tables, batch.poi[h]
    found: list[tuple[float, NDArray[np.int64], Array]] = []
    for block in t.hypothesis_block[t.hypothesis_from[h] : t.hypothesis_from[h + 1]]:
        linear = t.start[h, t.linear_key[t.linear_from[block] : t.linear_from[block + 1]]]
        if poi not in linear:
            continue
        index = t.start[h, t.shift_key[t.shift_from[block] : t.shift_from[block + 1]]]
        bins = int(t.block_bins[block])
        cells = slice(t.shift_cell[block], t.shift_cell[block] + bins * len(index))
        odd, even = (table[cells].reshape(bins, len(index)) for table in (t.shift_odd, t.shift_even))
        place = int(t.offset[h, t.block_channel[block]])
        for i in range(bins):
            for up in (1.0, -1.0):
                plus, minus = up * (odd[i] + even[i]), up * (even[i] - odd[i])
                response = np.maximum(np.maximum(plus, minus), 0.0)
                size = float(np.sqrt((response**2).sum()))
                if size > 0.0:
                    direction = np.where(plus >= minus, 1.0, -1.0) * response / size
                    # By what the bin can resolve: the observed count's root.
                    found.append((size / np.sqrt(batch.observed[h, place + i] + 1.0), index, direction))
    found.sort(key=lambda item: -item[0])
    return [(index, direction) for _, index, direction in found]
