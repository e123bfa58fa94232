"""Events of a run that another process drives, read from its folder as they are written.

The folders of regions and of theory variations lie beneath a run's own, and have events of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hfx.driver.run.events import Event, Failed, Finished, Planned, from_line
from hfx.driver.run.folder import VARIATIONS
from hfx.driver.views.progress import Count

__all__ = ["Follower", "Progress", "condensed", "progress"]

_PLACES = ("events.jsonl", "*/events.jsonl", "*/*/events.jsonl")


class Follower:
    """The events of a run's folder, each given once; the folder need not be there yet."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._read: dict[Path, int] = {}  # bytes of each file that have been given

    def new(self) -> list[Event]:
        """What has been written since the last call, in the order of time."""
        found = [event for place in _PLACES for path in self._run.glob(place) for event in self._of(path)]
        return sorted(found, key=lambda event: event.time)

    def _of(self, path: Path) -> list[Event]:
        try:
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
        except OSError:
            return []  # it may come back
        whole = text[: text.rfind(b"\n") + 1]  # a line under way is read when it is there
        self._read[path] = self._read.get(path, 0) + len(whole)
        return _events(whole.decode(errors="replace").splitlines())


def _events(lines: Iterable[str]) -> list[Event]:
    """The events of lines; what another version of hfx wrote and this one does not know is left out."""
    found = []
    for line in lines:
        try:
            found.append(from_line(line))
        except ValueError:
            continue
    return found


def condensed(events: Sequence[Event]) -> list[Event]:
    """What a display needs to hear of the past: the step under way, its finished tasks as one."""
    begun = max((i for i, event in enumerate(events) if isinstance(event, Planned)), default=None)
    if begun is None:
        return list(events)
    step = events[begun:]
    done = [event for event in step if isinstance(event, Finished)]
    names = tuple(name for event in done for name in event.names)
    changed = sum(event.changed for event in done)
    once = [replace(done[-1], names=names, changed=changed)] if done else []
    return [step[0], *(event for event in step if isinstance(event, Failed)), *once]


@dataclass(frozen=True)
class Progress:
    """How far a run is: hypotheses `done` of `total` by the local search, `failed` of these; the `step` under way."""

    done: int = 0
    total: int = 0
    failed: tuple[str, ...] = ()
    step: str = ""
    last: float | None = None  # time of the last event, seconds since the epoch

    def __add__(self, other: "Progress") -> "Progress":
        later = self if (self.last or 0.0) > (other.last or 0.0) else other
        failed = tuple(dict.fromkeys((*self.failed, *other.failed)))
        return Progress(self.done + other.done, self.total + other.total, failed, later.step, later.last)


@dataclass
class _Tally:
    """The local count, as `Count` has it, and who failed."""

    count: Count = field(default_factory=Count)
    local: Count = field(default_factory=Count)
    failed: dict[str, None] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        if isinstance(event, Planned) and event.step == "local":
            self.failed.clear()
        self.count = self.count.after(event)
        if self.count.step == "local":
            self.local = self.count
            if isinstance(event, Failed):
                self.failed[event.name] = None


def progress(run: Path) -> Progress:
    """How far a run is, from its events alone; of a combination of regions the sum over those that have begun."""
    regions = [path.parent for path in sorted(run.glob("*/events.jsonl")) if path.parent.name not in VARIATIONS]
    whole = _progress(run)
    return sum((_progress(region) for region in regions), whole)


def _progress(folder: Path) -> Progress:
    tally, last = _Tally(), None
    try:
        text = (folder / "events.jsonl").read_bytes()
    except OSError:
        return Progress()
    for event in _events(text[: text.rfind(b"\n") + 1].decode(errors="replace").splitlines()):
        tally.hear(event)
        last = event.time
    count, local = tally.count, tally.local
    step = "" if not count.total else "fitting" if count.step == "local" else f"exchange {count.round}"
    return Progress(local.done, local.total, tuple(tally.failed), step, last)
