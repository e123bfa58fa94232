"""What a scan shows while it runs: a bar on a terminal, plain lines elsewhere, nothing when quiet.

A display only listens to events; none of them is part of the scan.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TextIO

from hfx.driver.run.events import Event, Failed, Finished, Planned, Retried, Started, Submitted

__all__ = ["Count", "Display", "display", "seconds"]


class Display(Protocol):
    """A listener that can say a sentence too."""

    def say(self, sentence: str) -> None:
        """Show a sentence."""

    def listen(self, event: Event) -> None:
        """Show what an event changes."""

    def fetched(self, done: int, total: int | None) -> None:
        """Show how many bytes of the pallet have been fetched, of how many where that is known."""


@dataclass(frozen=True)
class Count:
    """How far a step is: `done` of `total` hypotheses, `kept` of which were there before; since `start`."""

    step: str = "local"
    round: int = 0
    total: int = 0
    kept: int = 0
    done: int = 0
    changed: int = 0
    start: float = 0.0
    now: float = 0.0

    def after(self, event: Event) -> "Count":
        """The count after an event."""
        match event:
            case Planned(step=step, round=number, hypotheses=hypotheses, kept=kept):
                return Count(step, number, hypotheses + kept, kept, kept, 0, event.time, event.time)
            case Finished(names=names, changed=changed):
                done, changed = self.done + len(names), self.changed + changed
                return Count(self.step, self.round, self.total, self.kept, done, changed, self.start, event.time)
            case Failed():
                return replace(self, done=self.done + 1, now=event.time)
        return self

    @property
    def rate(self) -> float:
        """Hypotheses a second; 0 when nothing is known."""
        elapsed = self.now - self.start
        return (self.done - self.kept) / elapsed if elapsed > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds left; None when nothing is known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def __str__(self) -> str:
        where = "fitted" if self.step == "local" else f"exchange, round {self.round}: tried"
        text = f"{where} {self.done}/{self.total}"
        if self.rate > 0:
            text += f", {self.rate:.3g} a second"
        if self.left and self.done < self.total:
            text += f", {seconds(self.left)} left"
        return text


def seconds(number: float) -> str:
    """A time as people say it."""
    whole = round(number)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@dataclass
class Lines:
    """Plain lines, for logs and pipes."""

    stream: TextIO
    verbose: bool = False
    count: Count = Count()

    def say(self, sentence: str) -> None:
        """Write a sentence."""
        print(f"hfx: {sentence}", file=self.stream, flush=True)

    def listen(self, event: Event) -> None:
        """A line for each task that comes back, and for what goes wrong."""
        self.count = self.count.after(event)
        match event:
            case Planned(hypotheses=hypotheses, tasks=tasks, kept=kept, step="local"):
                self.say(
                    f"{hypotheses} hypotheses to fit in {tasks} task{'' if tasks == 1 else 's'}{f', {kept} kept' if kept else ''}"
                )
            case Finished():
                self.say(str(self.count))
            case Failed(name=name, reason=reason):
                self.say(f"{name} failed: {reason}")
            case Retried(task=task, reason=reason):
                self.say(f"task {task} was lost ({reason}): its hypotheses are tried one by one")
            case Submitted(task=task) | Started(task=task) if self.verbose:
                self.say(f"task {task} {type(event).__name__.lower()}")

    def fetched(self, done: int, total: int | None) -> None:
        """Nothing: a log is not for bytes."""


class Bar:
    """A bar with rate and time left, for a terminal."""

    def __init__(self, bar: Any, verbose: bool) -> None:
        self._bar, self._verbose = bar, verbose
        self._row = bar.add_task("opening the pallet", total=None, rate="")
        self._count = Count()

    def say(self, sentence: str) -> None:
        """Write a sentence above the bar."""
        self._bar.console.print(f"hfx: {sentence}", markup=False, highlight=False)

    def listen(self, event: Event) -> None:
        """Move the bar."""
        self._count = self._count.after(event)
        match event:
            case Planned(step=step, round=number):
                text = "fitting" if step == "local" else f"exchange {number}"
                self._bar.reset(self._row, total=self._count.total, description=text, completed=self._count.done)
            case Failed(name=name, reason=reason):
                self.say(f"{name} failed: {reason}")
            case Retried(task=task, reason=reason):
                self.say(f"task {task} was lost ({reason}): its hypotheses are tried one by one")
            case Submitted(task=task) | Started(task=task) if self._verbose:
                self.say(f"task {task} {type(event).__name__.lower()}")
        rate = f"{self._count.rate:.3g}/s" if self._count.rate > 0 else ""
        self._bar.update(self._row, completed=self._count.done, rate=rate)

    def fetched(self, done: int, total: int | None) -> None:
        """Move the bar, in kilobytes."""
        kilobytes = None if total is None else total // 1000
        what = "opening the pallet" if done == total else "fetching (kB)"
        self._bar.update(self._row, description=what, completed=done // 1000, total=kilobytes)


class Silent:
    """Nothing but what the user must know."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, sentence: str) -> None:
        """Write a sentence about a lock taken over or a picture not drawn; progress has none."""

    def listen(self, event: Event) -> None:
        """Nothing."""

    def fetched(self, done: int, total: int | None) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Lasting:
    """A display that may lose its terminal at any moment: what cannot be shown is no reason to end."""

    shown: Display

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        with suppress(OSError):
            self.shown.say(sentence)

    def listen(self, event: Event) -> None:
        """Show what an event changes."""
        with suppress(OSError):
            self.shown.listen(event)

    def fetched(self, done: int, total: int | None) -> None:
        """Show how many bytes have been fetched."""
        with suppress(OSError):
            self.shown.fetched(done, total)


@contextmanager
def display(
    *,
    quiet: bool = False,
    verbose: bool = False,
    stream: TextIO | None = None,
    x: str | None = None,
    y: str | None = None,
) -> Iterator[Display]:
    """The display that fits the stream (standard error): a board, a bar in a small terminal, lines, or nothing.

    `x` and `y` are the axes of the board's map, where they are asked for.
    """
    stream = stream or sys.stderr
    if quiet:
        yield Silent(stream)
    elif not stream.isatty():
        yield Lines(stream, verbose)
    elif _large_enough(stream):
        with _board(stream, verbose, x, y) as board:
            yield Lasting(board)
    else:
        with _progress(stream) as bar:
            yield Lasting(Bar(bar, verbose))


def _large_enough(stream: TextIO) -> bool:
    from rich.console import Console

    from hfx.driver.views.board import LEAST

    console = Console(file=stream)
    return not console.is_dumb_terminal and console.width >= LEAST[0] and console.height >= LEAST[1]


@contextmanager
def _board(stream: TextIO, verbose: bool, x: str | None, y: str | None) -> Iterator[Display]:
    from rich.console import Console
    from rich.live import Live

    from hfx.driver.views.board import Board

    console = Console(file=stream)
    board = Board(lambda text: console.print(text, highlight=False), x=x, y=y, verbose=verbose)
    with Live(board, console=console, refresh_per_second=5, transient=True, redirect_stdout=False):
        yield board


def _progress(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
    )
