"""The page's server as a process beside a scan; see `hfx.driver.views.page.process`."""

import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.server import PageServer

_NICE = 10
# Seconds between checks of whether the scan's process is there, and that browsers have to take the last state.
_PAUSE, _PATIENCE = 0.5, 10.0
# Seconds until a killed scan is known to be gone.
_GONE = 1.5
_ENDED = "The scan's command has ended, and its page with it"


def main() -> None:
    """Serve until the scan's process closes our standard input, or is gone."""
    # Signals that end the scan's job or its terminal are for the scan: this process ends after it, with its last state.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    scan = os.getppid()
    given = json.loads(sys.stdin.readline())
    hub = Hub(ends_with_scan=given["ends_with_scan"])
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        server = PageServer(listening, given["token"], hub)
        server.start()
        over = threading.Event()
        threading.Thread(target=_read_folder, args=(hub, server, over), daemon=True).start()
        _load()
        beside = threading.Thread(target=_work_beside_the_scan, args=(hub,), daemon=True)
        beside.start()
        beside.join()
        while not over.wait(_PAUSE) and os.getppid() == scan:
            pass
        hub.end(_ENDED, _GONE)
        server.finish(_PATIENCE)


def _work_beside_the_scan(hub: Hub) -> None:
    """Read and draw with low priority, which only the threads have that begin here: the last picture is not to wait."""
    os.nice(_NICE)
    hub.start()


def _load() -> None:
    """Import the modules that the first picture needs, while the scan opens its pallet; later the scan has priority."""
    from hfx.driver.views.page import picture  # noqa: F401


def _read_folder(hub: Hub, server: PageServer, over: threading.Event) -> None:
    """Read the folder's name, and then wait for the end; end at once where nobody has looked at the page."""
    try:
        for line in sys.stdin:
            hub.open(Path(json.loads(line)))
    finally:
        if not server.requested:
            os._exit(0)
        over.set()


if __name__ == "__main__":
    main()
