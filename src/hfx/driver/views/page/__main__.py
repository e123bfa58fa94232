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
# Seconds between looks at whether the scan's process is there, and that browsers have to take the last state.
_GLANCE, _PATIENCE = 0.5, 10.0
# And until it is seen, if it was killed, that it has gone.
_SEEN = 1.5
_ENDED = "The scan's command has ended, and its page with it"


def main() -> None:
    """Serve until the scan's process closes our standard input, or is gone."""
    # Ctrl-C and SIGTERM to the whole group are for the scan: we end after it, with its last state.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    scan = os.getppid()
    token = json.loads(sys.stdin.readline())
    hub = Hub()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        server = PageServer(listening, token, hub)
        server.serve()
        over = threading.Event()
        threading.Thread(target=_listen, args=(hub, server, over), daemon=True).start()
        _load()
        os.nice(_NICE)  # the threads begun from now on: those that read and draw
        hub.start()
        while not over.wait(_GLANCE) and os.getppid() == scan:
            pass
        hub.end(_ENDED, _SEEN)
        server.finish(_PATIENCE)


def _load() -> None:
    """Import what the first results want, while the scan opens its pallet; from then on the scan goes first."""
    from hfx.driver.plot import scan_picture  # noqa: F401
    from hfx.driver.views.page import plane_layout  # noqa: F401


def _listen(hub: Hub, server: PageServer, over: threading.Event) -> None:
    """The folder, and then the end: at once where nobody has looked."""
    try:
        for line in sys.stdin:
            hub.open(Path(json.loads(line)))
    finally:
        if not server.asked:
            os._exit(0)
        over.set()


if __name__ == "__main__":
    main()
