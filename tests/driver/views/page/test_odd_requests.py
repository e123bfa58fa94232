"""Requests that no browser of ours makes: malformed, smuggled, slow, huge; none gets the page, none keeps others from it."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from hfx.driver.views.page.hub import Hub
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun
from tests.driver.views.page.test_server import TOKEN, served

HOST = "Host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(Hub(MadeRun(tmp_path_factory.mktemp("page") / "run", fakes.grid(3, 2)).folder)) as found:
        yield found


def answer(client: httpx.Client, request: str) -> str:
    """The bytes that come back, to the end of the connection or for half a second."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.settimeout(0.5)
        connection.sendall(request.encode("latin-1"))
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionResetError):
            pass
    return found.decode()


@pytest.mark.parametrize(
    ("request_line", "headers", "body"),
    [
        ("GET / HTTP/1.1", f"{HOST}Authorization: Bearer {TOKEN}\r\nCookie: token={TOKEN}\r\nX-Token: {TOKEN}\r\n", ""),
        (f"GET /#token={TOKEN} HTTP/1.1", HOST, ""),
        (f"GET /?token=x&token={TOKEN} HTTP/1.1", HOST, ""),
        (f"GET /{TOKEN} HTTP/1.1", HOST, ""),
        ("GET / HTTP/1.1", f"{HOST}Referer: http://127.0.0.1/?token={TOKEN}\r\n", ""),
        ("POST / HTTP/1.1", f"{HOST}Content-Length: {6 + len(TOKEN)}\r\n", f"token={TOKEN}"),
        (f"GET /?token={TOKEN} HTTP/1.0", "", ""),
        (f"GET /?token={TOKEN} HTTP/1.1", "", ""),
        (f"GET /?token={TOKEN} HTTP/1.1", f"{HOST}Host: evil.example\r\n", ""),
        (f"GET http://evil.example/?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"CONNECT 127.0.0.1:22?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"TRACE /?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"DELETE /?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"OPTIONS *?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"GET //?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"GET /static/..%2f..%2fserver.py?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"GET /static//etc/passwd?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"GET /static/app.js%00.html?token={TOKEN} HTTP/1.1", HOST, ""),
        (f"POST /?token={TOKEN} HTTP/1.1", f"{HOST}Content-Length: 4\r\nContent-Length: 5\r\n", "abcd"),
        (f"POST /?token={TOKEN} HTTP/1.1", f"{HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
        (f"GET /?token={TOKEN} HTTP/1.1", f"{HOST}X: {'a' * 200_000}\r\n", ""),
        ("\x16\x03\x01\x02\x00\x01\x00", "", ""),
    ],
)
def test_nothing_of_the_page_is_given(client: httpx.Client, request_line: str, headers: str, body: str) -> None:
    found = answer(client, f"{request_line}\r\n{headers}\r\n{body}")
    assert found.split(" ")[1] in {"400", "403", "404", "405", "421"}
    assert "importmap" not in found
    assert TOKEN not in found


def test_a_request_that_hides_in_the_body_of_another_is_refused_like_any(client: httpx.Client) -> None:
    """Between us and the browser nobody reads HTTP; what is read as a second request has no token of its own."""
    hidden = f"GET / HTTP/1.1\r\n{HOST}\r\n"
    length = len(hidden) + 5
    first = f"POST /?token={TOKEN} HTTP/1.1\r\n{HOST}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    found = answer(client, first + hidden)
    assert "200 OK" not in found
    assert "importmap" not in found


def test_who_is_refused_keeps_no_connection(client: httpx.Client) -> None:
    for request in (f"GET / HTTP/1.1\r\n{HOST}\r\n", f"GET /?token={TOKEN} HTTP/1.1\r\nHost: evil.example\r\n\r\n"):
        assert "connection: close" in answer(client, request).lower()


@pytest.mark.parametrize("begun", ["", "GET / HT", f"POST /?token={TOKEN} HTTP/1.1\r\n{HOST}Content-Length: 9\r\n\r\n"])
def test_connections_on_which_nothing_arrives_are_closed_and_hinder_nobody(
    client: httpx.Client, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers and bodies that come a byte at a time, on many connections (slowloris)."""
    monkeypatch.setattr("hfx.driver.views.page.server._IN_TIME", 1.0)
    where = client.base_url.host, client.base_url.port or 0
    slow = [socket.create_connection(where) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(begun.encode())
        began = time.monotonic()
        assert client.get("/", params={"token": TOKEN}).status_code == 200
        assert time.monotonic() - began < 5
        for connection in slow:
            connection.settimeout(20)
            assert ended(connection)
    finally:
        for connection in slow:
            connection.close()


def ended(connection: socket.socket) -> bool:
    """Whether the other side closes the connection, whatever it says before."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_of_many_connections_without_a_request_the_oldest_make_room(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hfx.driver.views.page.server._MOST_WAITING", 5)
    where = client.base_url.host, client.base_url.port or 0
    others = [socket.create_connection(where, timeout=20) for _ in range(9)]
    assert ended(others[0])
    others[-1].sendall(f"GET /?token={TOKEN} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
    assert others[-1].recv(15) == b"HTTP/1.1 200 OK"
    for connection in others:
        connection.close()
