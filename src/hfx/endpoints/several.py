"""Several endpoints that share one scan: each takes the next task when one of its workers is free.

Tasks on an endpoint that has returned no result yet (its jobs may be queueing) are also run by an endpoint that has
nothing left to do; the first result counts. An endpoint that cannot be used is left out, and the others run its tasks.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar, cast

from hfx.errors import EndpointError

__all__ = ["Member", "SharedExecutor"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(eq=False)
class _Task:
    """A call and its future; `started`: some endpoint has taken it, so it can no longer be cancelled."""

    future: Future[object]
    fn: Callable[..., object]
    args: tuple[object, ...]
    started: bool = False


@dataclass(eq=False)
class Member:
    """One of several endpoints, and the tasks that it runs.

    Args:
        name: the endpoint's name.
        pool: its executor.
        workers: the number of tasks that it takes at a time.
        running: its tasks without a result.
        results: the number of its results.
        usable: False once it has raised an `EndpointError`.
    """

    name: str
    pool: Executor
    workers: int
    running: list[_Task] = field(default_factory=list)
    results: int = 0
    usable: bool = True

    def close(self) -> None:
        """Shut its executor down, and abandon its tasks."""
        self.pool.shutdown(wait=False, cancel_futures=True)


class SharedExecutor(Executor):
    """A `concurrent.futures.Executor` over the executors of its members; `say` is called when one is left out."""

    def __init__(self, members: list[Member], say: Callable[[str], None]) -> None:
        self._members, self._say = members, say
        self._queue: deque[_Task] = deque()
        self._open: set[Future[object]] = set()  # those without a result
        self._change = threading.Condition()
        self._closed = False
        self._refusal: EndpointError | None = None  # of the last usable member, once none is usable
        self._feeders: list[threading.Thread] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(task)``; raises `RuntimeError` after `shutdown`."""
        task = _Task(Future(), fn, args)
        with self._change:
            if self._closed:
                raise RuntimeError("this executor is shut down: no more tasks")
            if self._refusal is not None:
                raise self._refusal
            self._queue.append(task)
            self._open.add(task.future)
            if not self._feeders:
                self._start()
            self._change.notify_all()
        return cast("Future[T]", task.future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks; with `cancel_futures` cancel the queued ones; with `wait` wait for the others; end members."""
        with self._change:
            while cancel_futures and self._queue:
                self._queue.popleft().future.cancel()
            unfinished = list(self._open)
        if wait:
            wait_for(unfinished)
        with self._change:
            self._closed = True
            self._change.notify_all()
        # At the same time: one that starts, or whose batch system does not answer, keeps no other.
        closing = [threading.Thread(target=member.close, daemon=True) for member in self._members]
        for thread in closing:
            thread.start()
        for thread in [*closing, *self._feeders]:
            thread.join()

    def _start(self) -> None:
        for member in self._members:
            thread = threading.Thread(target=self._feed, args=(member,), name=f"hfx-shared-{member.name}", daemon=True)
            self._feeders.append(thread)
            thread.start()

    def _feed(self, member: Member) -> None:
        while (task := self._next(member)) is not None:
            try:
                future = member.pool.submit(task.fn, *task.args)
            except Exception as error:
                self._finish(member, task, error, None)
                continue
            future.add_done_callback(partial(self._done, member, task))

    def _next(self, member: Member) -> _Task | None:
        """The next task for a member, as soon as one of its workers is free; None when there is no more for it."""
        with self._change:
            while not self._closed and member.usable:
                if len(member.running) < member.workers and (task := self._choose(member)) is not None:
                    member.running.append(task)
                    return task
                self._change.wait()
            return None

    def _choose(self, member: Member) -> _Task | None:
        """A queued task, else one of an endpoint without results that no endpoint with results runs."""
        while self._queue:
            task = self._queue.popleft()
            if task.started or task.future.set_running_or_notify_cancel():
                task.started = True
                return task
            self._open.discard(task.future)
        silent = (task for other in self._members if other is not member and not other.results for task in other.running)
        taken = [task for other in self._members if other.results for task in other.running]
        return next((task for task in silent if not task.future.done() and task not in taken), None)

    def _done(self, member: Member, task: _Task, future: Future[object]) -> None:
        error = EndpointError(f"endpoint {member.name} was closed") if future.cancelled() else future.exception()
        self._finish(member, task, error, None if error else future.result())

    def _finish(self, member: Member, task: _Task, error: BaseException | None, result: object) -> None:
        """Set a task's result or error; after an `EndpointError` the task is queued again for the other members."""
        with self._change:
            member.running.remove(task)
            member.results += error is None
            if isinstance(error, EndpointError) and not self._closed:
                self._leave_out(member, error)
                if self._refusal is None and not task.future.done():
                    self._queue.appendleft(task)
                    self._change.notify_all()
                    return
            if not task.future.done():
                _set(task.future, error, result)
            self._open.discard(task.future)
            self._change.notify_all()

    def _leave_out(self, member: Member, error: EndpointError) -> None:
        """Give a member no more tasks; if no member is usable, all queued tasks fail."""
        if not member.usable:
            return
        member.usable = False
        if any(other.usable for other in self._members):
            self._say(f"{error}; the other endpoints continue without it")
            return
        self._refusal = error
        while self._queue:
            task = self._queue.popleft()
            if task.started or task.future.set_running_or_notify_cancel():
                _set(task.future, error, None)
            self._open.discard(task.future)


def _set(future: Future[object], error: BaseException | None, result: object) -> None:
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
