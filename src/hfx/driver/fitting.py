"""All results of a scan: the local ones that are missing, then the exchange over all that are there."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hfx.driver import dispatch, plan
from hfx.driver.events import Event, Failed, Finished, Planned
from hfx.driver.exchange import exchange
from hfx.driver.plan import FitOptions
from hfx.driver.store import EXCHANGE, LOCAL, RunFolder
from hfx.pallets import Hypothesis, Pallet

__all__ = ["Fitted", "Fitting"]

Record = dict[str, Any]


@dataclass(frozen=True)
class Fitted:
    """The last record of each hypothesis by name, and why the others have none.

    ``unexchanged``: why the exchange of a hypothesis was lost; its local record stands, and a resume tries again.
    """

    records: dict[str, Record]
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
    threads: int
    device: str
    stop: threading.Event | None = None
    batch: int = plan.BATCH

    def fit(self, *, settled: Callable[[Sequence[str]], bool]) -> Fitted:
        """Fit what is missing. `settled(names)`: the exchange over exactly these is already on the disk."""
        stored = self.folder.records()
        by_name = {h.name: h for h in self.pallet.hypotheses}
        local = {name: record for name, record in stored.local.items() if name in by_name}
        reasons = self._local(local)
        if settled(sorted(local)):
            return Fitted({name: stored.last[name] for name in local}, reasons)
        lost: dict[str, str] = {}
        final = local if self.options.starts == 1 else self._exchange(local, lost)
        # After an exchange over fewer hypotheses some last lines may be those of a better-connected past.
        last = self.folder.records().last
        stale = [r for name, r in final.items() if _numbers(last.get(name)) != _numbers(r)]
        self.folder.append_results(stale, EXCHANGE)
        return Fitted(final, reasons, lost)

    def _local(self, local: dict[str, Record]) -> dict[str, str]:
        """Complete `local`; the reasons of those that cannot be."""
        reasons: dict[str, str] = {}
        for h in self.selected:
            if h.defect is not None and h.name not in local:
                reasons[h.name] = h.defect
                self.emit(Failed(time.time(), "plan", h.name, h.defect))
        todo = [h.name for h in self.selected if h.name not in local and h.name not in reasons]
        kept = sum(h.name in local for h in self.selected)
        for outcome in self._outcomes(LOCAL, 0, todo, kept, self._payload):
            self.folder.append_results(outcome.records, LOCAL)
            local.update({record["name"]: record for record in outcome.records})
            reasons.update(outcome.reasons)
            for name, reason in outcome.reasons.items():
                self.emit(Failed(time.time(), outcome.job.label, name, reason))
            self._finished(outcome, LOCAL, len(outcome.records))
        return reasons

    def _exchange(self, local: Mapping[str, Record], lost: dict[str, str]) -> dict[str, Record]:
        by_name = {h.name: h for h in self.pallet.hypotheses}
        searched = {name: record for name, record in local.items() if record.get("solutions")}
        near = plan.neighbours({name: by_name[name].values for name in searched})
        return {**local, **exchange(searched, near, partial(self._round, lost))}

    def _round(
        self,
        lost: dict[str, str],
        number: int,
        names: Sequence[str],
        known: Mapping[str, Any],
        around: Mapping[str, Sequence[Any]],
    ) -> Iterator[Record]:
        def payload(some: Sequence[str], threads: int) -> Mapping[str, Any]:
            parts = {name: known[name] for name in some}
            return self._payload(some, threads, known=parts, starts_from={name: around[name] for name in some})

        for outcome in self._outcomes(EXCHANGE, number, names, 0, payload):
            changed = [r for r in outcome.records if r["solutions"].get("changed")]
            self.folder.append_results(changed, EXCHANGE)
            lost.update(outcome.reasons)
            for name, reason in outcome.reasons.items():
                self.emit(Failed(time.time(), outcome.job.label, name, reason))
            self._finished(outcome, EXCHANGE, len(changed))
            yield from changed

    def _outcomes(
        self,
        step: str,
        number: int,
        names: Sequence[str],
        kept: int,
        payload: Callable[..., Mapping[str, Any]],
    ) -> Iterator[dispatch.Outcome]:
        label = step if step == LOCAL else f"{step}-{number}"
        batches = plan.batches(names, self.batch, self.threads)
        share = partial(payload, threads=max(1, self.threads // max(1, len(batches))))
        jobs = [dispatch.Job(f"{label}-{i}", some, share) for i, some in enumerate(batches)]
        self.emit(Planned(time.time(), step, number, len(jobs), len(names), kept))
        return dispatch.results(jobs, pool=self.pool, run=self.run, emit=self.emit, stop=self.stop)

    def _payload(self, names: Sequence[str], threads: int, **exchanged: Any) -> dict[str, Any]:
        wanted = set(names)
        chosen = [h for h in self.pallet.hypotheses if h.name in wanted]
        return plan.task(self.pallet, chosen, self.options, threads=threads, device=self.device, **exchanged)

    def _finished(self, outcome: dispatch.Outcome, step: str, changed: int) -> None:
        names = tuple(record["name"] for record in outcome.records)
        self.emit(Finished(time.time(), outcome.job.label, step, names, changed, outcome.seconds))


def _numbers(record: Mapping[str, Any] | None) -> Any:
    """A record without what it does not hold itself."""
    return None if record is None else {key: value for key, value in record.items() if key != "step"}
