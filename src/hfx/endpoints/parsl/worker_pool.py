"""Parsl's pool of workers on a node, as a process that takes no more tasks once its batch system has warned it.

``python3 -m hfx.endpoints.parsl.worker_pool ARGUMENTS``, with the arguments of Parsl's process_worker_pool.py. The warning
is SIGUSR1: what is being fitted is finished, and the pool ends. Its children never see the signal: it is blocked before
they start.
"""

import os
import runpy
import signal
import sys
import threading
import time

__all__ = ["command", "main"]

_POOL = "parsl.executors.high_throughput.process_worker_pool"


def command(parsl: str, prefix: str) -> str:
    """What a job's shell does, without Parsl's arguments: it becomes the pool. `prefix`: what python3 is started with.

    python3 stands in every environment and image; what lies in the folder of a job is none of its modules.
    """
    before = f"{prefix} " if prefix else ""
    return f"exec env PYTHONSAFEPATH=1 HFX_PARSL={parsl} {before}python3 -m hfx.endpoints.parsl.worker_pool"


def _check() -> None:
    """Leave, with a sentence, where Parsl is another than the client's."""
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
    """At the first warning: the time at which Parsl's pool asks for no more tasks is now."""
    signal.sigwait({signal.SIGUSR1})
    while (pool := vars(sys.modules["__main__"]).get("manager")) is None:
        time.sleep(0.1)  # it is starting
    pool.drain_time = time.time()


def main() -> None:
    """Run Parsl's own, warned."""
    # Before Parsl is imported, which starts a thread: the signal kills where but one thread does not block it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    _check()
    threading.Thread(target=_wait, daemon=True).start()
    runpy.run_module(_POOL, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
