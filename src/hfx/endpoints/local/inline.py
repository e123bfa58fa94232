"""The inline engine: tasks run in threads of this process and start in the order in which they were submitted.

The caller's thread stays free, so that it shows results as they come and handles Ctrl-C at once. Compiled fits release
the interpreter's lock and run in parallel; the Python code of tasks does not.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, ParamSpec, TypeVar, cast

from hfx.endpoints import toml_fields
from hfx.endpoints.specification import Endpoint, Settings, Specification
from hfx.json_types import JsonObject

__all__ = ["KINDS", "Inline", "InlineExecutor", "executor"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Inline(Specification):
    """Threads of this process; the default of `workers` is the number of cores that it may use, or one on a GPU."""

    workers: int | None = toml_fields.whole(None)
    threads: int | None = toml_fields.whole(None)  # of each task
    device: str | None = toml_fields.device()

    in_this_process: ClassVar[bool] = True
    workers_are_children: ClassVar[bool] = True
    on_this_machine: ClassVar[bool] = True
    sent_per_packed: ClassVar[float] = 0.0

    @property
    def settings(self) -> Settings:
        """The settings that replace those of each task: those that the file gives."""
        settings = Settings()
        if self.threads is not None:
            settings["threads"] = self.threads
        if self.device is not None:
            settings["device"] = self.device
        return settings

    def first_workers(self, cores: int) -> int:
        """One: all threads have the process in common."""
        return 1

    def most_workers(self, cores: int) -> int:
        """The number of threads."""
        return self.workers or (1 if (self.device or "cpu") != "cpu" else max(1, cores // (self.threads or 1)))


KINDS = {"": Inline}


@dataclass(frozen=True)
class _Call:
    """A function call in the queue. `run` calls it and sets the future's result or exception."""

    future: Future[object]
    run: Callable[[], None]


class InlineExecutor(Executor):
    """A `concurrent.futures.Executor` of `workers` daemon threads, for which the process does not wait when it ends."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = max(1, workers)
        self._queue: deque[_Call] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(*args, **kwargs)``; raises `RuntimeError` after `shutdown`."""
        future: Future[T] = Future()
        with self._wake:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise RuntimeError("this executor is shut down: no more tasks")
            self._queue.append(_Call(cast(Future[object], future), lambda: _run(future, lambda: fn(*args, **kwargs))))
            self._start()
            self._wake.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks; cancel the queued ones with `cancel_futures`; wait for the others with `wait`."""
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
            # A daemon thread: at its end the process does not wait for a batch whose result nobody will read.
            thread = threading.Thread(target=self._serve, name=f"hfx-inline-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _drop_queue(self) -> None:
        while self._queue:
            self._queue.popleft().future.cancel()

    def _next(self) -> _Call | None:
        with self._wake:
            while not self._queue:
                if self._closed:
                    return None
                self._wake.wait()
            return self._queue.popleft()

    def _serve(self) -> None:
        call: _Call | None = None
        try:
            while (call := self._next()) is not None:
                call.run()
        except BaseException as error:  # not of a call: there was no memory to pass its outcome on
            self._fail(error, call)

    def _fail(self, error: BaseException, call: _Call | None) -> None:
        """Pass an error of a thread on to all calls, so that nobody waits for a thread that is gone."""
        with self._wake:
            self._failure, waiting = error, [one.future for one in self._queue]
            self._queue.clear()
        for future in [*([call.future] if call else []), *waiting]:
            with suppress(InvalidStateError):
                future.set_exception(error)


def _run(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


class _SettingExecutor(InlineExecutor):
    """An inline executor that replaces settings of each task by those of the endpoint."""

    def __init__(self, workers: int, settings: Settings) -> None:
        super().__init__(workers)
        self._settings = settings

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(task)``."""
        (task,) = args
        return super().submit(fn, {**cast(JsonObject, task), **self._settings})  # type: ignore[arg-type, call-arg]


def executor(endpoint: Endpoint, cores: int) -> InlineExecutor:
    """A new executor of the inline engine."""
    workers, settings = endpoint.workers(cores), endpoint.settings
    return _SettingExecutor(workers, settings) if settings else InlineExecutor(workers)
