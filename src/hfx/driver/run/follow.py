"""Growing files, read as they are written: the lines of one file, and the events of a run that another process drives.

The folders of regions and of theory variations lie beneath a run's own, and have events of their own.
"""

import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from hfx.driver.run.events import Event, Failed, Finished, Planned, Started, Submitted, from_line
from hfx.driver.run.folder import VARIATIONS, read_run, safe_name
from hfx.driver.run.progress import RunProgress, StepProgress
from hfx.driver.run.stored_json import LONGEST, open_regular
from hfx.hf_core.reasons import WITHOUT_SIGNAL

__all__ = ["Follower", "Tail", "condensed", "parsed", "progress", "without_finished_tasks"]

_PLACES = ("events.jsonl", "*/events.jsonl", "*/*/events.jsonl")

# The most bytes that are read at a time: a large run shows its progress while it is being read.
_MOST = 4_000_000


class Tail:
    """Reads the lines that are appended to a file; a line that is not complete yet is left for later.

    ``more``: whether the file is known to go on after the lines that were read last.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.offset, self.more = path, 0, False

    def lines(self) -> list[bytes]:
        """The complete lines since the last call, a few megabytes at most; none while the file cannot be read."""
        try:
            with os.fdopen(open_regular(self.path), "rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size < self.offset:
                    self.offset = 0  # the file was replaced
                file.seek(self.offset)
                text = bytearray(file.read(_MOST))
                self.more, ended = len(text) == _MOST, b"\n" in text
                while not ended and (more := file.read(_MOST)):
                    if len(text) > LONGEST:  # no line of hfx: what is left of it is passed over, too
                        self.offset += len(text)
                        text.clear()
                    text += more
                    ended = b"\n" in more
        except OSError:
            self.more = False
            return []  # not there yet, or its disk is away for a moment
        complete = bytes(text[: text.rfind(b"\n") + 1])
        self.offset += len(complete)
        return complete.splitlines()

    def all_lines(self) -> Iterable[bytes]:
        """The complete lines up to the end of the file."""
        while some := self.lines():
            yield from some


class Follower:
    """The events in a run's folder and beneath it, each given once; the folder need not exist yet."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._tails: dict[Path, Tail] = {}

    def new(self) -> list[Event]:
        """The events that have been written since the last call: those of each file in their order, even where a clock was set
        back, and those of several files in the order of time."""
        paths = [path for place in _PLACES for path in self._run.glob(place)]
        tails = [self._tails.setdefault(path, Tail(path)) for path in paths]
        ordered = [pair for tail in tails for pair in _not_backwards(parsed(tail.all_lines()))]
        return [event for _, event in sorted(ordered, key=lambda pair: pair[0])]


def _not_backwards(events: Iterable[Event]) -> Iterable[tuple[float, Event]]:
    """Each event with the latest time so far."""
    latest = -math.inf
    for event in events:
        latest = max(latest, event.time)
        yield latest, event


def parsed(lines: Iterable[bytes]) -> list[Event]:
    """The events of lines; lines that this version of hfx cannot read are left out."""
    found = []
    for line in lines:
        try:
            found.append(from_line(line))
        except ValueError:
            continue
    return found


def condensed(events: Sequence[Event]) -> list[Event]:
    """The past events that a display needs: those of the step under way, its finished tasks as one event, and before them the
    failures of the run's earlier steps."""
    begun = max((i for i, event in enumerate(events) if isinstance(event, Planned)), default=None)
    if begun is None:
        return list(events)
    step = events[begun:]
    done = [event for event in step if isinstance(event, Finished)]
    names = tuple(name for event in done for name in event.names)
    changed, units = sum(event.changed for event in done), sum(event.records for event in done)
    once = [msgspec.structs.replace(done[-1], names=names, changed=changed, units=units)] if done else []
    first = max((i for i, event in enumerate(events) if isinstance(event, Planned) and event.begins), default=begun)
    failed = [event for event in events[first:begun] if isinstance(event, Failed)]
    return [*failed, step[0], *(event for event in step if isinstance(event, Failed)), *once]


def without_finished_tasks(events: Sequence[Event]) -> list[Event]:
    """The events without the submissions and beginnings of tasks that finish among these events: nobody saw them run."""
    ended = set[str]()
    kept: list[Event] = []
    for event in reversed(events):
        match event:
            case Finished(task=task):
                ended.add(task)
            case Started(task=task) if task in ended:
                continue
            case Submitted(task=task) if task in ended:
                ended.discard(task)
                continue
            case Planned():
                ended.clear()
        kept.append(event)
    return kept[::-1]


def progress(run: Path) -> RunProgress:
    """The progress of a run, from its events; of a combination of regions the sum over them, those included that have not begun.

    A hypothesis without a signal counts as done there: nothing can be done about it.
    """
    regions = [path.parent for path in sorted(run.glob("*/events.jsonl")) if path.parent.name not in VARIATIONS]
    own, parts = _progress(run), [_progress(region) for region in regions]
    known = (read_run(run) or {}).get("selected") or {}
    begun = {region.name for region in regions}
    waiting = RunProgress(first=StepProgress(total=sum(n for name, n in known.items() if safe_name(name) not in begun)))
    found = Counter(name for part in (own, *parts) for name, reason in part.failed.items() if reason in WITHOUT_SIGNAL)
    return sum(parts, own + waiting).without(found)


def _progress(folder: Path) -> RunProgress:
    found = RunProgress()
    for event in parsed(Tail(folder / "events.jsonl").all_lines()):
        found.apply(event)
    return found
