"""The page's server: uvicorn, in a thread of its own, on a socket that is bound already."""

import socket
import threading
import time

import uvicorn

from hfx.driver.views.page.app import Activity, application
from hfx.driver.views.page.connections import ImpatientProtocol
from hfx.driver.views.page.hub import Hub

__all__ = ["PageServer"]

# Seconds in which a browser that has asked for the page is expected to ask for its stream.
_COMING = 2.0


class PageServer:
    """Serves a hub to those who have the token."""

    def __init__(self, listening: socket.socket, token: str, hub: Hub) -> None:
        self._activity = Activity()
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(token, hub, self._activity),
                loop="asyncio",
                http=ImpatientProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)

    @property
    def requested(self) -> bool:
        """Whether anybody has asked for anything."""
        return self._activity.requested

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def finish(self, patience: float) -> None:
        """Wait until every browser has its last message, also one that is about to ask for it; then stop.

        It waits `patience` seconds at most.
        """
        limit = time.monotonic() + patience
        while time.monotonic() < limit and (self._activity.streams or time.monotonic() - self._activity.last < _COMING):
            time.sleep(0.05)
        self._server.should_exit = True
        self._thread.join(5.0)
