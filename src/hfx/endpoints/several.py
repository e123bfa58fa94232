"""Several endpoints that share one scan: each takes the next task when it has a worker free, the faster takes more.

What waits on an endpoint that has answered nothing yet (its jobs may be queueing) is also run by one that has nothing
left to do; the first answer counts. An endpoint that cannot be used is left out, and its tasks go to the others.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hfx.errors import EndpointError

__all__ = ["Member", "SharedExecutor"]


@dataclass(eq=False)
class _Work:
    future: Future[Any]
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    begun: bool = False


@dataclass(eq=False)
class Member:
    """One of several endpoints, and what it is doing; `workers`: the tasks that it takes at a time."""

    name: str
    pool: Executor
    workers: int
    held: list[_Work] = field(default_factory=list)
    answers: int = 0
    usable: bool = True


class SharedExecutor(Executor):
    """A `concurrent.futures.Executor` over the executors of its members; `say` hears of one that is left out."""

    def __init__(self, members: list[Member], say: Callable[[str], None]) -> None:
        self._members, self._say = members, say
        self._queue: deque[_Work] = deque()
        self._open: set[Future[Any]] = set()
        self._change = threading.Condition()
        self._closed = False
        self._refusal: EndpointError | None = None  # why none of them can be used
        self._feeders: list[threading.Thread] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue ``fn(task)``; raises `RuntimeError` after `shutdown`."""
        work = _Work(Future(), fn, args)
        with self._change:
            if self._closed:
                raise RuntimeError("this executor is shut down: no more tasks")
            if self._refusal is not None:
                raise self._refusal
            self._queue.append(work)
            self._open.add(work.future)
            if not self._feeders:
                self._start()
            self._change.notify_all()
        return work.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; drop the queued ones if asked; wait for the rest if asked. The members are shut down."""
        with self._change:
            while cancel_futures and self._queue:
                self._queue.popleft().future.cancel()
            waited = list(self._open)
        if wait:
            _wait(waited)
        with self._change:
            self._closed = True
            self._change.notify_all()
        for feeder in self._feeders:
            feeder.join()
        for member in self._members:
            member.pool.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        for member in self._members:
            thread = threading.Thread(target=self._feed, args=(member,), name=f"hfx-shared-{member.name}", daemon=True)
            self._feeders.append(thread)
            thread.start()

    def _feed(self, member: Member) -> None:
        while (work := self._next(member)) is not None:
            try:
                raw = member.pool.submit(work.fn, *work.args)
            except Exception as error:
                self._settle(member, work, error, None)
                continue
            raw.add_done_callback(partial(self._done, member, work))

    def _next(self, member: Member) -> _Work | None:
        """The next task for a member, when it has a worker free; None when there is no more to do for it."""
        with self._change:
            while not self._closed and member.usable:
                if len(member.held) < member.workers and (work := self._choose(member)) is not None:
                    member.held.append(work)
                    return work
                self._change.wait()
            return None

    def _choose(self, member: Member) -> _Work | None:
        while self._queue:
            work = self._queue.popleft()
            if work.begun or work.future.set_running_or_notify_cancel():
                work.begun = True
                return work
            self._open.discard(work.future)
        silent = (w for other in self._members if other is not member and not other.answers for w in other.held)
        taken = [w for other in self._members if other.answers for w in other.held]
        return next((w for w in silent if not w.future.done() and w not in taken), None)

    def _done(self, member: Member, work: _Work, raw: Future[Any]) -> None:
        error = EndpointError(f"endpoint {member.name} was closed") if raw.cancelled() else raw.exception()
        self._settle(member, work, error, None if error else raw.result())

    def _settle(self, member: Member, work: _Work, error: BaseException | None, result: Any) -> None:
        with self._change:
            member.held.remove(work)
            member.answers += error is None
            if isinstance(error, EndpointError) and not self._closed:
                self._leave_out(member, error)
                if self._refusal is None and not work.future.done():
                    self._queue.appendleft(work)
                    self._change.notify_all()
                    return
            if not work.future.done():
                _set(work.future, error, result)
            self._open.discard(work.future)
            self._change.notify_all()

    def _leave_out(self, member: Member, error: EndpointError) -> None:
        """Give a member no more tasks; without any left, what is queued has nowhere to go."""
        if not member.usable:
            return
        member.usable = False
        if any(other.usable for other in self._members):
            self._say(f"{error}; the other endpoints go on without it")
            return
        self._refusal = error
        while self._queue:
            work = self._queue.popleft()
            if work.begun or work.future.set_running_or_notify_cancel():
                _set(work.future, error, None)
            self._open.discard(work.future)


def _set(future: Future[Any], error: BaseException | None, result: Any) -> None:
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _wait(futures: list[Future[Any]]) -> None:
    wait(futures)
