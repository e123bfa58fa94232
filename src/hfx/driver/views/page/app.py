"""The page as a web application: it serves, to those who have its token, its own files and the stream, and nothing else."""

import asyncio
import hmac
import re
import string
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from secrets import token_urlsafe
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.page.refusal import refused
from hfx.driver.views.page.stream import Stream

__all__ = ["FILES", "Activity", "application"]

FILES = {path.name: path for path in files("hfx.driver.views.page").joinpath("static").iterdir()}
"""The files that can be requested, by name."""

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FORBIDDEN = "hfx: this address needs its token; open the whole address that the command printed.\n"
_ELSEWHERE = (
    "hfx: the page is served to this machine alone, as 127.0.0.1 or localhost; open the address that the command printed.\n"
)
_NOT_FOUND = "hfx: there is nothing of that name here.\n"

# The names by which a browser on this machine, or at the other end of a tunnel, reaches the page; the tunnel's port is its own.
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)

_CLOSE = {"Connection": "close"}  # nobody who is refused keeps a connection

# Nothing is loaded from elsewhere or kept, nobody frames the page, and its address is not passed on.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_POLICY = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass
class Activity:
    """The requests so far: whether there was one, when the last came that was not for a stream, and the open streams."""

    requested: bool = False
    last: float = 0.0
    streams: int = 0


def application(token: str, hub: Hub, activity: Activity) -> ASGIApp:
    """The application that serves a hub."""

    async def page(request: Request) -> Response:
        """The page; its modules import one another by name, from addresses that carry the token."""
        nonce = token_urlsafe(12)
        modules = (f'"hfx/{name}": "/static/{name}?token={token}"' for name in sorted(FILES) if name.endswith(".js"))
        text = string.Template(FILES["index.html"].read_text(encoding="utf-8")).substitute(
            token=token, nonce=nonce, modules=", ".join(modules)
        )
        policy = _POLICY.format(script=f" 'nonce-{nonce}'")
        return Response(text, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            raise HTTPException(404)
        return Response(FILES[name].read_bytes(), media_type=_TYPES[name.rpartition(".")[2]])

    async def events(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        query = request.query_params
        since = request.headers.get("Last-Event-ID") or query.get("since", "")
        return _Counted(Stream(hub, query.get("view"), _requested(query), since), activity)

    async def plane(request: Request) -> Response:
        """Whether the plane can be drawn that a browser is about to ask for."""
        query = request.query_params
        refusal = await asyncio.to_thread(refused, hub, query.get("view"), _requested(query))
        return Response(status_code=204) if refusal is None else JSONResponse(refusal, 422)

    async def not_found(request: Request, error: Exception) -> Response:
        return PlainTextResponse(_NOT_FOUND, 404)

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/events", events),
            Route("/plane", plane),
            Route("/static/{name}", static),
        ],
        exception_handlers={404: not_found},
    )
    app.router.redirect_slashes = False
    return _Guard(app, token, activity)


def _requested(query: QueryParams) -> PlaneRequest:
    return PlaneRequest(query.get("x") or None, query.get("y") or None, query.get("where") or None)


class _Counted(StreamingResponse):
    """The stream of a browser, counted while it is open."""

    def __init__(self, stream: Stream, activity: Activity) -> None:
        super().__init__(stream.events(), media_type="text/event-stream")
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._activity.streams += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._activity.streams -= 1


class _Guard:
    """Refuses requests without the token, and those that come by way of another page; adds the headers of every answer.

    A host that is not this machine's is that of a page whose name has been made to lead here (DNS rebinding); another origin
    than the host is a page of somebody else's.
    """

    def __init__(self, app: ASGIApp, token: str, activity: Activity) -> None:
        self._app, self._token, self._activity = app, token.encode(), activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]

        async def sending(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _secured(list(message.get("headers") or ()))}  # type: ignore[call-overload]
            await send(message)

        if not _is_own(scope["headers"]):
            await PlainTextResponse(_ELSEWHERE, 421, _CLOSE)(scope, receive, sending)  # type: ignore[arg-type]
            return
        if not hmac.compare_digest(given.encode(), self._token):
            await PlainTextResponse(_FORBIDDEN, 403, _CLOSE)(scope, receive, sending)  # type: ignore[arg-type]
            return
        self._activity.requested = True
        if scope["path"] != "/events":
            self._activity.last = time.monotonic()
        await self._app(scope, receive, sending)  # type: ignore[arg-type]


def _is_own(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine as its host, and comes from no other origin."""
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    origins = {value.decode("latin-1").lower() for name, value in headers if name == b"origin"}
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None and origins <= {f"http://{hosts[0].lower()}"}


def _secured(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    more = {**_HEADERS, "Content-Security-Policy": _POLICY.format(script="")}
    there = {name.lower() for name, _ in headers}
    return headers + [(k.lower().encode(), v.encode()) for k, v in more.items() if k.lower().encode() not in there]
