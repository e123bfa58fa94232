"""Parsl's interchange as a process that no signal to the client's process group reaches, and that ends when its client has ended.

``python -m hfx.endpoints.parsl.interchange CLIENT``, with the client's process id; Parsl writes its configuration to standard
input. The client ends it by SIGKILL: it holds nothing that is to be saved. The workers end when they get no heartbeats from it.
"""

import os
import runpy
import signal
import sys
import threading
import time

__all__ = ["main"]


def _watch(client: int) -> None:
    while os.getppid() == client:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Run Parsl's interchange, with a thread that watches the client."""
    # Without it the client could not cancel blocks in Parsl's way, so it goes on until the client has done so.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)  # neither Ctrl-Z stops it: workers end without heartbeats
    threading.Thread(target=_watch, args=(int(sys.argv.pop(1)),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


if __name__ == "__main__":
    main()
