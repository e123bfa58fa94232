"""JSON texts of a run's folder as they are read: bounded, decoded to a type, without characters that must not be shown.

The folder may have been made by others, edited by hand or damaged by a disk. Every fault of a text is a `ValueError` here, and of
a file a `RunFolderError` that names it.
"""

import os
import re
import stat
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from hfx.errors import RunFolderError
from hfx.json_types import JsonObject, memory_of
from hfx.version import __version__

__all__ = ["LONGEST", "check_text", "decoded", "open_regular", "read_object", "unreadable"]

T = TypeVar("T")

LONGEST = 64 << 20
"""Bytes of the longest line, and of the largest file that is read as a whole."""

_MOST_MEMORY, _STEP = 512 << 20, 1 << 20

# Escapes of JSON, one after the other; those of the group are of characters that must not be shown, as `hfx.printable` has them.
# Tabs and ends of lines may be in a text. Half a surrogate pair is refused by the decoder.
_ESCAPES = re.compile(
    rb"\\(?:([bf]|u(?:00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f])|061c|200[ef]|202[89a-e]|206[6-9]|feff))|.)", re.I | re.S
)
_RAW = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf")


def check_text(raw: bytes | memoryview) -> None:
    """Raise `ValueError` for a JSON text with characters that would act on a terminal."""
    if any(escape[1] for escape in _ESCAPES.finditer(raw)) or (not _is_plain(raw) and _RAW.search(raw)):
        raise ValueError("it contains control characters")


def _is_plain(raw: bytes | memoryview) -> bool:
    """Whether a text is of ASCII alone, as hfx writes it: much faster than a search."""
    parts = (bytes(raw[start : start + _STEP]) for start in range(0, len(raw), _STEP))
    return all(part.isascii() and b"\x7f" not in part for part in parts)


def decoded(raw: bytes, kind: "msgspec.json.Decoder[T]") -> T:
    """A JSON text as the decoder's type; raises `ValueError` for any other text."""
    try:
        found = kind.decode(raw)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    check_text(raw)
    return found


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a file, opened without waiting for the other end of a pipe; raises `OSError` for what is no file."""
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        kind = "a folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "a device or a pipe"
        os.close(descriptor)
        raise OSError(0, f"it is {kind}, not a file", str(path))
    return descriptor


def read_object(path: Path, remedy: str) -> JsonObject | None:
    """The object in a JSON file; None if there is no such file. Raises `RunFolderError`, with the `remedy`."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            raw = file.read(LONGEST + 1)
        if len(raw) > LONGEST or memory_of(raw) > _MOST_MEMORY:
            raise ValueError("it is larger than any file of this name that hfx writes")
        found = decoded(raw, _ANY)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise RunFolderError(f"{path.parent} is a file, not a run's folder; choose another with -o") from None
    except (ValueError, OSError) as error:
        raise unreadable(path, error, remedy) from None
    if not isinstance(found, dict):
        raise RunFolderError(f"{path} is not a file that hfx wrote; {remedy}")
    return cast(JsonObject, found)


_ANY: msgspec.json.Decoder[object] = msgspec.json.Decoder()


def unreadable(path: Path, error: Exception, remedy: str, *, content: JsonObject | None = None) -> RunFolderError:
    """The error for a file that cannot be read, or whose `content` is not as this version of hfx writes it."""
    if isinstance(error, OSError):
        return RunFolderError(f"{path} cannot be read ({error.strerror or error}); {remedy}")
    writer = (content or {}).get("hfx")
    if isinstance(writer, str) and writer != __version__:
        remedy = f"hfx {writer} wrote it, and this is hfx {__version__}: use that version, or {remedy}"
    what = "is not a file that hfx wrote" if isinstance(error, msgspec.ValidationError) else "cannot be read"
    return RunFolderError(f"{path} {what} ({error}); {remedy}")
