"""The exchange: each hypothesis starts from its neighbours' solutions until no minimum is improved.

All tasks of a round start from the records of the round before, so that the outcome depends on the set of hypotheses alone.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial

from hfx.driver.questions.base import Records, Round, Unit
from hfx.json_types import JsonObject

__all__ = ["ROUNDS", "exchange"]

# An improvement reaches one neighbour more in each round; on published pallets two or three rounds are enough.
ROUNDS = 10

_WORDS = "exchange (refitting from the minima of neighbouring hypotheses)"

Inputs = Callable[[Mapping[str, JsonObject], Sequence[Unit]], JsonObject]


def exchange(
    records: Records,
    names: Sequence[str],
    near: Mapping[str, Sequence[str]],
    inputs: Inputs,
    keep: Callable[[JsonObject], bool],
    rounds: int = ROUNDS,
) -> Generator[Round, Records, None]:
    """The rounds of the exchange over the hypotheses `names`, which have `records`.

    `near`: the neighbours of each. ``inputs(records, units)`` makes what a task gets of these records; `keep` tells a record that
    holds an improvement, which replaces the one before. From the second round on, those hypotheses take part of which a neighbour
    was improved in the round before.
    """
    improved: frozenset[str] = frozenset(names)
    for number in range(1, rounds + 1):
        turn = [name for name in sorted(names) if any(other in improved for other in near.get(name, ()))]
        if not turn:
            return
        units = [Unit(name, name) for name in turn]
        records = yield Round(units, "exchange", number, _WORDS, inputs=partial(inputs, records), again=True, keep=keep)
        improved = records.new
