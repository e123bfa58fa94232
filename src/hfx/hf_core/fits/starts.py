"""Start values of further fits, made from the minima found so far.

The use of each kind of start was measured on published pallets (the benchmark ``benchmarks/minima.py`` prints it):

- *natural*: the suggested initial values of the model;
- *draw*: random values, drawn from the constraint terms;
- *sink*: a cell whose shifts outweigh its yield is driven below zero, where its other factors multiply the events that it takes
  from its bin: the basins in which a negative background hides a signal;
- *flip*: one alpha at a time mirrored, those first whose mirroring hardly changes 2NLL, again from every improvement;
- *cross*: the lowest minima of the other fits with the POI moved to this fit's value;
- *moved*: minima of other hypotheses, at the same distance from this one's natural minimum (in the exchange alone).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.compile import Batch
from hfx.hf_core.batch.problem import Data
from hfx.hf_core.fits.draws import content_of, draws
from hfx.hf_core.fits.fit import OBSERVED, Fit
from hfx.hf_core.fits.minima import Pool
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Minimum

__all__ = ["LOWER", "UNTARGETED", "Sink", "Start", "Starts", "sinks"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
UNTARGETED = ("natural", "known")  # kinds of start whose fits are never abandoned
LOWER = 1e-8  # in 2NLL: a start must end lower than the minima before it by this much
_FLIPS = 4  # for each minimum and round
_PROMISING = 0.1  # 2NLL
_PULLED = 0.05  # prior widths: a parameter pulled by less is not flipped
_SUNK, _DRIVEN, _MULTIPLIED, _MOST_DRIVEN = 3.0, 1.0, 5.0, 20.0
_SHALLOW = 0.3  # events
_DEEPEST = 24  # cells that are tried
_DISTANT = 0.5  # prior widths: an alpha on two sides of its constraint, farther apart than this, may lie in two basins


@dataclass(frozen=True, eq=False)
class Start:
    """One start: the hypothesis, the fit whose minima it adds to, the parameters (P,), and the kind of start.

    ``hits``: how many draws are known to have reached the minimum that it leads to; ``iterations``: of the fit that found it.
    """

    hypothesis: int
    fit: Fit
    theta: Array
    kind: str
    hits: int = 0
    iterations: int = 0


@dataclass(frozen=True, eq=False)
class Starts:
    """Makes starts from ``pools``, the minima found so far by hypothesis and fit, and ``data``, the generated data sets by
    hypothesis and key. Both grow while this exists."""

    model: Model
    pools: Mapping[tuple[int, Fit], Pool]
    data: Mapping[tuple[int, str], Data]
    _flipped: dict[int, Minimum] = field(default_factory=dict)  # by id, with the minimum: an id is unique while it lives
    _cells: dict[int, list[Sink]] = field(default_factory=dict)
    _contents: dict[int, bytes] = field(default_factory=dict)

    def natural(self, hypotheses: Iterable[int], fits: Sequence[Fit]) -> list[Start]:
        """The suggested initial values (the bounds of the fit set the POI)."""
        return [Start(h, fit, self._init(h), "natural") for h in hypotheses for fit in fits]

    def _init(self, hypothesis: int) -> Array:
        batch = self.model.batch
        return batch.init[hypothesis, : int(batch.tables.size[hypothesis])]

    def cross(
        self, hypotheses: Iterable[int], fits: Sequence[Fit], sources: Sequence[Fit], *, sides: bool = False
    ) -> list[Start]:
        """The lowest and the lowest admissible minima of the fits ``sources``: where these are not their natural ones, where they
        lie below this fit already, as they may for a free POI, and with ``sides`` where some alpha is on the other side of its
        auxiliary value."""
        return [
            Start(h, fit, minimum.theta, "cross")
            for h in hypotheses
            for fit in fits
            for source in sources
            if source != fit
            for minimum in self._best(h, source)
            if minimum is not self.pools[h, source].minima[0]
            or (fit.poi is None and minimum.deviance < self._best(h, fit)[0].deviance - LOWER)
            or (sides and self._on_other_side(h, fit, minimum))
        ]

    def _on_other_side(self, h: int, fit: Fit, minimum: Minimum) -> bool:
        """True where a minimum of another fit has an alpha on the other side of its auxiliary value than the best one of ``fit``,
        and not just across it."""
        size = len(minimum.theta)
        aux = self._aux(h, fit)[:size]
        here, there = self._best(h, fit)[0].theta - aux, minimum.theta - aux
        distant = (here * there < 0.0) & (np.abs(here - there) > _DISTANT * self.pools[h, fit].scale)
        return bool((distant & self.model.batch.tables.alpha[h, :size]).any())

    def _best(self, h: int, fit: Fit) -> list[Minimum]:
        """The lowest and the lowest admissible minimum of a fit; one where they are the same."""
        pool = self.pools[h, fit]
        return list({id(m): m for m in (pool.chosen("lowest"), pool.chosen("admissible"))}.values())

    def draws(self, hypotheses: Iterable[int], fits: Sequence[Fit], first: int, count: int) -> list[Start]:
        """The draws ``first``, ..., ``first + count - 1`` of each fit, from the constraint terms; none where the natural start
        did not converge: others hardly do there, and take all iterations."""
        batch = self.model.batch
        if not count:
            return []
        return [
            Start(h, fit, theta, "draw", hits=1)
            for h in hypotheses
            for fit in fits
            if self.pools[h, fit].minima[0].converged
            for theta in draws(batch, h, self._aux(h, fit), fit.name, first, count, self._content(h))
        ]

    def _content(self, h: int) -> bytes:
        """The digest of a hypothesis, which takes as long as the draws of a fit."""
        if h not in self._contents:
            self._contents[h] = content_of(self.model.batch, h)
        return self._contents[h]

    def sinks(self, hypotheses: Iterable[int], fit: Fit) -> list[Start]:
        """The natural minimum with one cell's yield driven below zero, for each of the cells that go deepest."""
        return [
            Start(h, fit, sunk, "sink")
            for h in hypotheses
            for sunk in sinks(self.model.batch, h, self.pools[h, fit].minima[0].theta, self._cells)
        ]

    def no_flips(self, keys: Iterable[tuple[int, Fit]]) -> None:
        """Flip none of the minima that these fits have now: they were flipped when they were found."""
        for key in keys:
            self._flipped.update({id(minimum): minimum for minimum in self.pools[key].minima})

    def flip(self, hypotheses: Iterable[int], fits: Sequence[Fit]) -> list[Start]:
        """The lowest minimum and the lowest admissible one with each of the most promising alphas mirrored.

        An alpha is promising where mirroring it hardly raises 2NLL: it lies in a V.
        """
        sources = []
        for h in hypotheses:
            for fit in fits:
                for minimum in self._best(h, fit):
                    if minimum.converged and id(minimum) not in self._flipped:
                        self._flipped[id(minimum)] = minimum
                        sources.append(Start(h, fit, minimum.theta, "flip"))
        if not sources:
            return []
        rows, theta = self.padded(sources)
        changes = self.model.mirror_changes(rows, theta, self.data_of(sources, rows))
        return [start for row, source in enumerate(sources) for start in self._flips(source, changes[row])]

    def _flips(self, source: Start, changes: Array) -> list[Start]:
        """The starts from one minimum, given the change of 2NLL (P,) by each flip alone."""
        batch, h = self.model.batch, source.hypothesis
        size = len(source.theta)
        aux = self._aux(h, source.fit)[:size]
        pull = np.abs(source.theta - aux) / self.pools[h, source.fit].scale
        movable = batch.tables.alpha[h, :size] & ~batch.fixed[h, :size]
        # With one minimum alone, a parabola at least as steep as the constraint, the way to the other side costs (2 pull)^2.
        promising = np.flatnonzero(movable & (pull > _PULLED) & (changes[:size] < np.minimum(_PROMISING, 2.0 * pull**2)))
        flips = [np.array([p]) for p in promising[np.argsort(changes[promising], kind="stable")][:_FLIPS]]
        downhill = promising[changes[promising] < 0.0]
        if len(downhill) > 1:
            flips.insert(0, downhill)
        starts = []
        for flip in flips:
            flipped = source.theta.copy()
            flipped[flip] = 2.0 * aux[flip] - flipped[flip]
            starts.append(Start(h, source.fit, flipped, "flip"))
        return starts

    def _aux(self, h: int, fit: Fit) -> Array:
        """Auxiliary data (P,) of a fit."""
        aux: Array = self.model.batch.aux[h] if fit.data == OBSERVED else self.data[h, fit.data].aux[0]
        return aux

    def padded(self, starts: Sequence[Start]) -> tuple[Index, Array]:
        """Hypothesis (B,) and parameters (B, P) of ``starts``."""
        rows = np.array([start.hypothesis for start in starts], dtype=np.int64)
        theta = self.model.batch.init[rows].copy()
        for row, start in enumerate(starts):
            theta[row, : len(start.theta)] = start.theta
        return rows, theta

    def data_of(self, starts: Sequence[Start], rows: Index) -> Data:
        """The data of each start's fit; ``rows`` are their hypotheses."""
        data = self.model.observed(rows)
        for row, start in enumerate(starts):
            if start.fit.data != OBSERVED:
                generated = self.data[start.hypothesis, start.fit.data]
                data.main[row], data.aux[row] = generated.main[0], generated.aux[0]
        return data


@dataclass(frozen=True, eq=False)
class Sink:
    """Parameter values that drive one bin of a block below zero: of its shifts and its factors, relative to their auxiliary data.
    ``depth`` is the number of events that it then takes from the bin."""

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

    Yields are not clipped: shifts that outweigh the nominal yield make a cell negative, and its other factors then multiply the
    events that it takes from its bin. The shifts of the cell go :data:`_SUNK` prior widths along their joint response (S + D or
    D - S, the side that lowers it), the factors :data:`_DRIVEN` along theirs, its factors per bin up to :data:`_MULTIPLIED`. The
    depth is relative to the root of the bin's observed events plus one. ``known`` caches the sinks of blocks that hypotheses
    share.
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
