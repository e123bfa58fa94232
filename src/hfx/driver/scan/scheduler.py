"""The rounds of a question, worked through: units become tasks, their records go to the disk, and the next round begins.

The scheduler knows keys and rounds alone. Records are written as they come; in memory stays where each lies.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import cast

from hfx.driver.questions.base import AnyQuestion, Brief, Context, Records, Round, Unit
from hfx.driver.run import events
from hfx.driver.run.events import Event, Failed, Finished, Kept, Planned
from hfx.driver.run.folder import RunFolder
from hfx.driver.run.records import Place, Stored
from hfx.driver.scan import plan, submit_and_retry
from hfx.functions.background_workspace import Background
from hfx.json_types import JsonObject, JsonValue
from hfx.pallets import Hypothesis, Pallet

__all__ = ["Finals", "Scheduler", "digest"]

# Tasks under way for each worker: one that is computed, one that is ready for it.
_WINDOW = 2

# Kept results in one event: a line of moderate length.
_KEPT = 500

Places = dict[str, Place]


@dataclass(frozen=True)
class Finals:
    """The place of the last record of each key, and by hypothesis the reason if there is none.

    ``unfinished``: by key, why a later round failed; the record of the earlier round counts, and a resumed run tries again.
    """

    records: Stored
    reasons: dict[str, str]
    unfinished: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the keys: it tells whether a later run has the same set."""
        return digest(self.records)


def digest(keys: Iterable[str]) -> str:
    """A digest of keys, whatever their order."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


class _RoundRecords(Stored, Records):
    """The records after a round; what later rounds write is not seen here."""

    def __init__(self, stored: Stored, places: Places, new: frozenset[str]) -> None:
        super().__init__(stored.path, places)
        self.new = new

    def resumable(self, key: str) -> bool:
        return self.places[key].resumable


@dataclass(frozen=True)
class Scheduler:
    """A question asked of the selected hypotheses of a pallet, and what its tasks run with; `run` does it.

    ``function`` is what a worker runs; `batch` is the most units of a task; `stop`, once set, ends the run with `CancelledError`.
    """

    question: AnyQuestion
    pallet: Pallet
    selected: tuple[Hypothesis, ...]
    folder: RunFolder
    pool: Executor
    function: submit_and_retry.Function
    emit: Callable[[Event], None]
    settle: Callable[[], None]
    workers: int
    device: str
    stop: threading.Event | None = None
    batch: int = plan.BATCH

    def run(self, *, settled: str | None = None) -> Finals:
        """Go through the rounds. `settled`: the digest of the keys over which an earlier run went through all of them."""
        rounds = self.question.rounds(Context(self.pallet, self.selected))
        work = _Work()
        reply: _RoundRecords | None = None
        while True:
            try:
                asked = next(rounds) if reply is None else rounds.send(reply)
            except StopIteration:
                break
            first, new = reply is None, self._round(asked, work)
            reply = _RoundRecords(self._stored, dict(work.current), frozenset(new))
            if first and settled is not None and digest(reply) == settled:
                rounds.close()
                last = {key: self._stored.places[key] for key in work.current}
                return Finals(Stored(self._stored.path, last), work.reasons)
        self._restore(work.current)
        return Finals(Stored(self._stored.path, work.current), work.reasons, work.unfinished)

    @property
    def _stored(self) -> Stored:
        return self.folder.records().last

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {h.name: i for i, h in enumerate(self.pallet.hypotheses)}

    @cached_property
    def _background(self) -> Background:
        return Background(self.pallet.background)

    def _round(self, asked: Round, work: "_Work") -> Places:
        """Work on a round's units; the places of the records that are new in it."""
        if not asked.again:
            kept_places = self._kept(asked)
            work.current.update(kept_places)
            work.note(kept_places)
        units = [unit for unit in asked.units if asked.again or unit.key not in work.current]
        units = self._without_defects(units, work)
        kept = [unit.key for unit in asked.units if unit.key in work.current] if not asked.again else []
        new: Places = {}
        outcomes = self._outcomes(asked, units, len(kept))
        for keys in plan.batches(kept, _KEPT):
            self.emit(Kept(time.time(), tuple(self._event_brief(self._stored[key], work) for key in keys)))
        for outcome in outcomes:
            self._take(asked, outcome, work, new)
        work.current.update(new)
        if asked.inputs is None:
            self.folder.forget_batches()
        return new

    def _kept(self, asked: Round) -> Places:
        """The records of this step that are there already: those of units that an earlier run had, too."""
        stored = self.folder.records().of_step(asked.step).places
        return {key: place for key, place in stored.items() if place.name in self._positions}

    def _without_defects(self, units: Sequence[Unit], work: "_Work") -> list[Unit]:
        """The units whose hypotheses can be used; the others fail here."""
        sound = []
        for unit in units:
            defect = self.pallet.hypothesis(unit.hypothesis).defect
            if defect is None:
                sound.append(unit)
            elif unit.hypothesis not in work.reasons:
                work.reasons[unit.hypothesis] = defect
                self.emit(Failed(time.time(), "plan", unit.hypothesis, defect))
        return sound

    def _take(self, asked: Round, outcome: submit_and_retry.Outcome, work: "_Work", new: Places) -> None:
        """Write down the records of a task, and note what failed."""
        records = [record for record in outcome.records if asked.keep is None or asked.keep(record)]
        places = self.folder.append_results([self.question.stored(record) for record in records], asked.step)
        new.update(places)
        work.note(places)
        for key, reason in outcome.reasons.items():
            name = outcome.job.units[key].hypothesis
            if key in work.current:
                work.unfinished[key] = reason
            else:
                work.reasons[name] = reason
            self.emit(Failed(time.time(), outcome.job.label, name, reason))
        names = tuple(dict.fromkeys(str(record["name"]) for record in outcome.records))
        briefs = tuple(self._event_brief(record, work) for record in records)
        self.emit(Finished(time.time(), outcome.job.label, asked.step, names, len(records), outcome.seconds, briefs))

    def _outcomes(self, asked: Round, units: Sequence[Unit], kept: int) -> Iterator[submit_and_retry.Outcome]:
        """The outcomes of a round's tasks, first of those that an earlier run submitted and did not finish."""
        by_key = {unit.key: unit for unit in units}
        noted = self.folder.noted_batches() if asked.inputs is None else []
        earlier = plan.resumed(list(by_key), noted)
        taken = {key for batch in earlier for key in batch}
        batches = [*earlier, *plan.batches([key for key in by_key if key not in taken], self.batch, self.workers)]
        threads = max(1, self.workers // max(1, len(batches)))
        payload = partial(self._payload, asked, by_key, threads)
        label = asked.step if not asked.number else f"{asked.step}-{asked.number}"
        jobs = [
            submit_and_retry.Job(f"{label}-{i}", {key: by_key[key] for key in batch}, payload) for i, batch in enumerate(batches)
        ]
        self.emit(self._planned(asked, jobs, len(by_key), kept))
        window = _WINDOW * self.workers
        return submit_and_retry.results(
            jobs, window=window, pool=self.pool, function=self.function, emit=self.emit, settle=self.settle, stop=self.stop
        )

    def _planned(self, asked: Round, jobs: Sequence[submit_and_retry.Job], units: int, kept: int) -> Planned:
        points = () if asked.again else tuple((h.name, tuple(h.values)) for h in self.selected)
        return Planned(
            time=time.time(),
            step=asked.step,
            round=asked.number,
            tasks=len(jobs),
            hypotheses=units,
            kept=kept,
            points=points,
            labels=tuple(self.pallet.labels),
            question=self.question.name,
            level=self.question.level,
        )

    def _payload(self, asked: Round, by_key: Mapping[str, Unit], threads: int, keys: Sequence[str]) -> JsonObject:
        """A task for some units, built when it is submitted. One without inputs is noted: a resumed run submits the very same."""
        units = sorted((by_key[key] for key in keys), key=lambda unit: (self._positions[unit.hypothesis], unit.shard or 0))
        if asked.inputs is None:
            self.folder.note_batch([unit.key for unit in units])
        return plan.task(
            self.pallet,
            units,
            self.question,
            threads=threads,
            device=self.device,
            background=self._background,
            inputs=None if asked.inputs is None else asked.inputs(units),
        )

    def _restore(self, final: Places) -> None:
        """Make the last lines those of `final`: later rounds over another set of hypotheses may have left other records."""
        stored = self._stored
        moved = [key for key, place in final.items() if stored.places[key] != place]
        for keys in plan.batches(moved, self.batch):
            records = {key: stored.at(final[key]) for key in keys}
            stale = [record for key, record in records.items() if _content(stored[key]) != _content(record)]
            self.folder.append_results(stale, "exchange")

    def _event_brief(self, record: JsonObject, work: "_Work") -> events.Brief:
        """The result of a record's hypothesis so far, as events tell it."""
        parts = [record]
        if record.get("shard") is not None:
            parts = [self._stored.at(place) for place in work.parts[str(record["name"])].values()]
        result: Brief = self.question.brief(self.question.read(self.question.answer(parts)))
        first, *others = result.numbers or (None,)
        return result.name, first, tuple(others), result.status, result.worker


@dataclass(frozen=True)
class _Work:
    """The run so far: the place of each key's record, by hypothesis those of its units, the reasons of hypotheses without a
    record, and by key those of failed later rounds."""

    current: Places = field(default_factory=dict)
    parts: dict[str, Places] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)

    def note(self, places: Places) -> None:
        """Note the records of units that are parts of a hypothesis."""
        for key, place in places.items():
            if key != place.name:
                self.parts.setdefault(place.name, {})[key] = place


def _content(record: Mapping[str, JsonValue]) -> JsonObject:
    """A record without the step in which it was written."""
    return cast(JsonObject, {key: value for key, value in record.items() if key != "step"})
