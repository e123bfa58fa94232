"""The local search for minima: natural starts, then further starts of each hypothesis alone.

What the kinds of start are good for was measured on published pallets (the benchmark ``benchmarks/minima.py`` prints it):

- *mirror*: the natural minimum with every alpha on its other side: V-shaped shifts make families of them sit on one side;
- *sink*: a cell whose shifts outweigh its yield is driven below zero, where its other factors multiply what it takes from its
  bin: the basins that hide a signal behind a negative background;
- *flip*: one alpha at a time to its other side, those first whose flip hardly changes 2NLL, again from every improvement;
- *cross*: the other fits' lowest minima with the POI moved to this fit's value.

All but the natural starts are looking for something lower, and are abandoned once it is clear that they do not find it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.batch import Batch
from hfx.hf_core.batch.problem import Problem
from hfx.hf_core.fits.minima import CHOICES, Fits, Minimum, Pool
from hfx.hf_core.fits.model import Data

__all__ = ["DATA_FITS", "DEFAULT_STARTS", "FLIP_ROUNDS", "Search", "Start"]

Array = NDArray[np.float64]
DATA_FITS = ("bkg", "fixed", "free")
DEFAULT_STARTS = 5  # a fit: the natural one, the mirrored one, and sinks
FLIP_ROUNDS = 8
_FLIPS = 4  # a minimum and round
_PROMISING = 0.1  # 2NLL
_PULLED = 0.05  # prior widths: a parameter pulled by less is not flipped
_SUNK, _DRIVEN, _MULTIPLIED, _MOST_DRIVEN = 3.0, 1.0, 5.0, 20.0
_SHALLOW = 0.3  # events
_DEEPEST = 24  # cells that are looked at
_LOWER = 1e-8  # in 2NLL: what a start must gain
_APART = 0.5  # prior widths: an alpha on two sides of its constraint, farther apart than this, may sit in two basins
_HALVINGS = 6


UNTARGETED = ("natural", "known")  # run to their end, whatever that is


@dataclass(frozen=True, eq=False)
class Start:
    """One start: hypothesis, which pool it feeds, parameters (P,), and how it was made."""

    hypothesis: int
    key: str
    theta: Array
    kind: str


@dataclass
class Search:
    """The pools of a batch: ``pools[h, key]`` with key "bkg", "fixed", "free" or "asimov:i" (i: minimum of "bkg")."""

    fits: Fits
    mu: float
    lower_poi: float | None
    pools: dict[tuple[int, str], Pool] = field(default_factory=dict)
    asimov: dict[tuple[int, str], Data] = field(default_factory=dict)
    flipped: dict[int, Minimum] = field(default_factory=dict)
    _cells: dict[int, list[Sink]] = field(default_factory=dict)

    def poi_value(self, key: str) -> float:
        """Where the fit of this name holds the POI; NaN where it is free."""
        return {"bkg": 0.0, "free": np.nan}.get(key, self.mu)

    def run(self, starts: Sequence[Start]) -> None:
        """Run ``starts`` as one batch and add what they reach to the pools, in their order."""
        if not starts:
            return
        rows, theta = self._padded(starts)
        mu = np.array([self.poi_value(start.key) for start in starts])
        problem = self.fits.problem(rows, theta, self._data(starts, rows), mu, self.lower_poi)
        problem = replace(problem, target=np.array([self._target(start) for start in starts]))
        if any(start.kind != "natural" for start in starts):  # those are what the others are pulled back to
            self._pull_back(problem)
        result = self.fits.run(problem)
        for start, minimum in zip(starts, self.fits.minima(problem, result), strict=True):
            pool = self.pools.setdefault(
                (start.hypothesis, start.key), Pool(self.fits.scale(start.hypothesis)[: len(minimum.theta)])
            )
            pool.add(minimum)

    def _padded(self, starts: Sequence[Start]) -> tuple[NDArray[np.int64], Array]:
        """Hypothesis (B,) and parameters (B, P) of ``starts``."""
        rows = np.array([start.hypothesis for start in starts], dtype=np.int64)
        theta = self.fits.model.batch.init[rows].copy()
        for row, start in enumerate(starts):
            theta[row, : len(start.theta)] = start.theta
        return rows, theta

    def _target(self, start: Start) -> float:
        """What a start has to go below to be of use: the lowest admissible minimum. Any minimum will do where there is none."""
        pool = self.pools.get((start.hypothesis, start.key))
        if start.kind in UNTARGETED or pool is None or not pool.minima[0].converged:
            return np.inf
        best = pool.chosen("admissible")
        return best.deviance - _LOWER if best.converged else np.inf

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

    def cross(
        self, hypotheses: Iterable[int], keys: Sequence[str], sources: Sequence[str], *, sides: bool = False
    ) -> list[Start]:
        """From the other fits' lowest and lowest admissible minima: where these are not their natural ones, where they lie
        below this fit already, as they may for a free POI, and with ``sides`` where some alpha is on the other side of its
        constraint."""
        return [
            Start(h, key, minimum.theta, "cross")
            for h in hypotheses
            for key in keys
            for source in sources
            if source != key
            for minimum in self._best(h, source)
            if minimum is not self.pools[h, source].minima[0]
            or (key == "free" and minimum.deviance < self._best(h, key)[0].deviance - _LOWER)
            or (sides and self._on_other_side(h, key, minimum))
        ]

    def _on_other_side(self, h: int, key: str, minimum: Minimum) -> bool:
        """Whether a minimum of another fit to the same data has an alpha on the other side of its constraint than the best one
        of the fit ``key``, and not just across it."""
        size = len(minimum.theta)
        aux = self._aux(h, key)[:size]
        here, there = self._best(h, key)[0].theta - aux, minimum.theta - aux
        apart = (here * there < 0.0) & (np.abs(here - there) > _APART * self.pools[h, key].scale)
        return bool((apart & self.fits.model.batch.tables.alpha[h, :size]).any())

    def _best(self, h: int, key: str) -> list[Minimum]:
        """The lowest and the lowest admissible minimum of a fit; one where they are the same."""
        pool = self.pools[h, key]
        return list({id(m): m for m in (pool.chosen("lowest"), pool.chosen("admissible"))}.values())

    def mirror(self, hypotheses: Iterable[int], keys: Sequence[str]) -> list[Start]:
        """The natural minima with every alpha on the other side of its constraint."""
        tables = self.fits.model.batch.tables
        starts = []
        for h in hypotheses:
            for key in keys:
                theta = self.pools[h, key].minima[0].theta
                size = len(theta)
                reflected = np.where(tables.alpha[h, :size], 2.0 * self._aux(h, key)[:size] - theta, theta)
                starts.append(Start(h, key, reflected, "mirror"))
        return starts

    def sink(self, hypotheses: Iterable[int], key: str, count: int) -> list[Start]:
        """From the natural minimum, one cell's yield driven below zero: of the deepest cells the ``count`` lowest in 2NLL."""
        if count < 1:
            return []
        starts = [
            Start(h, key, sunk, "sink")
            for h in hypotheses
            for sunk in sinks(self.fits.model.batch, h, self.pools[h, key].minima[0].theta, self._cells)
        ]
        return self.best(starts, count)

    def best(self, starts: Sequence[Start], count: int) -> list[Start]:
        """The ``count`` of each fit's starts that are lowest in 2NLL before any is fitted."""
        if not starts:
            return []
        rows, theta = self._padded(starts)
        mu = np.array([self.poi_value(start.key) for start in starts])
        problem = self.fits.problem(rows, theta, self._data(starts, rows), mu, self.lower_poi)
        self._pull_back(problem)
        raised = self.fits.model.deviance(rows, problem.start, problem.data)
        fits: dict[tuple[int, str], list[int]] = {}
        for row, start in enumerate(starts):
            fits.setdefault((start.hypothesis, start.key), []).append(row)
        return [
            starts[mine[place]] for mine in fits.values() for place in np.argsort(raised[mine], kind="stable")[:count].tolist()
        ]

    def flip(self, hypotheses: Iterable[int], keys: Sequence[str]) -> list[Start]:
        """From the lowest minimum and the lowest admissible one, each of the most promising alphas on its other side.

        Promising is what one evaluation shows: an alpha whose flip hardly raises 2NLL sits in a V.
        """
        sources = []
        for h in hypotheses:
            for key in keys:
                for minimum in self._best(h, key):
                    if minimum.converged and id(minimum) not in self.flipped:
                        self.flipped[id(minimum)] = minimum
                        sources.append(Start(h, key, minimum.theta, "flip"))
        if not sources:
            return []
        rows, theta = self._padded(sources)
        raised = self.fits.model.reflect(rows, theta, self._data(sources, rows))
        return [start for row, source in enumerate(sources) for start in self._flips(source, raised[row])]

    def _flips(self, source: Start, raised: Array) -> list[Start]:
        """The starts from one minimum, given by how much each flip alone raises 2NLL."""
        batch, h = self.fits.model.batch, source.hypothesis
        size = len(source.theta)
        aux = self._aux(h, source.key)[:size]
        pull = np.abs(source.theta - aux) / self.pools[h, source.key].scale
        movable = batch.tables.alpha[h, :size] & ~batch.fixed[h, :size]
        # With one minimum alone, a parabola at least as steep as the constraint, the way to the other side costs (2 pull)^2.
        promising = np.flatnonzero(movable & (pull > _PULLED) & (raised[:size] < np.minimum(_PROMISING, 2.0 * pull**2)))
        ways = [np.array([p]) for p in promising[np.argsort(raised[promising], kind="stable")][:_FLIPS]]
        downhill = promising[raised[promising] < 0.0]
        if len(downhill) > 1:
            ways.insert(0, downhill)
        starts = []
        for way in ways:
            flipped = source.theta.copy()
            flipped[way] = 2.0 * aux[way] - flipped[way]
            starts.append(Start(h, source.key, flipped, "flip"))
        return starts

    def _aux(self, h: int, key: str) -> Array:
        """Auxiliary data (P,) of a fit."""
        generated = self.asimov.get((h, key))
        aux: Array = self.fits.model.batch.aux[h] if generated is None else generated.aux[0]
        return aux

    def make_asimov(self, hypotheses: Iterable[int]) -> list[tuple[int, str]]:
        """Asimov data of the background fits that the three choices take; the new (hypothesis, key) pairs."""
        made: dict[tuple[int, str], Start] = {}
        for h in hypotheses:
            for choice in CHOICES:
                key = self.asimov_key(h, choice)
                if (h, key) not in self.asimov and (h, key) not in made:
                    made[h, key] = Start(h, key, self.pools[h, "bkg"].chosen(choice).theta, "asimov")
        if made:
            rows, theta = self._padded(list(made.values()))
            data = self.fits.model.asimov(rows, theta)
            for row, pair in enumerate(made):
                self.asimov[pair] = data.rows(np.array([row], dtype=np.int64))
        return list(made)

    def asimov_key(self, h: int, choice: str) -> str:
        """Name of the pool of fixed-mu fits to the Asimov data of the background minimum of ``choice``."""
        pool = self.pools[h, "bkg"]
        return f"asimov:{pool.minima.index(pool.chosen(choice))}"

    def chosen(self, h: int, choice: str) -> Mapping[str, Minimum]:
        """The minima of the four fits for one choice."""
        fits = {key: self.pools[h, key].chosen(choice) for key in DATA_FITS}
        return {**fits, "asimov_fixed": self.pools[h, self.asimov_key(h, choice)].chosen(choice)}


@dataclass(frozen=True, eq=False)
class Sink:
    """How one bin of a block is driven below zero: its shifts and its factors, relative to their auxiliary data, and how many
    events it then takes from the bin."""

    bin: int
    shifts: Array
    factors: Array
    depth: float


def _sinks(batch: Batch, block: int) -> list[Sink]:
    """The bins of ``block`` that can be driven below zero."""
    t = batch.tables
    bins = int(t.block_bins[block])
    count = int(t.shift_from[block + 1] - t.shift_from[block])
    cells = slice(t.shift_cell[block], t.shift_cell[block] + bins * count)
    odd, even = (table[cells].reshape(bins, count) for table in (t.shift_odd, t.shift_even))
    falls = np.maximum(np.maximum(-odd - even, odd - even), 0.0)  # at +1 and at -1
    size = np.sqrt((falls**2).sum(axis=1))
    up, down = t.normsys_table[6:8, t.normsys_from[block] : t.normsys_from[block + 1]]
    rises = np.maximum(np.maximum(up, down), 0.0)
    driven = float(np.sqrt((rises**2).sum()))
    factors = _DRIVEN * np.where(up >= down, rises, -rises) / max(driven, 1e-300)
    gammas = int(t.gamma_from[block + 1] - t.gamma_from[block])
    nominal = t.nominal[t.block_cell[block] : t.block_cell[block] + bins]
    found = []
    for i in np.flatnonzero(_SUNK * size > nominal):
        depth = (_SUNK * size[i] - nominal[i]) * np.exp(min(_DRIVEN * driven, _MOST_DRIVEN)) * _MULTIPLIED**gammas
        if depth >= _SHALLOW:
            side = np.where(-odd[i] - even[i] >= odd[i] - even[i], falls[i], -falls[i])
            found.append(Sink(int(i), _SUNK * side / size[i], factors, float(depth)))
    return found


def sinks(batch: Batch, h: int, theta: Array, known: dict[int, list[Sink]]) -> list[Array]:
    """``theta`` (P,) moved to where one cell (sample and bin) lies below zero, for the :data:`_DEEPEST` cells.

    Yields are not clipped: shifts that outweigh the nominal yield make a cell negative, and its other factors then multiply what
    it takes from its bin. The shifts of the cell go :data:`_SUNK` prior widths along their joint response (S + D or D - S, the
    side that lowers it), the factors :data:`_DRIVEN` along theirs, its factors per bin up to :data:`_MULTIPLIED`. How deep it
    sinks is measured by the root of what the bin observed, plus one. ``known`` keeps what hypotheses share.
    """
    t = batch.tables
    candidates = []
    for block in t.hypothesis_block[t.hypothesis_from[h] : t.hypothesis_from[h + 1]].tolist():
        if block not in known:
            known[block] = _sinks(batch, block)
        place = t.offset[h, t.block_channel[block]]
        candidates += [(one.depth / np.sqrt(batch.observed[h, place + one.bin] + 1.0), block, one) for one in known[block]]
    candidates.sort(key=lambda item: -item[0])  # stable: ties keep the hypothesis' own order, whatever the batch
    aux, found = batch.aux[h], []
    for _, block, one in candidates[:_DEEPEST]:
        shifts = t.start[h, t.shift_key[t.shift_from[block] : t.shift_from[block + 1]]]
        factors = t.start[h, t.normsys_key[t.normsys_from[block] : t.normsys_from[block + 1]]]
        gammas = t.start[h, t.gamma_key[t.gamma_from[block] : t.gamma_from[block + 1]]] + one.bin
        moved = theta.copy()
        moved[factors] = aux[factors] + one.factors
        moved[shifts] = aux[shifts] + one.shifts
        moved[gammas] = _MULTIPLIED
        found.append(moved)
    return found
