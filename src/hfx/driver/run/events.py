"""The events of a scan, typed and timestamped: one JSON line each in ``events.jsonl``.

Displays listen to events and to nothing else. `time` is in seconds since the epoch (UTC).
"""

from collections.abc import Callable

import msgspec

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


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """Base of all events. In JSON, "event" is the name of the class in small letters."""

    time: float


class Planned(Event, frozen=True):
    """A step, "local" or "exchange", was planned; `kept` hypotheses have their local results already.

    `points`: (name, values) of every hypothesis of the scan, also of those kept, and `labels` the names of these values, where
    the step is "local": a view needs them before there is a result. `question`: the name of the question, and `level` the
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


# The part of a result that a view shows at once: name, the first number of its question's surface (CLs observed), the others
# (the five expected), status, worker.
Brief = tuple[str, float | None, tuple[float | None, ...], str, str]


class Kept(Event, frozen=True):
    """Results that an earlier run left in the folder."""

    results: tuple[Brief, ...]


class Submitted(Event, frozen=True):
    """A task went to the endpoint; `names` are its hypotheses."""

    task: str
    hypotheses: int
    names: tuple[str, ...] = ()


class Started(Event, frozen=True):
    """A task began to run."""

    task: str


class Finished(Event, frozen=True):
    """A task's results are in the run's folder: `names` have a result, `changed` of them a new one, listed in `results`."""

    task: str
    step: str
    names: tuple[str, ...]
    changed: int
    seconds: float
    results: tuple[Brief, ...] = ()


class Failed(Event, frozen=True):
    """A hypothesis cannot be fitted."""

    task: str
    name: str
    reason: str


class Retried(Event, frozen=True):
    """A task was lost; its hypotheses are tried again one by one."""

    task: str
    hypotheses: int
    reason: str


class Contour(Event, frozen=True):
    """The curves were drawn."""

    curves: int
    files: tuple[str, ...]


Listener = Callable[[Event], None]

_encoder = msgspec.json.Encoder()
_kinds = Planned | Kept | Submitted | Started | Finished | Failed | Retried | Contour
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(_kinds)


def to_line(event: Event) -> str:
    """One JSON line, without its end."""
    return _encoder.encode(event).decode()


def from_line(line: str | bytes) -> Event:
    """The event of a line that `to_line` wrote; raises `ValueError` for any other."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not an event ({error}): {line[:80]!r}") from None
