"""Messages between a client and a worker: compressed JSON; nothing is pickled.

A request is ``hfx1``, the length of its body (4 bytes, big-endian), the body, and the packed background::

    {"function": "hfx.functions.task:run", "task": {...}, "background": sha256 of its packed bytes, or null}

A worker runs the functions that hfx sends and no others, and reads no message that would take more than `MOST_MEMORY`. It keeps
the last backgrounds that it decoded, by digest. An answer is packed
``{"result": ...}`` or ``{"error": {"type", "text", "trace"}}``. Numbers keep all their bits, NaN and infinity too.
"""

import builtins
import hashlib
import importlib
import json
import os
import struct
import threading
import traceback
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, TypedDict, cast

from hfx import errors
from hfx.errors import EndpointError, HfxError, InputError
from hfx.functions.background_workspace import Background
from hfx.json_types import JsonObject, JsonValue, memory_of
from hfx.printable import printable

__all__ = ["Packer", "RemoteError", "answer", "name_of", "pack", "perform", "read_frame", "unpack", "write_frame"]

MAGIC = b"hfx1"
_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct(">Q")
_FUNCTIONS = ("hfx.functions.task:run", "hfx.functions.handshake:run")
OTHER_MODULES = "HFX_WORKER_MODULES"
"""The environment variable with which whoever starts a worker lets it run functions of other modules: names with commas."""
MOST_TEXT, MOST_MEMORY = 1 << 30, 8 << 30  # bytes, of the JSON text of a message and of its content
_KEPT = 2  # backgrounds, of the client and of a worker: a scan has one, or one a region

Function = Callable[[JsonObject], JsonValue]


class RemoteError(HfxError):
    """An error of a worker whose type this side does not know."""


def pack(content: object) -> bytes:
    """JSON content as compressed bytes."""
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode("ascii"), 1)


def unpack(raw: bytes) -> JsonValue:
    """The content of `pack`; raises `InputError` for other bytes, and for more than fits into `MOST_TEXT` and `MOST_MEMORY`."""
    try:
        text = _unpacked(raw)
        content: JsonValue = json.loads(text)
        return content
    except (zlib.error, ValueError, RecursionError) as error:
        raise InputError(f"a message between client and worker is damaged ({error}); run again") from None


def _unpacked(raw: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(raw, MOST_TEXT)
    if unpacker.unconsumed_tail or memory_of(text) > MOST_MEMORY:
        raise InputError(f"a message between client and worker unpacks to more than {MOST_MEMORY >> 30} GiB; it is none of hfx's")
    if not unpacker.eof:
        raise zlib.error("it is incomplete")
    return text


def name_of(function: Function) -> str:
    """``module:name``, by which a worker imports the function; raises `EndpointError` if it could not."""
    module, name = getattr(function, "__module__", "?"), getattr(function, "__qualname__", "?")
    if module == "__main__" or not name.isidentifier():
        raise EndpointError(f"{module}:{name} cannot run on a worker, which imports it by name; run it on 'embedded'")
    return f"{module}:{name}"


class Packer:
    """Makes requests; a background is packed once, however many tasks it goes with."""

    def __init__(self) -> None:
        self._backgrounds: OrderedDict[int, tuple[JsonValue, str, bytes]] = OrderedDict()
        self._guard = threading.Lock()

    def request(self, function: Function, task: Mapping[str, JsonValue], **settings: JsonValue) -> bytes:
        """The bytes that make a worker run ``function(task)``; `settings` stand in the place of the task's own."""
        body = {key: value for key, value in {**task, **settings}.items() if key != "background"}
        digest, background = self._packed(task["background"]) if "background" in task else (None, b"")
        packed = pack({"function": name_of(function), "task": body, "background": digest})
        return b"".join((MAGIC, _LENGTH.pack(len(packed)), packed, background))

    def _packed(self, document: JsonValue) -> tuple[str, bytes]:
        """Digest and bytes of a background. The document is kept: an id is unique only while its object lives."""
        with self._guard:
            if id(document) not in self._backgrounds:
                raw = zlib.compress(json.dumps(document, separators=(",", ":")).encode("ascii"), 6)
                self._backgrounds[id(document)] = (document, hashlib.sha256(raw).hexdigest(), raw)
                while len(self._backgrounds) > _KEPT:
                    self._backgrounds.popitem(last=False)
            _, digest, packed = self._backgrounds[id(document)]
            return digest, packed


# The one state of a worker: the backgrounds that it unpacked last, by digest.
_decoded: OrderedDict[str, JsonValue] = OrderedDict()
_guard = threading.Lock()


def _background(digest: str, packed: bytes) -> JsonValue:
    with _guard:
        if digest not in _decoded:
            if hashlib.sha256(packed).hexdigest() != digest:
                raise InputError("the background is damaged: its digest does not match; run again")
            content = unpack(packed)
            _decoded[digest] = Background(content) if isinstance(content, dict) else content
            while len(_decoded) > _KEPT:
                _decoded.popitem(last=False)
        _decoded.move_to_end(digest)
        return _decoded[digest]


def perform(request: bytes) -> bytes:
    """Run the function that a request names; the packed answer. Errors are answers too."""
    try:
        return pack({"result": _perform(request)})
    except Exception as error:
        text = {"type": type(error).__name__, "text": str(error), "trace": traceback.format_exc()}
        return pack({"error": text})


def _perform(request: bytes) -> JsonValue:
    start = len(MAGIC) + _LENGTH.size
    if request[: len(MAGIC)] != MAGIC or len(request) < start:
        raise InputError("the request is not one of this hfx's; install the same hfx for client and workers")
    (length,) = _LENGTH.unpack(request[len(MAGIC) : start])
    body = unpack(request[start : start + length])
    task = body.get("task") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(task, dict):
        raise InputError("the request has no task: it is not one of this hfx's; install the same hfx for client and workers")
    if body.get("background") is not None:
        task["background"] = _background(str(body["background"]), request[start + length :])
    return _function(str(body.get("function")))(task)


def _function(place: str) -> Function:
    """The function of this place, ``module:name``; raises `EndpointError` for one that a worker does not run."""
    module, _, name = place.partition(":")
    others = filter(None, os.environ.get(OTHER_MODULES, "").split(","))
    if place not in _FUNCTIONS and module not in others:
        raise EndpointError(f"a worker does not run {printable(place, 200)}: it runs {' and '.join(_FUNCTIONS)}")
    function: Function = getattr(importlib.import_module(module), name)
    return function


def answer(raw: bytes) -> JsonValue:
    """The result in a worker's answer. An error in it is raised, with its own type if that is hfx's or Python's."""
    content = unpack(raw)
    if isinstance(content, dict) and "result" in content:
        return content["result"]
    told = content.get("error") if isinstance(content, dict) else None
    if not isinstance(told, dict) or not all(isinstance(told.get(key), str) for key in _Error.__annotations__):
        raise InputError("the answer of a worker is not one of this hfx's; install the same hfx for client and workers")
    raise _error(cast(_Error, told))


class _Error(TypedDict):
    """A worker's error."""

    type: str
    text: str
    trace: str


def _error(told: _Error) -> Exception:
    kind = getattr(errors, told["type"], None) or getattr(builtins, told["type"], None)
    text = told["text"] if printable(told["text"]).strip() else "it says nothing more"
    error: Exception = RemoteError(f"{told['type']}: {text}")
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):  # one that wants more than a text
            error = kind(text)
    error.add_note("\n".join(map(printable, ("on the worker:", *told["trace"].splitlines()))))
    return error


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next message of a stream, each behind its length (8 bytes, big-endian); None at the end, and where what follows is
    larger than any message."""
    head = stream.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    (length,) = _FRAME.unpack(head)
    content = stream.read(length) if length <= MOST_TEXT else b""
    return content if len(content) == length else None


def write_frame(stream: IO[bytes], content: bytes) -> None:
    """Write a message and flush it."""
    stream.write(_FRAME.pack(len(content)))
    stream.write(content)
    stream.flush()
