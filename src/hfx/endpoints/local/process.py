"""The process engine: workers are processes of this machine, each with one thread for every library.

A worker that dies takes nobody along: its task fails with `WorkerLostError`, the next task gets a new worker.
"""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfx.endpoints import toml_fields
from hfx.endpoints.local.inline import InlineExecutor
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError, WorkerLostError
from hfx.functions import wire
from hfx.functions.worker_process import Apart

__all__ = ["KINDS", "Process", "ProcessExecutor", "executor"]


@dataclass(frozen=True, kw_only=True)
class Process:
    """`workers` processes of `threads` threads each; by default as many as this process may use cores."""

    workers: int | None = toml_fields.whole(None)
    threads: int = toml_fields.whole(1)  # of each worker
    device: str | None = toml_fields.device()
    python: str | None = toml_fields.text(None)  # of the workers; default: the one that runs hfx

    @property
    def settings(self) -> dict[str, Any]:
        """What stands in the place of a task's own."""
        return {"threads": self.threads, **({"device": self.device} if self.device else {})}

    def most_workers(self, cores: int) -> int:
        """Processes."""
        return self.workers or max(1, cores // self.threads)


KINDS = {"": Process}


class ProcessExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; a worker is started when a task wants one."""

    def __init__(self, name: str, workers: int, settings: Mapping[str, Any], python: str | None = None) -> None:
        self._name, self._settings, self._python = name, dict(settings), python
        self._packer = wire.Packer()
        self._threads = InlineExecutor(workers)  # each thread waits for one worker
        self._guard = threading.Lock()
        self._idle: list[Apart] = []
        self._all: set[Apart] = set()
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue ``fn(task)``; raises `EndpointError` for a function that workers cannot import."""
        (task,) = args
        return self._threads.submit(self._perform, self._packer.request(fn, task, **self._settings))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; without `wait`, those under way are dropped. All workers have ended when it returns."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        with self._guard:
            self._closed = True
            ending = list(self._all)
        for worker in ending:
            worker.end()

    def _perform(self, request: bytes) -> Any:
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

    def _take(self) -> tuple[Apart, bool]:
        """A worker, and whether it serves already."""
        with self._guard:
            if self._closed:
                raise WorkerLostError(f"endpoint {self._name} is closed; run the same command again")
            if self._idle:
                return self._idle.pop(), True
            try:
                worker = Apart(self._python)
            except EndpointError as error:
                raise EndpointError(f"endpoint {self._name}: {error}") from None
            self._all.add(worker)
            return worker, False


def executor(endpoint: Endpoint, cores: int) -> ProcessExecutor:
    """A new process engine."""
    given = endpoint.spec.python
    python = os.path.expandvars(Path(given).expanduser()) if given else None
    return ProcessExecutor(endpoint.name, endpoint.workers(cores), endpoint.settings, python)
