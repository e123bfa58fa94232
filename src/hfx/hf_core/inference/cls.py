"""The hypothesis test: all fits of all hypotheses of a batch, and CLs of their natural, admissible and lowest minima."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.batch.parameters import UNCONSTRAINED
from hfx.hf_core.fits.minima import CHOICES, Fits, Minimum
from hfx.hf_core.fits.model import Data, Model, constant
from hfx.hf_core.fits.search import DATA_FITS, DEFAULT_STARTS, FLIP_ROUNDS, Search, Start
from hfx.hf_core.fits.solver import STATUS
from hfx.hf_core.inference.asymptotics import TEST_STATISTICS, asymptotic_cls, test_statistic

__all__ = ["Answer", "Outcome", "hypotest"]

Array = NDArray[np.float64]
_ALIKE = 0.3  # prior widths: a neighbour's solution no farther than this from one already tried leads nowhere else
_ROUNDING = 1e-14  # in 2NLL
_NATURAL = 2  # of the neighbours' natural minima: those that are lowest in 2NLL before they are fitted
FIT_NAMES = ("bkg", "fixed", "free", "asimov_fixed")


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
class Outcome:
    """What is known of one hypothesis: the answer of each choice (CHOICES), and for each how many minima each fit has.

    ``defect`` says why the hypothesis cannot be fitted at all; the rest is then empty.
    """

    answers: Mapping[str, Answer]
    minima: Mapping[str, Mapping[str, int]]
    thetas: Mapping[str, tuple[Array, ...]]
    defect: str | None = None


def hypotest(
    model: Model,
    mu: float = 1.0,
    test_stat: str = "qtilde",
    *,
    starts: int | None = None,
    threads: int = 1,
    seeds: Mapping[int, Mapping[str, Sequence[Array]]] | None = None,
    exchange: Mapping[int, Sequence[Mapping[str, Sequence[Array]]]] | None = None,
) -> list[Outcome]:
    """Asymptotic CLs at ``mu`` for every hypothesis of ``model``, as one batch.

    ``starts`` is the number of starts a fit in the local search (1: the natural start alone). For the exchange, ``seeds[h]`` are
    the minima that h has and ``exchange[h]`` those of each of its neighbours, by fit name and natural first; no local search is
    then run.
    A hypothesis without a parameter of interest, or whose rates are negative, gets an Outcome with a ``defect``.
    """
    if test_stat not in TEST_STATISTICS:
        raise OptionError(f"test statistic {test_stat!r}: choose {' or '.join(TEST_STATISTICS)}")
    defects = [_defect(model, h, mu) for h in range(len(model.batch))]
    sound = [h for h, defect in enumerate(defects) if defect is None]
    search = Search(Fits(model, threads), mu, 0.0 if test_stat == "qtilde" else None)
    if seeds is None:
        _local(search, sound, DEFAULT_STARTS if starts is None else starts)
    else:
        _exchange(search, sound, seeds, exchange or {})
    answers = _answers(search, sound, test_stat)
    return [
        Outcome({}, {}, {}, defect) if defect is not None else _outcome(search, h, answers[h]) for h, defect in enumerate(defects)
    ]


def _defect(model: Model, h: int, mu: float) -> str | None:
    batch = model.batch
    if batch.poi[h] < 0:
        return "no sample carries the parameter of interest, so there is no signal to test"
    if not _is_normfactor(model, h):
        return f"the parameter of interest {batch.labels[h][batch.poi[h]]!r} is not a normfactor; name one in the measurement"
    if batch.fixed[h, batch.poi[h]]:
        return f"the parameter of interest {batch.labels[h][batch.poi[h]]!r} is fixed in the measurement; free it there"
    if batch.lower[h, batch.poi[h]] > 0.0 or batch.upper[h, batch.poi[h]] < 0.0:
        return f"the bounds of {batch.labels[h][batch.poi[h]]!r} exclude 0, so there is no background-only fit"
    if mu < 0.0:
        return "the tested mu is negative; limits are set on mu >= 0"
    if not _has_signal(model, h):
        return "the signal's yields are zero in every bin, so there is nothing to test"
    return model.defects[h]


def _is_normfactor(model: Model, h: int) -> bool:
    unconstrained = model.batch.tables.constraint[h, model.batch.poi[h]] == UNCONSTRAINED
    return bool(unconstrained) and any(True for _ in _signals(model, h))


def _has_signal(model: Model, h: int) -> bool:
    """Whether some sample with the POI expects events, or can be shifted to."""
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


def _local(search: Search, hypotheses: Sequence[int], starts: int) -> None:
    """The local search; the data fits first, then their Asimov data's. ``starts - 1`` further starts of the fit at the tested mu,
    where the signal asks to be hidden; the others have the mirrored one alone."""
    search.run(search.natural(hypotheses, DATA_FITS))
    if starts > 1:
        search.run([*search.mirror(hypotheses, DATA_FITS), *search.sink(hypotheses, "fixed", starts - 2)])
        search.run(search.cross(hypotheses, DATA_FITS, DATA_FITS, sides=True))
        _flip(search, hypotheses, DATA_FITS)
        search.run(search.cross(hypotheses, DATA_FITS, DATA_FITS, sides=True))
    _asimov(search, hypotheses, starts)


def _flip(search: Search, hypotheses: Sequence[int], keys: Sequence[str]) -> None:
    for _ in range(FLIP_ROUNDS):
        flips = search.flip(hypotheses, keys)
        if not flips:
            break
        search.run(flips)


def _asimov(search: Search, hypotheses: Sequence[int], starts: int) -> None:
    """Fixed-mu fits to the Asimov data of each background minimum that a choice takes: from the suggested initial values, then
    from the data fits' minima, which lie near theirs."""
    made = search.make_asimov(hypotheses)
    search.run([start for h, key in made for start in search.natural([h], [key])])
    if starts <= 1:
        return
    search.run([start for h, key in made for start in search.cross([h], [key], DATA_FITS)])
    for key in sorted({key for _, key in made}):
        _flip(search, [h for h, name in made if name == key], [key])


def _exchange(
    search: Search,
    hypotheses: Sequence[int],
    seeds: Mapping[int, Mapping[str, Sequence[Array]]],
    neighbours: Mapping[int, Sequence[Mapping[str, Sequence[Array]]]],
) -> None:
    """From the minima that each hypothesis has, and from those of its neighbours."""

    def known(h: int, name: str, key: str) -> list[Start]:
        return [Start(h, key, theta, "known") for theta in seeds.get(h, {}).get(name, ())]

    def near(keys: Iterable[tuple[int, str]], name: str) -> list[Start]:
        """Of each (hypothesis, key): what the neighbours improved, and the most promising of their natural minima."""
        found: tuple[list[Start], list[Start]] = ([], [])
        for h, key in keys:
            scale = _ALIKE * search.fits.scale(h)
            seen = list(seeds.get(h, {}).get(name, ()))
            for place, theta in [(i, theta) for each in neighbours.get(h, ()) for i, theta in enumerate(each.get(name, ()))]:
                if not any((np.abs(theta - other) <= scale[: len(theta)]).all() for other in seen):
                    seen.append(theta)
                    found[min(place, 1)].append(Start(h, key, theta, "neighbour"))
        natural, improved = found
        return [*improved, *search.best(natural, _NATURAL)]

    # The first seed is the natural minimum: that of the suggested initial values, whatever the neighbours have.
    search.run([start for h in hypotheses for key in DATA_FITS for start in known(h, key, key)])
    search.run([start for key in DATA_FITS for start in near([(h, key) for h in hypotheses], key)])
    search.run(search.cross(hypotheses, DATA_FITS, DATA_FITS))
    made = search.make_asimov(hypotheses)
    # So it is for the Asimov data of the natural background fit; others may be new.
    others = [(h, key) for h, key in made if key != search.asimov_key(h, "natural")]
    search.run([start for h, key in others for start in search.natural([h], [key])])
    search.run([start for h, key in made for start in known(h, "asimov_fixed", key)])
    search.run(near(made, "asimov_fixed"))
    search.run([start for h, key in made for start in search.cross([h], [key], DATA_FITS)])


def _answers(search: Search, hypotheses: Sequence[int], test_stat: str) -> dict[int, dict[str, Answer]]:
    answers: dict[int, dict[str, Answer]] = {h: {} for h in hypotheses}
    if not hypotheses:
        return answers
    observed = _observed_constants(search, hypotheses)
    asimov = _asimov_constants(search)
    for choice in CHOICES:
        chosen = [search.chosen(h, choice) for h in hypotheses]
        poi = search.fits.model.batch.poi
        muhat = np.array([fits["free"].theta[poi[h]] for h, fits in zip(hypotheses, chosen, strict=True)])
        deviance = {name: np.array([fits[name].deviance for fits in chosen]) for name in FIT_NAMES}
        q = _resolved(test_statistic(deviance["fixed"], deviance["free"], muhat, search.mu))
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
                    name: fit.deviance + (asimov[h, search.asimov_key(h, choice)] if name == "asimov_fixed" else observed[row])
                    for name, fit in chosen[row].items()
                },
            )
    return answers


def _resolved(q: Array) -> Array:
    """A test statistic that is no more than rounding is zero: the ratio of two such would be of no meaning."""
    return np.where(q <= _ROUNDING, 0.0, q)


def _observed_constants(search: Search, hypotheses: Sequence[int]) -> list[float]:
    """What the deviances of the fits to each hypothesis' published data leave out of 2NLL."""
    rows, model = np.array(hypotheses, dtype=np.int64), search.fits.model
    return list(map(float, constant(model.batch, rows, model.observed(rows))))


def _asimov_constants(search: Search) -> dict[tuple[int, str], float]:
    """The same for each hypothesis' Asimov data, by its number and their name."""
    rows = np.array([h for h, _ in search.asimov], dtype=np.int64)
    data = Data(
        np.concatenate([data.main for data in search.asimov.values()]),
        np.concatenate([data.aux for data in search.asimov.values()]),
    )
    return dict(zip(search.asimov, constant(search.fits.model.batch, rows, data).tolist(), strict=True))


def _outcome(search: Search, h: int, answers: Mapping[str, Answer]) -> Outcome:
    minima: dict[str, dict[str, int]] = {}
    for choice in CHOICES:
        keys = {**{key: key for key in DATA_FITS}, "asimov_fixed": search.asimov_key(h, choice)}
        minima[choice] = {name: len(search.pools[h, key].minima) for name, key in keys.items()}
    thetas: dict[str, tuple[Array, ...]] = {}
    for name in FIT_NAMES:
        chosen = [answers[choice].fits[name] for choice in CHOICES]
        distinct = list({id(minimum): minimum for minimum in chosen}.values())
        thetas[name] = tuple(minimum.theta for minimum in distinct)
    return Outcome(answers, minima, thetas)
