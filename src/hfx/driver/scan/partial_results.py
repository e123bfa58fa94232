"""Results that grow: of hypotheses that several units work on, told to views while units are still to come."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hfx.driver.questions.base import Unit
from hfx.driver.run.records import Place

__all__ = ["PartialResults"]

# A result is made anew when at least one of so many of its records is new, or when no more are to come in this round: all
# records that are read for it are then a multiple of those that are written, however many shards a hypothesis has.
_SHARE = 8


@dataclass
class PartialResults:
    """The places of the records of such hypotheses, and when their results are worth telling."""

    _places: dict[str, dict[str, Place]] = field(default_factory=dict)
    _new: Counter[str] = field(default_factory=Counter)
    _to_come: Counter[str] = field(default_factory=Counter)

    def begin(self, units: Iterable[Unit]) -> None:
        """A round begins, with these units to be worked on."""
        self._to_come = Counter(unit.hypothesis for unit in units)

    def note(self, places: Mapping[str, Place]) -> None:
        """Note records, by key."""
        for key, place in places.items():
            if key != place.name:
                self._places.setdefault(place.name, {})[key] = place
                self._new[place.name] += 1

    def ended(self, units: Iterable[Unit]) -> None:
        """These units have been worked on, with a record or without."""
        self._to_come.subtract(unit.hypothesis for unit in units)

    def due(self, name: str) -> bool:
        """Whether the result of a hypothesis is to be told now."""
        new = self._new[name]
        return new > 0 and (self._to_come[name] <= 0 or new * _SHARE >= len(self._places[name]))

    def taken(self, name: str) -> Sequence[Place]:
        """The places of the records of a hypothesis so far, to tell its result."""
        self._new[name] = 0
        return list(self._places[name].values())
