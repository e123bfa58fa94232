"""The exchange: each hypothesis is tried from its neighbours' solutions until nothing improves.

Rounds are synchronous, so that the outcome depends on the set of hypotheses alone, not on who was first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

__all__ = ["ROUNDS", "exchange"]

# Improvements travel one neighbour a round; on published pallets two or three rounds settle everything.
ROUNDS = 10

Held = TypeVar("Held")


def exchange(
    local: Mapping[str, Held],
    near: Mapping[str, Sequence[str]],
    run_round: Callable[[int, Sequence[str], Mapping[str, Held]], Mapping[str, Held]],
    rounds: int = ROUNDS,
) -> dict[str, Held]:
    """What is held of each hypothesis after the exchange, from what is held of its local search.

    Held are records, or the places where they lie: nothing here looks into them. `near`: the neighbours of each
    name. `run_round(number, names, held)` fits `names` from their neighbours' solutions and gives, by name, what
    improved; it replaces the old. From the second round on, only names with a neighbour that improved in the round
    before take part.
    """
    current = dict(local)
    moved = set(current)
    for number in range(1, rounds + 1):
        turn = [name for name in sorted(current) if any(other in moved for other in near.get(name, ()))]
        if not turn:
            break
        # All of a round's results are there before any replaces what its neighbours started from.
        improved = run_round(number, turn, current)
        moved = set(improved)
        current.update(improved)
    return current
