"""A small map of the plane in characters, which shows the status of every hypothesis."""

import math
from collections import Counter
from collections.abc import Mapping

from hfx.driver.views.state import Status

__all__ = ["BOTH", "GLYPHS", "PlaneMap"]

# The glyph and the style of each status, the most important first where hypotheses share a character. Shape and colour say
# the same, and the colours can be distinguished without red and green.
GLYPHS = {
    Status.FAILED: ("✕", "bold magenta"),
    Status.NOT_CONVERGED: ("?", "bold magenta"),
    Status.RUNNING: ("~", "cyan"),
    Status.EXCLUDED: ("●", "blue"),
    Status.ALLOWED: ("○", "yellow"),
    Status.DONE: ("●", "blue"),
    Status.NO_SIGNAL: ("∅", "dim"),
    Status.SUBMITTED: ("·", "dim"),
    Status.PLANNED: ("·", "dim"),
}
BOTH = ("◐", "bold")
"""One character for excluded hypotheses and others that are not excluded."""

Place = tuple[float, float]


class PlaneMap:
    """The characters of a map of `width` x `height`. Changes are counted, so that a redraw does not look at all points."""

    def __init__(self, places: Mapping[str, Place], width: int, height: int) -> None:
        self.width, self.height = width, height
        known = [place for place in places.values() if all(map(math.isfinite, place))]
        self.low = tuple(min((place[i] for place in known), default=0.0) for i in (0, 1))
        self.high = tuple(max((place[i] for place in known), default=1.0) for i in (0, 1))
        positions = {name: self._position(place) for name, place in places.items()}
        self._positions = {name: position for name, position in positions.items() if position is not None}
        self._counts: dict[tuple[int, int], Counter[Status]] = {}
        self._shown: dict[str, Status] = {}

    def _position(self, place: Place) -> tuple[int, int] | None:
        """Row, from the top, and column; None for a place that is not finite."""
        if not all(map(math.isfinite, place)):
            return None
        column, row = (
            round((value - low) / (high - low) * (length - 1)) if high > low else 0
            for value, low, high, length in zip(place, self.low, self.high, (self.width, self.height), strict=True)
        )
        return self.height - 1 - row, column

    def show(self, name: str, status: Status) -> None:
        """Show a hypothesis with its status."""
        position = self._positions.get(name)
        if position is None:
            return
        counts = self._counts.setdefault(position, Counter())
        before = self._shown.get(name)
        if before is not None:
            counts[before] -= 1
        counts[status] += 1
        self._shown[name] = status

    def rows(self) -> list[list[tuple[str, str]]]:
        """Glyph and style of each character, row by row from the top."""
        blank = (" ", "")
        return [
            [self._glyph((row, column)) if (row, column) in self._counts else blank for column in range(self.width)]
            for row in range(self.height)
        ]

    def _glyph(self, position: tuple[int, int]) -> tuple[str, str]:
        """The glyph of the most important status among the hypotheses that share a character."""
        there = {status for status, count in self._counts[position].items() if count > 0}
        found = next(status for status in GLYPHS if status in there)
        return BOTH if {Status.EXCLUDED, Status.ALLOWED} <= there and found is Status.EXCLUDED else GLYPHS[found]
