"""The exchange: each hypothesis is tried from its neighbours' solutions until nothing improves.

Rounds are synchronous, so that the outcome depends on the set of hypotheses alone, not on who was first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

__all__ = ["ROUNDS", "exchange"]

# Improvements travel one neighbour a round; on published pallets two or three rounds settle everything.
ROUNDS = 10

Record = dict[str, Any]
Round = Callable[[int, Sequence[str], Mapping[str, Any], Mapping[str, Sequence[Any]]], Iterable[Record]]


def exchange(
    local: Mapping[str, Record], near: Mapping[str, Sequence[str]], run_round: Round, rounds: int = ROUNDS
) -> dict[str, Record]:
    """The records after the exchange, by name, from the local ones.

    `near`: the neighbours of each name. `run_round(number, names, known, neighbours)` fits `names` from their
    neighbours' solutions and gives their records; one whose solutions say "changed" replaces the old. From
    the second round on, only names with a neighbour that changed in the round before take part.
    """
    current = dict(local)
    moved = set(current)
    for number in range(1, rounds + 1):
        turn = [name for name in sorted(current) if any(other in moved for other in near.get(name, ()))]
        if not turn:
            break
        known = {name: current[name]["solutions"] for name in turn}
        around = {name: [current[o]["solutions"] for o in near[name] if o in current] for name in turn}
        # All of a round's results are there before any replaces what its neighbours started from.
        returned = list(run_round(number, turn, known, around))
        moved = {record["name"] for record in returned if record["solutions"].get("changed")}
        current.update({record["name"]: record for record in returned if record["name"] in moved})
    return current
