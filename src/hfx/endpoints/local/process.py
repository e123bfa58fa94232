"""The process engine: workers are processes of this machine, whose libraries use one thread each.

If a worker dies, only its task fails, with `WorkerLostError`; the next task gets a new worker.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import ClassVar, ParamSpec, TypeVar, cast

from hfx.endpoints import toml_fields
from hfx.endpoints.local.inline import InlineExecutor
from hfx.endpoints.specification import Endpoint, Settings, Specification
from hfx.endpoints.tasks import packed
from hfx.errors import EndpointError, WorkerLostError
from hfx.functions import wire
from hfx.functions.worker_process import WorkerProcess
from hfx.user_paths import expanded

__all__ = ["KINDS", "Process", "ProcessExecutor", "executor"]


@dataclass(frozen=True, kw_only=True)
class Process(Specification):
    """Worker processes of `threads` threads each; by default as many as fit on the cores that this process may use."""

    workers: int | None = toml_fields.whole(None)
    threads: int = toml_fields.whole(1)  # of each worker
    device: str | None = toml_fields.device()
    python: str | None = toml_fields.text(None)  # of the workers; default: the one that runs hfx

    workers_are_children: ClassVar[bool] = True
    on_this_machine: ClassVar[bool] = True

    @property
    def settings(self) -> Settings:
        """The settings that replace those of each task."""
        return Settings(threads=self.threads, device=self.device) if self.device else Settings(threads=self.threads)

    def most_workers(self, cores: int) -> int:
        """The number of processes."""
        return self.workers or max(1, cores // self.threads)


KINDS = {"": Process}

P = ParamSpec("P")
T = TypeVar("T")


class ProcessExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; a worker is started when a task needs one."""

    def __init__(self, name: str, workers: int, settings: Settings, python: str | None = None) -> None:
        self._name, self._settings, self._python = name, settings, python
        self._packer = wire.Packer()
        self._threads = InlineExecutor(workers)  # each thread waits for one worker
        self._guard = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(task)``; raises `EndpointError` for a function that workers cannot import."""
        future = self._threads.submit(self._perform, packed(self._packer, fn, args, self._settings))
        return cast("Future[T]", future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks; without `wait`, running tasks are abandoned. On return all workers have ended."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        with self._guard:
            self._closed = True
            ending = list(self._all)
        for worker in ending:
            worker.end()

    def _perform(self, request: bytes) -> object:
        worker, idle = self._take()
        try:
            if not idle:
                worker.begin()
            raw = worker.ask(request)
        except BaseException as error:
            if self._closed and isinstance(error, EndpointError):
                error = WorkerLostError("it was closed while a worker started")
            if isinstance(error, EndpointError | WorkerLostError):
                error = type(error)(f"endpoint {self._name}: {error}")
            with self._guard:
                self._all.discard(worker)
            raise error from None
        with self._guard:
            self._idle.append(worker)
        return wire.answer(raw)

    def _take(self) -> tuple[WorkerProcess, bool]:
        """A worker, and whether it has answered a task before."""
        with self._guard:
            if self._closed:
                raise WorkerLostError(f"endpoint {self._name} is closed; run the same command again")
            if self._idle:
                return self._idle.pop(), True
            try:
                worker = WorkerProcess(self._python)
            except EndpointError as error:
                raise EndpointError(f"endpoint {self._name}: {error}") from None
            self._all.add(worker)
            return worker, False


def executor(endpoint: Endpoint, cores: int) -> ProcessExecutor:
    """A new executor of the process engine."""
    given = endpoint.spec_as(Process).python
    python = os.path.expandvars(expanded(given)) if given else None
    return ProcessExecutor(endpoint.name, endpoint.workers(cores), endpoint.settings, python)
