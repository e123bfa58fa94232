"""Checks that a Globus Compute endpoint is still online, when no task has been answered for a while."""

import time

from hfx.endpoints.globus.service import Service
from hfx.errors import EndpointError

__all__ = ["Liveness"]

_QUIET = 60.0  # seconds without an answered task until the endpoint's state is requested


class Liveness:
    """The checks of one endpoint, which is given up when it stays offline for `patience` seconds."""

    def __init__(self, service: Service, patience: float) -> None:
        self._service, self._patience = service, patience
        self._next = time.monotonic() + _QUIET
        self._offline: float | None = None  # the time since when it is

    def answered(self) -> None:
        """A task was answered."""
        self._next, self._offline = time.monotonic() + _QUIET, None

    def check(self) -> None:
        """Request the endpoint's state, if it is time to; raises `EndpointError` when it is given up."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _QUIET
        try:
            self._service.check_online()
        except EndpointError:
            self._offline = now if self._offline is None else self._offline
            if now - self._offline >= self._patience:
                raise
            self._next = now + min(_QUIET, self._patience) / 4
        else:
            self._offline = None
