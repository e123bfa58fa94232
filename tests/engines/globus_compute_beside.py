"""A stand-in for the two routes of Globus Compute that register and tell functions, beside that of Globus Auth."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from tests.engines.globus_auth_service import COMPUTE, AuthService, Identity

GROUP = "6b1f7d2c-0c1e-4d7e-9f4e-5a3f0f3c2b11"


class ComputeService(ThreadingHTTPServer):
    """Functions by id, and who may see them: their owner and the members of their group.

    Args:
        auth: asked who is behind a token.
        members: of `GROUP`.
        demand: what a login must have (a Globus Auth requirements error), where it is not enough.
    """

    daemon_threads = True

    def __init__(self, auth: AuthService) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.auth = auth
        self.members: set[Identity] = set()
        self.demand: dict[str, Any] | None = None
        self.functions: dict[str, tuple[Identity, dict[str, Any]]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: ComputeService
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._go(self._tell)

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._go(lambda who: self._register(who, content))

    def _go(self, route: Any) -> None:
        who = self.server.auth.holder(self.headers.get("Authorization"), COMPUTE)
        if who is None:
            self._answer(401, {"code": "UNAUTHORIZED", "reason": "no good token"})
        elif self.server.demand:
            self._answer(403, {"code": "AUTHORIZATION_PARAMETERS", "authorization_parameters": self.server.demand})
        else:
            route(who)

    def _register(self, who: Identity, content: dict[str, Any]) -> None:
        if content.get("group") not in (None, GROUP) or (content.get("group") and who not in self.server.members):
            self._answer(403, {"code": "FORBIDDEN", "reason": "no member of the group"})
            return
        name = str(uuid4())
        self.server.functions[name] = (who, content)
        self._answer(200, {"function_uuid": name})

    def _tell(self, who: Identity) -> None:
        owner, content = self.server.functions[self.path.rsplit("/", 1)[1]]
        if who == owner or (content.get("group") == GROUP and who in self.server.members):
            self._answer(200, {**content, "function_uuid": self.path.rsplit("/", 1)[1]})
        else:
            self._answer(403, {"code": "FORBIDDEN", "reason": "not shared with you"})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@contextmanager
def serving(auth: AuthService) -> Iterator[ComputeService]:
    """The service on a free port, until the block ends."""
    service = ComputeService(auth)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()
