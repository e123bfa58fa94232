"""The state of a run, computed from its events and results: one reducer for all displays."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from hfx.driver.questions.base import Brief
from hfx.driver.run import events
from hfx.driver.run.events import Event, Failed, Finished, Kept, LeftOut, Planned, Retried, Started, Submitted
from hfx.driver.run.progress import RunProgress
from hfx.driver.views.failures import sentence
from hfx.hf_core.reasons import no_signal
from hfx.json_types import LabelValue

__all__ = ["RunState", "Status", "Worker"]

_LATEST = 50  # results and messages that are remembered in their order


class Status(Enum):
    """The status of a hypothesis. A question without a level has neither excluded nor allowed hypotheses: they are done."""

    PLANNED = "not fitted yet"
    SUBMITTED = "submitted"
    RUNNING = "running"
    DONE = "done"
    EXCLUDED = "excluded"
    ALLOWED = "not excluded"
    NOT_CONVERGED = "not converged"
    FAILED = "failed"
    NO_SIGNAL = "no signal"

    @property
    def open(self) -> bool:
        """Whether the hypothesis has neither a result nor a reason why it has none yet."""
        return self in _OPEN

    @property
    def has_result(self) -> bool:
        """Whether the hypothesis has a result for which no more records are needed."""
        return self not in _WITHOUT_RESULT


_WITHOUT_RESULT = frozenset({Status.PLANNED, Status.SUBMITTED, Status.RUNNING, Status.FAILED, Status.NO_SIGNAL})
_OPEN = frozenset({Status.PLANNED, Status.SUBMITTED, Status.RUNNING})


@dataclass
class Worker:
    """The work of one worker: results, the seconds that they took in all, and the time of the last (since the epoch)."""

    done: int = 0
    seconds: float = 0.0
    last: float = 0.0


@dataclass
class RunState:
    """The state of a run after its events so far.

    ``plans`` is incremented when the list of hypotheses is replaced: positions in it are invalid from then on. ``changed``
    holds the names of hypotheses whose status or result changed; a display clears it. ``trust_events``: whether results are
    taken from the events; else the display adds them by `add`, from results.jsonl.
    """

    trust_events: bool = True
    question: str = ""
    level: float | None = None
    progress: RunProgress = field(default_factory=RunProgress)
    labels: tuple[str, ...] = ()
    points: dict[str, tuple[LabelValue, ...]] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    counts: Counter[Status] = field(default_factory=Counter)
    results: dict[str, Brief] = field(default_factory=dict)
    finished: dict[str, float] = field(default_factory=dict)  # time of the task that brought the last result
    reasons: dict[str, str] = field(default_factory=dict)  # of hypotheses without a result
    unusable: dict[str, str] = field(default_factory=dict)  # the same, and those of fits that did not converge
    withdrawn: set[str] = field(default_factory=set)  # hypotheses without a result because a unit failed
    workers: dict[str, Worker] = field(default_factory=dict)
    latest: deque[Brief] = field(default_factory=lambda: deque(maxlen=_LATEST))
    messages: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_LATEST))
    tasks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)  # tasks
    changed: set[str] = field(default_factory=set)
    plans: int = 0
    planned: bool = False  # whether the list of hypotheses is that of a plan

    def apply(self, event: Event) -> None:
        """Update the state by an event."""
        self.progress.apply(event)
        match event:
            case Planned() if event.begins:
                self._plan(event)
            case Kept(results=results) if self.trust_events:
                for result in results:
                    self._set_result(self._brief(result))
            case LeftOut(names=names):
                self._leave_out(names)
            case Submitted(task=task, names=names):
                self.tasks[task] = names
                self._move(task, Status.SUBMITTED)
            case Started(task=task):
                self.running.add(task)
                self._move(task, Status.RUNNING)
            case Finished(task=task):
                self._finish(event)
                self._end(task)
            case Failed(name=name, reason=reason, final=final):
                if not event.repeated:
                    self.messages.append((event.time, sentence(name, reason)))
                if final:
                    self._withdraw(name)
                self._fail(name, reason, event.time)
            case Retried(task=task, reason=reason):
                self.messages.append((event.time, f"task {task} was lost and is tried again: {reason}"))
                self._end(task)

    def add(self, result: Brief) -> None:
        """Add a result that was read from a file; it replaces an earlier one of the same hypothesis."""
        if result.name in self.withdrawn:
            return
        before = self.results.get(result.name)
        if before is not None:
            self._credit(before, -1)
        self._set_result(result)
        self._credit(result, 1)

    def fail(self, name: str, values: tuple[LabelValue, ...], reason: str) -> None:
        """Note a hypothesis without a result."""
        self.points.setdefault(name, values)
        self._fail(name, reason, None)

    def restart(self, points: Iterable[tuple[str, tuple[LabelValue, ...]]]) -> None:
        """Forget all but messages and latest results, and begin with these hypotheses."""
        self.points = dict(points)
        self.statuses = dict.fromkeys(self.points, Status.PLANNED)
        self.counts = Counter({Status.PLANNED: len(self.points)})
        self.results, self.finished, self.reasons, self.unusable, self.tasks = {}, {}, {}, {}, {}
        self.withdrawn.clear()
        self.running.clear()
        if not self.trust_events:
            self.workers = {}
        self.changed = set(self.points)
        self.plans += 1

    def stop(self) -> None:
        """Note that nobody works on the run any more."""
        self.tasks.clear()
        self.running.clear()
        if not self.counts[Status.SUBMITTED] + self.counts[Status.RUNNING]:
            return
        for name in [name for name, status in self.statuses.items() if status in (Status.SUBMITTED, Status.RUNNING)]:
            self._become(name, Status.PLANNED)

    def status_of(self, result: Brief, curve: int = 0) -> Status:
        """The status of a hypothesis with this result, by one curve of the question's surface."""
        if result.unfinished:
            return Status.RUNNING
        if not result.converged:
            return Status.NOT_CONVERGED
        if self.level is None:
            return Status.DONE
        value = result.numbers[curve] if curve < len(result.numbers) else None
        if value is None:
            return Status.NOT_CONVERGED
        return Status.EXCLUDED if value < self.level else Status.ALLOWED

    def earlier_failures(self) -> list[str]:
        """The counts of hypotheses without a result, of the steps before that under way, whose own progress counts its own."""
        if self.progress.in_first:
            return []
        counts = {"failed": self.counts[Status.FAILED], "without a signal": self.counts[Status.NO_SIGNAL]}
        return [f"{count} {what}" for what, count in counts.items() if count]

    def _plan(self, event: Planned) -> None:
        if self.trust_events:
            self.question, self.level = event.question, event.level
        self.labels, self.planned = event.labels or self.labels, bool(event.points)
        self.restart(event.points or self.points.items())

    def _leave_out(self, names: Iterable[str]) -> None:
        left, results = set(names), self.results
        self.restart([(name, values) for name, values in self.points.items() if name not in left])
        for result in results.values() if self.trust_events else ():
            if result.name in self.points:
                self._set_result(result)

    def _finish(self, event: Finished) -> None:
        self.finished.update(dict.fromkeys(event.names, event.time))
        self.changed.update(name for name in event.names if name in self.statuses)
        if not self.trust_events:
            return
        for result in map(self._brief, event.results):
            if result.name in self.withdrawn:
                continue
            before = self.results.get(result.name)
            self._set_result(result)
            self.latest.append(result)
            worker = self.workers.setdefault(result.worker, Worker())
            # A later step that improves a worker's own result is no further hypothesis.
            worker.done += before is None or before.worker != result.worker
            worker.last = event.time

    def _brief(self, result: events.Brief) -> Brief:
        name, first, others, status, worker = result
        values = self.points.get(name, ())
        return Brief(name=name, values=values, status=status, numbers=(first, *others), worker=worker)

    def _set_result(self, result: Brief) -> None:
        name = result.name
        self.points.setdefault(name, result.values)
        self.results[name] = result
        if name in self.unusable:
            del self.unusable[name]
            self.reasons.pop(name, None)
        status = self.status_of(result)
        if status is Status.NOT_CONVERGED:
            self.unusable[name] = result.status
        self._become(name, status)

    def _credit(self, result: Brief, sign: int) -> None:
        if result.worker:
            worker = self.workers.setdefault(result.worker, Worker())
            worker.done += sign
            worker.seconds += sign * (result.seconds or 0.0)
            worker.last = max(worker.last, self.finished.get(result.name, 0.0))

    def _withdraw(self, name: str) -> None:
        """A unit of this hypothesis failed: the others make no result."""
        self.withdrawn.add(name)
        if (result := self.results.pop(name, None)) is not None:
            self._credit(result, -1)

    def _fail(self, name: str, reason: str, time: float | None) -> None:
        """A hypothesis that has a result of an earlier step keeps it."""
        if name in self.results:
            return
        self.reasons[name] = self.unusable[name] = reason
        if time is not None:
            self.finished[name] = time
        self._become(name, Status.FAILED if no_signal(reason) is None else Status.NO_SIGNAL)

    def _end(self, task: str) -> None:
        """A task is no longer under way: its hypotheses without a result are open again."""
        self._move(task, Status.PLANNED)
        self.running.discard(task)
        self.tasks.pop(task, None)

    def _move(self, task: str, status: Status) -> None:
        for name in self._open(task):
            self._become(name, status)

    def _open(self, task: str) -> Iterator[str]:
        """The hypotheses of a task that have neither a result nor a failure."""
        return (name for name in self.tasks.get(task, ()) if self.statuses.get(name) in _OPEN)

    def _become(self, name: str, status: Status) -> None:
        before = self.statuses.get(name)
        if before is not None:
            self.counts[before] -= 1
        self.counts[status] += 1
        self.statuses[name] = status
        self.changed.add(name)
