"""The page's address: a port on loopback and a token; the lines that are printed; opening it in a browser."""

import errno
import getpass
import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import suppress

from hfx.errors import OptionError

__all__ = ["bound", "lines", "new_token", "open_browser", "url"]

_HOST = "127.0.0.1"


def bound(port: int) -> socket.socket:
    """A listening socket on loopback, on a free port for 0; browsers that connect now wait until it is served.

    Raises `OptionError` for a port that is taken or cannot be had.
    """
    if not 0 <= port <= 65535:
        raise OptionError(f"--port {port} is not a valid port: give a number from 1 to 65535, or 0 for any free port")
    try:
        return socket.create_server((_HOST, port), backlog=64)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise OptionError(f"--port {port} {why}; give another, or leave it out for a free one") from None


def new_token() -> str:
    """A random token."""
    return secrets.token_urlsafe(24)


def url(listening: socket.socket, token: str) -> str:
    """The page's address."""
    return f"http://{_HOST}:{listening.getsockname()[1]}/?token={token}"


def lines(address: str, environment: Mapping[str, str]) -> list[str]:
    """The lines to print: the address alone; on a remote host also the ssh command that makes it reachable."""
    if not environment.get("SSH_CONNECTION"):
        return [address]
    port = address.split(":")[2].split("/")[0]
    there = f"{getpass.getuser()}@{socket.getfqdn()}"
    return [address, f"hfx: on your own machine, first run: ssh -N -L {port}:{_HOST}:{port} {there}"]


def open_browser(address: str, environment: Mapping[str, str] = os.environ) -> None:
    """Open the page where there is a desktop; never in a browser that runs in the terminal."""
    desktop = sys.platform == "darwin" or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if desktop and not environment.get("SSH_CONNECTION"):
        threading.Thread(target=_open, args=(address,), daemon=True).start()


def _open(address: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
