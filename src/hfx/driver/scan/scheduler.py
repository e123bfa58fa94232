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
from hfx.driver.run.records import Place, Stored, in_order
from hfx.driver.scan import plan, submit_and_retry
from hfx.driver.scan.partial_results import PartialResults
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
    """The place of the last record of each key, and the reasons of the hypotheses that have no result.

    A hypothesis has no result when one of its units has no record, whatever the others have.
    ``all_rounds``: the digest of the keys after the first round, when all later rounds have been done over them; None where one
    of them failed: a resumed run tries it again.
    """

    records: Stored
    reasons: dict[str, str]
    all_rounds: str | None = None


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

    def run(self, *, done_before: str | None = None) -> Finals:
        """Go through the rounds. `done_before`: ``all_rounds`` of the run that is resumed."""
        rounds = self.question.rounds(Context(self.pallet, self.selected))
        work = _Work()
        asked, first = next(rounds, None), True
        after_first = None
        while asked is not None:
            new = self._round(asked, work, first=first)
            reply = _RoundRecords(self._stored, dict(work.current), frozenset(new))
            if first:
                after_first, work.failed_later = digest(reply), False
                if after_first == done_before:
                    rounds.close()
                    last = {key: place for key, place in self._stored.places.items() if place.name in self._positions}
                    self._tell_later_rounds(last, work)
                    return Finals(Stored(self._stored.path, last), work.reasons, done_before)
            try:
                asked, first = rounds.send(reply), False
            except StopIteration:
                break
        self._restore(work.current)
        return Finals(Stored(self._stored.path, work.current), work.reasons, None if work.failed_later else after_first)

    @property
    def _stored(self) -> Stored:
        return self.folder.records().last

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {h.name: i for i, h in enumerate(self.pallet.hypotheses)}

    @cached_property
    def _background(self) -> Background:
        return Background(self.pallet.background)

    def _round(self, asked: Round, work: "_Work", *, first: bool) -> Places:
        """Work on a round's units; the places of the records that are new in it."""
        if not asked.again:
            kept_places = self._kept(asked)
            work.current.update(kept_places)
            work.partial.note(kept_places)
        units = [unit for unit in asked.units if asked.again or unit.key not in work.current]
        units = self._without_defects(units, work)
        kept = {unit.key: unit.hypothesis for unit in asked.units if unit.key in work.current} if not asked.again else {}
        if first:  # results of a wider scan of this folder are in this one's table too
            selected = {h.name for h in self.selected}
            kept |= {key: place.name for key, place in work.current.items() if place.name not in selected}
        new: Places = {}
        work.partial.begin(units)
        outcomes = self._outcomes(asked, units, kept, first)
        self._tell_kept({name: key for key, name in kept.items()}, work)
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

    def _tell_kept(self, kept: Mapping[str, str], work: "_Work") -> None:
        """Tell the results that were there already, one for each hypothesis; `kept`: a key of each."""
        for names in plan.batches([name for name in kept if name not in work.reasons], _KEPT):
            briefs = (
                self._event_brief([self._stored[name]] if kept[name] == name else map(self._stored.at, work.partial.taken(name)))
                for name in names
            )
            self.emit(Kept(time.time(), tuple(briefs)))

    def _tell_later_rounds(self, last: Places, work: "_Work") -> None:
        """Tell the results that later rounds of an earlier run completed."""
        more = {key: place for key, place in last.items() if key not in work.current}
        work.partial.note(more)
        self._tell_kept({place.name: key for key, place in more.items()}, work)

    def _without_defects(self, units: Sequence[Unit], work: "_Work") -> list[Unit]:
        """The units whose hypotheses can be used; the others fail here."""
        sound = []
        for unit in units:
            defect = self.pallet.hypothesis(unit.hypothesis).defect
            if defect is None:
                sound.append(unit)
            elif unit.hypothesis not in work.reasons:
                work.reasons[unit.hypothesis] = defect
                # Its units are in no plan: none of them is counted.
                self.emit(Failed(time.time(), "plan", unit.hypothesis, defect, units=0, final=True))
        return sound

    def _take(self, asked: Round, outcome: submit_and_retry.Outcome, work: "_Work", new: Places) -> None:
        """Write down the records of a task, and note what failed."""
        records = [record for record in outcome.records if asked.keep is None or asked.keep(record)]
        places = self.folder.append_results([self.question.stored(record) for record in records], asked.step)
        new.update(places)
        work.partial.note(places)
        work.partial.ended(outcome.job.units.values())
        self._note_failures(outcome, work)
        names = tuple(dict.fromkeys(str(record["name"]) for record in outcome.records))
        self.emit(
            Finished(
                time=time.time(),
                task=outcome.job.label,
                step=asked.step,
                names=names,
                changed=len(records),
                seconds=outcome.seconds,
                results=tuple(self._told(records, work)),
                units=len(outcome.records),
            )
        )

    def _note_failures(self, outcome: submit_and_retry.Outcome, work: "_Work") -> None:
        """A hypothesis fails when a unit has no record; one that has its record of an earlier round keeps that."""
        by_name: dict[str, list[str]] = {}
        for key in outcome.reasons:
            by_name.setdefault(outcome.job.units[key].hypothesis, []).append(key)
        for name, keys in by_name.items():
            work.failed_later = True
            reason = outcome.reasons[keys[0]]
            final = any(key not in work.current for key in keys)
            if final:
                work.reasons.setdefault(name, reason)
            self.emit(Failed(time.time(), outcome.job.label, name, reason, units=len(keys), final=final))

    def _told(self, records: Sequence[JsonObject], work: "_Work") -> Iterator[events.Brief]:
        """The results that new records bring, as far as they are worth telling now."""
        parts: dict[str, None] = {}
        for record in records:
            name = str(record["name"])
            if name in work.reasons:
                continue
            if record.get("key", name) == name:
                yield self._event_brief([record])
            else:
                parts[name] = None
        for name in filter(work.partial.due, parts):
            yield self._event_brief(map(self._stored.at, work.partial.taken(name)))

    def _outcomes(
        self, asked: Round, units: Sequence[Unit], kept: Mapping[str, str], first: bool
    ) -> Iterator[submit_and_retry.Outcome]:
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
        self.emit(self._planned(asked, jobs, units, kept, first))
        window = _WINDOW * self.workers
        return submit_and_retry.results(
            jobs, window=window, pool=self.pool, function=self.function, emit=self.emit, settle=self.settle, stop=self.stop
        )

    def _planned(
        self, asked: Round, jobs: Sequence[submit_and_retry.Job], units: Sequence[Unit], kept: Mapping[str, str], first: bool
    ) -> Planned:
        shown = {*(h.name for h in self.selected), *kept.values()} if first else set()
        points = tuple((h.name, tuple(h.values)) for h in self.pallet.hypotheses if h.name in shown)
        return Planned(
            time=time.time(),
            step=asked.step,
            round=asked.number,
            tasks=len(jobs),
            hypotheses=len({unit.hypothesis for unit in units}),
            kept=len(kept),
            units=len(units),
            parts=any(unit.key != unit.hypothesis for unit in asked.units),
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
            for key, record in records.items():
                if _content(stored[key]) != _content(record):
                    self.folder.append_results([record], str(record["step"]))

    def _event_brief(self, records: Iterable[JsonObject]) -> events.Brief:
        """The result of a hypothesis so far, as events tell it, from its records."""
        result: Brief = self.question.brief(self.question.read(self.question.answer(in_order(records))))
        first, *others = result.numbers or (None,)
        return result.name, first, tuple(others), result.status, result.worker


@dataclass
class _Work:
    """The run so far: the place of each key's record, the results of hypotheses that have several, the reasons of hypotheses
    without a result, and whether a unit failed in a later round."""

    current: Places = field(default_factory=dict)
    partial: PartialResults = field(default_factory=PartialResults)
    reasons: dict[str, str] = field(default_factory=dict)
    failed_later: bool = False


def _content(record: Mapping[str, JsonValue]) -> JsonObject:
    """A record without the step in which it was written."""
    return cast(JsonObject, {key: value for key, value in record.items() if key != "step"})
