"""The events of a scan, typed and timestamped: one JSON line each in ``events.jsonl``.

Displays listen to events and to nothing else. `time` is in seconds since the epoch (UTC).
"""

from collections.abc import Callable

import msgspec

from hfx.driver.run.records import LOCAL
from hfx.driver.run.stored_json import decoded
from hfx.json_types import LabelValue

__all__ = [
    "Brief",
    "Contour",
    "Event",
    "Failed",
    "Finished",
    "Kept",
    "LeftOut",
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
    """A round of a question was planned.

    `step`, `words` and `round` are the name, the words for readers and the number of `hfx.driver.questions.base.Round`. `units`
    are to be worked on, which belong to `hypotheses`; `kept` others have their records already, those of hypotheses that are not
    selected included. `parts`: whether a unit is a part of the work on a hypothesis. ``units`` is None in events of earlier
    versions, which knew one unit for each hypothesis.

    In the first round, `points` are (name, values) of every hypothesis of the run, and `labels` the names of these values: a view
    needs them before there is a result. `question`: the name of the question. `level`: the value below which a result excludes
    its hypothesis; None where the question has no such level, or an earlier version wrote this.
    """

    step: str
    round: int
    tasks: int
    hypotheses: int
    kept: int
    points: tuple[tuple[str, tuple[LabelValue, ...]], ...] = ()
    labels: tuple[str, ...] = ()
    question: str = "cls"
    level: float | None = None
    units: int | None = None
    parts: bool = False
    words: str = ""

    @property
    def begins(self) -> bool:
        """Whether this is the first round of a run."""
        return bool(self.points) or (self.step == LOCAL and self.round == 0)


# The part of a result that a view shows at once: name, the first number of its question's surface (CLs observed), the others
# (the five expected), status, worker.
Brief = tuple[str, float | None, tuple[float | None, ...], str, str]


class Kept(Event, frozen=True):
    """Results from records in the folder: those that an earlier run left, and at the end those that no task has told."""

    results: tuple[Brief, ...]


class LeftOut(Event, frozen=True):
    """These hypotheses are no part of the run: they are not selected, and an earlier run did not do all of their units."""

    names: tuple[str, ...]


class Submitted(Event, frozen=True):
    """A task went to the endpoint; `names` are its hypotheses."""

    task: str
    hypotheses: int
    names: tuple[str, ...] = ()


class Started(Event, frozen=True):
    """A task began to run."""

    task: str


class Finished(Event, frozen=True):
    """A task's records are in the run's folder, those of `units` (None: of one for each hypothesis), `changed` of them new ones.

    `names` are the hypotheses that they belong to; `results` the results that these have now, as far as they are told.
    """

    task: str
    step: str
    names: tuple[str, ...]
    changed: int
    seconds: float
    results: tuple[Brief, ...] = ()
    units: int | None = None

    @property
    def records(self) -> int:
        """The number of units that got their records."""
        return len(self.names) if self.units is None else self.units


class Failed(Event, frozen=True):
    """Units of a hypothesis have no record. `final`: the hypothesis has no result then, whatever its other units have; else it
    keeps one of an earlier round. None: an earlier version wrote this; a result that is there is kept. `repeated`: other units of
    it failed before, which views have shown."""

    task: str
    name: str
    reason: str
    units: int = 1
    final: bool | None = None
    repeated: bool = False


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
_kinds = Planned | Kept | LeftOut | Submitted | Started | Finished | Failed | Retried | Contour
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(_kinds)


def to_line(event: Event) -> str:
    """One JSON line, without its end."""
    return _encoder.encode(event).decode()


def from_line(line: str | bytes) -> Event:
    """The event of a line that `to_line` wrote; raises `ValueError` for any other."""
    try:
        return decoded(line.encode() if isinstance(line, str) else line, _decoder)
    except ValueError as error:
        raise ValueError(f"not an event ({error}): {line[:80]!r}") from None
