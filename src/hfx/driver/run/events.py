"""What happens in a scan, as typed, timestamped events: one JSON line each in ``events.jsonl``.

Displays listen to events and to nothing else. `time` is in seconds since the epoch (UTC).
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import orjson

__all__ = [
    "Brief",
    "Contour",
    "Event",
    "Failed",
    "Finished",
    "Kept",
    "Listener",
    "Planned",
    "Retried",
    "Started",
    "Submitted",
    "from_line",
    "to_line",
]


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    time: float


@dataclass(frozen=True)
class Planned(Event):
    """A step, "local" or "exchange", was planned; `kept` hypotheses have their local results already.

    `points`: (name, values) of every hypothesis of the scan, those kept too, and `labels` the names of these values, where
    the step is "local": what a view shows before there is a result. `question`: the name of what is asked, and `level` the
    value below which a result excludes its hypothesis (None: the question has no such level, or an earlier version wrote this).
    """

    step: str
    round: int
    tasks: int
    hypotheses: int
    kept: int
    points: tuple[tuple[str, tuple[float, ...]], ...] = ()
    labels: tuple[str, ...] = ()
    question: str = "cls"
    level: float | None = None


# Of a result what a view shows at once: name, the first number of its question's surface (CLs observed), the others (the five
# expected), status, worker.
Brief = tuple[str, float | None, tuple[float | None, ...], str, str]


@dataclass(frozen=True)
class Kept(Event):
    """Results that an earlier run left in the folder."""

    results: tuple[Brief, ...]


@dataclass(frozen=True)
class Submitted(Event):
    """A task went to the endpoint; `names` are its hypotheses."""

    task: str
    hypotheses: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started(Event):
    """A task began to run."""

    task: str


@dataclass(frozen=True)
class Finished(Event):
    """A task's results are in the run's folder: `names` have a result, `changed` of them a new one, which `results` tell."""

    task: str
    step: str
    names: tuple[str, ...]
    changed: int
    seconds: float
    results: tuple[Brief, ...] = ()


@dataclass(frozen=True)
class Failed(Event):
    """A hypothesis cannot be fitted."""

    task: str
    name: str
    reason: str


@dataclass(frozen=True)
class Retried(Event):
    """A task was lost; its hypotheses are tried again one by one."""

    task: str
    hypotheses: int
    reason: str


@dataclass(frozen=True)
class Contour(Event):
    """The curves were drawn."""

    curves: int
    files: tuple[str, ...]


Listener = Callable[[Event], None]

_KINDS: dict[str, type[Event]] = {
    kind.__name__.lower(): kind for kind in (Planned, Kept, Submitted, Started, Finished, Failed, Retried, Contour)
}


def to_line(event: Event) -> str:
    """One JSON line, without its end."""
    return orjson.dumps({"event": type(event).__name__.lower(), **vars(event)}).decode()


def from_line(line: str | bytes) -> Event:
    """The event of a line that `to_line` wrote; raises `ValueError` for any other."""
    content = orjson.loads(line)
    if not isinstance(content, Mapping) or content.get("event") not in _KINDS:
        raise ValueError(f"not an event: {line[:80]!r}")
    kind = _KINDS[content["event"]]
    names, needed = _FIELDS[kind]
    if not needed <= content.keys():
        missing = next(name for name in names if name in needed and name not in content)
        raise ValueError(f"an event without '{missing}': {line[:80]!r}")
    values = {name: content[name] for name in names if name in content}
    for name, value in values.items():
        if type(value) is list:
            values[name] = _frozen(value)
    return kind(**values)


def _frozen(value: Any) -> Any:
    return tuple([_frozen(item) if type(item) is list else item for item in value])


def _named(kind: type[Event]) -> tuple[tuple[str, ...], frozenset[str]]:
    """A kind's entries, and those of them without a default: a run of an earlier version lacks what was added since."""
    known = fields(kind)
    return tuple(field.name for field in known), frozenset(field.name for field in known if field.default is MISSING)


_FIELDS = {kind: _named(kind) for kind in _KINDS.values()}
