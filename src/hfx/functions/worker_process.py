"""A process apart in which tasks run: one thread for every library, and a death that takes nobody along.

The process engine keeps such processes itself. A worker of a batch system keeps one too, with `perform`: the fit may be
killed (out of memory, as a rule), and what talks to the batch system lives on and says so.
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

__all__ = ["SINGLE", "Apart", "device_of", "perform"]

# Libraries read these when they are loaded, so they must stand before the process starts. The threads of a fit are the
# task's own; those of BLAS, OpenMP, torch and numba would only take its cores away.
SINGLE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class Apart:
    """One process; it is started here, and ends with `end` or with this process, however that ends."""

    def __init__(self, python: str | None = None, device: str | None = None) -> None:
        """`python`: another Python than this one, with hfx installed; `device`: the one that it sees, "" for none.

        Raises `EndpointError` where that Python cannot be started.
        """
        self._said = b""
        self._ending = threading.Lock()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._python = python or sys.executable
        try:
            self.process = subprocess.Popen(
                [self._python, "-m", "hfx.functions.serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=_environment(own=python is None, device=device),
                process_group=0,  # Ctrl-C is for the client, which then ends its workers
            )
        except OSError as error:
            self._complaints.close()
            raise EndpointError(f"{self._python} cannot be started ({error.strerror}); name another as python") from None

    def begin(self) -> None:
        """Wait until it serves; raises `EndpointError` where it never does."""
        stdout = self.process.stdout
        assert stdout is not None
        if read_frame(stdout) != b"ready":
            self.end()
            words = self._last_words()
            remedy = f"{self._python} -m pip install hfx" if "No module named 'hfx" in words else "see 'hfx doctor'"
            raise EndpointError(f"its workers do not start ({words}); {remedy}")

    def ask(self, request: bytes) -> bytes:
        """The answer; raises `WorkerLostError` where the process dies over it."""
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
            raise WorkerLostError(f"the worker process that fitted it {self._how_it_ended()}")
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


def _environment(*, own: bool, device: str | None) -> dict[str, str]:
    """With this Python's own path for modules, where it is this Python."""
    more = {**SINGLE, "PYTHONSAFEPATH": "1"}
    if own:
        more["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    if device is not None:
        more["CUDA_VISIBLE_DEVICES"] = device
    return {**os.environ, **more}


def device_of(environment: Mapping[str, str]) -> str | None:
    """The device of one of several workers of a node, each of which has one: "" where there is none for it; None where it is not
    said that each has one (`HFX_DEVICES`).

    The batch system says which devices the job was given, in `CUDA_VISIBLE_DEVICES`. Where it says nothing the job has none
    (`HFX_DEVICES=job`), or all of the node's (`HFX_DEVICES=node`).
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


# The process of this worker of a batch system, which gets one task at a time: where workers are threads, each has one.
_kept = threading.local()


def perform(request: bytes) -> bytes:
    """The answer to a request from the process that this worker keeps; an answer that says so where that died."""
    try:
        if not hasattr(_kept, "process"):
            started = Apart(device=device_of(os.environ))
            started.begin()
            _kept.process = started
        kept: Apart = _kept.process
        return kept.ask(request)
    except (WorkerLostError, EndpointError) as error:
        vars(_kept).clear()
        return wire.pack({"error": {"type": type(error).__name__, "text": str(error), "trace": ""}})
