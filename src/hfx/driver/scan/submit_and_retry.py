"""Tasks to an executor, their records back as they come, and lost tasks again.

A task whose node was lost is submitted again as it is; one that is too large for its endpoint's service, in halves. A task that
fails, or whose worker dies, is split into its units; a unit that loses its worker alone is tried once more, and then fails by
name.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, replace
from itertools import islice

from hfx.driver.questions.base import Unit
from hfx.driver.run import clock
from hfx.driver.run.events import Event, Retried, Started, Submitted
from hfx.errors import HfxError, InputError, NodeLostError, TooLargeError, WorkerLostError
from hfx.json_types import JsonObject, JsonValue, objects
from hfx.printable import printable

__all__ = ["Function", "Job", "Outcome", "checked", "results"]

Function = Callable[[Mapping[str, JsonValue]], JsonObject]

# Seconds between looks at which tasks have begun, and whether the run is to stop.
_PERIOD = 0.1

# Workers that one unit, alone in its task, may lose; and nodes that any task may lose.
_DEATHS = 2
_LOST_NODES = 8


@dataclass(frozen=True)
class Job:
    """A task to be run over `units`, by key: ``payload(keys)`` builds it when it is submitted. `alone`: it was split already."""

    label: str
    units: Mapping[str, Unit]
    payload: Callable[[Sequence[str]], JsonObject]
    alone: bool = False
    deaths: int = 0
    lost_nodes: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The hypotheses of its units."""
        return tuple(dict.fromkeys(unit.hypothesis for unit in self.units.values()))

    def of(self, keys: Sequence[str], label: str, *, alone: bool = False) -> "Job":
        """A job for some of its units."""
        return replace(self, label=label, units={key: self.units[key] for key in keys}, alone=alone)


@dataclass(frozen=True)
class Outcome:
    """The answer to a job: records, and by key the reasons why units have none."""

    job: Job
    records: tuple[JsonObject, ...]
    reasons: dict[str, str]
    seconds: float


def results(
    jobs: Iterable[Job],
    *,
    window: int,
    pool: Executor,
    function: Function,
    emit: Callable[[Event], None],
    settle: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> Iterator[Outcome]:
    """Submit `jobs` to `pool` and yield each outcome when it is there.

    At most `window` jobs are under way at a time (more where the units of a lost one are tried one by one): a job's payload is
    built when its turn comes, and its memory is free when it is done.
    `settle` is called before each wait. Raises `CancelledError` when `stop` is set, and `InputError` when a
    worker refuses the input as a whole, and `MemoryError` where this process has no memory for any of them.
    """
    queue, answered = _Queue(pool, function, emit), False
    waiting = iter(jobs)
    queue.fill(waiting, window)
    while queue.pending:
        if stop is not None and stop.is_set():
            raise CancelledError("the scan was asked to stop")
        settle()
        finished = queue.finished()
        queue.fill(waiting, window)  # first of all: nobody at the other end shall wait for what is done with these
        for job, future, seconds in finished:
            error = future.exception()
            if error is None:
                outcome = _outcome(job, future.result(), seconds)
                answered = answered or bool(outcome.records)
                yield outcome
            elif isinstance(error, InputError) or not isinstance(error, Exception):
                raise error
            elif isinstance(error, MemoryError) and job.alone and not answered:
                raise error  # not even one hypothesis can be fitted here: the others cannot, either
            elif not queue.again(job, error):
                yield Outcome(job, (), {key: _reason(job, error) for key in job.units}, seconds)


class _Queue:
    """The futures that are under way; `pending` maps each to its job."""

    def __init__(self, pool: Executor, function: Function, emit: Callable[[Event], None]) -> None:
        self.pool, self.function, self.emit = pool, function, emit
        self.pending: dict[Future[JsonObject], Job] = {}
        self.started: dict[Future[JsonObject], float] = {}

    def fill(self, waiting: Iterator[Job], window: int) -> None:
        """Submit jobs until `window` are under way."""
        for job in islice(waiting, max(0, window - len(self.pending))):
            self.submit(job)

    def submit(self, job: Job) -> None:
        self.emit(Submitted(clock.now(), job.label, len(job.names), job.names))
        self.pending[self.pool.submit(self.function, job.payload(list(job.units)))] = job

    def again(self, job: Job, error: Exception) -> bool:
        """Try a lost job again; False where it had its chances."""
        if isinstance(error, NodeLostError) and job.lost_nodes < _LOST_NODES:
            more = [replace(job, lost_nodes=job.lost_nodes + 1)]
        elif isinstance(error, TooLargeError):
            more = _halves(job)
        elif not job.alone:
            more = [job.of([key], f"{job.label}.{i}", alone=True) for i, key in enumerate(job.units)]
        elif isinstance(error, WorkerLostError) and job.deaths + 1 < _DEATHS:
            more = [replace(job, deaths=job.deaths + 1)]
        else:
            more = []
        if not more:
            return False
        self.emit(Retried(clock.now(), job.label, len(job.names), _line(error)))
        for one in more:
            self.submit(one)
        return True

    def finished(self) -> list[tuple[Job, Future[JsonObject], float]]:
        """The jobs that have ended since the last call, in the order of submission; waits a moment for the next."""
        done = wait(self.pending, timeout=_PERIOD, return_when=FIRST_COMPLETED).done
        for future, job in self.pending.items():
            if future not in self.started and (future in done or future.running()):
                self.started[future] = clock.now()
                self.emit(Started(self.started[future], job.label))
        ready = [future for future in self.pending if future in done]
        return [(self.pending.pop(f), f, clock.now() - self.started.pop(f)) for f in ready]


def _halves(job: Job) -> list[Job]:
    """A job in two; none where it holds one unit."""
    keys = list(job.units)
    middle = len(keys) // 2
    parts = zip("ab", (keys[:middle], keys[middle:]), strict=True)
    return [job.of(part, f"{job.label}.{side}", alone=job.alone) for side, part in parts] if middle else []


def _outcome(job: Job, content: JsonValue, seconds: float) -> Outcome:
    """The records of the job's units in a worker's answer, and the reasons of those without one."""
    records = tuple(record for record in _listed(content, "results") if _key(record) in job.units)
    reasons = {_key(f): _words(f.get("reason")) for f in _listed(content, "failures") if _key(f) in job.units}
    for key in set(job.units).difference(reasons, map(_key, records)):
        reasons[key] = "the worker sent no result for it; run again"
    return Outcome(job, records, reasons, seconds)


def checked(outcome: Outcome, check: Callable[[JsonObject], None]) -> Outcome:
    """The outcome without records that `check` refuses, or that are another hypothesis' than their key says; they become
    reasons."""
    sound, reasons = [], dict(outcome.reasons)
    for record in outcome.records:
        key = _key(record)
        try:
            if record.get("name") != outcome.job.units[key].hypothesis:
                raise ValueError("it is that of another hypothesis")
            check(record)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            what = printable(str(error), 200) if isinstance(error, ValueError) else "it lacks parts, or they are of other types"
            reasons[key] = f"the worker's answer cannot be used ({what}); install the same hfx for client and workers"
        else:
            sound.append(record)
    return replace(outcome, records=tuple(sound), reasons=reasons)


def _listed(content: JsonValue, name: str) -> list[JsonObject]:
    return objects(content.get(name)) if isinstance(content, dict) else []


def _key(record: JsonObject) -> str:
    return str(record.get("key", record.get("name")))


def _words(reason: JsonValue) -> str:
    """A worker's reason as one printable line."""
    return (printable(reason).strip() if isinstance(reason, str) else "") or "the worker gave no reason; run again"


def _reason(job: Job, error: Exception) -> str:
    """The reason why a job's units have no records."""
    if isinstance(error, NodeLostError):
        return f"{error} ({job.lost_nodes + 1} times); run the same command again when the nodes stay"
    if isinstance(error, WorkerLostError):
        return f"{error}, {job.deaths + 1} times with this hypothesis alone"
    return _line(error)


def _line(error: BaseException) -> str:
    """An unexpected error as one printable line."""
    first = printable(next(iter(str(error).splitlines()), ""))
    if isinstance(error, HfxError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
