"""Worker processes: tasks run in a child process, whose libraries use one thread each and whose death does not end its parent.

The process engine keeps such processes itself. A worker of a batch system keeps one, too, with `perform`: when the fit is killed,
usually for lack of memory, the process that talks to the batch system goes on and reports it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from hfx.errors import EndpointError, NodeLostError, WorkerLostError
from hfx.functions import wire
from hfx.functions.wire import read_frame, write_frame

__all__ = ["ONE_THREAD", "WorkerProcess", "device_of", "perform"]

# Libraries read these variables when they are loaded, so that they must be set before the process starts. A task has its own
# threads for its fits; those of BLAS, OpenMP, torch and numba would compete with them for its cores.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class WorkerProcess:
    """A child process; it is started by the constructor, and ends with `end`, or when this process ends for any reason."""

    def __init__(self, python: str | None = None, device: str | None = None) -> None:
        """`python`: another Python than this one, with hfx installed; `device`: the CUDA device that it sees, "" for none.

        Raises `EndpointError` if that Python cannot be started.
        """
        self._output = b""
        self._ending = threading.Lock()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._python = python or sys.executable
        try:
            self.process = subprocess.Popen(
                [self._python, "-m", "hfx.functions.serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=_environment(own=python is None, device=device),
                process_group=0,  # Ctrl-C is for the client, which then ends its workers
            )
        except OSError as error:
            self._stderr.close()
            raise EndpointError(f"{self._python} cannot be started ({error.strerror}); name another as python") from None

    def begin(self) -> None:
        """Wait until it is ready for tasks; raises `EndpointError` if it ends before."""
        stdout = self.process.stdout
        assert stdout is not None
        if read_frame(stdout) != b"ready":
            self.end()
            words = self._last_words()
            remedy = f"{self._python} -m pip install hfx" if "No module named 'hfx" in words else "see 'hfx doctor'"
            raise EndpointError(f"its workers do not start ({words}); {remedy}")

    def ask(self, request: bytes) -> bytes:
        """The answer to a request; raises `WorkerLostError` if the process dies before it answers."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(BrokenPipeError):
            write_frame(stdin, request)
        answer = read_frame(stdout)
        if answer is None:
            self.end()
            if self.process.returncode == -signal.SIGTERM:  # so end jobs whose time is over, or that are cancelled
                raise NodeLostError("the worker process that fitted it was lost (told to end by SIGTERM: its job ended?)")
            raise WorkerLostError(f"the worker process that fitted it {self._cause_of_death()}")
        return answer

    def end(self) -> None:
        """Kill the process and wait for its end; nothing in it needs to be saved."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        with self._ending:
            if self._stderr.closed:
                return
            self._stderr.seek(0)
            self._output = self._stderr.read()
            for stream in (self.process.stdin, self.process.stdout, self._stderr):
                with suppress(OSError):
                    if stream is not None:
                        stream.close()

    def _cause_of_death(self) -> str:
        code = self.process.returncode
        if code >= 0:
            return f"ended with exit code {code} ({self._last_words()})"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"

    def _last_words(self) -> str:
        lines = self._output.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def _environment(*, own: bool, device: str | None) -> dict[str, str]:
    """The environment of a worker process; with this Python's module path if it runs this Python."""
    more = {**ONE_THREAD, "PYTHONSAFEPATH": "1"}
    if own:
        more["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    if device is not None:
        more["CUDA_VISIBLE_DEVICES"] = device
    return {**os.environ, **more}


def device_of(environment: Mapping[str, str]) -> str | None:
    """The CUDA device of this worker, one of several on a node with one device each: "" if there is none for it; None if
    `HFX_DEVICES` is not set, so that workers share the devices they see.

    The batch system lists the devices of the job in `CUDA_VISIBLE_DEVICES`. Without that variable the job has no device
    (`HFX_DEVICES=job`), or all devices of the node (`HFX_DEVICES=node`).
    """
    which = environment.get("HFX_DEVICES")
    if not which:
        return None
    rank = int(environment.get("PARSL_WORKER_RANK", "0"))
    if which == "node" and "CUDA_VISIBLE_DEVICES" not in environment:
        return str(rank)
    devices = (device.strip() for device in environment.get("CUDA_VISIBLE_DEVICES", "").split(","))
    given = [device for device in devices if device not in ("", "NoDevFiles")]  # the latter is Slurm's word for none
    return given[rank] if rank < len(given) else ""


# The child process of this worker, which gets one task at a time; if workers are threads, each has its own.
_kept = threading.local()


def perform(request: bytes) -> bytes:
    """The answer of this worker's child process to a request; if the child dies, an answer that holds the error."""
    try:
        if not hasattr(_kept, "process"):
            started = WorkerProcess(device=device_of(os.environ))
            started.begin()
            _kept.process = started
        kept: WorkerProcess = _kept.process
        return kept.ask(request)
    except (WorkerLostError, EndpointError) as error:
        vars(_kept).clear()
        return wire.pack({"error": {"type": type(error).__name__, "text": str(error), "trace": ""}})
