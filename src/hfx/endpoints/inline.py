"""The inline engine: tasks run in this process, one at a time, in the order in which they were submitted.

They run in a thread beside the caller's, so that results stream, displays stay alive and Ctrl-C is heard at
once.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

__all__ = ["InlineExecutor", "executor"]

P = ParamSpec("P")
T = TypeVar("T")

# Fits use all the threads they are given, and not every threading layer of numba may be entered twice at
# once: two scans in one process take turns, task by task.
_TURN = threading.Lock()


@dataclass(frozen=True)
class _Work:
    future: Future[Any]
    call: Callable[[], Any]


class InlineExecutor(Executor):
    """A `concurrent.futures.Executor` of one worker thread, which never outlives its process."""

    def __init__(self) -> None:
        self._queue: deque[_Work] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(*args, **kwargs)``; raises `RuntimeError` after `shutdown`."""
        future: Future[T] = Future()
        with self._wake:
            if self._closed:
                raise RuntimeError("this executor is shut down: no more tasks")
            self._queue.append(_Work(future, lambda: fn(*args, **kwargs)))
            self._start()
            self._wake.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; drop the queued ones if asked; wait for the rest if asked."""
        with self._wake:
            self._closed = True
            if cancel_futures:
                self._drop_queue()
            self._wake.notify_all()
        if wait and self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            # A daemon: a process that stops does not wait for a batch whose result nobody will read.
            self._thread = threading.Thread(target=self._serve, name="hfx-inline", daemon=True)
            self._thread.start()

    def _drop_queue(self) -> None:
        while self._queue:
            self._queue.popleft().future.cancel()

    def _next(self) -> _Work | None:
        with self._wake:
            while not self._queue:
                if self._closed:
                    return None
                self._wake.wait()
            return self._queue.popleft()

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            _perform(work)


def _perform(work: _Work) -> None:
    with _TURN:
        if not work.future.set_running_or_notify_cancel():
            return
        try:
            result = work.call()
        except BaseException as error:
            work.future.set_exception(error)
        else:
            work.future.set_result(result)


def executor() -> InlineExecutor:
    """A new inline engine."""
    return InlineExecutor()
