"""The page's server: uvicorn, in a thread of its own, on a socket that is bound already. A connection on which no whole request
arrives in time is closed, so that nobody can use them all up."""

import asyncio
import socket
import threading
import time

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hfx.driver.views.page.app import Activity, application
from hfx.driver.views.page.hub import Hub

__all__ = ["PageServer"]

# Seconds in which a browser that has asked for the page is expected to ask for its stream.
_COMING = 2.0

# Seconds in which a request must arrive, and connections whose request has not arrived yet: of more, the oldest is closed.
_IN_TIME = 10.0
_MOST_WAITING = 100


class ImpatientProtocol(H11Protocol):
    """HTTP of uvicorn, with a limit on the time that a request takes to arrive, its body included."""

    _limit: asyncio.TimerHandle | None = None  # while a request is awaited

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()
        waiting = {one: one._limit.when() for one in self.connections if isinstance(one, ImpatientProtocol) and one._limit}
        if len(waiting) > _MOST_WAITING:
            min(waiting, key=waiting.__getitem__).give_up()

    def data_received(self, data: bytes) -> None:
        """Wait on where the request is not complete with this, nor any later one."""
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._wait_no_more()
        elif self._limit is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close the connection at once."""
        self._wait_no_more()
        self.transport.abort()

    def _wait(self) -> None:
        self._limit = self.loop.call_later(_IN_TIME, self.give_up)

    def _wait_no_more(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


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
