"""The local search for minima: natural starts, then further starts of each hypothesis alone.

What the kinds of start are good for was measured on published pallets (the benchmark ``benchmarks/minima.py`` prints it):

- *cross*: the other fits' minima with the POI moved to this fit's value;
- *climb*: the fit followed to a large mu and back to its own. A large signal pulls the nuisance parameters along the collective
  direction that moves the bins as the signal does, over the ridge into the basins that hide a signal;
- *flip*: one strongly pulled nuisance parameter at a time to its other side (V-shaped directions);
- *random*: normal around the auxiliary data, seeded by the hypothesis' content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.minima import CHOICES, Fits, Minimum, Pool
from hfx.hf_core.model import Data
from hfx.hf_core.parameters import NORMAL

__all__ = ["CLIMBS", "DATA_FITS", "DEFAULT_STARTS", "Search"]

Array = NDArray[np.float64]
DATA_FITS = ("bkg", "fixed", "free")
DEFAULT_STARTS = 16
CLIMBS = (8.0, 16.0, 64.0)  # in units of the tested mu
_PULLED = 0.25  # prior widths: a parameter pulled by less is not flipped


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
        result = self.fits.run(problem)
        for start, minimum in zip(starts, self.fits.minima(problem, result), strict=True):
            pool = self.pools.setdefault(
                (start.hypothesis, start.key), Pool(self.fits.scale(start.hypothesis)[: len(minimum.theta)])
            )
            before = len(pool.minima)
            pool.add(minimum)
            if len(pool.minima) > before:
                self.found[start.kind] = self.found.get(start.kind, 0) + 1

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

    def climb(self, hypotheses: Sequence[int], key: str, tops: Sequence[float], step_by_step: bool) -> list[Start]:
        """Follow the fit ``key`` from its natural minimum to ``tops`` times the tested mu; the starts to come back from."""
        batch = self.fits.model.batch
        rows = np.array(hypotheses, dtype=np.int64)
        starts: list[Start] = []
        natural = [Start(h, key, self.pools[h, key].minima[0].theta, "climb") for h in hypotheses]
        theta = batch.init[rows].copy()
        if step_by_step:
            for row, start in enumerate(natural):
                theta[row, : len(start.theta)] = start.theta
        data = self._data(natural, rows)
        for top in tops:
            mu = np.full(len(rows), top * (self.mu or 1.0))
            result = self.fits.run(self.fits.problem(rows, theta, data, mu, None))
            if step_by_step:
                theta = result.theta
            sizes = batch.tables.size[rows]
            starts += [
                Start(h, key, result.theta[row, : int(sizes[row])], "climb") for row, h in enumerate(hypotheses)
            ]
        return starts

    def flip(self, hypotheses: Iterable[int], keys: Sequence[str], most: int) -> list[Start]:
        """From the lowest minimum, one of the ``most`` strongest pulled constrained parameters on its other side."""
        starts = []
        for h in hypotheses:
            for key in keys:
                starts += self._flips(h, key, self.pools[h, key].chosen("lowest"), most)
        return starts

    def _flips(self, h: int, key: str, minimum: Minimum, most: int) -> list[Start]:
        batch = self.fits.model.batch
        size = len(minimum.theta)
        normal = (batch.tables.constraint[h, :size] == NORMAL) & ~batch.fixed[h, :size]
        aux = batch.aux[h, :size]
        pull = np.where(normal, np.abs(minimum.theta - aux) / self.pools[h, key].scale, 0.0)
        order = np.argsort(-pull, kind="stable")[:most]
        starts = []
        for p in order[pull[order] > _PULLED]:
            theta = minimum.theta.copy()
            theta[p] = 2.0 * aux[p] - theta[p]
            starts.append(Start(h, key, theta, "flip"))
        return starts

    def random(self, hypotheses: Iterable[int], keys: Sequence[str], count: int) -> list[Start]:
        """Normal around the auxiliary data, 1.5 prior widths; seeded by the hypothesis' own likelihood."""
        batch = self.fits.model.batch
        starts = []
        for h in hypotheses:
            size = int(batch.tables.size[h])
            generator = np.random.default_rng(self._seed(h))
            for key in keys:
                for _ in range(count):
                    pulls = 1.5 * generator.standard_normal(size)
                    scale = np.where(batch.tables.constraint[h, :size] != 0, self.fits.scale(h)[:size], 0.5)
                    starts.append(Start(h, key, batch.init[h, :size] + pulls * scale, "random"))
        return starts

    def _seed(self, h: int) -> int:
        """From content alone: the parameters' names and the 2NLL at the natural minimum, rounded."""
        deviance = self.pools[h, "bkg"].minima[0].deviance
        text = "\n".join((*self.fits.model.batch.labels[h], f"{deviance:.6f}"))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

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
