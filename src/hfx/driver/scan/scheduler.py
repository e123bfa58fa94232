"""The rounds of a question, worked through: units become tasks, their records go to the disk, and the next round begins.

The scheduler knows keys and rounds alone. Records are written as they come; in memory stays where each lies.
"""

import hashlib
import threading
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import cast

from msgspec.json import encode

from hfx.driver.questions.base import AnyQuestion, Brief, Context, Records, Round, Unit
from hfx.driver.run import clock, events
from hfx.driver.run.events import Event, Failed, Finished, Kept, LeftOut, Planned
from hfx.driver.run.folder import RunFolder
from hfx.driver.run.records import Place, Stored, in_order
from hfx.driver.scan import plan, submit_and_retry
from hfx.driver.scan.partial_results import PartialResults
from hfx.functions.background_workspace import Background
from hfx.json_types import JsonObject, JsonValue
from hfx.pallets import Hypothesis, Pallet

__all__ = ["Finals", "Scheduler"]

# Tasks under way for each worker: one that is computed, one that is ready for it.
_WINDOW = 2

# Kept results in one event: a line of moderate length.
_KEPT = 500

Places = dict[str, Place]


@dataclass(frozen=True)
class Finals:
    """The place of the last record of each key, and the reasons of the hypotheses that have no result.

    A hypothesis has no result when one of its units has no record, whatever the others have.
    ``incomplete``: those that are not selected now, and of which an earlier run did not do all units: they have no result either.
    ``all_rounds``: a digest that tells whether a later run would go through the same rounds; None where one of them failed, or
    where a hypothesis is incomplete.
    ``conclusions``: what the question's rounds returned.
    """

    records: Stored
    reasons: dict[str, str]
    incomplete: frozenset[str] = frozenset()
    all_rounds: str | None = None
    conclusions: JsonObject | None = None


def _digest_of(texts: Iterable[str]) -> str:
    """The digest of a set of texts. That of the keys alone is what earlier versions wrote after the exchange."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


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
        """Go through the rounds. `done_before`: ``all_rounds`` of the run that is resumed; rounds that work again on the units
        that have records are then not repeated, if all else is as it was."""
        rounds = self.question.rounds(Context(self.pallet, self._present))
        work = _Work()
        asked, first, conclusions = next(rounds, None), True, None
        while asked is not None:
            new = self._repeated(asked, work) if asked.again and work.repeats else self._round(asked, work, first=first)
            work.current.update(new)
            if first:
                work.after_first, work.failed_later = self._digest(work.current), False
                work.repeats = not new and done_before in (work.after_first, _digest_of(work.current))
            reply = _RoundRecords(self._stored, dict(work.current), frozenset(new) if not work.repeats else frozenset())
            try:
                asked, first = rounds.send(reply), False
            except StopIteration as end:
                conclusions = end.value
                break
        self._restore(work.current)
        self._tell_kept(work.partial.left(), work)
        complete = not work.failed_later and not work.incomplete
        return Finals(
            records=Stored(self._stored.path, work.current),
            reasons=work.reasons,
            incomplete=frozenset(work.incomplete),
            all_rounds=work.after_first if complete else None,
            conclusions=conclusions,
        )

    def _digest(self, keys: Iterable[str]) -> str:
        """The digest of all that decides the later rounds, beside the run's identity: the keys after the first round, and options
        that workers do not get."""
        options = [f"{name}={value!r}" for name, value in self.question.options.of_rounds().items()]
        return _digest_of([*keys, *options])

    @property
    def _stored(self) -> Stored:
        return self.folder.records().last

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {h.name: i for i, h in enumerate(self.pallet.hypotheses)}

    @cached_property
    def _background(self) -> Background:
        return Background(self.pallet.background)

    @cached_property
    def _present(self) -> tuple[Hypothesis, ...]:
        """The hypotheses that are selected, and those of which the folder has records: they stay in the run."""
        names = {h.name for h in self.selected}.union(place.name for place in self._stored.places.values())
        return tuple(h for h in self.pallet.hypotheses if h.name in names)

    @cached_property
    def _selected_names(self) -> frozenset[str]:
        return frozenset(h.name for h in self.selected)

    def _round(self, asked: Round, work: "_Work", *, first: bool) -> Places:
        """Work on a round's units; the places of the records that are new in it."""
        new: Places = {}
        kept = self._kept(asked, work)
        if asked.again:
            new.update({unit.key: work.current[unit.key] for unit in kept})
        units = [unit for unit in self._to_do(asked, work) if unit.key not in new]
        if units:
            work.repeats = False
        if (left_out := work.incomplete - work.told_incomplete) and not first:
            self.emit(LeftOut(clock.now(), tuple(sorted(left_out))))
        work.told_incomplete.update(left_out)
        outcomes = self._outcomes(asked, units, kept, work, first)
        self._tell_kept(dict.fromkeys(unit.hypothesis for unit in kept), work)
        for outcome in outcomes:
            self._take(asked, submit_and_retry.checked(outcome, self._check), work, new)
        if asked.inputs is None and units:
            self.folder.forget_batches()
        return new

    def _repeated(self, asked: Round, work: "_Work") -> Places:
        """A round that an earlier run has done over the same records: its last records are those that count."""
        return {unit.key: self._stored.places[unit.key] for unit in asked.units if unit.key in work.current}

    def _kept(self, asked: Round, work: "_Work") -> list[Unit]:
        """The units of a round that have their records already, which an earlier run left."""
        stored = self.folder.records().of_step(_step(asked, work)).places
        kept = [unit for unit in asked.units if unit.key in stored and (asked.again or unit.key not in work.current)]
        places = {unit.key: stored[unit.key] for unit in kept}
        work.partial.note(places, ChainMap(places, work.current))
        work.current.update(places)
        return kept

    def _to_do(self, asked: Round, work: "_Work") -> list[Unit]:
        """The units of a round that are to be worked on. A hypothesis that is not selected gets no new units: if some are
        missing, it is incomplete."""
        missing = [unit for unit in asked.units if asked.again or unit.key not in work.current]
        others = [unit for unit in missing if unit.hypothesis not in self._selected_names]
        work.incomplete.update(unit.hypothesis for unit in others if unit.key not in work.current)
        left_out = work.incomplete.intersection(unit.hypothesis for unit in others)
        return self._without_defects([unit for unit in missing if unit.hypothesis not in left_out], work)

    def _tell_kept(self, names: Iterable[str], work: "_Work") -> None:
        """Tell the results of hypotheses from the records that are there."""
        known = [name for name in names if name not in work.reasons and name not in work.incomplete]
        for some in plan.batches(known, _KEPT):
            self.emit(Kept(clock.now(), tuple(self._event_brief(self._records_of(name, work)) for name in some)))

    def _records_of(self, name: str, work: "_Work") -> Iterable[JsonObject]:
        """The records of a hypothesis so far."""
        return map(self._stored.at, work.partial.taken(name)) if name in work.partial else [self._stored[name]]

    def _without_defects(self, units: Sequence[Unit], work: "_Work") -> list[Unit]:
        """The units of hypotheses that can be used. The other hypotheses fail here; views hear of it after the round's plan."""
        sound = []
        for unit in units:
            defect = self.pallet.hypothesis(unit.hypothesis).defect
            if defect is None:
                sound.append(unit)
            elif unit.hypothesis not in work.reasons:
                work.reasons[unit.hypothesis] = work.defects[unit.hypothesis] = defect
        return sound

    def _take(self, asked: Round, outcome: submit_and_retry.Outcome, work: "_Work", new: Places) -> None:
        """Write down the records of a task, and note what failed."""
        records = [record for record in outcome.records if asked.keep is None or asked.keep(record)]
        places = self.folder.append_results([self.question.stored(record) for record in records], _step(asked, work))
        new.update(places)
        work.partial.note(places, ChainMap(new, work.current))
        self._note_failures(outcome, work)
        names = tuple(dict.fromkeys(str(record["name"]) for record in outcome.records))
        self.emit(
            Finished(
                time=clock.now(),
                task=outcome.job.label,
                step=asked.step,
                names=names,
                changed=len(records),
                seconds=outcome.seconds,
                results=tuple(self._told(records, work)),
                units=len(outcome.records),
            )
        )

    def _check(self, record: JsonObject) -> None:
        """Raise an error for a record from which the run could not go on."""
        self.question.check_record(encode(self.question.stored(record)))

    def _note_failures(self, outcome: submit_and_retry.Outcome, work: "_Work") -> None:
        """A hypothesis fails when a unit has no record; one that has its record of an earlier round keeps that."""
        by_name: dict[str, list[str]] = {}
        for key in outcome.reasons:
            by_name.setdefault(outcome.job.units[key].hypothesis, []).append(key)
        for name, keys in by_name.items():
            work.failed_later = True
            reason = outcome.reasons[keys[0]]
            final, repeated = any(key not in work.current for key in keys), name in work.reasons
            if final:
                work.reasons.setdefault(name, reason)
            told = Failed(clock.now(), outcome.job.label, name, reason, units=len(keys), final=final, repeated=repeated)
            self.emit(told)

    def _told(self, records: Sequence[JsonObject], work: "_Work") -> Iterator[events.Brief]:
        """The results that new records bring, as far as they are worth telling now."""
        parts: dict[str, None] = {}
        for record in records:
            name = str(record["name"])
            if name in work.reasons:
                continue
            if name not in work.partial:
                yield self._event_brief([record])
            else:
                parts[name] = None
        for name in filter(work.partial.due, parts):
            yield self._event_brief(self._records_of(name, work))

    def _outcomes(
        self, asked: Round, units: Sequence[Unit], kept: Sequence[Unit], work: "_Work", first: bool
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
        points = [h for h in self._present if h.name not in work.incomplete] if first else []
        self.emit(self._planned(asked, jobs, units, len(kept), points))
        while work.defects:  # their units are in no plan: none of them is counted
            name, defect = work.defects.popitem()
            self.emit(Failed(clock.now(), "plan", name, defect, units=0, final=True))
        window = _WINDOW * self.workers
        return submit_and_retry.results(
            jobs, window=window, pool=self.pool, function=self.function, emit=self.emit, settle=self.settle, stop=self.stop
        )

    def _planned(
        self,
        asked: Round,
        jobs: Sequence[submit_and_retry.Job],
        units: Sequence[Unit],
        kept: int,
        points: Sequence[Hypothesis],
    ) -> Planned:
        return Planned(
            time=clock.now(),
            step=asked.step,
            words=asked.words,
            round=asked.number,
            tasks=len(jobs),
            hypotheses=len({unit.hypothesis for unit in units}),
            kept=kept,
            units=len(units),
            parts=any(unit.key != unit.hypothesis for unit in asked.units),
            points=tuple((h.name, tuple(h.values)) for h in points),
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
    without a result, and those that are incomplete. ``defects``: reasons that are still to be told.

    ``failed_later``: whether a unit failed in a later round. ``after_first``: the digest after the first round; ``repeats``:
    whether all is as it was when an earlier run finished.
    """

    current: Places = field(default_factory=dict)
    partial: PartialResults = field(default_factory=PartialResults)
    reasons: dict[str, str] = field(default_factory=dict)
    defects: dict[str, str] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    told_incomplete: set[str] = field(default_factory=set)
    failed_later: bool = False
    after_first: str | None = None
    repeats: bool = False


def _step(asked: Round, work: _Work) -> str:
    """The step of a round's records. That of a round that works again on units tells the round and all that decides it, so that
    a run that is resumed takes the records of the same round alone."""
    if not asked.again or work.after_first is None:
        return asked.step
    return f"{asked.step} {asked.number} {work.after_first[:12]}"


def _content(record: Mapping[str, JsonValue]) -> JsonObject:
    """A record without the step in which it was written."""
    return cast(JsonObject, {key: value for key, value in record.items() if key != "step"})
