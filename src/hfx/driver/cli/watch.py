"""The command ``hfx watch``, and the web page of ``hfx scan --live``."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from hfx.errors import RunFolderError

if TYPE_CHECKING:
    from hfx.driver.views.page.process import Page

__all__ = ["LivePage", "attended", "live", "watch"]

Option = typer.Option

# Seconds that browsers have to hear that a page is closed: after Ctrl-C, and after a signal that ends the command.
_PATIENCE, _AT_ONCE = 4.0, 0.0


def watch(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder of the run. Its scan may be running, on this machine or another, or may have ended."
        ),
    ],
    no_browser: Annotated[bool, Option("--no-browser", help="Print the address of the page, but do not open a browser.")] = False,
    port: Annotated[
        int, Option(help="TCP port of the page on this machine, 1 to 65535. Default: 0, which means any free port.")
    ] = 0,
) -> int:
    """Show a run as a web page, until Ctrl-C.

    The page shows the contour, the results and the progress.
    """
    from hfx.driver.process.signals import stop_signals
    from hfx.driver.views.page.address import bound, new_token, url

    if not (run / "run.json").is_file():
        what = "contains no run of hfx (no run.json)" if run.is_dir() else "is not a folder"
        raise RunFolderError(f"{run} {what}; give the folder that a scan wrote (option -o of hfx scan)")
    token = new_token()
    with stop_signals(ends_with_terminal=True) as stop, bound(port) as listening:
        try:
            _announce(url(listening, token), sys.stdout, no_browser=no_browser)
            _serve(run, listening, token)
        except KeyboardInterrupt:
            return stop.code
    return 0


def _serve(run: Path, listening: socket.socket, token: str) -> None:
    """Serve until `KeyboardInterrupt`."""
    from hfx.driver.views.page.hub import Hub
    from hfx.driver.views.page.server import PageServer

    hub = Hub(run)
    server = PageServer(listening, token, hub)
    server.start()
    hub.start()
    try:
        threading.Event().wait()
    finally:
        hub.end("hfx watch was ended")
        server.finish(2.0)


class LivePage:
    """The page of a scan. `began` is called with the run's folder; None where there is no page."""

    def __init__(self, page: "Page | None" = None, address: str = "") -> None:
        self._page, self._address = page, address
        self.began: Callable[[Path], None] | None = None if page is None else page.began

    def stay(self) -> None:
        """Wait until Ctrl-C, which is no error here. Raises `typer.Exit` after SIGTERM, and when the terminal is closed."""
        from hfx.driver.process.signals import stop_signals

        if self._page is None or not attended():
            return
        with stop_signals(ends_with_terminal=True) as stop, suppress(KeyboardInterrupt):
            try:
                print(f"hfx: the page stays at {self._address} until Ctrl-C", file=sys.stderr, flush=True)
                self._page.wait()
            finally:
                self._page.close(_PATIENCE if stop.received in (None, signal.SIGINT) else _AT_ONCE)
        if stop.received not in (None, signal.SIGINT):
            with suppress(OSError):  # the terminal may be gone
                _say_closed(self._page.folder)
            raise typer.Exit(stop.code)


@contextmanager
def live(wanted: bool, *, no_browser: bool, port: int, stderr: bool, stays: bool) -> Iterator[LivePage]:
    """Serve the page of a scan for the block, if `wanted`.

    The page's address is printed at once on standard output, or on standard error if `stderr`. Unless it `stays`, the page says
    that it ends with the scan, and so does a line on standard error.
    Raises `OptionError` for a port that is in use.
    """
    if not wanted:
        yield LivePage()
        return
    from hfx.driver.views.page.address import bound, new_token, url
    from hfx.driver.views.page.process import beside

    listening, token = bound(port), new_token()
    address = url(listening, token)
    with beside(listening, token, ends_with_scan=not stays) as page:
        _announce(address, sys.stderr if stderr else sys.stdout, no_browser=no_browser)
        if not stays:
            print("hfx: the page ends with the scan; hfx watch shows the run again", file=sys.stderr, flush=True)
        yield LivePage(page, address)
    _say_closed(page.folder)


def _say_closed(folder: Path | None) -> None:
    if folder is not None:
        print(f"hfx: the page is closed; to open it again: hfx watch {folder}", file=sys.stderr, flush=True)


def attended() -> bool:
    """Whether somebody can press Ctrl-C: input and output are a terminal, in whose foreground this process runs."""
    try:
        return sys.stdin.isatty() and sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, ValueError, OSError):  # closed, or replaced
        return False


def _announce(address: str, stream: TextIO, *, no_browser: bool) -> None:
    from hfx.driver.views.page.address import lines, open_browser

    for line in lines(address, os.environ):
        print(line, file=stream, flush=True)
    if not no_browser:
        open_browser(address)
