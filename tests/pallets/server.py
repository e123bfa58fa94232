"""A loopback server that behaves as the DOI resolver, as HEPData and as servers on a bad day."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pallets.builders import flat, tar_bytes

ARCHIVE = tar_bytes(flat())
RESOURCE_DOI = "10.17182/hepdata.90607.v3/r3"
RECORD_DOI = "10.17182/hepdata.90607.v3"
TABLES_DOI = "10.17182/hepdata.11111.v1"
RECORD = {
    "record": {
        "title": "a search",
        "analyses": [{"type": "HistFactory", "analysis": "https://x/record/resource/1", "filename": "1Lbb.tar.gz"}],
    },
    "resources_with_doi": [
        {"filename": "figures.zip", "doi": "10.17182/hepdata.90607.v3/r1", "description": "figures"},
        {"filename": "1Lbb.tar.gz", "doi": RESOURCE_DOI, "description": "likelihoods"},
    ],
}
REDIRECTS = {
    f"/doi/{RESOURCE_DOI}": "/record/resource/1408476?landing_page=true",
    f"/doi/{RECORD_DOI}": "/record/ins1755298?version=3",
    f"/doi/{TABLES_DOI}": "/record/ins999",
    "/loop": "/loop",
    "/away": "http://example.org/pallet.tar.gz",
    "/file": "file:///etc/passwd",
}
HTML = b"<!DOCTYPE html><html><body>a record</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Paths of their own for every behaviour; what was asked for is kept in `server.asked`."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        path = urlsplit(self.path).path
        if path in REDIRECTS:
            self._answer(302, b"", Location=REDIRECTS[path])
        elif path.startswith("/record/resource/"):
            self._resource()
        elif path.startswith("/record/"):
            self._record(path)
        else:
            getattr(self, f"_{path[1:].split('.')[0]}", self._missing)()

    def _resource(self) -> None:
        """HEPData gives the file where its content type is asked for, and a page to browsers."""
        asked = self.headers.get("Accept", "")
        if "application/x-tar" in asked and "text/html" not in asked and "*/*" not in asked:
            self._answer(200, ARCHIVE, "application/x-tar", Content_Disposition='attachment; filename="1Lbb.tar.gz"')
        else:
            self._answer(200, HTML, "text/html; charset=utf-8")

    def _record(self, path: str) -> None:
        if parse_qs(urlsplit(self.path).query).get("format") != ["json"]:
            self._answer(200, HTML, "text/html; charset=utf-8")
        elif path.endswith("ins999"):
            self._answer(200, json.dumps({"record": {"title": "tables only"}}).encode(), "application/json")
        else:
            self._answer(200, json.dumps(RECORD).encode(), "application/json")

    def _good(self) -> None:
        self._answer(200, ARCHIVE, "application/octet-stream")

    def _text(self) -> None:
        self._answer(200, b"hello", "text/plain")

    def _empty(self) -> None:
        self._answer(200, b"", "application/x-tar")

    def _secret(self) -> None:
        self._answer(403, b"no", "text/plain")

    def _teapot(self) -> None:
        self._answer(418, b"no", "text/plain")

    def _broken(self) -> None:
        """Fails twice, then works."""
        self.server.failures += 1
        if self.server.failures <= 2:
            self._answer(503, b"busy", "text/plain")
        else:
            self._good()

    def _busy(self) -> None:
        self._answer(503, b"busy", "text/plain")

    def _cut(self) -> None:
        """States more than it sends."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(ARCHIVE) + 1000))
        self.end_headers()
        self.wfile.write(ARCHIVE)

    def _huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()

    def _endless(self) -> None:
        """No length, and more and more of it."""
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(2000):
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def _later(self) -> None:
        """Busy once, and says for how long."""
        self.server.failures += 1
        if self.server.failures == 1:
            self._answer(429, b"busy", "text/plain", Retry_After="1")
        else:
            self._good()

    def _tomorrow(self) -> None:
        self._answer(503, b"busy", "text/plain", Retry_After="86400")

    def _drip(self) -> None:
        """A byte, and again one, for ever."""
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.release.wait(0.02):
                self.wfile.write(b"{")
                self.wfile.flush()
        except OSError:
            pass

    def _torn(self) -> None:
        """Half an archive the first time, without a word about its length."""
        self.server.failures += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(ARCHIVE[: len(ARCHIVE) // 2] if self.server.failures == 1 else ARCHIVE)

    def _apology(self) -> None:
        """An error as JSON, with the status of success, the first time."""
        self.server.failures += 1
        if self.server.failures == 1:
            self._answer(200, b'{"error": "try again"}', "application/json")
        else:
            self._good()

    def _silent(self) -> None:
        self.server.release.wait(20)

    def _missing(self) -> None:
        self._answer(404, b"nothing", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.failures = 0
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is no error here."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
