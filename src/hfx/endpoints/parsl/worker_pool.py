"""Parsl's pool of workers on a node, which accepts no more tasks after a warning of its batch system.

``python3 -m hfx.endpoints.parsl.worker_pool ARGUMENTS``, with the arguments of Parsl's process_worker_pool.py. The warning
is SIGUSR1: the pool finishes its running tasks and ends. Its child processes never receive the signal, because it is
blocked before they start. On the client's machine the pool ends when the client has ended, however that ended.
"""

import fcntl
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

__all__ = ["LOCK", "command", "main"]

# The file among the logs of blocks that the client locks as long as it lives, where they run on its machine.
LOCK = "client.lock"

_POOL = "parsl.executors.high_throughput.process_worker_pool"


def command(parsl: str, prefix: str) -> str:
    """The shell command that starts the pool, without Parsl's arguments.

    Every environment and image has python3; PYTHONSAFEPATH keeps it from importing files in the folder of a job.

    Args:
        parsl: the client's version of Parsl.
        prefix: words before python3, such as "apptainer exec hfx.sif"; may be empty.
    """
    before = f"{prefix} " if prefix else ""
    return f"exec env PYTHONSAFEPATH=1 HFX_PARSL={parsl} {before}python3 -m hfx.endpoints.parsl.worker_pool"


def _check() -> None:
    """Exit with an error text where Parsl's version is not that of the client."""
    try:
        from parsl.version import VERSION
    except ImportError:
        sys.exit(f"no Parsl on the worker: {sys.executable} -m pip install parsl=={os.environ.get('HFX_PARSL', '')}")
    client = os.environ.get("HFX_PARSL", VERSION)
    if client != VERSION:
        sys.exit(
            f"Parsl is {VERSION} on the worker and {client} on the client: {sys.executable} -m pip install parsl=={client}, "
            f"or activate another environment in worker_init"
        )


def _wait() -> None:
    """Wait for the warning, then set the time from when on Parsl's pool requests no more tasks to now."""
    signal.sigwait({signal.SIGUSR1})
    while (pool := vars(sys.modules["__main__"]).get("manager")) is None:
        time.sleep(0.1)  # it is starting
    pool.drain_time = time.time()


def _end_with_client(lock: Path) -> None:
    """Kill the block, which is a process group of its own, when the lock of the client is released."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:
        return  # blocks of other machines, or no locks: the pool ends without heartbeats
    os.killpg(0, signal.SIGKILL)


def _lock(arguments: list[str]) -> Path:
    """The file that the client locks, from Parsl's arguments."""
    return Path(next((word.removeprefix("--logdir=") for word in arguments if word.startswith("--logdir=")), ""), LOCK)


def main() -> None:
    """Run Parsl's pool with the signal handled."""
    # Before Parsl is imported, which starts a thread: the signal kills the process if a single thread does not block it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    _check()
    threading.Thread(target=_wait, daemon=True).start()
    threading.Thread(target=_end_with_client, args=(_lock(sys.argv),), daemon=True).start()
    runpy.run_module(_POOL, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
