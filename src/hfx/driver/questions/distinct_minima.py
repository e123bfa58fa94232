"""The distinct minima of a whole scan: those of each hypothesis that lie below its natural minimum, as shifts from there.

Hypotheses share their background, so that a minimum of one is likely to have its like in the others, at about the same distance
from the natural minimum: that is where the exchange starts. How often each was reached by draws tells what was missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hfx.functions.jobs.cls import Solutions

__all__ = ["DATA_FITS", "NOTHING_FOUND", "DistinctMinima", "Shift"]

Array = NDArray[np.float64]
DATA_FITS = ("bkg", "fixed", "free")
_ALIKE = 0.3  # prior widths: two shifts that differ by no more than this in every parameter are one
_LOWER = 1e-6  # in 2NLL
_STILL = 1e-3  # prior widths: a parameter that moves by less is not moved
_DIGITS = 3  # of depths in 2NLL: in the order of the shifts, less is a matter of rounding
_MOST = 64  # shifts of one round: the deepest
_COMPARED = 1024  # classes, the first ones: what is like none of them is a class of its own, and is not offered
NOTHING_FOUND = 0.5  # classes that may be left where each one was reached more often than once, see `chances`

Shift = dict[str, float]
"""The change of each parameter that moves, in its own unit."""


class _Lower(NamedTuple):
    """A minimum below the natural one: ``depth`` in 2NLL (negative), its shift in prior widths and in the parameters' units, the
    number of draws that reached it, and whether it is the fit's lowest."""

    depth: float
    hypothesis: str
    fit: str
    widths: Shift
    shift: Shift
    hits: int
    lowest: bool


class _Member(NamedTuple):
    """A minimum of one fit, in the class of all that are like it."""

    fit: str
    group: int
    hits: int
    lowest: bool


@dataclass
class _Fitted:
    """The draws of each fit of one hypothesis, and its minima below the natural ones, to be counted over the scan."""

    drawn: dict[str, int]
    members: list[_Member]


class DistinctMinima:
    """Collects the distinct shifts of a scan; each is handed out once."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._known = np.zeros((_COMPARED, 0))  # in prior widths: a row for each class, a column for each parameter that moves
        self._classes = 0
        self._waiting: list[_Lower] = []
        self._fitted: dict[str, _Fitted] = {}

    def new(self, solutions: Iterable[tuple[str, Solutions]]) -> list[Shift]:
        """Take the minima of these hypotheses in place of those that they had; the shifts that are like none before, the deepest
        first; a function of the set of hypotheses alone."""
        found: list[_Lower] = []
        for name, one in solutions:
            self._fitted[name] = _Fitted({fit: one["minima"][fit]["drawn"] for fit in DATA_FITS}, [])
            found += _lower(name, one)
        found.sort(key=_order)
        for name in dict.fromkeys(name for lower in found for name in lower.widths):
            self._columns.setdefault(name, len(self._columns))
        self._known = np.pad(self._known, ((0, 0), (0, len(self._columns) - self._known.shape[1])))
        for lower in found:
            group = self._group(lower)
            self._fitted[lower.hypothesis].members.append(_Member(lower.fit, group, lower.hits, lower.lowest))
        self._waiting.sort(key=_order)
        offered, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        return [lower.shift for lower in offered]

    def _group(self, lower: _Lower) -> int:
        """The class of a minimum: that of the first one that is like it, or a new one."""
        row = np.zeros(len(self._columns))
        row[[self._columns[name] for name in lower.widths]] = list(lower.widths.values())
        alike = np.flatnonzero((np.abs(self._known[: self._classes] - row) <= _ALIKE).all(axis=1))
        if len(alike):
            return int(alike[0])
        if self._classes < _COMPARED:
            self._known[self._classes] = row
            self._waiting.append(lower)
        self._classes += 1
        return self._classes - 1

    @property
    def drawn(self) -> int:
        """The number of draws of all fits to the published data."""
        return sum(count for one in self._fitted.values() for count in one.drawn.values())

    def chances(self) -> dict[str, float]:
        """For each fit to the published data that has draws, the estimated chance that it has a minimum lower than the lowest
        that was found.

        By Good and Turing (Biometrika 40 (1953) 237): as many classes of minima as were reached by exactly one draw of the whole
        scan would be reached for the first time by as many draws again. Each of them is the lowest minimum of some fits, as
        those that were reached once are. Where each was reached more often, the chance is `NOTHING_FOUND` by the number of draws.
        A draw counts where some choice takes the minimum that it reached. `benchmarks/missed_minima.py` compares this with what
        is missed.
        """
        hits = np.zeros(self._classes, dtype=np.int64)
        for one in self._fitted.values():
            for member in one.members:
                hits[member.group] += member.hits
        chances = {}
        for fit in DATA_FITS:
            drawn = [one for one in self._fitted.values() if one.drawn[fit]]  # none where the natural fit did not converge
            once = sum(member.fit == fit and member.lowest and hits[member.group] == 1 for one in drawn for member in one.members)
            if drawn:
                draws = sum(one.drawn[fit] for one in drawn)
                chances[fit] = min(1.0, once / len(drawn) + NOTHING_FOUND / draws)
        return chances


def _order(lower: _Lower) -> tuple[float, str, str]:
    """The deepest first; that of the names where the difference may be rounding."""
    return round(lower.depth, _DIGITS), lower.hypothesis, lower.fit


def _lower(name: str, solutions: Solutions) -> Iterator[_Lower]:
    """The minima of one hypothesis that lie below its natural ones, where these have converged."""
    widths, labels = np.array(solutions["widths"]), solutions["parameters"]
    for fit in DATA_FITS:
        one = solutions["minima"][fit]
        if not one["sound"]:
            continue
        natural, seen = np.array(one["theta"][one["choice"]["natural"]]), {one["choice"]["natural"]}
        for choice in ("lowest", "admissible"):
            place, depth = one["choice"][choice], one["deviance"][choice] - one["deviance"]["natural"]
            if place in seen or depth > -_LOWER:
                continue
            seen.add(place)
            shift = np.array(one["theta"][place]) - natural
            moved = np.flatnonzero(np.abs(shift) > _STILL * widths).tolist()
            yield _Lower(
                depth,
                name,
                fit,
                # Without the parameter of interest: its value depends on the size of the signal, not on the kind of minimum.
                {labels[i]: float(shift[i] / widths[i]) for i in moved if labels[i] != solutions["poi"]},
                {labels[i]: float(shift[i]) for i in moved},
                one["hits"][place],
                choice == "lowest",
            )
