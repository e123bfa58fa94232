"""What the events of a scan say so far: the state of every hypothesis, the workers, the last results. Views draw it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from hfx.driver.run.events import Brief, Event, Failed, Finished, Kept, Planned, Retried, Started, Submitted
from hfx.driver.views.progress import Count

__all__ = ["Scene", "State", "Worker"]

_LAST = 50  # results that are remembered in their order
LIMIT = 0.05  # in CLs: excluded at 95 % confidence level


class State(Enum):
    """What is known of a hypothesis."""

    WAITING = "to come"
    RUNNING = "running"
    EXCLUDED = "excluded"
    ALLOWED = "allowed"
    UNCERTAIN = "not converged"
    FAILED = "failed"


@dataclass
class Worker:
    """What one worker has done: hypotheses, and when it last answered (seconds since the epoch)."""

    done: int = 0
    last: float = 0.0


@dataclass
class Scene:
    """The sum of a scan's events. `changed` holds the names whose state changed since somebody took them."""

    count: Count = field(default_factory=Count)
    labels: tuple[str, ...] = ()
    points: dict[str, tuple[float, ...]] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    last: deque[Brief] = field(default_factory=lambda: deque(maxlen=_LAST))
    results: dict[str, Brief] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)  # of failures
    tasks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take in an event."""
        self.count = self.count.after(event)
        match event:
            case Planned(points=points, labels=labels) if points:
                self.labels, self.points = labels, dict(points)
                self.states = dict.fromkeys(self.points, State.WAITING)
                self.changed.update(self.points)
            case Kept(results=results):
                self._take(results)
            case Submitted(task=task, names=names):
                self.tasks[task] = names
            case Started(task=task):
                self.running.add(task)
                for name in self._unknown(task):
                    self._becomes(name, State.RUNNING)
            case Finished(task=task, results=results):
                self._take(results)
                self._work(event.time, results)
                self._ended(task)
            case Failed(name=name, reason=reason) if name not in self.results:
                self.reasons[name] = reason
                self._becomes(name, State.FAILED)
            case Retried(task=task):
                self._ended(task)

    def _take(self, results: tuple[Brief, ...]) -> None:
        for result in results:
            self.results[result[0]] = result
            self._becomes(result[0], _judged(result))

    def _work(self, time: float, results: tuple[Brief, ...]) -> None:
        for result in results:
            worker = self.workers.setdefault(result[4], Worker())
            worker.done, worker.last = worker.done + 1, time
            self.last.append(result)

    def _ended(self, task: str) -> None:
        """A task is no longer under way; what it leaves without a result waits again."""
        for name in self._unknown(task):
            self._becomes(name, State.WAITING)
        self.running.discard(task)
        self.tasks.pop(task, None)

    def _unknown(self, task: str) -> Iterator[str]:
        """Hypotheses of a task that have no result yet."""
        names = self.tasks.get(task, ())
        return (name for name in names if self.states.get(name) in (State.WAITING, State.RUNNING))

    def _becomes(self, name: str, state: State) -> None:
        self.states[name] = state
        self.changed.add(name)


def _judged(result: Brief) -> State:
    _, observed, _, status, _ = result
    if status != "converged" or observed is None:
        return State.UNCERTAIN
    return State.EXCLUDED if observed < LIMIT else State.ALLOWED
