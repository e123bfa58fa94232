"""A small map of the plane in characters: which hypotheses are excluded, allowed, running, failed, to come."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from hfx.driver.plane.expressions import parse
from hfx.driver.views.state import State
from hfx.errors import OptionError

__all__ = ["GLYPHS", "PlaneMap", "axes"]

# Shape and colour say the same, and the colours are told apart without red and green.
GLYPHS = {
    State.FAILED: ("✕", "bold magenta"),
    State.UNCERTAIN: ("?", "bold magenta"),
    State.RUNNING: ("~", "cyan"),
    State.EXCLUDED: ("●", "blue"),
    State.ALLOWED: ("○", "yellow"),
    State.WAITING: ("·", "dim"),
}
_BOTH = ("◐", "bold")  # one character for hypotheses on both sides

Place = tuple[float, float]


def axes(
    labels: Sequence[str], points: Iterable[Sequence[float]], x: str | None, y: str | None
) -> tuple[str, str, Callable[[Sequence[float]], Place]]:
    """The names of the two axes, and where on them a hypothesis lies: as asked, else the first two labels that vary."""
    rows = [tuple(row) for row in points]
    varying = [label for i, label in enumerate(labels) if len({row[i] for row in rows if len(row) > i}) > 1]
    free = iter([label for label in varying if label not in (x, y)])
    across = x or next(free, labels[0] if labels else "")
    up = y or next(free, "")
    return across, up, lambda row: (_at(across, labels, row), _at(up, labels, row) if up else 0.0)


def _at(axis: str, labels: Sequence[str], row: Sequence[float]) -> float:
    values = dict(zip(labels, row, strict=False))
    if axis in values:
        return float(values[axis])
    try:
        return float(parse(axis, values, option="--x").number(values))
    except (OptionError, ArithmeticError):
        return math.nan


class PlaneMap:
    """The characters of a map of `width` x `height`; what changes is counted in and out, so that many points cost nothing."""

    def __init__(self, places: Mapping[str, Place], width: int, height: int) -> None:
        self.width, self.height = width, height
        known = [place for place in places.values() if all(map(math.isfinite, place))]
        self.low = tuple(min((place[i] for place in known), default=0.0) for i in (0, 1))
        self.high = tuple(max((place[i] for place in known), default=1.0) for i in (0, 1))
        self._cells = {name: cell for name, place in places.items() if (cell := self._cell(place)) is not None}
        self._counts: dict[tuple[int, int], Counter[State]] = {}
        self._shown: dict[str, State] = {}

    def _cell(self, place: Place) -> tuple[int, int] | None:
        """Row, from the top, and column."""
        if not all(map(math.isfinite, place)):
            return None
        across, up = (
            round((value - low) / (high - low) * (length - 1)) if high > low else 0
            for value, low, high, length in zip(place, self.low, self.high, (self.width, self.height), strict=True)
        )
        return self.height - 1 - up, across

    def show(self, name: str, state: State) -> None:
        """Show a hypothesis in its state."""
        cell = self._cells.get(name)
        if cell is None:
            return
        counts = self._counts.setdefault(cell, Counter())
        before = self._shown.get(name)
        if before is not None:
            counts[before] -= 1
        counts[state] += 1
        self._shown[name] = state

    def rows(self) -> list[list[tuple[str, str]]]:
        """Glyph and style of each character, row by row from the top."""
        blank = (" ", "")
        return [
            [self._glyph((row, column)) if (row, column) in self._counts else blank for column in range(self.width)]
            for row in range(self.height)
        ]

    def _glyph(self, cell: tuple[int, int]) -> tuple[str, str]:
        """What most needs to be seen of the hypotheses that share a character."""
        there = {state for state, count in self._counts[cell].items() if count > 0}
        found = next(state for state in GLYPHS if state in there)
        return _BOTH if {State.EXCLUDED, State.ALLOWED} <= there and found is State.EXCLUDED else GLYPHS[found]
