"""Downloads: a server that redirects to files, other hosts and itself, lies of lengths, drips, never ends, and answers anything.

Nothing is asked of another host without encryption, nothing is kept that cannot be used, and nothing lies outside the cache.
"""

import functools
import gzip
import os
import random
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from hfx.errors import HfxError
from hfx.pallets import cache, download, open_pallet
from hfx.printable import has_unprintable
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import NASTY_TEXTS, damage, mutate
from tests.fuzz.pallets import dumped
from tests.pallets.builders import flat, tar_bytes, zip_bytes
from tests.pallets.server import RECORD

QUICK, OUTCOMES = 50, {"opened", "clean error"}

_GOOD = tar_bytes(flat())
_ELSEWHERE = (
    *(
        "file:///etc/passwd",
        "http://evil.invalid/p",
        "https://evil.invalid/p",
        "ftp://127.0.0.1/p",
        "javascript:alert(1)",
        "//evil.invalid/p",
    ),
    *(
        "data:,{}",
        "gopher://127.0.0.1:25/",
        "http://user:pw@evil.invalid/",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
    ),
    *(
        "http://0.0.0.0/",
        "http://127.1/",
        "http://localhost./",
        "http://2130706433/",
        "http://169.254.169.254/",
        "unix:/run/x",
        "\\\\evil\\p",
    ),
    *("http://evil.invalid:80@127.0.0.1/", "HTTP://EVIL.INVALID/", "https:/p", "http:", "", "?", "#", "..", "%0d%0aHost: x"),
)
_asked: list[tuple[str, Any]] = []


def warm_up() -> None:
    """Start the server, take the network away, and make hfx impatient: downloads wait for seconds otherwise."""
    _port()
    download._PAUSE, download._PATIENCE, download._LONGEST_WAIT, download._MAX_BYTES = 0.001, 0.3, 0.05, 3_000_000
    download._TIMEOUT = httpx.Timeout(0.4)
    resolve = socket.getaddrinfo

    def watched(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        _asked.append((name, port))
        if name not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, port, *arguments, **more)

    socket.getaddrinfo = watched


def attempt(seed: int) -> str:
    """Download from an address whose answers the seed decides."""
    _asked.clear()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HFX_CACHE"] = str(Path(folder) / "cache")
        try:
            pallet = open_pallet(f"http://127.0.0.1:{_port()}/{seed}/0")
        except HfxError as error:
            check_error(error)
            _check_nothing_is_kept()
            return "clean error"
        finally:
            wrong = [place for place in _asked if place[0] not in ("127.0.0.1", "localhost") and place[1] not in (443, "https")]
            assert not wrong, wrong
            assert [path.name for path in Path(folder).iterdir()] in ([], ["cache"])
        assert len(pallet.hypotheses) == 2
        (entry,) = cache.entries()
        assert not has_unprintable(entry.name)
        assert "/" not in entry.name, entry.name
        return "opened"


def _check_nothing_is_kept() -> None:
    assert not cache.entries()
    assert not list(cache.blob_folder().glob("*"))


@functools.cache
def _port() -> int:
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=_serve, args=(listening,), daemon=True).start()
    port: int = listening.getsockname()[1]
    return port


def _serve(listening: socket.socket) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_talk, args=(connection,), daemon=True).start()


def _talk(connection: socket.socket) -> None:
    with connection, suppress(OSError, ValueError, IndexError):
        connection.settimeout(5)
        asked = b""
        while b"\r\n\r\n" not in asked and (part := connection.recv(65536)):
            asked += part
        path = asked.split(b" ")[1].split(b"?")[0].decode("latin-1")
        seed, step = (int(part) for part in path.split("/")[1:3])
        _answer(connection, random.Random(1000 * seed + step), seed, step)


def _answer(connection: socket.socket, draw: random.Random, seed: int, step: int) -> None:
    kind = draw.randrange(12)
    if kind < 4:
        location = draw.choice((*_ELSEWHERE, *NASTY_TEXTS, f"/{seed}/{step}", *[f"/{seed}/{step + 1}"] * 30))
        connection.sendall(_head(draw, draw.choice((301, 302, 303, 307, 308, 300, 304)), [f"Location: {location}"]))
        return
    body = _body(draw)
    status = 200 if kind < 10 else draw.choice((201, 204, 206, 401, 404, 418, 429, 500, 503, 999, 100, 0))
    headers = [f"Content-Length: {draw.choice((*[len(body)] * 15, 0, len(body) + 5, len(body) - 3, 10**13, -1))}"]
    if draw.randrange(6) == 0:
        headers = draw.choice(
            ([], ["Transfer-Encoding: chunked"], ["Content-Encoding: gzip"], ["Content-Encoding: br, zstd, deflate"])
        )
    headers.append(f"Retry-After: {draw.choice(('0', '1', '86400', '-1', 'x', '9' * 400, 'Fri, 31 Dec 9999 23:59:59 GMT'))}")
    head = _head(draw, status, headers)
    match draw.randrange(16):
        case 0:  # drips
            connection.sendall(head)
            for at in range(0, 60):
                connection.sendall(body[at : at + 1])
                time.sleep(0.01)
        case 1:  # never ends
            connection.sendall(_head(draw, 200, []))
            for _ in range(200):
                connection.sendall(b"[" * 65536)
        case 2:  # never begins
            time.sleep(0.6)
        case 3:
            connection.sendall(damage(head + body, draw, draw.randrange(1, 5)))
        case _:
            connection.sendall(head + body)


def _head(draw: random.Random, status: int, headers: list[str]) -> bytes:
    name = draw.choice((*NASTY_TEXTS, "../../../evil.tar.gz", "p.tar.gz", "a" * 300, ".", "..", "con", ".hidden", "x\\y.zip"))
    kind = draw.choice(("application/x-tar", "application/octet-stream", "text/html", "application/json", "", "x" * 3000))
    more = [
        f"Content-Type: {kind}",
        f"Content-Disposition: {draw.choice(('attachment; filename=', 'filename*=UTF-8%27%27', ''))}{name}",
    ]
    if draw.randrange(10) == 0:
        more.append(f"X-{draw.choice(NASTY_TEXTS)}: {'y' * draw.choice((1, 200_000))}")
    lines = [f"HTTP/1.1 {status} {draw.choice(('OK', '', *NASTY_TEXTS)) if draw.randrange(8) == 0 else 'OK'}", *headers]
    lines += draw.sample(more, draw.randrange(len(more) + 1))
    return ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode("utf-8", "surrogatepass")


def _body(draw: random.Random) -> bytes:
    match draw.randrange(9):
        case 0:
            return damage(_GOOD, draw, 2)
        case 1:
            return dumped(mutate(RECORD, draw, draw.randrange(4)))
        case 2:
            return draw.choice((b"", b"{", b"[]", b"<html>", b"hello", b"\x1b[31m", b"[" * 100_000, draw.randbytes(700)))
        case 3:
            return gzip.compress(draw.choice((_GOOD, b"[]", bytes(5_000_000))))
        case 4:
            return zip_bytes(flat())
        case _:
            return _GOOD
