"""Parsl's interchange as a process that ignores Ctrl-C and the loss of the terminal, and ends when its client has ended.

``python -m hfx.endpoints.parsl.interchange``; Parsl writes its configuration to standard input. The workers end when they
get no heartbeats from the interchange.
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
    """Run Parsl's interchange, with a thread that watches the client."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


if __name__ == "__main__":
    main()
