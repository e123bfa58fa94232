"""Whether a Globus Compute endpoint still lives: asked after a long silence."""

import time

from hfx.endpoints.globus.service import Service
from hfx.errors import EndpointError

__all__ = ["Vigil"]

_QUIET = 60.0  # seconds without an answer after which it is asked


class Vigil:
    """An endpoint that stays offline for as long as `patience` (seconds) is given up."""

    def __init__(self, service: Service, patience: float) -> None:
        self._service, self._patience = service, patience
        self._next = time.monotonic() + _QUIET
        self._offline: float | None = None  # since when

    def heard(self) -> None:
        """A task was answered."""
        self._next, self._offline = time.monotonic() + _QUIET, None

    def look(self) -> None:
        """Ask, if it is time to; raises `EndpointError` for one that is given up."""
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
