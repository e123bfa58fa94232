"""Parsl's pool of workers on a node, as a process that takes no more tasks once its batch system has warned it.

``python3 -m hfx.endpoints.worker_pool ARGUMENTS``, with the arguments of Parsl's process_worker_pool.py. The warning is SIGUSR1:
what is being fitted is finished, and the pool ends. Its children never see the signal: it is blocked before they start.
"""

import runpy
import signal
import sys
import threading
import time

__all__ = ["COMMAND", "main"]

# Before Parsl's own arguments: python3 stands in every virtual environment and every image; what lies in the folder of a job is
# none of its modules.
COMMAND = "exec env PYTHONSAFEPATH=1 {prefix}python3 -m hfx.endpoints.worker_pool "

_POOL = "parsl.executors.high_throughput.process_worker_pool"


def _wait() -> None:
    """At the first warning: the time at which Parsl's pool asks for no more tasks is now."""
    signal.sigwait({signal.SIGUSR1})
    while (pool := vars(sys.modules["__main__"]).get("manager")) is None:
        time.sleep(0.1)  # it is starting
    pool.drain_time = time.time()


def main() -> None:
    """Run Parsl's own, warned."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    threading.Thread(target=_wait, daemon=True).start()
    runpy.run_module(_POOL, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
