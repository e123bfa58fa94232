"""Displays of a scan's progress: a board or a bar on a terminal, plain lines elsewhere, nothing with --quiet.

A display only listens to events; none of them is part of the scan.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from hfx.driver.run.events import Event, Failed, Finished, Planned, Retried, Started, Submitted
from hfx.driver.run.progress import RunProgress
from hfx.driver.views import failures

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar", "Display", "Lasting", "Lines", "Silent", "display"]

_LEAST_OF_A_BAR = 40  # columns


class Display(Protocol):
    """A listener to events that can show a sentence, too."""

    def say(self, sentence: str) -> None:
        """Show a sentence."""

    def listen(self, event: Event) -> None:
        """Show the change by an event."""

    def fetched(self, done: int, total: int | None) -> None:
        """Show the bytes of the pallet that have been fetched, of the total where that is known."""


def _sentence(event: Event, verbose: bool) -> str | None:
    """A sentence about an event that is worth one: failures and lost tasks; with `verbose` every task."""
    match event:
        case Failed(name=name, reason=reason, repeated=False):
            return failures.sentence(name, reason)
        case Retried(task=task, reason=reason):
            return f"task {task} was lost ({reason}): its hypotheses are tried again, one by one"
        case Submitted(task=task) | Started(task=task) if verbose:
            return f"task {task} {type(event).__name__.lower()}"
    return None


def _to_do(event: Planned) -> str:
    """The work of the first round, in words."""
    units = event.hypotheses if event.units is None else event.units
    whose = f"{event.hypotheses} {'hypothesis' if event.hypotheses == 1 else 'hypotheses'}"
    what = f"{units} part{'' if units == 1 else 's'} of {whose}" if event.parts else whose
    already = f"{'done' if event.parts else 'fitted'} already"
    if not units and event.kept:
        if event.parts:
            return f"all {event.kept} parts are {already}"
        whole = f"all {event.kept} hypotheses are {already}" if event.kept > 1 else f"the hypothesis is {already}"
        return f"{whole} in this folder: nothing is fitted again (to do that, give another one with -o)"
    there = f"; {event.kept} {already}" if event.kept else ""
    return f"{what} to {'do' if event.parts else 'fit'} (in {event.tasks} task{'' if event.tasks == 1 else 's'}){there}"


@dataclass
class Lines:
    """Plain lines, for logs and pipes."""

    stream: TextIO
    verbose: bool = False
    progress: RunProgress = field(default_factory=RunProgress)

    def say(self, sentence: str) -> None:
        """Write a sentence."""
        print(f"hfx: {sentence}", file=self.stream, flush=True)

    def listen(self, event: Event) -> None:
        """Write a line for each task that comes back, and for each failure."""
        self.progress.apply(event)
        match event:
            case Planned() if event.begins:
                self.say(_to_do(event))
            case Finished():
                self.say(str(self.progress.current))
        if sentence := _sentence(event, self.verbose):
            self.say(sentence)

    def fetched(self, done: int, total: int | None) -> None:
        """Write nothing: bytes do not belong in a log."""


class Bar:
    """A bar with rate and time left, for a small terminal."""

    def __init__(self, bar: "Progress", verbose: bool) -> None:
        self._bar, self._verbose = bar, verbose
        self._row = bar.add_task("opening the pallet", total=None, rate="")
        self._progress = RunProgress()

    def say(self, sentence: str) -> None:
        """Write a sentence above the bar."""
        self._bar.console.print(f"hfx: {sentence}", markup=False, highlight=False)

    def listen(self, event: Event) -> None:
        """Move the bar."""
        self._progress.apply(event)
        step = self._progress.current
        if isinstance(event, Planned):
            self._bar.reset(self._row, total=step.total, description=step.title or "fitting", completed=step.done)
        if sentence := _sentence(event, self._verbose):
            self.say(sentence)
        self._bar.update(self._row, completed=step.done, rate=f"{step.pace}/s" if step.rate > 0 else "")

    def fetched(self, done: int, total: int | None) -> None:
        """Move the bar, in kilobytes."""
        kilobytes = None if total is None else total // 1000
        title = "opening the pallet" if done == total else "fetching (kB)"
        self._bar.update(self._row, description=title, completed=done // 1000, total=kilobytes)


class Silent:
    """Shows nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, sentence: str) -> None:
        """Show nothing."""

    def listen(self, event: Event) -> None:
        """Show nothing."""

    def fetched(self, done: int, total: int | None) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class Lasting:
    """A display whose terminal, file or pipe may disappear or be full at any moment, which must not end the scan."""

    shown: Display

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        with suppress(OSError):
            self.shown.say(sentence)

    def listen(self, event: Event) -> None:
        """Show the change by an event."""
        with suppress(OSError):
            self.shown.listen(event)

    def fetched(self, done: int, total: int | None) -> None:
        """Show the bytes that have been fetched."""
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
    logx: bool = False,
    logy: bool = False,
) -> Iterator[Display]:
    """The display that fits the stream (default: standard error): a board, a bar in a small terminal, lines, or nothing.

    `x` and `y` are the axes of the board's map; None: the first labels that vary. `logx` and `logy` make them logarithmic.
    """
    stream = stream or sys.stderr
    if quiet:
        yield Silent(stream)
    elif not stream.isatty() or _too_narrow(stream):
        yield Lasting(Lines(stream, verbose))
    elif _large_enough(stream):
        with _board(stream, verbose=verbose, x=x, y=y, logx=logx, logy=logy) as board:
            yield Lasting(board)
    else:
        with _bar(stream) as bar:
            yield Lasting(Bar(bar, verbose))


def _too_narrow(stream: TextIO) -> bool:
    """Whether a bar has no room."""
    from rich.console import Console

    return Console(file=stream).width < _LEAST_OF_A_BAR


def _large_enough(stream: TextIO) -> bool:
    from rich.console import Console

    from hfx.driver.views.board import LEAST

    console = Console(file=stream)
    return not console.is_dumb_terminal and console.width >= LEAST[0] and console.height >= LEAST[1]


@contextmanager
def _board(stream: TextIO, *, verbose: bool, x: str | None, y: str | None, logx: bool, logy: bool) -> Iterator[Display]:
    from rich.console import Console
    from rich.live import Live

    from hfx.driver.views.board import Board

    console = Console(file=stream)
    board = Board(lambda text: console.print(text, highlight=False), x=x, y=y, logx=logx, logy=logy, verbose=verbose)
    with Live(board, console=console, refresh_per_second=5, transient=True, redirect_stdout=False):
        yield board


def _bar(stream: TextIO) -> "Progress":
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
