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
from contextlib import suppress
from pathlib import Path
from typing import IO

from hfx.errors import EndpointError, WorkerLostError
from hfx.functions import wire
from hfx.functions.wire import read_frame, write_frame

__all__ = ["SINGLE", "Apart", "perform"]

# Libraries read these when they are loaded, so they must stand before the process starts. The threads of a fit are the
# task's own; those of BLAS, OpenMP, torch and numba would only take its cores away.
SINGLE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class Apart:
    """One process; it is started here, and ends with `end` or with this process, however that ends."""

    def __init__(self) -> None:
        self._said = b""
        self._ending = threading.Lock()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hfx.functions.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **SINGLE, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            process_group=0,  # Ctrl-C is for the client, which then ends its workers
        )

    def begin(self) -> None:
        """Wait until it serves; raises `EndpointError` where it never does."""
        stdout = self.process.stdout
        assert stdout is not None
        if read_frame(stdout) != b"ready":
            self.end()
            raise EndpointError(f"its workers do not start ({self._last_words()}); see 'hfx doctor'")

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


# The process of this worker of a batch system, which gets one task at a time: where workers are threads, each has one.
_kept = threading.local()


def perform(request: bytes) -> bytes:
    """The answer to a request from the process that this worker keeps; an answer that says so where that died."""
    try:
        if not hasattr(_kept, "process"):
            started = Apart()
            started.begin()
            _kept.process = started
        kept: Apart = _kept.process
        return kept.ask(request)
    except (WorkerLostError, EndpointError) as error:
        vars(_kept).clear()
        return wire.pack({"error": {"type": type(error).__name__, "text": str(error), "trace": ""}})
