"""A worker of the process engine: ``python -m hfx.functions.serve``.

Requests come on standard input, answers go to standard output, each in a frame. Standard
output is the wire's alone: what a library prints goes to standard error. When the client goes, however it goes, standard
input ends, and the worker with it, even in the middle of a task.
"""

import os
import queue
import sys
import threading
from typing import IO

from hfx.functions import wire
from hfx.functions.wire import read_frame, write_frame

__all__ = ["main"]


def _listen(stream: IO[bytes], requests: "queue.SimpleQueue[bytes]") -> None:
    while (request := read_frame(stream)) is not None:
        requests.put(request)
    os._exit(0)  # nobody is left to answer


def main() -> None:
    """Serve until the client goes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    write_frame(answers, b"ready")
    while True:
        write_frame(answers, wire.perform(requests.get()))


if __name__ == "__main__":
    main()
