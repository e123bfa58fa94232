"""The page's server: requests in any bytes, with wrong tokens, hosts, origins, paths and queries.

Without the token, with another's host or origin there is never anything of the run; no request is an error of the server's own,
and after each the page is still there.
"""

import functools
import json
import random
import re
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

from hfx.driver.views.page import address
from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.server import PageServer
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun
from tests.fuzz.mutation import NASTY_TEXTS, damage

QUICK, OUTCOMES = 200, {"served", "refused", "not understood"}

_TOKEN = "right-token-of-the-fuzzer"
_SECRETS = (b"sig_", b"a toy search", _TOKEN.encode())
_PATHS = (
    *(
        "/",
        "/events",
        "/plane",
        "/static/app.js",
        "/static/index.html",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "//",
    ),
    *(
        "/static/",
        "/../pyproject.toml",
        "/nothing",
        "http://evil.example/",
        "*",
        "",
        "/events/",
        "/plane?x=m1",
        "/\\..\\",
        "/%00",
    ),
)
_METHODS = (*["GET"] * 24, "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "X" * 50)
_HOSTS = (
    "127.0.0.1",
    "localhost",
    "[::1]:1",
    "LOCALHOST:80",
    "evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil",
    "",
    "a b",
    "127.1",
)
_OWN = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_ODD_HEADERS = (
    *(
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Transfer-Encoding: chunked",
        "Content-Length: 99999999999",
        "Content-Length: -1",
    ),
    *(
        "Content-Length: 1\r\nContent-Length: 2",
        "Expect: 100-continue",
        "X: " + "y" * 70_000,
        "Last-Event-ID: " + "9" * 100,
        ": x",
        "a",
    ),
    *(
        "Last-Event-ID: a:b:c:zz",
        "X-Forwarded-Host: localhost",
        "Cookie: a=b",
        "Range: bytes=0-",
        "Accept-Encoding: gzip",
        "\x00: 1",
    ),
)


@functools.cache
def _port() -> int:
    """The port of a server that serves a run as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="hfx-fuzz-page-"))
    listening = address.bound(0)
    hub = Hub(MadeRun(folder / "run", fakes.grid(4, 3)).folder)
    PageServer(listening, _TOKEN, hub).start()
    hub.start()
    port: int = listening.getsockname()[1]
    return port


def warm_up() -> None:
    """Start the server; its modules take seconds to import."""
    while not _told(_port(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        pass


def attempt(seed: int) -> str:
    """Send one request, and a sound one after it."""
    draw = random.Random(seed)
    port = _port()
    raw, allowed = _request(draw, port)
    answer = _told(port, raw)
    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0
    assert status < 500, (raw[:2000], answer[:2000])
    body = answer.partition(b"\r\n\r\n")[2]
    assert allowed or not any(secret in body for secret in _SECRETS), (raw[:2000], answer[:2000])
    assert allowed or status not in (200, 204, 422), (raw[:2000], answer[:2000])
    if seed % 20 == 0:
        sound = f"GET /?token={_TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        assert _told(port, sound.encode()).startswith(b"HTTP/1.1 200"), "the page is gone"
    if status in (403, 421):
        return "refused"
    return "served" if status in (200, 204, 422, 404, 405) else "not understood"


def _request(draw: random.Random, port: int) -> tuple[bytes, bool]:
    """The bytes of a request, and whether it may be answered with content of the run."""
    token = draw.choice(
        (_TOKEN, _TOKEN, _TOKEN, "", _TOKEN + "x", _TOKEN[:-1], quote(draw.choice(NASTY_TEXTS), errors="replace"))
    )
    host = f"127.0.0.1:{port}" if draw.randrange(4) else draw.choice(_HOSTS)
    origin = draw.choice(
        (None, None, f"http://{host}", "null", "http://evil.example", f"https://{host}", f"http://localhost:{port}")
    )
    given = [
        f"{name}={quote(_value(draw), errors='replace')}"
        for name in ("x", "y", "where", "view", "since")
        if draw.randrange(3) == 0
    ]
    path = draw.choice(_PATHS)
    target = f"{path}{'&' if '?' in path else '?'}{'&'.join(draw.sample([*given, f'token={token}'], len(given) + 1))}"
    headers = [f"Host: {host}", *([] if origin is None else [f"Origin: {origin}"]), "Connection: close"]
    headers += draw.sample(_ODD_HEADERS, draw.choice((0, 0, 0, 0, 1, 2)))
    draw.shuffle(headers)
    text = (
        f"{draw.choice(_METHODS)} {target} HTTP/{draw.choice(('1.1', '1.1', '1.1', '1.0', '0.9', '2', '9.9'))}\r\n"
        + "\r\n".join(headers)
    )
    raw = text.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + draw.choice((b"", b"", b"x=1", b"5\r\nhello\r\n0\r\n\r\n"))
    allowed = token == _TOKEN and _OWN.fullmatch(host) is not None and origin in (None, f"http://{host}")
    if draw.randrange(6) == 0:
        raw = damage(raw, draw, draw.randrange(1, 5))
        return raw, _TOKEN.encode() in raw
    return raw, allowed


def _value(draw: random.Random) -> str:
    """An axis, a selection, a view."""
    expressions = (
        "m1",
        "m1-m2",
        "log(m1)",
        "m1/0",
        "__import__('os')",
        "m1**m1**m1",
        "9" * 400,
        "m1==1",
        "(" * 300,
        "m1 if 1 else 2",
    )
    return draw.choice((*expressions, *NASTY_TEXTS, json.dumps({"a": 1}), "m1.__class__", "lambda: 0", "-" * 500 + "m1"))


def _told(port: int, raw: bytes) -> bytes:
    """The first bytes of the answer; the stream of events never ends, and what is not understood may have none."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.settimeout(0.4)
        try:
            connection.sendall(raw)
            while len(found) < 300_000 and (part := connection.recv(65536)):
                found += part
        except (TimeoutError, ConnectionError):
            pass
    return found
