"""The process engine: workers are processes of this machine, each with one thread for every library.

A worker that dies takes nobody along: its task fails with `WorkerLostError`, the next task gets a new worker.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hfx.endpoints import fields
from hfx.endpoints.environment import SINGLE
from hfx.endpoints.inline import InlineExecutor
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError, WorkerLostError
from hfx.functions import wire
from hfx.functions.wire import read_frame, write_frame

__all__ = ["KINDS", "Process", "ProcessExecutor", "executor"]


@dataclass(frozen=True, kw_only=True)
class Process:
    """`workers` processes of `threads` threads each; by default as many as this process may use cores."""

    workers: int | None = fields.whole(None)
    threads: int = fields.whole(1)  # of each worker
    device: str | None = fields.device()

    @property
    def settings(self) -> dict[str, Any]:
        """What stands in the place of a task's own."""
        return {"threads": self.threads, **({"device": self.device} if self.device else {})}

    def most_workers(self, cores: int) -> int:
        """Processes."""
        return self.workers or max(1, cores // self.threads)


KINDS = {"": Process}


class _Worker:
    """One process; it is started here, and ends with `end` or with this process."""

    def __init__(self, name: str) -> None:
        self._name, self._said = name, b""
        self._ending = threading.Lock()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hfx.functions.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **SINGLE, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            process_group=0,  # Ctrl-C is for the client, which then ends the workers
        )

    def begin(self) -> None:
        """Wait until it serves; raises `EndpointError` where it never does."""
        stdout = self.process.stdout
        assert stdout is not None
        if read_frame(stdout) != b"ready":
            self.end()
            raise EndpointError(f"endpoint {self._name}: its workers do not start ({self._last_words()}); see 'hfx doctor'")

    def ask(self, request: bytes) -> bytes:
        """The worker's answer; raises `WorkerLostError` where it dies over it."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(BrokenPipeError):
            write_frame(stdin, request)
        answer = read_frame(stdout)
        if answer is None:
            self.end()
            raise WorkerLostError(f"endpoint {self._name}: the worker process that fitted it {self._how_it_ended()}")
        return answer

    def end(self) -> None:
        """Kill it, and leave no zombie; what it holds is a copy."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        with self._ending:
            if self._complaints.closed:
                return
            self._complaints.seek(0)
            self._said = self._complaints.read()
            for stream in (self.process.stdin, self.process.stdout, self._complaints):
                with suppress(OSError):
                    if stream is not None:
                        stream.close()

    def _how_it_ended(self) -> str:
        code = self.process.returncode
        if code >= 0:
            return f"ended with exit code {code} ({self._last_words()})"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"

    def _last_words(self) -> str:
        lines = self._said.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


class ProcessExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; a worker is started when a task wants one."""

    def __init__(self, name: str, workers: int, settings: Mapping[str, Any]) -> None:
        self._name, self._settings = name, dict(settings)
        self._packer = wire.Packer()
        self._threads = InlineExecutor(workers)  # each thread waits for one worker
        self._guard = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
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
                error = WorkerLostError(f"endpoint {self._name} was closed while a worker started")
            with self._guard:
                self._all.discard(worker)
            raise error from None
        with self._guard:
            self._idle.append(worker)
        return wire.answer(raw)

    def _take(self) -> tuple[_Worker, bool]:
        """A worker, and whether it serves already."""
        with self._guard:
            if self._closed:
                raise WorkerLostError(f"endpoint {self._name} is closed; run the same command again")
            if self._idle:
                return self._idle.pop(), True
            worker = _Worker(self._name)
            self._all.add(worker)
            return worker, False


def executor(endpoint: Endpoint, cores: int) -> ProcessExecutor:
    """A new process engine."""
    return ProcessExecutor(endpoint.name, endpoint.workers(cores), endpoint.settings)
