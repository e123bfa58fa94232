"""The inline engine: tasks run in this process, begun in the order in which they were submitted.

They run in threads beside the caller's, so that results stream, displays stay alive and Ctrl-C is heard at
once. Fits leave the interpreter's lock alone; what a task does around them takes turns.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ClassVar, ParamSpec, TypeVar

from hfx.endpoints import toml_fields
from hfx.endpoints.specification import Endpoint

__all__ = ["KINDS", "Inline", "InlineExecutor", "executor"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Inline:
    """Tasks run in threads of this process, `workers` at a time; by default as many as it may use cores, one on a GPU."""

    workers: int | None = toml_fields.whole(None)
    threads: int | None = toml_fields.whole(None)  # of each task
    device: str | None = toml_fields.device()

    sent_of_packed: ClassVar[float] = 0.0  # nothing travels

    @property
    def settings(self) -> dict[str, Any]:
        """What stands in the place of a task's own."""
        given = {"threads": self.threads, "device": self.device}
        return {key: value for key, value in given.items() if value is not None}

    def most_workers(self, cores: int) -> int:
        """Tasks at a time."""
        return self.workers or (1 if (self.device or "cpu") != "cpu" else max(1, cores // (self.threads or 1)))


KINDS = {"": Inline}


@dataclass(frozen=True)
class _Work:
    future: Future[Any]
    call: Callable[[], Any]


class InlineExecutor(Executor):
    """A `concurrent.futures.Executor` of `workers` threads, which never outlive their process."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = max(1, workers)
        self._queue: deque[_Work] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

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
        if wait:
            for thread in self._threads:
                thread.join()

    def _start(self) -> None:
        if len(self._threads) < self._workers:
            # A daemon: a process that stops does not wait for a batch whose result nobody will read.
            thread = threading.Thread(target=self._serve, name=f"hfx-inline-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

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
    if not work.future.set_running_or_notify_cancel():
        return
    try:
        result = work.call()
    except BaseException as error:
        work.future.set_exception(error)
    else:
        work.future.set_result(result)


class _Settled(InlineExecutor):
    """Its tasks get the endpoint's settings."""

    def __init__(self, workers: int, settings: dict[str, Any]) -> None:
        super().__init__(workers)
        self._settings = settings

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(task)``."""
        (task,) = args
        return super().submit(fn, {**task, **self._settings})  # type: ignore[arg-type, call-arg, dict-item]


def executor(endpoint: Endpoint, cores: int) -> InlineExecutor:
    """A new inline engine."""
    workers, settings = endpoint.workers(cores), endpoint.settings
    return _Settled(workers, settings) if settings else InlineExecutor(workers)
