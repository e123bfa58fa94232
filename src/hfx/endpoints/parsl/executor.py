"""The parsl engine: Parsl's HighThroughputExecutor, with workers on this machine, Slurm, HTCondor or Kubernetes.

Parsl is imported when the first task is submitted. It transports bytes: requests and answers are those of `hfx.functions.wire`.
Fits run in a separate process, not in Parsl's worker: a worker that is killed while it holds a lock of the manager's queues
blocks all other workers of the node (observed with Parsl 2026.10).
"""

import logging
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from hfx.endpoints.parsl.configuration import LABEL, check_for_scripts, config, first_line, run_folder
from hfx.endpoints.parsl.providers import PROVIDERS
from hfx.endpoints.parsl.providers.base import Provider
from hfx.endpoints.specification import Endpoint
from hfx.endpoints.tasks import packed
from hfx.errors import EndpointError, HfxError, NodeLostError, WorkerLostError
from hfx.functions import wire, worker_process

if TYPE_CHECKING:
    from parsl import DataFlowKernel

    from hfx.endpoints.parsl.high_throughput import Blocks

__all__ = ["KINDS", "ParslExecutor", "executor"]

KINDS = PROVIDERS

P = ParamSpec("P")
T = TypeVar("T")


class ParslExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; Parsl starts with the first task."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint, self._spec = endpoint, endpoint.spec_as(Provider)
        self._packer = wire.Packer()
        self._guard = threading.Lock()
        self._kernel: DataFlowKernel | None = None
        self._open: set[Future[Any]] = set()
        self._closed = False
        self._refusal: EndpointError | None = None
        self._clean = True

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(task)``; raises `EndpointError`: Parsl or its batch system cannot be used, or `fn` not imported."""
        request = packed(self._packer, fn, args, self._endpoint.settings)
        future: Future[Any] = Future()
        with self._guard:
            if self._closed:
                raise RuntimeError("this executor is shut down: no more tasks")
            if self._refusal is not None:
                raise self._refusal
            htex = self._started()
            self._open.add(future)
            try:
                raw = htex.submit(worker_process.perform, {}, request)
            except Exception as error:
                self._settle(future, self._translated(error), None)
                return cast("Future[T]", future)
        raw.add_done_callback(partial(self._done, future))
        return cast("Future[T]", future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks, and end the jobs and processes; without `wait`, running tasks are abandoned."""
        if wait:
            wait_for(list(self._open))
        with self._guard:
            if self._closed:
                return
            self._closed = True
            if self._kernel is not None:
                self._end(self._kernel)
        for future in list(self._open):
            self._settle(future, CancelledError(), None)

    def _started(self) -> "Blocks":
        """Parsl's executor, which is started by the first call."""
        if self._kernel is None:
            self._check_commands()
            folder = run_folder(self._endpoint)
            check_for_scripts(folder.absolute(), str(self._endpoint), "set run_dir to another folder")
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EndpointError(f"{self._endpoint}: {folder} cannot be made ({error.strerror}); set run_dir") from None
            from parsl import DataFlowKernel

            # Parsl's errors arrive as exceptions too; its tracebacks are kept from the terminal.
            logging.getLogger("parsl").addHandler(logging.NullHandler())
            made = config(self._endpoint, folder)
            blocks: Blocks = made.executors[0]  # type: ignore[assignment]
            try:
                self._kernel = DataFlowKernel(made)
            except BaseException as error:
                blocks.end(None)
                if not isinstance(error, Exception):
                    raise
                raise EndpointError(f"{self._endpoint}: Parsl does not start ({first_line(error)}); see {folder}") from error
            threading.Thread(target=self._watch, args=(blocks,), name="hfx-interchange", daemon=True).start()
        return cast("Blocks", self._kernel.executors[LABEL])

    def _watch(self, blocks: "Blocks") -> None:
        """Fail all tasks, also later ones, if the interchange ends before its time: Parsl would wait for it."""
        cause = blocks.wait_for_interchange()
        if cause is None:
            return
        self._clean = False
        self._refusal = EndpointError(
            f"{self._endpoint}: the process that passes its tasks on {cause}; run the same command again: it continues the scan"
        )
        for future in list(self._open):
            self._settle(future, self._refusal, None)

    def _check_commands(self) -> None:
        for command in self._spec.commands:
            if shutil.which(command) is None:
                raise EndpointError(
                    f"{self._endpoint}: there is no '{command}' here; run hfx on a machine that submits to "
                    f"{self._spec.label}, a login node, or load its module first"
                )

    def _done(self, future: Future[Any], raw: Future[Any]) -> None:
        error = raw.exception()
        if error is not None:
            self._settle(future, self._translated(error), None)
            return
        try:
            result = wire.answer(raw.result())
        except (EndpointError, WorkerLostError) as failure:
            self._settle(future, type(failure)(f"{self._endpoint}: {failure}"), None)
        except Exception as failure:
            self._settle(future, failure, None)
        else:
            self._settle(future, None, result)

    def _settle(self, future: Future[Any], error: BaseException | None, result: Any) -> None:
        self._open.discard(future)
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _translated(self, error: BaseException) -> BaseException:
        """Parsl's error as one of hfx's, whose text has the remedy."""
        from parsl.executors.errors import BadStateException
        from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost
        from parsl.jobs.errors import TooManyJobFailuresError

        where = self._endpoint
        if isinstance(error, WorkerLost):
            return WorkerLostError(f"{where}: the worker that fitted it died on {error.hostname} (out of memory?)")
        if isinstance(error, ManagerLost):
            return NodeLostError(f"{where}: its node {error.hostname} was lost (job ended, node down or unreachable)")
        self._clean = False
        if isinstance(error, BadStateException | TooManyJobFailuresError):
            words = _last_words(str(error))
            if "No module named" in words:
                remedy = "; install hfx in the workers' Python, or activate its environment in worker_init"
            else:
                remedies = (f"; {remedy}" for command, remedy in self._spec.remedies.items() if command in str(error))
                remedy = next(remedies, "")
            return EndpointError(f"{where}: its workers do not start: {words}{remedy}; logs: {run_folder(where)}")
        if isinstance(error, ModuleNotFoundError):
            return EndpointError(f"{where}: its workers have no {error.name}; install hfx there, or activate it in worker_init")
        return error if isinstance(error, HfxError) else EndpointError(f"{where}: {type(error).__name__}: {first_line(error)}")

    def _end(self, kernel: "DataFlowKernel") -> None:
        """Cancel the blocks and end Parsl's own processes; after an error the folder with the logs is kept."""
        cast("Blocks", kernel.executors[LABEL]).end(kernel)
        if self._clean:
            shutil.rmtree(kernel.run_dir, ignore_errors=True)
            with suppress(OSError):
                run_folder(self._endpoint).rmdir()  # unless another run uses it


def _last_words(text: str) -> str:
    """The error output of a command that refused a job; else the last line that a failed job wrote."""
    _, refused, output = text.rpartition("and standard error '")
    if refused and output.strip("'\n\t "):
        return " ".join(output.split()).removesuffix("'")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("Error ")]
    return lines[-1].removeprefix("STDERR:").strip() if lines else "their jobs ended without a word"


def executor(endpoint: Endpoint, cores: int) -> ParslExecutor:
    """A new executor of the parsl engine; nothing is started yet."""
    return ParslExecutor(endpoint)
