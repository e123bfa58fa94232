"""The exchange: each hypothesis starts from the minima that all others have and from further draws.

All tasks of a round start from the records of the round before, so that the outcome depends on the set of hypotheses alone.
"""

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from math import ceil
from statistics import mean
from typing import NamedTuple, NotRequired, TypedDict, cast

from hfx.driver.questions.base import Records, Round, Unit
from hfx.driver.questions.distinct_minima import NOTHING_FOUND, DistinctMinima, Shift
from hfx.functions.jobs.cls import LOCAL_DRAWS, Solutions
from hfx.json_types import JsonObject, JsonValue

__all__ = ["DEFAULT", "THOROUGH", "Effort", "SearchReport", "exchange"]

_MANY = 100  # draws of a fit: no scan is so large that it must do with fewer
_LEAST = 200  # draws of each fit in a whole scan, so that few hypotheses have more each
_MINIMA, _DRAWS = "the minima of other hypotheses", "random points"


class Effort(NamedTuple):
    """How long an exchange goes on: it draws until the mean of `DistinctMinima.chances` of all fits is below ``chance``;
    ``least`` to ``draws`` starts for each fit of a hypothesis; ``rounds`` in all. More than :data:`_MANY` for each fit only where
    these are no more than ``in_scan`` of one kind of fit in the whole scan."""

    chance: float
    draws: int
    rounds: int
    least: int = 0
    in_scan: int | None = None


DEFAULT = Effort(chance=0.01, draws=400, rounds=10, in_scan=20_000)
# With 50 draws, Boender and Rinnooy Kan's rule (Math. Programming 37 (1987) 59) gives a fit in which all led to one minimum a
# chance below 0.001 of others, w (w + 1) / (N (N - 1)) with w = 1: also minima of one hypothesis alone are found.
THOROUGH = Effort(chance=0.001, draws=3000, rounds=40, least=50)


class SearchReport(TypedDict):
    """The search for minima of a whole scan: the number of draws; for each kind of fit that has any the estimated share of fits,
    and for all the share of hypotheses, in which twice as many draws would find a minimum that is chosen instead; and whether
    the search ended at a limit before these shares were as small as it aims at."""

    draws: int
    missed: dict[str, float]
    hypotheses: NotRequired[float]
    limited: NotRequired[bool]


def exchange(records: Records, names: Sequence[str], effort: Effort = DEFAULT) -> Generator[Round, Records, SearchReport]:
    """The rounds of the exchange over the hypotheses `names`, which have `records`.

    Each distinct minimum of the scan is offered to all hypotheses once, the deepest first, and the most promising are tried. Each
    round doubles the draws while the mean of the estimated shares is above ``effort.chance``. The rounds end where nothing is
    left to try, or at the limits of ``effort``.
    """
    if not names:
        return {"draws": 0, "missed": {}, "hypotheses": 0.0, "limited": False}
    units = [Unit(name, name) for name in sorted(names)]
    minima, drawn, changed = DistinctMinima(), LOCAL_DRAWS, sorted(names)
    final = DistinctMinima()
    final.new((name, _solutions(records[name])) for name in changed)
    least, most = max(ceil(_LEAST / len(units)), effort.least), effort.draws
    if effort.in_scan is not None:
        most = min(most, max(_MANY, effort.in_scan // len(units)))
    for number in range(1, effort.rounds + 1):
        shifts = minima.new((name, _solutions(records[name])) for name in changed)
        chances = minima.chances().values()
        if chances and mean(chances) > effort.chance:
            # That many are enough where each minimum is reached more than once.
            least = max(least, 2 * drawn, ceil(NOTHING_FOUND / effort.chance / len(units)))
        more = max(0, min(least, most) - drawn) if chances else 0
        if not (shifts or more):
            break
        words = " and from ".join([*[_MINIMA] * bool(shifts), *[_DRAWS] * bool(more)])
        words = f"exchange (refitting from {words})"
        inputs = partial(_inputs, records, shifts, [drawn, more])
        records = yield Round(
            units, "exchange", number, words, inputs=inputs, again=True, keep=_is_not_lost if more else _is_changed
        )
        changed, drawn = sorted(records.new), drawn + more
    final.new((name, _solutions(records[name])) for name in sorted(names))
    missed = final.chances()
    limited = bool(missed) and mean(missed.values()) > effort.chance
    return {"draws": final.drawn, "missed": missed, "hypotheses": final.chance_of_a_hypothesis(), "limited": limited}


def _solutions(record: JsonObject) -> Solutions:
    return cast(Solutions, record["solutions"])


def _inputs(
    records: Mapping[str, JsonObject], shifts: Sequence[Shift], draws: Sequence[int], units: Sequence[Unit]
) -> JsonObject:
    """The inputs of a task: the solutions of its hypotheses, and what they try."""
    known: JsonObject = {unit.key: records[unit.key]["solutions"] for unit in units}
    return {"known": known, "shifts": cast(JsonValue, shifts), "draws": cast(JsonValue, draws)}


def _is_changed(record: JsonObject) -> bool:
    return bool(cast(JsonObject, record["solutions"]).get("changed"))


def _is_not_lost(record: JsonObject) -> bool:
    """Whether a record has all minima of the one before, if not lower ones: a fit from a minimum may fail."""
    solutions = _solutions(record)
    return solutions["changed"] or not solutions["lost"]
