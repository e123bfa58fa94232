"""The terminal's view of a scan: progress, workers, the last results, and a small map of the plane.

It fits 80 x 24 characters and uses what a larger terminal has. It only listens to events.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from hfx.driver.plane import axes as plane_axes
from hfx.driver.questions.base import Brief, Surface
from hfx.driver.questions.catalogue import of_run
from hfx.driver.run import clock
from hfx.driver.run.events import Event, Failed, Planned, Retried, Started, Submitted
from hfx.driver.run.progress import duration
from hfx.driver.views import failures
from hfx.driver.views.plane_map import BOTH, GLYPHS, PlaneMap
from hfx.driver.views.state import RunState, Status, Worker

__all__ = ["LEAST", "Board"]

LEAST = (72, 18)  # columns and lines; a smaller terminal has a bar
_HEAD, _AXES, _LEGEND = 2, 2, 1  # lines
_WORKERS = 0.4  # of the lines beside the map
_WIDEST = 110  # columns of the map


class Board:
    """A rich renderable that is updated by events; `x` and `y` are the chosen axes, `logx` and `logy` make them logarithmic."""

    def __init__(
        self,
        say: Callable[[Text], None],
        *,
        x: str | None = None,
        y: str | None = None,
        logx: bool = False,
        logy: bool = False,
        verbose: bool = False,
    ) -> None:
        self.state = RunState()
        self._say, self._x, self._y, self._verbose = say, x, y, verbose
        self._logx, self._logy = logx, logy
        self._map: PlaneMap | None = None
        self._plans = 0  # the version of the list of hypotheses that the map shows
        self._axes = plane_axes.Axes("", None, "")
        self._surface: Surface | None = None
        self._opening = "opening the pallet"
        self._guard = threading.Lock()  # the display is drawn by a thread of its own

    def say(self, sentence: str) -> None:
        """Write a sentence above the board."""
        self._say(Text(f"hfx: {sentence}"))

    def listen(self, event: Event) -> None:
        """Update the state by an event."""
        with self._guard:
            self.state.apply(event)
        match event:
            case Planned():
                self._surface = of_run({"question": self.state.question}).surface
            case Failed(name=name, reason=reason, repeated=False):
                self.say(failures.sentence(name, reason))
            case Retried(task=task, reason=reason):
                self.say(f"task {task} was lost ({reason}): its hypotheses are tried again")
            case Submitted(task=task) | Started(task=task) if self._verbose:
                self.say(f"task {task} {type(event).__name__.lower()}")

    def fetched(self, done: int, total: int | None) -> None:
        """Show the progress of a download."""
        of = f" of {total // 1000}" if total else ""
        self._opening = "opening the pallet" if done == total else f"fetching: {done // 1000}{of} kB"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._guard:
            yield from self._content(options.max_width, console.height - 1)

    def _content(self, width: int, height: int) -> Iterator[RenderableType | Segment]:
        if not self.state.points:
            yield Text(self._opening)
            return
        yield from self._head(width)
        body = height - _HEAD - _LEGEND
        left = min(width * 6 // 10, width - 36, _WIDEST)
        beside = self._beside(width - left - 2, body)
        plane = self._plane(left - 2, body - _AXES)
        table = Table.grid(padding=0)
        table.add_column(width=left, no_wrap=True)
        table.add_column(width=width - left, no_wrap=True, overflow="ellipsis")
        for one, two in _side_by_side(plane, beside, body):
            table.add_row(one, two)
        yield table
        yield _legend(self.state.counts, mixed=any(BOTH[0] in line.plain for line in plane))

    def _head(self, width: int) -> Iterator[RenderableType | Segment]:
        step = self.state.progress.current
        yield Text(", ".join([str(step), *self.state.earlier_failures()]), no_wrap=True, overflow="ellipsis")
        yield ProgressBar(total=max(step.total, 1), completed=step.done, width=width)
        yield Segment.line()

    def _plane(self, width: int, height: int) -> list[Text]:
        """The map and its axes."""
        plane = self._updated_map(width, height)
        x, y = self._axes.x, self._axes.y
        (left, bottom), (right, top) = self._ends(plane)
        lines = [Text(f"{y}  {bottom:g} to {top:g}" if y else "", style="dim")]
        for row in plane.rows():
            lines.append(Text("│").append_text(Text.assemble(*row)))
        low, high = f"{left:g}", f"{right:g}"
        name = f" {x} "
        rest = max(0, width - len(low) - len(high) - len(name))
        lines.append(Text(f"└{low}{'─' * (rest // 2)}{name}{'─' * (rest - rest // 2)}{high}", style="dim"))
        return lines

    def _ends(self, plane: PlaneMap) -> list[list[float]]:
        """The places in the lower left and in the upper right corner."""
        import numpy as np

        ends: list[list[float]] = self._axes.unscaled(np.array([plane.low, plane.high])).tolist()
        return ends

    def _updated_map(self, width: int, height: int) -> PlaneMap:
        """The map of this size, with the changes since it was drawn last."""
        state, plane = self.state, self._map
        if plane is None or (plane.width, plane.height, self._plans) != (width, height, state.plans):
            values = list(state.points.values())
            in_force = plane_axes.in_force(state.labels, values, self._x, self._y)
            chosen = plane_axes.choose(state.labels, values, *in_force)
            self._axes, self._plans = replace(chosen, logx=self._logx, logy=self._logy), state.plans
            places = self._axes.scaled(plane_axes.places(self._axes, state.labels, values)).tolist()
            plane = self._map = PlaneMap({name: (x, y) for name, (x, y) in zip(state.points, places, strict=True)}, width, height)
            state.changed.update(state.points)
        while state.changed:
            name = state.changed.pop()
            plane.show(name, state.statuses[name])
        return plane

    def _beside(self, width: int, height: int) -> list[Text]:
        """Workers and latest results."""
        state = self.state
        rows = max(2, int(height * _WORKERS))
        lines = [Text(f"{_count(len(state.workers), 'worker')}, {_count(len(state.running), 'task')} running", style="bold")]
        latest = sorted(state.workers.items(), key=lambda item: -item[1].last)
        listed = latest if len(latest) < rows else latest[: rows - 2]
        lines += [_worker(name, worker, width) for name, worker in listed]
        if len(listed) < len(latest):
            lines.append(Text(f"and {len(latest) - len(listed)} more", style="dim"))
        lines += [Text(""), Text(f"latest{self._quantities() or ' results'}", style="bold")]
        room = max(0, height - len(lines))
        lines += [self._result(result, width) for result in list(state.latest)[-room:][::-1]] if room else []
        return lines

    def _shown_curves(self) -> list[str]:
        """The curves whose numbers are listed: the first, by which the status is judged, and the median."""
        surface = self._surface
        return [] if surface is None else list(dict.fromkeys((surface.curves[0], surface.median or surface.curves[0])))

    def _quantities(self) -> str:
        """The listed numbers, for example " (observed, expected CLs)"."""
        return "" if self._surface is None else f" ({', '.join(self._shown_curves())} {self._surface.name})"

    def _result(self, result: Brief, width: int) -> Text:
        """The name of a hypothesis and the listed numbers of its result."""
        status = self.state.status_of(result)
        if status is Status.NOT_CONVERGED or self._surface is None:
            return Text(f"{_short(result.name, width - 14)} {status.value}", style="magenta" if self._surface else "")
        values = [result.numbers[self._surface.column(curve)] for curve in self._shown_curves()]
        numbers = "".join(f" {'' if value is None else format(value, '.3g'):>8}" for value in values)
        return Text(f"{_short(result.name, width - len(numbers))}{numbers}", style="blue" if status is Status.EXCLUDED else "")


def _side_by_side(one: Sequence[Text], two: Sequence[Text], height: int) -> Iterator[tuple[Text, Text]]:
    empty = Text("")
    for line in range(height):
        yield (one[line] if line < len(one) else empty), (two[line] if line < len(two) else empty)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _worker(name: str, worker: Worker, width: int) -> Text:
    ago = duration(max(0.0, clock.now() - worker.last))
    numbers = f"{worker.done:>7} done, {ago:>5} ago"
    host, _, process = name.partition(":")
    own = ":".join(filter(None, (host.split(".")[0], process)))  # all hosts of a cluster have one domain
    return Text(f"{_short(own, width - len(numbers))}{numbers}")


def _short(name: str, width: int) -> str:
    """A name in so many characters; its end distinguishes it better than its middle."""
    if len(name) > width > 4:
        head = (width - 1) // 3
        name = f"{name[:head]}…{name[head + 1 - width :]}"
    return f"{name:<{max(width, 0)}}"


def _legend(counts: Mapping[Status, int], *, mixed: bool) -> Text:
    """The glyphs that are on the map and their meanings; `mixed`: that of several hypotheses in one place is among them."""
    there = {Status.PLANNED if status is Status.SUBMITTED else status for status, count in counts.items() if count}
    shown = [(*GLYPHS[status], status.value) for status in GLYPHS if status in there]
    if mixed:
        shown.append((*BOTH, "excluded and not excluded"))
    parts = [part for glyph, style, words in shown for part in ((glyph, style), (f" {words}  ", "dim"))]
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
