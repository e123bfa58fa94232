"""A scan in the background: `start_scan` gives a handle at once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfx.driver.results import ScanResult
from hfx.driver.scan.scan import Setting, scan
from hfx.pallets import Pallet

__all__ = ["ScanHandle", "start_scan"]


class ScanHandle:
    """A scan under way in a thread of this process."""

    def __init__(self, work: Callable[[], ScanResult], stop: threading.Event) -> None:
        self._stop = stop
        self._future: Future[ScanResult] = Future()
        self._thread = threading.Thread(target=self._serve, args=(work,), name="hfx-scan", daemon=True)
        self._thread.start()

    def _serve(self, work: Callable[[], ScanResult]) -> None:
        try:
            self._future.set_result(work())
        except BaseException as error:
            self._future.set_exception(error)

    def done(self) -> bool:
        """Whether it has finished, failed or stopped."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> ScanResult:
        """Wait for the result, at most `timeout` seconds (then `TimeoutError`).

        Raises what the scan raised, and `concurrent.futures.CancelledError` after `cancel`.
        """
        return self._future.result(timeout)

    def cancel(self) -> None:
        """Ask the scan to stop; what it has fitted is kept, and the same scan goes on from there."""
        self._stop.set()


def start_scan(pallet: str | Path | Pallet, *, live: bool = False, setting: Setting | None = None, **options: Any) -> ScanHandle:
    """Start `hfx.scan` in the background; the same arguments. `live` draws in the cell from which it was started."""
    stop = threading.Event()
    own = replace(setting or Setting(), stop=stop)
    if not live:
        return ScanHandle(lambda: scan(pallet, setting=own, **options), stop)
    from hfx.driver.views.live import View

    view = View(options)  # here, where the cell is

    def watched() -> ScanResult:
        with view.shown(own.listener) as shown:
            seen = replace(own, say=shown.say, progress=shown.fetched, listener=shown.listen)
            return scan(pallet, setting=seen, **options)

    return ScanHandle(watched, stop)
