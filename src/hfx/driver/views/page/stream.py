"""What a browser is sent: server-sent events, each of what has changed since the last."""

import secrets
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.request import Asked
from hfx.driver.views.page.status import head, status
from hfx.driver.views.page.view import Picture, View

__all__ = ["Stream"]

# Seconds: the least between two messages, and the most.
_PACE = 0.25
_HEARTBEAT = 10.0

# Tells this server's places in a stream from those of another one.
_EPOCH = secrets.token_hex(4)


@dataclass
class Stream:
    """One browser's: `view` by name (None: the one to show first), and the plane it asked for.

    `since`: the id of the last event it has, of this or another stream; what it knows already is not sent again.
    """

    hub: Hub
    view: str | None
    asked: Asked
    since: str = ""
    _seen: tuple[str, int, int] | None = field(default=None, init=False)
    _version: Any = field(default=None, init=False)
    _head: Any = field(default=None, init=False)
    _picture: tuple[Picture | None, int] = field(default=(None, -1), init=False)

    def events(self) -> Generator[bytes]:
        """The messages, until the hub has ended."""
        self._seen = self._resumed()
        yield b"retry: 1000\n\n"
        while True:
            with self.hub.guard:
                view = self._wait_for_view()
                picture = view.watch(self.asked) if view else None
            if view is None or picture is None:
                if self.hub.ended:
                    yield self._end()
                    return
                yield b": still here\n\n"
                continue
            try:
                yield from self._of(view, picture)
            finally:
                with self.hub.guard:
                    view.leave(picture)
            if self.hub.ended and self._shown(view):
                yield self._end()
                return

    def _wait_for_view(self) -> View | None:
        self.hub.guard.wait_for(lambda: self.hub.view(self.view) is not None or self.hub.ended, _HEARTBEAT)
        return self.hub.view(self.view)

    def _of(self, view: View, picture: Picture) -> Iterator[bytes]:
        """Messages of one view: until another one is to be shown first, if this one was not chosen, or the end."""
        while self._shown(view):
            with self.hub.guard:
                self.hub.guard.wait_for(lambda: self._news(view, picture) or self.hub.ended, _HEARTBEAT)
                ended = bool(self.hub.ended)
                content = self._content(view, picture) if self._news(view, picture) else None
            yield self._message(content) if content is not None else b": still here\n\n"
            if ended:
                return
            time.sleep(_PACE)

    def _shown(self, view: View) -> bool:
        with self.hub.guard:
            return self.view is not None or self.hub.current == view.name

    def _news(self, view: View, picture: Picture) -> bool:
        return bool(self._state(view, picture) != self._version)

    def _state(self, view: View, picture: Picture) -> Any:
        return view.name, view.feed.version, picture.version, tuple(v.feed.state for v in self.hub.views.values())

    def _content(self, view: View, picture: Picture) -> dict[str, Any]:
        """What has changed; the caller holds the lock."""
        feed = view.feed
        self._version = self._state(view, picture)
        content: dict[str, Any] = {"status": status(feed), **self.hub.content(), "view": view.name}
        if (now := (view.name, feed.generation, len(feed.changes))) != self._seen:
            if self._seen is None or self._seen[:2] != now[:2]:
                content["rows"], content["whole"] = [[i, *row.cells()] for i, row in enumerate(feed.rows)], True
            else:
                changed = sorted(set(feed.changes[self._seen[2] :]))
                content["rows"] = [[i, *feed.rows[i].cells()] for i in changed]
            self._seen = now
        if (top := head(feed)) != self._head:
            content["head"], self._head = top, top
        known, version = self._picture
        if known is not picture or version != picture.version:
            laid = known is not picture or version < picture.plane_version
            content["contour"], content["error"] = picture.contour, picture.error
            self._picture = picture, picture.version
            if laid and picture.plane is not None:
                content["plane"] = picture.plane.content()
        return content

    def _message(self, content: dict[str, Any]) -> bytes:
        assert self._seen is not None
        name, generation, changes = self._seen
        place = f"{_EPOCH}:{generation}:{changes}:{name.encode().hex()}"
        return b"id: " + place.encode() + b"\ndata: " + orjson.dumps(content) + b"\n\n"

    def _end(self) -> bytes:
        return b"event: end\ndata: " + orjson.dumps({"why": self.hub.ended}) + b"\n\n"

    def _resumed(self) -> tuple[str, int, int] | None:
        """The place in the rows' history that `since` names; None where it is none of ours."""
        parts = self.since.split(":")
        if len(parts) != 4 or parts[0] != _EPOCH:
            return None
        try:
            return bytes.fromhex(parts[3]).decode(), int(parts[1]), int(parts[2])
        except ValueError:
            return None
