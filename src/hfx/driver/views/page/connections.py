"""Connections to the page: one on which no whole request arrives in time is closed, so that nobody can use them all up."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ImpatientProtocol"]

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
