"""The commands of batch systems, run for Parsl in another way than its own.

Parsl's runs Python in the child before the command (preexec_fn), for which the process must be forked in the old way; then
OpenBLAS ends its threads, and where one of them is at work the whole process waits for ever: seen where a queue was asked
while the contour was interpolated. What is started without such a function shares memory with its parent until it is
another program (vfork), and OpenBLAS hears nothing of it. Imports Parsl.
"""

import os
import signal
import subprocess
from contextlib import suppress

from parsl.providers import cluster_provider
from parsl.providers.local import local

__all__ = ["adopt", "execute_wait"]


def execute_wait(cmd: str, walltime: int | None = None) -> tuple[int, str, str]:
    """Run a line of shell, in a process group of its own: exit code, standard output, standard error.

    Raises `subprocess.TimeoutExpired` after `walltime` seconds; it is killed then, with all that it started.
    """
    process = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, shell=True, process_group=0)
    try:
        out, errors = process.communicate(timeout=walltime)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, out.decode(errors="replace"), errors.decode(errors="replace")


def adopt() -> None:
    """Let Parsl's providers run their commands with `execute_wait`."""
    for module in (cluster_provider, local):
        module.execute_wait = execute_wait  # type: ignore[attr-defined]
