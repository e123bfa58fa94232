"""The page beside a scan: a process of its own, so that it does not slow the scan; it ends with the command, however that ends.

The scan's process binds the socket and prints the address at once. The server gets the socket, and on its standard
input a line with the token, then a line with the run's folder when that is known; the end of that input is the command's.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hfx.functions.worker_process import ONE_THREAD
from hfx.json_types import JsonValue

__all__ = ["Page", "beside"]

# Seconds that the page has, after the scan, to draw the last state and browsers to take it: it ends much earlier by itself,
# except on a machine with other work. A scan that was stopped waits for neither.
_PATIENCE, _STOPPED = 60.0, 3.0


class Page:
    """The page's process."""

    def __init__(self, server: "subprocess.Popen[bytes]", pipe: IO[bytes]) -> None:
        self._server, self._pipe = server, pipe
        self.folder: Path | None = None

    def began(self, folder: Path) -> None:
        """Show the run in this folder; later folders are ignored, those of regions lie beneath the first."""
        if self.folder is None:
            self.folder = folder
            _send(self._pipe, str(folder.absolute()))

    def wait(self) -> None:
        """Wait until the process ends, which it does not by itself."""
        self._server.wait()

    def close(self, patience: float = _PATIENCE) -> None:
        """End the process. Browsers have `patience` seconds to take the last state."""
        with suppress(OSError):
            self._pipe.close()
        try:
            self._server.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._server.kill()
            self._server.wait()


@contextmanager
def beside(listening: socket.socket, token: str, *, ends_with_scan: bool = True) -> Iterator[Page]:
    """Serve the page for the block from another process, which takes `listening` over.

    `ends_with_scan`: the page says that it will not stay when the scan has ended.
    """
    command = [sys.executable, "-m", "hfx.driver.views.page", str(listening.fileno())]
    with listening:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
            process_group=0,  # signals to the scan's group are for the scan, which then ends the page
            env={**ONE_THREAD, **os.environ},  # threads of BLAS wait by spinning, on cores that are the scan's
        )
    assert server.stdin is not None
    _send(server.stdin, {"token": token, "ends_with_scan": ends_with_scan})
    page = Page(server, server.stdin)
    try:
        yield page
    except BaseException:
        page.close(_STOPPED)
        raise
    page.close()


def _send(pipe: IO[bytes], content: JsonValue) -> None:
    """Send a line to the server; a server that has died is no reason for a scan to stop."""
    with suppress(OSError):
        os.write(pipe.fileno(), json.dumps(content).encode() + b"\n")
