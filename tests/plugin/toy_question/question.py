"""The question "signal_events": its units are parts of the signal's bins, its result is their sum."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hfx.driver.questions.base import Brief, Column, Context, Question, Records, Round, Surface, Unit
from hfx.json_types import JsonObject
from toy_question.job import EventsOptions

__all__ = ["FEW", "SignalEvents"]

FEW = 10.0


@dataclass(frozen=True, kw_only=True)
class Events:
    """The result of a hypothesis."""

    name: str
    values: Sequence[float]
    status: str
    events: float
    bins: int
    worker: str = ""
    seconds: float | None = None
    region: str | None = None
    missing_in: Sequence[str] = ()


def _rarity(events: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.log(np.maximum(events, 1e-300)))


class SignalEvents(Question[Events]):
    """Expected signal events: the first half of the parts of every hypothesis, then the others of those that have any, and at
    last the first part once more of those with few events."""

    name = "signal_events"
    job = "signal_events"
    result = Events
    columns = (
        Column("events", "signal events", lambda result: result.events),
        Column("bins", "bins", lambda result: result.bins),
    )
    surface = Surface(name="signal events", curves=("expected",), level=FEW, transform=_rarity, statement=f"{FEW:g} events")
    options: EventsOptions

    @classmethod
    def options_type(cls) -> type[EventsOptions]:
        """The type of its options."""
        return EventsOptions

    def rounds(self, context: Context) -> Generator[Round, Records, None]:
        """Several parts of every hypothesis, then the others, and the first ones again where there are few events."""
        half = max(1, self.options.parts // 2)
        records = yield Round([_unit(h.name, part) for h in context.selected for part in range(half)], "first half")
        names = [h.name for h in context.selected if _unit(h.name, 0).key in records]
        before: JsonObject = {name: records[_unit(name, 0).key]["part_events"] for name in names}
        units = [_unit(name, part) for name in names for part in range(half, self.options.parts)]
        yield Round(units, "others", 1, inputs=lambda some: {unit.hypothesis: before[unit.hypothesis] for unit in some})
        rare = [_unit(name, 0) for name in names if cast(float, before[name]) < FEW]
        yield Round(rare, "once more", again=True, keep=lambda record: record["part_events"] != before[str(record["name"])])

    def answer(self, records: Sequence[JsonObject]) -> JsonObject:
        """The sum of the parts; without some of them it cannot be used."""
        first = records[0]
        kept = {key: first[key] for key in ("name", "values", "status", "worker", "seconds")}
        if len(records) < self.options.parts:
            kept["status"] = f"unfinished: {len(records)} of {self.options.parts} parts"
        events, bins = (sum(cast(float, record[f"part_{key}"]) for record in records) for key in ("events", "bins"))
        return {**kept, "events": events, "bins": bins}

    def brief(self, result: Events) -> Brief:
        """The part of a result that pictures need."""
        return Brief(
            name=result.name,
            values=tuple(result.values),
            status=result.status,
            numbers=(result.events,),
            worker=result.worker,
            seconds=result.seconds,
            region=result.region,
            missing_in=tuple(result.missing_in),
        )

    def summary(self, results: Sequence[Brief], verbose: bool = False) -> list[tuple[str, str]]:
        """A row of the summary table."""
        return [("signal", f"{sum(brief.numbers[0] or 0.0 for brief in results):.4g} events in all")]


def _unit(name: str, part: int) -> Unit:
    return Unit(f"{name}/{part}", name, part)
