"""The terminal's view of a scan: progress, workers, the last results, and a small map of the plane.

It fits 80 x 24 characters and uses what a larger terminal has. It only listens to events.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from hfx.driver.run.events import Brief, Event, Failed, Retried, Started, Submitted
from hfx.driver.views.plane_map import GLYPHS, PlaneMap, axes
from hfx.driver.views.progress import seconds
from hfx.driver.views.state import Scene, Worker

__all__ = ["LEAST", "Board"]

LEAST = (72, 18)  # columns and lines; a smaller terminal has a bar
_HEAD, _AXES, _LEGEND = 2, 2, 1  # lines
_WORKERS = 0.4  # of the lines beside the map
_WIDEST = 110  # columns of the map


class Board:
    """A rich renderable that is fed with events; `x` and `y` are the axes asked for."""

    def __init__(self, say: Callable[[Text], None], *, x: str | None = None, y: str | None = None, verbose: bool = False) -> None:
        self.scene = Scene()
        self._say, self._x, self._y, self._verbose = say, x, y, verbose
        self._map: PlaneMap | None = None
        self._axes = ("", "")
        self._fetched = "opening the pallet"
        self._guard = threading.Lock()  # the display is drawn by a thread of its own

    def say(self, sentence: str) -> None:
        """Write a sentence above the board."""
        self._say(Text(f"hfx: {sentence}"))

    def listen(self, event: Event) -> None:
        """Take in an event."""
        with self._guard:
            self.scene.add(event)
        match event:
            case Failed(name=name, reason=reason):
                self.say(f"{name} failed: {reason}")
            case Retried(task=task, reason=reason):
                self.say(f"task {task} was lost ({reason}): its hypotheses are tried again")
            case Submitted(task=task) | Started(task=task) if self._verbose:
                self.say(f"task {task} {type(event).__name__.lower()}")

    def fetched(self, done: int, total: int | None) -> None:
        """How far a download is."""
        of = f" of {total // 1000}" if total else ""
        self._fetched = "opening the pallet" if done == total else f"fetching: {done // 1000}{of} kB"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._guard:
            yield from self._drawn(options.max_width, console.height - 1)

    def _drawn(self, width: int, height: int) -> Iterator[Any]:
        if not self.scene.points:
            yield Text(self._fetched)
            return
        yield from self._head(width)
        body = height - _HEAD - _LEGEND
        left = min(width * 6 // 10, width - 36, _WIDEST)
        beside = self._beside(width - left - 2, body)
        table = Table.grid(padding=0)
        table.add_column(width=left, no_wrap=True)
        table.add_column(width=width - left, no_wrap=True, overflow="ellipsis")
        for one, two in _side_by_side(self._plane(left - 2, body - _AXES), beside, body):
            table.add_row(one, two)
        yield table
        yield _legend()

    def _head(self, width: int) -> Iterator[Any]:
        count = self.scene.count
        yield Text(
            str(count) + (f", {len(self.scene.reasons)} failed" if self.scene.reasons else ""), no_wrap=True, overflow="ellipsis"
        )
        yield ProgressBar(total=max(count.total, 1), completed=count.done, width=width)
        yield Segment.line()

    def _plane(self, width: int, height: int) -> list[Text]:
        """The map and its axes."""
        scene, shown = self.scene, self._map
        if shown is None or (shown.width, shown.height) != (width, height):
            across, up, place = axes(scene.labels, scene.points.values(), self._x, self._y)
            self._axes = (across, up)
            shown = self._map = PlaneMap({name: place(row) for name, row in list(scene.points.items())}, width, height)
            scene.changed.update(scene.points)
        while scene.changed:
            name = scene.changed.pop()
            if name in scene.states:
                shown.show(name, scene.states[name])
        lines = [Text(f"{self._axes[1]}  {shown.low[1]:g} to {shown.high[1]:g}" if self._axes[1] else "", style="dim")]
        for row in shown.rows():
            lines.append(Text("│").append_text(Text.assemble(*row)))
        low, high = f"{shown.low[0]:g}", f"{shown.high[0]:g}"
        name = f" {self._axes[0]} "
        rest = max(0, width - len(low) - len(high) - len(name))
        lines.append(Text(f"└{low}{'─' * (rest // 2)}{name}{'─' * (rest - rest // 2)}{high}", style="dim"))
        return lines

    def _beside(self, width: int, height: int) -> list[Text]:
        """Workers and last results."""
        scene = self.scene
        rows = max(2, int(height * _WORKERS))
        lines = [Text(f"{len(scene.workers)} workers, {len(scene.running)} tasks running", style="bold")]
        busiest = sorted(scene.workers.items(), key=lambda item: -item[1].last)
        shown = busiest if len(busiest) < rows else busiest[: rows - 2]
        lines += [_worker(name, worker, width) for name, worker in shown]
        if len(shown) < len(busiest):
            lines.append(Text(f"and {len(busiest) - len(shown)} more", style="dim"))
        lines += [Text(""), Text("last results: CLs observed, expected", style="bold")]
        room = max(0, height - len(lines))
        lines += [_result(result, width) for result in list(scene.last)[-room:][::-1]] if room else []
        return lines


def _side_by_side(one: Sequence[Text], two: Sequence[Text], height: int) -> Iterator[tuple[Text, Text]]:
    empty = Text("")
    for line in range(height):
        yield (one[line] if line < len(one) else empty), (two[line] if line < len(two) else empty)


def _worker(name: str, worker: Worker, width: int) -> Text:
    ago = seconds(max(0.0, time.time() - worker.last))
    numbers = f"{worker.done:>7} done, {ago:>5} ago"
    host, _, process = name.partition(":")
    own = ":".join(filter(None, (host.split(".")[0], process)))  # all hosts of a cluster have one domain
    return Text(f"{_short(own, width - len(numbers))}{numbers}")


def _result(result: Brief, width: int) -> Text:
    name, observed, band, status, _ = result
    expected = band[2]
    if status != "converged" or observed is None:
        return Text(f"{_short(name, width - 14)} not converged", style="magenta")
    numbers = f" {observed:>8.3g} {expected if expected is None else format(expected, '.3g'):>8}"
    return Text(f"{_short(name, width - len(numbers))}{numbers}", style="blue" if observed < 0.05 else "")


def _short(name: str, width: int) -> str:
    """A name in so many characters; its end tells more than its middle."""
    if len(name) > width > 4:
        head = (width - 1) // 3
        name = f"{name[:head]}…{name[head + 1 - width :]}"
    return f"{name:<{max(width, 0)}}"


def _legend() -> Text:
    parts: list[Any] = []
    for state, (glyph, style) in GLYPHS.items():
        parts += [(glyph, style), (f" {state.value}  ", "dim")]
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
