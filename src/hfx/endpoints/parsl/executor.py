"""The parsl engine: Parsl's HighThroughputExecutor, with workers on this machine, Slurm, HTCondor or Kubernetes.

Parsl is imported when the first task is submitted. It moves bytes: the request and the answer are hfx's own wire. Fits run in
a process apart from Parsl's worker: one that is killed with a lock of the manager's queues in its hands stops all
its fellows (seen with Parsl 2026.10).
"""

import logging
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from hfx.endpoints.parsl.configuration import LABEL, config, first_line, run_folder
from hfx.endpoints.parsl.providers import HTCondor, Kubernetes, Local, Provider, Slurm
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError, HfxError, NodeLostError, WorkerLostError
from hfx.functions import wire, worker_process

if TYPE_CHECKING:
    from parsl import DataFlowKernel
    from parsl.executors import HighThroughputExecutor

__all__ = ["KINDS", "ParslExecutor", "executor"]

# A provider is one line here and its dataclass in providers.py.
KINDS: dict[str, type[Provider]] = {kind.label: kind for kind in (Local, Slurm, HTCondor, Kubernetes)}


class ParslExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; Parsl starts with the first of them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._packer = wire.Packer()
        self._guard = threading.Lock()
        self._kernel: DataFlowKernel | None = None
        self._open: set[Future[Any]] = set()
        self._closed = False
        self._clean = True

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue ``fn(task)``; raises `EndpointError`: Parsl or its batch system cannot be used, or `fn` not imported."""
        (task,) = args
        request = self._packer.request(fn, task, **self._endpoint.settings)
        future: Future[Any] = Future()
        with self._guard:
            if self._closed:
                raise RuntimeError("this executor is shut down: no more tasks")
            htex = self._started()
            self._open.add(future)
            try:
                raw = htex.submit(worker_process.perform, {}, request)
            except Exception as error:
                self._settle(future, self._translated(error), None)
                return future
        raw.add_done_callback(partial(self._done, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, end the jobs and processes; without `wait`, tasks under way are dropped."""
        if wait:
            _wait(list(self._open))
        with self._guard:
            if self._closed:
                return
            self._closed = True
            if self._kernel is not None:
                self._end(self._kernel)
        for future in list(self._open):
            self._settle(future, CancelledError(), None)

    def _started(self) -> "HighThroughputExecutor":
        """Parsl's executor; started now where it was not."""
        if self._kernel is None:
            self._check_commands()
            folder = run_folder(self._endpoint)
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise EndpointError(f"{self._endpoint}: {folder} cannot be made ({error.strerror}); set run_dir") from None
            from parsl import DataFlowKernel

            # What Parsl has to say comes as an exception too; a traceback on the terminal helps nobody.
            logging.getLogger("parsl").addHandler(logging.NullHandler())
            made = config(self._endpoint, folder)
            try:
                self._kernel = DataFlowKernel(made)
            except Exception as error:
                raise EndpointError(f"{self._endpoint}: Parsl does not start ({first_line(error)}); see {folder}") from error
        started: HighThroughputExecutor = self._kernel.executors[LABEL]  # type: ignore[assignment]
        return started

    def _check_commands(self) -> None:
        for command in self._endpoint.spec.commands:
            if shutil.which(command) is None:
                raise EndpointError(
                    f"{self._endpoint}: there is no '{command}' here; run hfx on a machine that submits to "
                    f"{self._endpoint.spec.label}, a login node, or load its module first"
                )

    def _done(self, future: Future[Any], raw: Future[Any]) -> None:
        error = raw.exception()
        if error is not None:
            self._settle(future, self._translated(error), None)
            return
        try:
            result = wire.answer(raw.result())
        except (EndpointError, WorkerLostError) as told:
            self._settle(future, type(told)(f"{self._endpoint}: {told}"), None)
        except Exception as told:
            self._settle(future, told, None)
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
        """Parsl's error as one of hfx's, which say what to do."""
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
                remedy = next((told for command, told in _REMEDIES.items() if command in str(error)), "")
            return EndpointError(f"{where}: its workers do not start: {words}{remedy}; logs: {run_folder(where)}")
        if isinstance(error, ModuleNotFoundError):
            return EndpointError(f"{where}: its workers have no {error.name}; install hfx there, or activate it in worker_init")
        return error if isinstance(error, HfxError) else EndpointError(f"{where}: {type(error).__name__}: {first_line(error)}")

    def _end(self, kernel: "DataFlowKernel") -> None:
        """Cancel the blocks, then end Parsl's own processes; the folder stays where something went wrong."""
        htex: Any = kernel.executors[LABEL]
        if htex.bad_state_is_set:  # Parsl leaves the jobs of such an executor where they are
            with suppress(Exception):
                htex.provider.cancel([job for job in htex.blocks_to_job_id.values() if job is not None])
        with suppress(Exception):
            kernel.cleanup()
        if htex.interchange_proc is not None:
            with suppress(Exception):
                htex.interchange_proc.kill()
                htex.interchange_proc.wait(5)
        if self._clean:
            shutil.rmtree(kernel.run_dir, ignore_errors=True)
            with suppress(OSError):
                run_folder(self._endpoint).rmdir()  # where no other run is in it


# What to do where these refuse a job.
_REMEDIES = {
    "sbatch": "; 'sinfo' shows whether Slurm answers here and its partitions: mend partition, account or directives",
    "condor_submit": "; 'condor_q' and 'condor_status' show whether HTCondor answers here: mend requirements or directives",
}


def _last_words(text: str) -> str:
    """What a command that refused a job had to say; else the last line that a failed job wrote."""
    _, refused, said = text.rpartition("and standard error '")
    if refused and said.strip("'\n\t "):
        return " ".join(said.split()).removesuffix("'")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("Error ")]
    return lines[-1].removeprefix("STDERR:").strip() if lines else "their jobs ended without a word"


def _wait(futures: list[Future[Any]]) -> None:
    wait(futures)


def executor(endpoint: Endpoint, cores: int) -> ParslExecutor:
    """A new parsl engine; nothing is started yet."""
    return ParslExecutor(endpoint)
