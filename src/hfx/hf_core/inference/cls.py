"""Asymptotic CLs of every hypothesis of a batch, of the natural, the admissible and the lowest minima of its fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.batch.problem import STATUS, Data
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.minima import CHOICES
from hfx.hf_core.fits.model import Model, constant
from hfx.hf_core.fits.run import Fits, Minimum
from hfx.hf_core.fits.search import DEFAULT_STARTS, FLIP_ROUNDS, Search
from hfx.hf_core.fits.starts import Start
from hfx.hf_core.inference.asymptotics import TEST_STATISTICS, asymptotic_cls, test_statistic
from hfx.hf_core.modifiers.base import UNCONSTRAINED
from hfx.hf_core.reasons import NO_PARAMETER, NO_YIELDS, poi_fault

__all__ = ["FIT_NAMES", "Answer", "Known", "Offered", "Outcome", "defect", "hypotest"]

Array = NDArray[np.float64]
_ALIKE = 0.3  # prior widths: a start no farther than this from a known minimum leads nowhere else
_ROUNDING = 1e-14  # in 2NLL
_STILL = 1e-3  # prior widths: what moves by less stays where it is
_DRAWN_AT_ONCE = 64  # of each fit: more take memory, and no less time
_MOVED = 2  # of the minima of other hypotheses: those that are lowest in 2NLL before they are fitted
FIT_NAMES = ("bkg", "fixed", "free", "asimov_fixed")
BKG, FREE = Fit("bkg", poi=0.0), Fit("free", poi=None)


_FAR = 1000.0  # below 0, in units of the tested mu: so far a free POI may go with q


@dataclass(frozen=True, eq=False)
class Answer:
    """CLs of one choice of minima; ``fits`` by name with their ``twice_nll`` (2NLL with all constants)."""

    CLs_obs: float
    CLs_exp: tuple[float, ...]
    CLsb_obs: float
    CLb_obs: float
    muhat: float
    fits: Mapping[str, Minimum]
    twice_nll: Mapping[str, float]

    @property
    def status(self) -> str:
        """ "converged", or which fit did not and why."""
        failed = [f"{name}: {STATUS[fit.status]}" for name, fit in self.fits.items() if not fit.converged]
        return "; ".join(failed) or "converged"


@dataclass(frozen=True, eq=False)
class Known:
    """The minima of one fit on which the choices depend (see :meth:`Pool.deciding`): ``thetas``, the natural one first; ``hits``,
    how many of the ``drawn`` starts reached each of them; ``iterations``, the steps of the fits that reached them. ``decided``
    has for each choice the minima from which it was made, the natural one first, with their indices, deviances and negative
    yields: choices may differ in their Asimov data. ``found``: how many minima are known in all; ``sound``: whether the natural
    start converged."""

    thetas: Sequence[Array]
    hits: Sequence[int]
    iterations: Sequence[int]
    decided: Mapping[str, Sequence[tuple[int, float, float]]]
    drawn: int
    found: int
    sound: bool


@dataclass(frozen=True, eq=False)
class Offered:
    """Further starts for the exchange: ``shifts`` by hypothesis, each (P,) and added to its natural minima; and of the draws of
    each fit the ``draws`` ones from ``first_draw`` on."""

    shifts: Mapping[int, Sequence[Array]]
    first_draw: int = 0
    draws: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one hypothesis: the answer of each choice of minima (CHOICES), and by the name of the fit its minima.

    ``defect`` says why the hypothesis cannot be fitted at all; the rest is then empty.
    """

    answers: Mapping[str, Answer]
    known: Mapping[str, Known]
    defect: str | None = None


def hypotest(
    model: Model,
    mu: float = 1.0,
    test_stat: str = "qtilde",
    *,
    starts: int | None = None,
    draws: int = 0,
    threads: int = 1,
    known: Mapping[int, Mapping[str, Known]] | None = None,
    offered: Offered | None = None,
) -> list[Outcome]:
    """Asymptotic CLs at ``mu`` for every hypothesis of ``model``, as one batch.

    ``starts`` is the number of starts a fit in the local search (1: the natural start alone), ``draws`` that of those drawn from
    the constraint terms beside them. For the exchange, ``known[h]`` are the minima that h has, by the name of the fit, and
    ``offered`` what is tried from there; no local search is then run.
    The free POI has the range that the test statistic asks for, whatever bounds the measurement states: with qtilde from 0 on,
    with q below 0 too, and in either case up to ``mu`` at least (arXiv:1007.1727, eqs. 14 and 16).
    A hypothesis without a parameter of interest, or whose rates are negative, gets an Outcome with a ``defect``.
    """
    if test_stat not in TEST_STATISTICS:
        raise OptionError(f"test statistic {test_stat!r}: choose {' or '.join(TEST_STATISTICS)}")
    defects = [defect(model, h, mu) for h in range(len(model.batch))]
    sound = [h for h, found in enumerate(defects) if found is None]
    least, reach = (0.0, (0.0, mu)) if test_stat == "qtilde" else (None, (-_FAR * max(1.0, mu), mu))
    search = _ClsSearch(Search(Fits(model, threads), least, reach), mu)
    if known is None or offered is None:
        _local(search, sound, DEFAULT_STARTS if starts is None else starts, draws)
    else:
        _exchange(search, sound, known, offered)
    answers = _answers(search, sound, test_stat)
    return [Outcome({}, {}, found) if found is not None else _outcome(search, h, answers[h]) for h, found in enumerate(defects)]


@dataclass(frozen=True, eq=False)
class _ClsSearch:
    """The search for the minima of the fits that CLs at ``mu`` needs."""

    search: Search
    mu: float

    @cached_property
    def data_fits(self) -> tuple[Fit, Fit, Fit]:
        """The fits to the published data: of the background alone, at ``mu``, and with a free POI."""
        return BKG, self.fixed, FREE

    @cached_property
    def fixed(self) -> Fit:
        """The fit to the published data at ``mu``."""
        return Fit("fixed", poi=self.mu)

    def nest(self, hypotheses: Iterable[int]) -> None:
        """The fits that hold the POI at a value that the free one may take are within that one."""
        for h in hypotheses:
            lower, upper = self.search.poi_range(h)
            held = [fit for poi, fit in ((0.0, BKG), (self.mu, self.fixed)) if lower <= poi <= upper]
            self.search.pools[h, FREE].within = [self.search.pools[h, fit] for fit in held]

    def asimov(self, h: int, choice: str) -> Fit:
        """The fit at ``mu`` to the Asimov data of the background minimum of ``choice``."""
        pool = self.search.pools[h, BKG]
        return Fit("asimov_fixed", poi=self.mu, data=f"asimov:{pool.minima.index(pool.chosen(choice))}")

    def make_asimov(self, hypotheses: Iterable[int]) -> list[tuple[int, Fit]]:
        """Generate the Asimov data of the background minima that the three choices take; the new hypotheses and fits."""
        made: dict[tuple[int, Fit], Array] = {}
        for h in hypotheses:
            for choice in CHOICES:
                fit = self.asimov(h, choice)
                if (h, fit.data) not in self.search.data and (h, fit) not in made:
                    made[h, fit] = self.search.pools[h, BKG].chosen(choice).theta
        self.search.generate({(h, fit.data): theta for (h, fit), theta in made.items()})
        return list(made)

    def chosen(self, h: int, choice: str) -> Mapping[str, Minimum]:
        """The minima of the four fits for one choice, by the name of the fit."""
        return {fit.name: self.search.pools[h, fit].chosen(choice) for fit in self.fits(h, choice)}

    def fits(self, h: int, choice: str) -> tuple[Fit, ...]:
        """The four fits for one choice."""
        return (*self.data_fits, self.asimov(h, choice))


def defect(model: Model, h: int, mu: float) -> str | None:
    """Why a hypothesis cannot be fitted at all; None where it can."""
    batch = model.batch
    if batch.poi[h] < 0:
        return NO_PARAMETER
    if not _is_normfactor(model, h):
        return f"the parameter of interest {batch.labels[h][batch.poi[h]]!r} is not a normfactor; name one in the measurement"
    place = h, batch.poi[h]
    settings = bool(batch.fixed[place]), float(batch.lower[place]), float(batch.upper[place])
    if (fault := poi_fault(batch.labels[h][batch.poi[h]], *settings)) is not None:
        return fault
    if mu < 0.0:
        return "the tested mu is negative; limits are set on mu >= 0"
    if not _has_signal(model, h):
        return NO_YIELDS
    return model.defects[h]


def _is_normfactor(model: Model, h: int) -> bool:
    unconstrained = model.batch.tables.constraint[h, model.batch.poi[h]] == UNCONSTRAINED
    return bool(unconstrained) and any(True for _ in _signals(model, h))


def _has_signal(model: Model, h: int) -> bool:
    """True where some sample with the POI has expected events, or a shift that may add some."""
    t = model.batch.tables
    for block in _signals(model, h):
        first = t.block_cell[block]
        shifts = t.shift_from[block + 1] - t.shift_from[block]
        if shifts or t.nominal[first : first + t.block_bins[block]].any():
            return True
    return False


def _signals(model: Model, h: int) -> Iterator[int]:
    """The blocks with the POI as a factor, the last first: a batch has them at the end."""
    t, poi = model.batch.tables, model.batch.poi[h]
    for block in t.hypothesis_block[t.hypothesis_from[h] : t.hypothesis_from[h + 1]][::-1].tolist():
        if poi in t.start[h, t.linear_key[t.linear_from[block] : t.linear_from[block + 1]]]:
            yield block


def _local(cls: _ClsSearch, hypotheses: Sequence[int], starts: int, draws: int) -> None:
    """The local search; the fits to the published data first, then those to Asimov data. With more than one start ``draws`` of
    each fit, and ``starts - 2`` sinks of the fit at the tested mu, where a negative background may hide the signal."""
    search, fits = cls.search, cls.data_fits
    make = search.starts
    search.run(make.natural(hypotheses, fits))
    cls.nest(hypotheses)
    if starts > 1:
        search.run([*search.sink(hypotheses, cls.fixed, starts - 2), *make.draws(hypotheses, fits, 0, draws)])
        search.run(make.cross(hypotheses, fits, fits, sides=True))
        _flip(search, hypotheses, fits)
        search.run(make.cross(hypotheses, fits, fits, sides=True))
        _flip(search, hypotheses, fits)
    _asimov(cls, hypotheses, starts, draws)


def _flip(search: Search, hypotheses: Sequence[int], fits: Sequence[Fit]) -> None:
    for _ in range(FLIP_ROUNDS):
        flips = search.starts.flip(hypotheses, fits)
        if not flips:
            break
        search.run(flips)


def _asimov(cls: _ClsSearch, hypotheses: Sequence[int], starts: int, draws: int) -> None:
    """Fits at the tested mu to the Asimov data of each background minimum that a choice takes: from the suggested initial values,
    from draws, then from the minima of the fits to the published data, which lie near theirs."""
    search = cls.search
    made = cls.make_asimov(hypotheses)
    search.run([start for h, fit in made for start in search.starts.natural([h], [fit])])
    if starts <= 1:
        return
    search.run([start for h, fit in made for start in search.starts.draws([h], [fit], 0, draws)])
    search.run([start for h, fit in made for start in search.starts.cross([h], [fit], cls.data_fits)])
    _flip_each(search, made)


def _flip_each(search: Search, made: Sequence[tuple[int, Fit]]) -> None:
    for fit in sorted({fit for _, fit in made}, key=lambda fit: fit.data):
        _flip(search, [h for h, other in made if other == fit], [fit])


def _exchange(
    cls: _ClsSearch,
    hypotheses: Sequence[int],
    known: Mapping[int, Mapping[str, Known]],
    offered: Offered,
) -> None:
    """From the minima that each hypothesis has, further draws, and the minima that other hypotheses have, moved here."""
    search, fits = cls.search, cls.data_fits

    def again(h: int, fit: Fit) -> list[Start]:
        own = known[h][fit.name]
        return [Start(h, fit, *one) for one in zip(own.thetas, repeat("known"), own.hits, own.iterations, strict=False)]

    def moved(pairs: Iterable[tuple[int, Fit]]) -> list[Start]:
        """The minima of others, at the same distance from this fit's natural minimum; those alone that lead away from there and
        are not known here. None where the natural start did not converge."""
        starts = []
        for h, fit in pairs:
            pool = search.pools[h, fit]
            if not pool.minima[0].converged:
                continue
            natural, *others = [minimum.theta for minimum in pool.minima]
            lower, upper = search.bounds(h, fit)
            for shift in offered.shifts[h]:
                theta = np.clip(natural + shift, lower, upper)
                far = np.abs(theta - natural) > _STILL * pool.scale
                if far.any() and not any((np.abs(theta - other) <= _ALIKE * pool.scale).all() for other in others):
                    starts.append(Start(h, fit, theta, "moved"))
        return search.best(starts, _MOVED)

    def draw(pairs: Sequence[tuple[int, Fit]]) -> None:
        end = offered.first_draw + offered.draws
        for first in range(offered.first_draw, end, _DRAWN_AT_ONCE):
            count = min(_DRAWN_AT_ONCE, end - first)
            search.run([start for h, fit in pairs for start in search.starts.draws([h], [fit], first, count)])

    # The first one is the natural minimum: that of the suggested initial values, whatever the others have.
    search.run([start for h in hypotheses for fit in fits for start in again(h, fit)])
    cls.nest(hypotheses)
    for h in hypotheses:
        for fit in fits:
            search.pools[h, fit].drawn += known[h][fit.name].drawn
    search.starts.no_flips([(h, fit) for h in hypotheses for fit in fits])
    draw([(h, fit) for h in hypotheses for fit in fits])
    search.run(moved([(h, fit) for h in hypotheses for fit in fits]))
    search.run(search.starts.cross(hypotheses, fits, fits))
    _flip(search, hypotheses, fits)
    made = cls.make_asimov(hypotheses)
    # The known ones begin with that of the Asimov data of the natural background minimum; other data may be new.
    others = [(h, fit) for h, fit in made if fit != cls.asimov(h, "natural")]
    search.run([start for h, fit in others for start in search.starts.natural([h], [fit])])
    search.run([start for h, fit in made for start in again(h, fit)])
    for h in hypotheses:
        search.pools[h, cls.asimov(h, "natural")].drawn += known[h]["asimov_fixed"].drawn
    search.starts.no_flips(made)
    draw(made)
    search.run(moved(made))
    search.run([start for h, fit in made for start in search.starts.cross([h], [fit], fits)])
    _flip_each(search, made)


def _answers(cls: _ClsSearch, hypotheses: Sequence[int], test_stat: str) -> dict[int, dict[str, Answer]]:
    answers: dict[int, dict[str, Answer]] = {h: {} for h in hypotheses}
    if not hypotheses:
        return answers
    observed = _observed_constants(cls.search, hypotheses)
    asimov = _asimov_constants(cls.search)
    for choice in CHOICES:
        chosen = [cls.chosen(h, choice) for h in hypotheses]
        poi = cls.search.fits.model.batch.poi
        muhat = np.array([fits["free"].theta[poi[h]] for h, fits in zip(hypotheses, chosen, strict=True)])
        deviance = {name: np.array([fits[name].deviance for fits in chosen]) for name in FIT_NAMES}
        q = _resolved(test_statistic(deviance["fixed"], deviance["free"], muhat, cls.mu))
        # The free fit to Asimov data is the point that made them: its deviance is exactly zero, at mu = 0.
        q_asimov = _resolved(np.maximum(0.0, deviance["asimov_fixed"]))
        result = asymptotic_cls(q, q_asimov, test_stat)
        for row, h in enumerate(hypotheses):
            answers[h][choice] = Answer(
                CLs_obs=float(result.CLs_obs[row]),
                CLs_exp=tuple(result.CLs_exp[row].tolist()),
                CLsb_obs=float(result.CLsb_obs[row]),
                CLb_obs=float(result.CLb_obs[row]),
                muhat=float(muhat[row]),
                fits=chosen[row],
                twice_nll={
                    name: fit.deviance + (asimov[h, cls.asimov(h, choice).data] if name == "asimov_fixed" else observed[row])
                    for name, fit in chosen[row].items()
                },
            )
    return answers


def _resolved(q: Array) -> Array:
    """A test statistic that is no more than rounding is zero: the ratio of two such would be of no meaning."""
    return np.where(q <= _ROUNDING, 0.0, q)


def _observed_constants(search: Search, hypotheses: Sequence[int]) -> list[float]:
    """The constants of 2NLL that the deviances of the fits to the published data omit, for each hypothesis."""
    rows, model = np.array(hypotheses, dtype=np.int64), search.fits.model
    return list(map(float, constant(model.batch, rows, model.observed(rows))))


def _asimov_constants(search: Search) -> dict[tuple[int, str], float]:
    """The same for each generated data set, by hypothesis and key."""
    rows = np.array([h for h, _ in search.data], dtype=np.int64)
    data = Data(
        np.concatenate([data.main for data in search.data.values()]),
        np.concatenate([data.aux for data in search.data.values()]),
    )
    return dict(zip(search.data, constant(search.fits.model.batch, rows, data).tolist(), strict=True))


def _outcome(cls: _ClsSearch, h: int, answers: Mapping[str, Answer]) -> Outcome:
    known: dict[str, Known] = {}
    for name in FIT_NAMES:
        pools = {choice: cls.search.pools[h, fit] for choice in CHOICES for fit in cls.fits(h, choice) if fit.name == name}
        deciding = {choice: pool.deciding() for choice, pool in pools.items()}
        distinct = {
            id(one): (one.theta, pools[choice].hits[pools[choice].minima.index(one)], one.iterations)
            for choice, minima in deciding.items()
            for one in minima
        }
        thetas, hits, iterations = zip(*distinct.values(), strict=True)
        index = {one: i for i, one in enumerate(distinct)}
        known[name] = Known(
            thetas,
            hits,
            iterations,
            decided={
                choice: [(index[id(one)], one.deviance, one.negative) for one in minima] for choice, minima in deciding.items()
            },
            drawn=pools["natural"].drawn,
            found=max(len(pool.minima) for pool in pools.values()),
            sound=pools["natural"].minima[0].converged,
        )
    return Outcome(answers, known)
