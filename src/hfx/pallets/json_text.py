"""JSON text: parsing with orjson or, where orjson would refuse or round, with Python's json; digests of documents."""

import gc
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import orjson

from hfx.errors import PalletError
from hfx.json_types import JsonValue, memory_of
from hfx.printable import has_unprintable, printable

__all__ = ["Parsed", "canonical", "first_nonfinite", "histfactory_digest", "is_finite", "parse", "refuse_deep"]

_BOM = b"\xef\xbb\xbf"
_DIGITS = re.compile(rb"[0-9]*")
_ZERO_FOR_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN = b"0" * 19
_LARGE = 1_000_000  # bytes; with the garbage collector on, parsing 60 MB takes twice as long
# Escapes and UTF-8 of characters that must not be shown, of which texts may be full nevertheless: pairs of surrogates.
_UNPRINTABLE = re.compile(
    rb"\\u(?:00[0189][0-9a-fA-F]|007[fF]|061[cC]|20[0-6][0-9a-fA-F]|[fF][eE][fF][fF]|[dD][89a-fA-F])|\\[nrtbf]|\x7f|\xc2[\x80-\x9f]"
    rb"|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
)
# Texts for people, in which lines may end; everything else is a name.
_PROSE = ("description", "comment", "title", "abstract", "references")
MOST_MEMORY = 2 * 1024**3
"""Bytes of memory of the documents of a region, by `memory_of`; those of published searches take some 0.2 GiB."""
MAX_DEPTH = 254  # the deepest nesting that orjson writes; published workspaces have 9 levels


@dataclass(frozen=True)
class Parsed:
    """A JSON document; ``strict`` unless its text may have held NaN, Infinity or lone surrogates. ``memory``: by `memory_of`."""

    document: JsonValue
    strict: bool
    memory: int = 0


def parse(raw: bytes, file: str, *, exact: bool = False, held: int = 0) -> Parsed:
    """The document in a UTF-8 text. ``held``: the memory of documents of the same source that are held already.

    It is parsed by orjson. Python's json, which is slower, parses what orjson refuses (NaN, Infinity, 1e999) and, with
    ``exact``, texts with integers of more than 64 bits, which orjson would round to floats.

    Raises:
        PalletError: empty, not UTF-8, not JSON, nested too deeply, larger in memory than `MOST_MEMORY`, or with characters that
            must not be shown; names the file.
    """
    raw = raw.removeprefix(_BOM)
    if (size := memory_of(raw)) + held > MOST_MEMORY:
        others = " with the files that belong to it" if held else ""
        raise PalletError(
            f"{file}{others} would take about {(size + held) / 1024**3:.0f} GiB of memory, more than the "
            f"{MOST_MEMORY / 1024**3:.0f} GiB that hfx reads; leave patches out, or split the patch set"
        )
    found = replace(_parsed(raw, file, exact), memory=size)
    if _may_be_unprintable(raw) and (pointer := _first_unprintable(found.document)) is not None:
        raise PalletError(
            f"{file} contains a control character, a lone surrogate or a bidirectional mark at "
            f"{printable(pointer, 200)}; remove it"
        )
    return found


def _parsed(raw: bytes, file: str, exact: bool) -> Parsed:
    if not raw.strip(b" \t\r\n\0"):
        raise PalletError(f"{file} is an empty file; download or write it again")
    if exact and _holds_long_integer(raw):
        return Parsed(_parse_slowly(raw, file), strict=False)
    try:
        with _no_collection(len(raw)):
            return Parsed(orjson.loads(raw), strict=True)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error) or "ecursion" in str(error):
            raise _too_deep(file) from None
        return Parsed(_parse_slowly(raw, file), strict=False)


@contextmanager
def _no_collection(size: int) -> Iterator[None]:
    """Disables the garbage collector while a large text (``size`` in bytes) is parsed.

    It would traverse the growing document many times, and a JSON document holds no reference cycles. At the end all objects
    are moved into the oldest generation, so that the next collections do not traverse the document either.
    """
    if size < _LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()  # into the oldest generation
    finally:
        gc.enable()


def _holds_long_integer(raw: bytes) -> bool:
    """Whether some number without point and exponent has 19 digits or more; much faster than a regular expression."""
    zeros = raw.translate(_ZERO_FOR_ANY_DIGIT)
    start = zeros.find(_LONG_RUN)
    while start >= 0:
        run = _DIGITS.match(raw, start)
        end = run.end() if run else start + 1
        if raw[start - 1 : start] not in (b".", b"e", b"E", b"+") and raw[end : end + 1] not in (
            b".",
            b"e",
            b"E",
        ):
            return True
        start = zeros.find(_LONG_RUN, end)
    return False


def _parse_slowly(raw: bytes, file: str) -> JsonValue:
    try:
        document: JsonValue = json.loads(raw.decode("utf-8"))
        return document
    except UnicodeDecodeError as error:
        raise PalletError(f"{file} is not UTF-8 text (byte {error.start}); save it as UTF-8 JSON") from None
    except RecursionError:
        raise _too_deep(file) from None
    except json.JSONDecodeError as error:
        raise PalletError(f"{file} is not JSON ({str(error)[:120]}); correct it or download it again") from None
    except ValueError:  # Python's own bound on the digits of an integer
        raise PalletError(f"{file} holds an integer of more than 4300 digits; no number of a workspace has so many") from None


def _too_deep(file: str) -> PalletError:
    return PalletError(f"{file} is nested deeper than {MAX_DEPTH} levels; that is not HistFactory JSON")


def canonical(document: JsonValue, file: str) -> bytes:
    """JSON text with sorted keys, the same for equal documents; input of hfx's own digests.

    Raises:
        PalletError: nested deeper than 254 levels.
    """
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        if "ecursion" in str(error):
            raise _too_deep(file) from None
    try:
        return json.dumps(document, sort_keys=True).encode("ascii")  # integers past 64 bits, lone surrogates
    except RecursionError:
        raise _too_deep(file) from None


def refuse_deep(document: JsonValue, file: str) -> None:
    """Raise `PalletError` where a document is nested too deeply for recursive code."""
    canonical(document, file)


def histfactory_digest(document: JsonValue, algorithm: str, file: str) -> str:
    """Digest of a workspace as HistFactory patch sets define it.

    The digest is taken over the text that Python's json.dumps writes: keys sorted, separators ``", "`` and ``": "``,
    non-ASCII characters unescaped, numbers as Python's repr, encoded as UTF-8 (the convention of pyhf.utils.digest).

    Args:
        algorithm: ``sha256`` or ``md5``.
    """
    try:
        text = json.dumps(document, sort_keys=True, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise PalletError(f"{file} holds half of a character (a lone surrogate); save it as UTF-8 JSON") from None
    return hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()


def _may_be_unprintable(raw: bytes) -> bool:
    """Whether a text may hold characters that must not be shown; at the speed of memory where it is plain."""
    plain = raw.isascii() and b"\\" not in raw and b"\x7f" not in raw
    return not plain and _UNPRINTABLE.search(raw) is not None


def _first_unprintable(document: JsonValue) -> str | None:
    """JSON pointer of the first text with a character that must not be shown; None where there is none."""
    waiting: list[tuple[str, bool, JsonValue]] = [("", False, document)]
    while waiting:
        path, prose, value = waiting.pop()
        if isinstance(value, str):
            if has_unprintable(value, lines=prose):
                return path or "/"
        elif isinstance(value, dict):
            for key, item in reversed(value.items()):
                if has_unprintable(key):
                    return f"{path}/{key}"
                waiting.append((f"{path}/{key}", prose or key in _PROSE, item))
        elif isinstance(value, list):
            waiting.extend((f"{path}/{index}", prose, item) for index, item in reversed(list(enumerate(value))))
    return None


def is_finite(number: float) -> bool:
    """Whether a number of a JSON document is one to compute with: no NaN, no infinity, no integer beyond the range of doubles."""
    return abs(number) <= sys.float_info.max


def first_nonfinite(document: JsonValue) -> str | None:
    """JSON pointer of the first number that is not finite, None when all are."""
    waiting: list[tuple[str, JsonValue]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, int | float) and not is_finite(value):
            return path or "/"
        if isinstance(value, dict):
            waiting.extend((f"{path}/{key}", item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{path}/{index}", item) for index, item in reversed(list(enumerate(value))))
    return None
