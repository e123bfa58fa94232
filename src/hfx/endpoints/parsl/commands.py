"""A replacement for Parsl's function that runs the commands of batch systems. This module imports Parsl.

Parsl runs Python code in the child process before the command (preexec_fn), which requires fork. At a fork OpenBLAS ends its
threads, and if one of them is computing, the process waits forever: this was observed when a queue was queried while the
contour was interpolated. Without such code the child is started by vfork, which OpenBLAS does not notice.
"""

import os
import signal
import subprocess
from contextlib import suppress

from parsl.providers import cluster_provider
from parsl.providers.local import local

__all__ = ["adopt", "execute_wait"]


def execute_wait(cmd: str, walltime: int | None = None) -> tuple[int, str, str]:
    """Run a shell command in its own process group; returns exit code, standard output and standard error.

    Raises `subprocess.TimeoutExpired` after `walltime` seconds; the whole process group is killed then.
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
    """Make Parsl's providers run their commands with `execute_wait`."""
    for module in (cluster_provider, local):
        module.execute_wait = execute_wait  # type: ignore[attr-defined]
