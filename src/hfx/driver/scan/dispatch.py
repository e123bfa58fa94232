"""Tasks to an executor, results back as they come; a lost task is tried again, hypothesis by hypothesis.

A task whose node went is tried again as it is; one that is too large for its endpoint's service, in halves. A task that
fails, or whose worker dies, is tried hypothesis by hypothesis; one that loses its worker alone gets one more chance,
and is then reported by name.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from hfx.driver.run.events import Event, Retried, Started, Submitted
from hfx.errors import HfxError, InputError, NodeLostError, TooLargeError, WorkerLostError

__all__ = ["Job", "Outcome", "Run", "results"]

Run = Callable[[Mapping[str, Any]], dict[str, Any]]

# How often a scan looks whether it was asked to stop, and which tasks have begun.
_GLANCE = 0.1

# Times that one hypothesis, alone, may lose its worker; and that any task may lose its node.
_DEATHS = 2
_LOST_NODES = 8


@dataclass(frozen=True)
class Job:
    """A task to be run: `payload` builds it for some of its hypotheses, when it is submitted."""

    label: str
    names: tuple[str, ...]
    payload: Callable[[Sequence[str]], Mapping[str, Any]]
    again: bool = False
    deaths: int = 0
    lost_nodes: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came back of a job: records, and the reasons why hypotheses have none."""

    job: Job
    records: tuple[dict[str, Any], ...]
    reasons: dict[str, str]
    seconds: float


def results(
    jobs: Iterable[Job],
    *,
    window: int,
    pool: Executor,
    run: Run,
    emit: Callable[[Event], None],
    settle: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> Iterator[Outcome]:
    """Submit `jobs` to `pool` and yield each outcome when it is there.

    At most `window` jobs are under way at a time (more where the hypotheses of a lost one are tried one by one):
    a job's payload is built when its turn comes, and its memory is free when it is done.
    `settle` is called before each wait. Raises `CancelledError` when `stop` is set, and `InputError` when a
    worker refuses the input as a whole.
    """
    queue = _Queue(pool, run, emit)
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
                yield _outcome(job, future.result(), seconds)
            elif isinstance(error, InputError) or not isinstance(error, Exception):
                raise error
            elif not queue.again(job, error):
                yield Outcome(job, (), {name: _reason(job, error) for name in job.names}, seconds)


class _Queue:
    """The futures that are under way; `pending` maps each to its job."""

    def __init__(self, pool: Executor, run: Run, emit: Callable[[Event], None]) -> None:
        self.pool, self.run, self.emit = pool, run, emit
        self.pending: dict[Future[dict[str, Any]], Job] = {}
        self.started: dict[Future[dict[str, Any]], float] = {}

    def fill(self, waiting: Iterator[Job], window: int) -> None:
        """Submit jobs until `window` are under way."""
        for job in islice(waiting, max(0, window - len(self.pending))):
            self.submit(job)

    def submit(self, job: Job) -> None:
        self.emit(Submitted(time.time(), job.label, len(job.names), job.names))
        self.pending[self.pool.submit(self.run, job.payload(job.names))] = job

    def again(self, job: Job, error: Exception) -> bool:
        """Try a lost job again; False where it had its chances."""
        if isinstance(error, NodeLostError) and job.lost_nodes < _LOST_NODES:
            more = [replace(job, lost_nodes=job.lost_nodes + 1)]
        elif isinstance(error, TooLargeError):
            more = _halves(job)
        elif not job.again:
            more = [replace(job, label=f"{job.label}.{i}", names=(name,), again=True) for i, name in enumerate(job.names)]
        elif isinstance(error, WorkerLostError) and job.deaths + 1 < _DEATHS:
            more = [replace(job, deaths=job.deaths + 1)]
        else:
            more = []
        if not more:
            return False
        self.emit(Retried(time.time(), job.label, len(job.names), _line(error)))
        for one in more:
            self.submit(one)
        return True

    def finished(self) -> list[tuple[Job, Future[dict[str, Any]], float]]:
        """What has finished since the last look, in the order of submission; waits a moment for the next."""
        done = wait(self.pending, timeout=_GLANCE, return_when=FIRST_COMPLETED).done
        for future, job in self.pending.items():
            if future not in self.started and (future in done or future.running()):
                self.started[future] = time.time()
                self.emit(Started(self.started[future], job.label))
        ready = [future for future in self.pending if future in done]
        return [(self.pending.pop(f), f, time.time() - self.started.pop(f)) for f in ready]


def _halves(job: Job) -> list[Job]:
    """A job in two; none where it holds one hypothesis."""
    middle = len(job.names) // 2
    parts = [job.names[:middle], job.names[middle:]]
    return (
        [replace(job, label=f"{job.label}.{side}", names=part) for side, part in zip("ab", parts, strict=True)] if middle else []
    )


def _outcome(job: Job, content: Mapping[str, Any], seconds: float) -> Outcome:
    wanted = set(job.names)
    records = tuple(record for record in content["results"] if record["name"] in wanted)
    reasons = {f["name"]: str(f["reason"]) for f in content["failures"] if f["name"] in wanted}
    for name in wanted.difference(reasons, (record["name"] for record in records)):
        reasons[name] = "the worker sent no result for it; run again"
    return Outcome(job, records, reasons, seconds)


def _reason(job: Job, error: Exception) -> str:
    """Why a hypothesis has no result."""
    if isinstance(error, NodeLostError):
        return f"{error} ({job.lost_nodes + 1} times); run the same command again when the nodes stay"
    if isinstance(error, WorkerLostError):
        return f"{error}, {job.deaths + 1} times with this hypothesis alone"
    return _line(error)


def _line(error: BaseException) -> str:
    """An unexpected error as one line."""
    first = next(iter(str(error).splitlines()), "")
    if isinstance(error, HfxError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
