"""The stream of a browser: server-sent events, each with what changed since the last."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import msgspec

from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.messages import Head, Message, Trouble
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.page.status import head, row, status, trouble
from hfx.driver.views.page.view import Picture, View
from hfx.printable import printable_json

__all__ = ["Stream"]

# Seconds: the least between two messages, and the most between two signs of life.
_PAUSE = 0.25
_HEARTBEAT = 10.0

# Distinguishes this server's event ids from those of another one.
_EPOCH = secrets.token_hex(4)

_encoder = msgspec.json.Encoder()


def _encoded(message: Message) -> bytes:
    """The message as JSON; what it holds of others' texts can be shown as it is."""
    try:
        text = _encoder.encode(message)
    except UnicodeEncodeError:  # half of a surrogate pair, in run.json, which UTF-8 does not have
        text = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    return printable_json(text)


@dataclass
class Stream:
    """The stream of one browser: `view` by name (None: the one to show first), and the plane that it requested.

    `since`: the id of the last event that the browser has; it is not sent again what it has already.
    """

    hub: Hub
    view: str | None
    request: PlaneRequest
    since: str = ""
    _watched: tuple[View, Picture] | None = field(default=None, init=False)
    _rows: tuple[str, int, int] | None = field(default=None, init=False)  # view, generation, changes that were sent
    _version: object = field(default=None, init=False)
    _head: Head | None = field(default=None, init=False)
    _trouble: Trouble | None = field(default=None, init=False)
    _parts: tuple[Picture | None, int] = field(default=(None, -1), init=False)
    _last: bool = field(default=False, init=False)  # whether the last state was sent

    async def events(self) -> AsyncGenerator[bytes]:
        """The messages, until the hub has ended."""
        self._rows = self._resumed()
        yield b"retry: 1000\n\n"
        sent = time.monotonic()
        try:
            while not self._last:
                # In a thread: the lock may be held while a large file is read.
                message = await asyncio.to_thread(self._next) if self._changed() else None
                if message is None and time.monotonic() - sent > _HEARTBEAT:
                    message = b": still here\n\n"
                if message is not None:
                    yield message
                    sent = time.monotonic()
                if not self._last:
                    await asyncio.sleep(_PAUSE)
            yield b"event: end\ndata: " + _encoder.encode({"why": self.hub.ended}) + b"\n\n"
        finally:
            await asyncio.to_thread(self._leave)

    def _changed(self) -> bool:
        """Whether there may be something to send: a quick look, without the lock."""
        if self._watched is None or self.hub.ended:
            return True
        view, picture = self._watched
        return self.hub.view(self.view) is not view or self._versions(view, picture) != self._version

    def _next(self) -> bytes | None:
        """The next message; None where nothing has changed."""
        with self.hub.guard:
            view = self.hub.view(self.view)
            self._watch(view)
            self._last = bool(self.hub.ended)
            if view is None or self._watched is None:
                return None
            picture = self._watched[1]
            version = self._versions(view, picture)
            if version == self._version:
                return None
            self._version = version
            message = self._message(view, picture)
        assert self._rows is not None
        name, generation, changes = self._rows
        place = f"{_EPOCH}:{generation}:{changes}:{name.encode().hex()}"
        return b"id: " + place.encode() + b"\ndata: " + _encoded(message) + b"\n\n"

    def _watch(self, view: View | None) -> None:
        """Look at a view, and at no other."""
        if self._watched is not None and self._watched[0] is not view:
            self._watched[0].leave(self._watched[1])
            self._watched = None
        if self._watched is None and view is not None:
            self._watched = view, view.watch(self.request)

    def _leave(self) -> None:
        with self.hub.guard:
            self._watch(None)

    def _versions(self, view: View, picture: Picture) -> object:
        return view.name, view.feed.version, picture.version, tuple(v.feed.run_state for v in list(self.hub.views.values()))

    def _message(self, view: View, picture: Picture) -> Message:
        """The parts that changed; the caller holds the lock."""
        feed, hub = view.feed, self.hub
        message: Message = {
            "status": status(feed),
            "views": hub.titles(),
            "current": hub.current,
            "folder": hub.folder,
            "ends_with_scan": hub.ends_with_scan,
            "view": view.name,
        }
        self._add_rows(message, view.name, feed)
        if (described := head(feed)) != self._head:
            message["head"] = self._head = described
        if (told := trouble(feed)) != self._trouble:
            message["trouble"] = self._trouble = told
        self._add_picture(message, picture)
        return message

    def _add_rows(self, message: Message, name: str, feed: Feed) -> None:
        now = name, feed.generation, len(feed.changes)
        if now == self._rows:
            return
        if self._rows is None or self._rows[:2] != now[:2]:
            message["rows"], message["all_rows"] = [row(feed, i) for i in range(len(feed.names))], True
        else:
            message["rows"] = [row(feed, i) for i in sorted(set(feed.changes[self._rows[2] :]))]
        self._rows = now

    def _add_picture(self, message: Message, picture: Picture) -> None:
        known, version = self._parts
        if known is picture and version == picture.version:
            return
        seen = version if known is picture else -1
        message["contour"], message["error"] = picture.contour, picture.error
        if seen < picture.layout_version:
            message["plane"] = None if picture.layout is None else picture.layout.content
        if seen < picture.svg_version:
            message["svg"] = picture.svg
        self._parts = picture, picture.version

    def _resumed(self) -> tuple[str, int, int] | None:
        """The place in the history of rows that `since` names; None where it is none of this server's."""
        parts = self.since.split(":")
        if len(parts) != 4 or parts[0] != _EPOCH:
            return None
        try:
            return bytes.fromhex(parts[3]).decode(), int(parts[1]), int(parts[2])
        except ValueError:
            return None
