"""Results that grow: of hypotheses that several units work on, told to views while units are still to come."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hfx.driver.run.records import Place

__all__ = ["PartialResults"]

# A result is told anew when at least one of so many of its records is new, and at the end of the run: all records that are read
# for it are then a multiple of those that are written, however many shards a hypothesis has, in however many rounds.
_SHARE = 8


@dataclass
class PartialResults:
    """The places of the records of such hypotheses, by key, and which of them have not been told yet."""

    _places: dict[str, dict[str, Place]] = field(default_factory=dict)
    _new: Counter[str] = field(default_factory=Counter)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def note(self, places: Mapping[str, Place], known: Mapping[str, Place]) -> None:
        """Note records, by key; `known`: those of earlier rounds, where the record of a whole hypothesis may be, of which there
        are parts now."""
        for key, place in places.items():
            name = place.name
            if key == name and name not in self._places:
                continue
            if name not in self._places:
                self._places[name] = {name: known[name]} if name in known else {}
            self._places[name][key] = place
            self._new[name] += 1

    def due(self, name: str) -> bool:
        """Whether the result of a hypothesis is to be told now."""
        new = self._new[name]
        return new > 0 and new * _SHARE >= len(self._places[name])

    def left(self) -> Iterable[str]:
        """The hypotheses with records that have not been told."""
        return [name for name, new in self._new.items() if new > 0]

    def taken(self, name: str) -> Sequence[Place]:
        """The places of the records of a hypothesis so far, to tell its result."""
        self._new[name] = 0
        return list(self._places[name].values())
