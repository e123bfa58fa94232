"""The Python interface to scans: `scan`, and `start_scan` for one in the background."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from hfx.driver.questions.catalogue import DEFAULT
from hfx.driver.questions.options import ScanOptions
from hfx.driver.questions.scan_keywords import ScanKeywords
from hfx.driver.questions.signatures import with_options_of
from hfx.driver.results import ScanResult
from hfx.driver.scan.open_source import open_source
from hfx.driver.scan.preparation import check_here
from hfx.driver.scan.regions import scan_regions
from hfx.driver.scan.run_context import RunContext, connected
from hfx.driver.scan.scan import scan_pallet
from hfx.errors import PalletError
from hfx.pallets import Pallet

if TYPE_CHECKING:
    from hfx.driver.views.live import View

__all__ = ["ScanHandle", "ask", "scan", "scan_source", "start_scan"]


@with_options_of(DEFAULT)
def scan(
    pallet: str | Path | Pallet, *, live: bool = False, context: RunContext | None = None, **options: Unpack[ScanKeywords]
) -> ScanResult:
    """Fit every hypothesis of a pallet and draw which are excluded.

    `pallet`: a file, a folder, an https URL, a HEPData resource DOI, or an open `Pallet`. The options are those of
    ``hfx scan``, with underscores. The folder of the run is created, or continued if it contains this very scan. With `live` the
    scan is displayed while it runs: in a notebook the contour is drawn in the cell and updated in place, elsewhere on the
    terminal.

    Raises `hfx.HfxError`: the pallet, an option or the folder cannot be used. A hypothesis that cannot be fitted is no error: see
    `ScanResult.failures`.
    """
    return ask(DEFAULT, pallet, live=live, context=context, **options)


def ask(
    question: str, pallet: str | Path | Pallet, *, live: bool = False, context: RunContext | None = None, **options: object
) -> ScanResult:
    """Ask a question of every hypothesis of a pallet.

    `question` is its name in `hfx.driver.questions.catalogue`, for example "cls". The other arguments are those of `scan`, with
    the options of this question. Raises `hfx.HfxError` as `scan` does.
    """
    _check_source(pallet)
    checked, own = ScanOptions.of(options, question), context or RunContext()
    if not live:
        return scan_source(pallet, checked, own)
    from hfx.driver.views.live import View

    return _scan_shown(View(options), pallet, checked, own)


def _scan_shown(view: "View", pallet: str | Path | Pallet, options: ScanOptions, context: RunContext) -> ScanResult:
    """`scan_source`, displayed."""
    with view.shown(context.listener) as shown:
        watched = replace(context, say=shown.say, progress=shown.fetched, listener=shown.listen)
        result = scan_source(pallet, options, watched)
        shown.finish(result.content)
    return result


def _check_source(pallet: object) -> None:
    if not isinstance(pallet, str | Path | Pallet) or pallet == "":
        raise PalletError(f"{pallet!r:.60} is not a pallet; give a path, an https URL, a DOI, or a pallet opened by open_pallet")


def scan_source(source: str | Path | Pallet, options: ScanOptions, context: RunContext) -> ScanResult:
    """`scan` with its options checked already."""
    check_here(options)
    with connected(options, context) as surrounded:
        if options.region == "all":
            finished = scan_regions(source, options, surrounded)
        else:
            finished = scan_pallet(open_source(source, options, context), options, surrounded)
    return ScanResult(finished.content, finished.folder)


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
        """Ask the scan to stop; its results so far are kept, and the same call continues it."""
        self._stop.set()


@with_options_of(DEFAULT)
def start_scan(
    pallet: str | Path | Pallet, *, live: bool = False, context: RunContext | None = None, **options: Unpack[ScanKeywords]
) -> ScanHandle:
    """Start a scan in the background and return a `ScanHandle` at once.

    The arguments are those of `scan`; with `live`, the picture is drawn in the notebook cell that called it.
    """
    _check_source(pallet)
    stop = threading.Event()
    checked, own = ScanOptions.of(options), replace(context or RunContext(), stop=stop)
    if not live:
        return ScanHandle(lambda: scan_source(pallet, checked, own), stop)
    from hfx.driver.views.live import View

    view = View(options)  # here, where the cell is
    return ScanHandle(lambda: _scan_shown(view, pallet, checked, own), stop)
