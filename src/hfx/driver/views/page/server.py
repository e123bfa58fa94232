"""The page's server: on loopback, for those who know its token; it gives the page's own files and the stream, nothing else."""

import hmac
import socket
import string
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.request import Asked
from hfx.driver.views.page.stream import Stream

__all__ = ["FILES", "PageServer"]

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

# Seconds in which a browser that has asked for something is expected to ask for its stream.
_COMING = 2.0

FILES = {path.name: path for path in files("hfx.driver.views.page").joinpath("static").iterdir()}
"""All that can be asked for by name."""

_FORBIDDEN = b"hfx: this address needs its token; open the one that the command printed, whole.\n"


class PageServer(ThreadingHTTPServer):
    """Serves a hub on a socket that is bound already."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, token: str, hub: Hub) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.token, self.hub = listening, token, hub
        self.asked = False  # whether anybody ever has
        self._last_asked = 0.0
        self._streams = 0
        self._quiet = threading.Condition()

    def serve(self) -> threading.Thread:
        """Serve in a thread."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        return thread

    def finish(self, patience: float) -> None:
        """Wait until every browser has its last message, also one that is just coming, at most `patience` seconds; and stop."""
        until = time.monotonic() + patience
        with self._quiet:
            while time.monotonic() < until and (self._streams or time.monotonic() - self._last_asked < _COMING):
                self._quiet.wait(0.1)
        self.shutdown()
        self.server_close()

    def hear(self, path: str) -> None:
        """Somebody asks; for a stream, or what comes before one."""
        self.asked = True
        if path != "/events":
            self._last_asked = time.monotonic()

    def streaming(self, more: int) -> None:
        """One stream more, or one less."""
        with self._quiet:
            self._streams += more
            self._quiet.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a browser that leaves in the middle is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "hfx", ""
    timeout = 60

    def do_GET(self) -> None:
        """The page at /, its files at /static/NAME, its stream at /events; 403 without the token, 404 for the rest."""
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if not hmac.compare_digest(query.get("token", "").encode(), self.server.token.encode()):
            self._send(403, "text/plain", _FORBIDDEN)
            return
        self.server.hear(address.path)
        if address.path == "/":
            self._page()
        elif address.path == "/events":
            self._stream(query)
        elif address.path.startswith("/static/") and (name := address.path.removeprefix("/static/")) in FILES:
            self._send(200, _TYPES[name.rpartition(".")[2]], FILES[name].read_bytes())
        else:
            self._send(404, "text/plain", b"hfx: there is nothing of that name here.\n")

    do_HEAD = do_GET  # noqa: N815 - so http.server has it

    def _page(self) -> None:
        """The page; its modules import one another by name, from addresses that carry the token."""
        nonce = token_urlsafe(12)
        modules = (f'"hfx/{name}": "/static/{name}?token={self.server.token}"' for name in sorted(FILES) if name.endswith(".js"))
        text = string.Template(FILES["index.html"].read_text(encoding="utf-8")).substitute(
            token=self.server.token, nonce=nonce, modules=", ".join(modules)
        )
        self._send(200, "text/html", text.encode(), script=f"'nonce-{nonce}'")

    def _stream(self, query: Mapping[str, str]) -> None:
        since = self.headers.get("Last-Event-ID") or query.get("since", "")
        asked = Asked(query.get("x") or None, query.get("y") or None, query.get("where") or None)
        self.send_response(200)
        self._secure()
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.command == "HEAD":
            return
        self.server.streaming(1)
        try:
            with closing(Stream(self.server.hub, query.get("view"), asked, since).events()) as events, suppress(OSError):
                for message in events:
                    self.wfile.write(message)
        finally:
            self.server.streaming(-1)

    def _send(self, code: int, kind: str, content: bytes, script: str = "") -> None:
        self.send_response(code)
        self._secure(script)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _secure(self, script: str = "") -> None:
        """Nothing is loaded from elsewhere, nothing is kept, nobody frames the page, no address of it leaks."""
        policy = (
            f"default-src 'none'; script-src 'self' {script}; style-src 'self'; img-src 'self' blob: data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the terminal is the scan's."""
