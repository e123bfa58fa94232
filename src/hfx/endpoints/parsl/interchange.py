"""Parsl's interchange, as a process that leaves Ctrl-C and a lost terminal to its client and ends when its client has gone.

``python -m hfx.endpoints.parsl.interchange``; Parsl writes its configuration to standard input. The workers end
when the interchange is silent.
"""

import os
import runpy
import signal
import threading
import time

__all__ = ["main"]


def _watch(client: int) -> None:
    while os.getppid() == client:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Run Parsl's own, watched."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


if __name__ == "__main__":
    main()
