"""The distinct minima of a whole scan: those of each hypothesis that are chosen instead of its natural minimum, as shifts from
there.

Hypotheses share their background, so that a minimum of one is likely to have its like in the others, at about the same distance
from the natural minimum: that is where the exchange starts. How often each was reached by draws tells what was missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hfx.functions.jobs.cls import FIT_NAMES, Solutions

__all__ = ["NOTHING_FOUND", "DistinctMinima", "Shift"]

Array = NDArray[np.float64]
_ALIKE = 0.3  # prior widths: two shifts that differ by no more than this in every parameter are one
_EQUAL = 1e-6  # in 2NLL: minima that differ by less are taken for one
_STILL = 1e-3  # prior widths: a parameter that moves by less is not moved
_DIGITS = 3  # of depths in 2NLL: in the order of the shifts, less is a matter of rounding
_MOST = 64  # shifts of one round: the deepest
_COMPARED = 1024  # classes, the first ones: what is like none of them is a class of its own, and is not offered
NOTHING_FOUND = 0.5  # see `chances`

Shift = dict[str, float]
"""The change of each parameter that moves, in its own unit."""


class _Chosen(NamedTuple):
    """A minimum that is chosen instead of the natural one: ``depth`` in 2NLL above that one (mostly negative), its shift in prior
    widths and in the parameters' units, and the number of draws that reached it."""

    depth: float
    hypothesis: str
    fit: str
    widths: Shift
    shift: Shift
    hits: int


class _Member(NamedTuple):
    """A minimum of one fit, in the class of all that are like it."""

    fit: str
    group: int
    hits: int


@dataclass
class _Fitted:
    """The draws of each fit of one hypothesis, and the minima that are chosen instead of its natural ones."""

    drawn: dict[str, int]
    members: list[_Member]

    def without_draws(self) -> set[int]:
        """The classes of its minima that no draw has reached."""
        return {member.group for member in self.members} - {member.group for member in self.members if member.hits}


class DistinctMinima:
    """Collects the distinct shifts of a scan; each is handed out once."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._known = np.zeros((_COMPARED, 0))  # in prior widths: a row for each class, a column for each parameter that moves
        self._classes = 0
        self._waiting: list[_Chosen] = []
        self._fitted: dict[str, _Fitted] = {}
        self._reached: set[int] | None = None  # classes that other starts than draws have reached, once these are known

    def new(self, solutions: Iterable[tuple[str, Solutions]]) -> list[Shift]:
        """Take the minima of these hypotheses in place of those that they had; the shifts that are like none before, the deepest
        first; a function of the set of hypotheses alone. The first time they are those of the local search."""
        found: list[_Chosen] = []
        for name, one in solutions:
            self._fitted[name] = _Fitted({fit: one["minima"][fit]["drawn"] for fit in FIT_NAMES}, [])
            found += _chosen(name, one)
        found.sort(key=_order)
        for name in dict.fromkeys(name for minimum in found for name in minimum.widths):
            self._columns.setdefault(name, len(self._columns))
        self._known = np.pad(self._known, ((0, 0), (0, len(self._columns) - self._known.shape[1])))
        for minimum in found:
            group = self._group(minimum)
            self._fitted[minimum.hypothesis].members.append(_Member(minimum.fit, group, minimum.hits))
        if self._reached is None:
            self._reached = {group for one in self._fitted.values() for group in one.without_draws()}
        self._waiting.sort(key=_order)
        offered, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        return [minimum.shift for minimum in offered]

    def _group(self, minimum: _Chosen) -> int:
        """The class of a minimum: that of the first one that is like it, or a new one."""
        row = np.zeros(len(self._columns))
        row[[self._columns[name] for name in minimum.widths]] = list(minimum.widths.values())
        alike = np.flatnonzero((np.abs(self._known[: self._classes] - row) <= _ALIKE).all(axis=1))
        if len(alike):
            return int(alike[0])
        if self._classes < _COMPARED:
            self._known[self._classes] = row
            self._waiting.append(minimum)
        self._classes += 1
        return self._classes - 1

    @property
    def drawn(self) -> int:
        """The number of draws of all fits."""
        return sum(count for one in self._fitted.values() for count in one.drawn.values())

    def chances(self) -> dict[str, float]:
        """For each kind of fit that has draws, the estimated share of these fits for which twice as many draws would find another
        lowest, or lowest admissible, minimum.

        By Good and Turing (Biometrika 40 (1953) 237): if k classes of minima were reached by exactly one draw each, about k new
        ones would be reached if there were twice as many draws. Classes that other starts had reached in the local search are
        found without draws and do not count. A new class is taken to be chosen in as many fits as those that were reached once.
        To that `NOTHING_FOUND` classes in as many fits as there are draws are added: without, an estimate would be zero. Only
        draws to minima on which a choice depends are known. `benchmarks/missed_minima.py` compares this with what is missed.
        """
        once = self._once()
        chances = {}
        for fit in FIT_NAMES:
            drawn = [one for one in self._fitted.values() if one.drawn[fit]]  # none where the natural fit did not converge
            if drawn:
                found = sum(any(member.fit == fit and member.group in once for member in one.members) for one in drawn)
                chances[fit] = min(1.0, found / len(drawn) + NOTHING_FOUND / sum(one.drawn[fit] for one in drawn))
        return chances

    def chance_of_a_hypothesis(self) -> float:
        """The same share for hypotheses: of those in which this would happen in any of their fits. 0 without draws."""
        once = self._once()
        drawn = [one for one in self._fitted.values() if any(one.drawn.values())]
        if not drawn:
            return 0.0
        found = sum(any(member.group in once for member in one.members) for one in drawn)
        return min(1.0, found / len(drawn) + NOTHING_FOUND * len(FIT_NAMES) / self.drawn)

    def _once(self) -> set[int]:
        """The classes that exactly one draw has reached, and no other start of the local search."""
        hits = np.zeros(self._classes, dtype=np.int64)
        for one in self._fitted.values():
            for member in one.members:
                hits[member.group] += member.hits
        return set(np.flatnonzero(hits == 1).tolist()) - (self._reached or set())


def _order(minimum: _Chosen) -> tuple[float, str, str]:
    """The deepest first; that of the names where the difference may be rounding."""
    return round(minimum.depth, _DIGITS), minimum.hypothesis, minimum.fit


def _chosen(name: str, solutions: Solutions) -> Iterator[_Chosen]:
    """The lowest and the admissible minima of one hypothesis that are not its natural ones, where these have converged."""
    widths, labels = np.array(solutions["widths"]), solutions["parameters"]
    backgrounds = solutions["minima"]["bkg"]["choice"]
    for fit in FIT_NAMES:
        one = solutions["minima"][fit]
        if not one["sound"]:
            continue
        # Of the Asimov data those of the lowest background minimum, where choices differ in them.
        other = fit == "asimov_fixed" and backgrounds["lowest"] != backgrounds["admissible"]
        choices = ["lowest"] if other else ["lowest", "admissible"]
        first, deviance, _ = one["decided"]["lowest"][0]
        natural, seen = np.array(one["theta"][int(first)]), {first}
        for choice in choices:
            place, depth = one["choice"][choice], one["deviance"][choice] - deviance
            if place in seen or abs(depth) < _EQUAL:
                continue
            seen.add(place)
            shift = np.array(one["theta"][place]) - natural
            moved = np.flatnonzero(np.abs(shift) > _STILL * widths).tolist()
            yield _Chosen(
                depth,
                name,
                fit,
                # Without the parameter of interest: its value depends on the size of the signal, not on the kind of minimum.
                {labels[i]: float(shift[i] / widths[i]) for i in moved if labels[i] != solutions["poi"]},
                {labels[i]: float(shift[i]) for i in moved},
                one["hits"][place],
            )
