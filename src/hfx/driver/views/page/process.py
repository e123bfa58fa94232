"""The page beside a scan, as a process of its own, so that it does not slow the scan; it ends with the scan, however that ends.

The scan's process binds the socket and prints the address at once. The server gets the socket, and on its standard
input a line with the token, then a line with the run's folder when that is known; the end of that input is the scan's.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hfx.functions.worker_process import ONE_THREAD

__all__ = ["beside"]

# Seconds that browsers have, after the scan, to take the last state.
_PATIENCE = 14.0


@contextmanager
def beside(listening: socket.socket, token: str) -> Iterator[Callable[[Path], None]]:
    """Serve the page for the block from another process, which takes `listening` over.

    Call the yielded function with the run's folder; later folders are ignored, those of regions lie beneath the first.
    """
    command = [sys.executable, "-m", "hfx.driver.views.page", str(listening.fileno())]
    with listening:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
            env={**ONE_THREAD, **os.environ},  # threads of BLAS wait by spinning, on cores that are the scan's
        )
    assert server.stdin is not None
    pipe = server.stdin
    _send(pipe, token)
    sent: list[Path] = []

    def began(folder: Path) -> None:
        if not sent:
            sent.append(folder)
            _send(pipe, str(folder.absolute()))

    try:
        yield began
    finally:
        with suppress(OSError):
            pipe.close()
        try:
            server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _send(pipe: IO[bytes], text: str) -> None:
    """Send a line to the server; a server that has died is no reason for a scan to stop."""
    with suppress(OSError):
        os.write(pipe.fileno(), json.dumps(text).encode() + b"\n")
