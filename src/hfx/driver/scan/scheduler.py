"""All results of a scan: the local ones that are missing, then the exchange over all that are there.

Records go to the disk as they come; what stays in memory is where each lies. Only the tasks under way hold records.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from hfx.driver.plot.scan_picture import choose
from hfx.driver.questions.exchange import exchange
from hfx.driver.questions.neighbours import neighbours
from hfx.driver.run.events import Brief, Event, Failed, Finished, Kept, Planned
from hfx.driver.run.folder import RunFolder
from hfx.driver.run.records import EXCHANGE, LOCAL, Place
from hfx.driver.scan import dispatch, plan
from hfx.driver.scan.plan import FitOptions
from hfx.functions.background import Background
from hfx.pallets import Hypothesis, Pallet

__all__ = ["Fitted", "Fitting"]

# Tasks under way for each thread: one that is fitted, one that is ready for it.
_WINDOW = 2

# Kept results that one event tells of: a line of moderate length.
_KEPT = 500

Places = dict[str, Place]


@dataclass(frozen=True)
class Fitted:
    """Where the last record of each hypothesis lies, by name, and why the others have none.

    ``unexchanged``: why the exchange of a hypothesis was lost; its local record stands, and a resume tries again.
    """

    places: Places
    reasons: dict[str, str]
    unexchanged: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitting:
    """What a scan fits, and with what; `fit` does it."""

    pallet: Pallet
    selected: tuple[Hypothesis, ...]
    options: FitOptions
    folder: RunFolder
    pool: Executor
    run: dispatch.Run
    emit: Callable[[Event], None]
    settle: Callable[[], None]
    threads: int
    device: str
    stop: threading.Event | None = None
    batch: int = plan.BATCH

    def fit(self, *, settled: Callable[[Sequence[str]], bool]) -> Fitted:
        """Fit what is missing. `settled(names)`: the exchange over exactly these is already on the disk."""
        stored = self.folder.records()
        local = {name: place for name, place in stored.local.places.items() if name in self._positions}
        reasons = self._local(local)
        if settled(sorted(local)):
            return Fitted({name: stored.last.places[name] for name in local}, reasons)
        lost: dict[str, str] = {}
        final = local if self.options.starts == 1 else self._exchange(local, lost)
        self._restore(final)
        return Fitted(final, reasons, lost)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {h.name: i for i, h in enumerate(self.pallet.hypotheses)}

    def _restore(self, final: Places) -> None:
        """Make the last lines those of `final`: an exchange over fewer hypotheses may have left better-connected ones."""
        stored = self.folder.records()
        moved = [name for name, place in final.items() if stored.last.places[name] != place]
        for names in plan.batches(moved, self.batch):
            records = {name: stored.last.at(final[name]) for name in names}
            stale = [r for name, r in records.items() if _numbers(stored.last[name]) != _numbers(r)]
            self.folder.append_results(stale, EXCHANGE)

    def _local(self, local: Places) -> dict[str, str]:
        """Complete `local`; the reasons of those that cannot be."""
        reasons: dict[str, str] = {}
        for h in self.selected:
            if h.defect is not None and h.name not in local:
                reasons[h.name] = h.defect
                self.emit(Failed(time.time(), "plan", h.name, h.defect))
        todo = [h.name for h in self.selected if h.name not in local and h.name not in reasons]
        there = [h.name for h in self.selected if h.name in local]
        again = plan.resumed(todo, self.folder.noted_batches())
        outcomes = self._outcomes(LOCAL, 0, todo, len(there), self._noted, again)
        for names in plan.batches(there, _KEPT):
            self.emit(Kept(time.time(), tuple(self._brief(self.folder.records().last[name]) for name in names)))
        for outcome in outcomes:
            local.update(self._keep(outcome.records, LOCAL))
            reasons.update(outcome.reasons)
            for name, reason in outcome.reasons.items():
                self.emit(Failed(time.time(), outcome.job.label, name, reason))
            self._finished(outcome, LOCAL, outcome.records)
        self.folder.forget_batches()
        return reasons

    def _keep(self, records: Sequence[Mapping[str, Any]], step: str) -> Places:
        """Write records down; where they lie, by name."""
        places = self.folder.append_results(records, step)
        return {str(record["name"]): place for record, place in zip(records, places, strict=True)}

    def _exchange(self, local: Places, lost: dict[str, str]) -> Places:
        searched = {name: place for name, place in local.items() if place.solved}
        values = {name: self.pallet.hypothesis(name).values for name in searched}
        near = neighbours(values)
        return {**local, **exchange(searched, near, partial(self._round, near, lost))}

    def _round(
        self,
        near: Mapping[str, Sequence[str]],
        lost: dict[str, str],
        number: int,
        names: Sequence[str],
        current: Mapping[str, Place],
    ) -> Places:
        """One round of the exchange: the places of the records that improved; `lost` gets the reasons of the lost."""
        improved: Places = {}
        payload = partial(self._exchanged, near, current)
        for outcome in self._outcomes(EXCHANGE, number, names, 0, payload):
            changed = [r for r in outcome.records if r["solutions"].get("changed")]
            improved.update(self._keep(changed, EXCHANGE))
            lost.update(outcome.reasons)
            for name, reason in outcome.reasons.items():
                self.emit(Failed(time.time(), outcome.job.label, name, reason))
            self._finished(outcome, EXCHANGE, changed)
        return improved

    def _exchanged(
        self, near: Mapping[str, Sequence[str]], current: Mapping[str, Place], names: Sequence[str], threads: int
    ) -> dict[str, Any]:
        """A task of the exchange: with the solutions that its hypotheses and their neighbours have, read for it."""
        stored = self.folder.records().last
        wanted = {*names, *(other for name in names for other in near[name])}
        solutions = {name: stored.at(current[name])["solutions"] for name in wanted}
        around = {name: [solutions[other] for other in near[name]] for name in names}
        return self._payload(names, threads, known={name: solutions[name] for name in names}, starts_from=around)

    def _outcomes(
        self,
        step: str,
        number: int,
        names: Sequence[str],
        kept: int,
        payload: Callable[..., Mapping[str, Any]],
        again: Sequence[tuple[str, ...]] = (),
    ) -> Iterator[dispatch.Outcome]:
        """The outcomes of a step's tasks, first of those that run `again` as an earlier client submitted them."""
        label = step if step == LOCAL else f"{step}-{number}"
        taken = {name for batch in again for name in batch}
        batches = [*again, *plan.batches([name for name in names if name not in taken], self.batch, self.threads)]
        share = partial(payload, threads=max(1, self.threads // max(1, len(batches))))
        jobs = [dispatch.Job(f"{label}-{i}", some, share) for i, some in enumerate(batches)]
        points = tuple((h.name, tuple(h.values)) for h in self.selected) if step == LOCAL else ()
        self.emit(Planned(time.time(), step, number, len(jobs), len(names), kept, points, tuple(self.pallet.labels), level=0.05))
        window = _WINDOW * self.threads
        return dispatch.results(
            jobs, window=window, pool=self.pool, run=self.run, emit=self.emit, settle=self.settle, stop=self.stop
        )

    def _noted(self, names: Sequence[str], threads: int) -> dict[str, Any]:
        """A task of the local step, written down so that a client that comes after this one submits the very same."""
        self.folder.note_batch(names)
        return self._payload(names, threads)

    def _payload(self, names: Sequence[str], threads: int, **exchanged: Any) -> dict[str, Any]:
        chosen = [self.pallet.hypothesis(name) for name in sorted(names, key=self._positions.__getitem__)]
        shared: dict[str, Any] = {"threads": threads, "device": self.device, "background": self._background}
        return plan.task(self.pallet, chosen, self.options, **shared, **exchanged)

    @cached_property
    def _background(self) -> Background:
        return Background(self.pallet.background)

    def _finished(self, outcome: dispatch.Outcome, step: str, new: Sequence[Mapping[str, Any]]) -> None:
        names = tuple(record["name"] for record in outcome.records)
        results = tuple(map(self._brief, new))
        self.emit(Finished(time.time(), outcome.job.label, step, names, len(new), outcome.seconds, results))

    def _brief(self, record: Mapping[str, Any]) -> Brief:
        result = choose(record, self.options.minima)
        expected = tuple(result.get("CLs_exp") or [None] * 5)
        return (result["name"], result["CLs_obs"], expected, str(result["status"]), str(result["worker"]))


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without what it does not hold itself."""
    return {key: value for key, value in record.items() if key != "step"}
