"""The command ``hfx watch``, and the web page of ``hfx scan --live``."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from hfx.errors import RunFolderError

__all__ = ["live", "watch"]

Option = typer.Option


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
    with stop_signals() as stop, bound(port) as listening:
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


@contextmanager
def live(wanted: bool, *, no_browser: bool, port: int, stderr: bool) -> Iterator[Callable[[Path], None] | None]:
    """Serve the page of a scan for the block, if `wanted`; yields the function to call with the run's folder, or None.

    The page's address is printed at once on standard output, or on standard error if `stderr`.
    Raises `OptionError` for a port that is in use.
    """
    if not wanted:
        yield None
        return
    from hfx.driver.views.page.address import bound, new_token, url
    from hfx.driver.views.page.process import beside

    listening, token = bound(port), new_token()
    address = url(listening, token)
    folders: list[Path] = []
    with beside(listening, token) as tell:

        def began(folder: Path) -> None:
            folders.append(folder)
            tell(folder)

        _announce(address, sys.stderr if stderr else sys.stdout, no_browser=no_browser)
        yield began
    if folders:
        print(f"hfx: the page was closed at the end of the scan; to open it again: hfx watch {folders[0]}", file=sys.stderr)


def _announce(address: str, stream: TextIO, *, no_browser: bool) -> None:
    from hfx.driver.views.page.address import lines, open_browser

    for line in lines(address, os.environ):
        print(line, file=stream, flush=True)
    if not no_browser:
        open_browser(address)
