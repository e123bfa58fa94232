"""scan.json, the content of a scan as a file: written and read result by result."""

from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any, TextIO

from hfx.driver.run import durable_files
from hfx.driver.run.json_stream import JsonStream
from hfx.driver.run.packed_results import Held
from hfx.errors import RunFolderError

__all__ = ["NAME", "read_scan", "text"]

NAME = "scan.json"

# Without these a file is not one of ours.
_KEYS = ("pallet", "options", "results", "failures", "contours")

_REMEDY = "the same scan again, with its -o, writes it anew"


def text(content: Mapping[str, Any], *, indent: int | None = None) -> Iterator[str]:
    """The JSON text of a scan in parts, as `disk.dump` would give it whole; a part for each result."""
    gap = ", " if indent is None else ",\n" + " " * indent
    yield "{" if indent is None else "{\n" + " " * indent
    for i, (key, value) in enumerate(content.items()):
        yield f"{gap if i else ''}{quoted(key)}: "
        if isinstance(value, Held) and len(value):
            yield from _list(value, indent)
        else:
            yield _dumped([] if isinstance(value, Held) else value, indent, 1)
    yield "}" if indent is None else "\n}"


def _list(results: Held, indent: int | None) -> Iterator[str]:
    end = "" if indent is None else "\n" + " " * indent
    gap = ", " if indent is None else "," + end + " " * indent
    yield "[" if indent is None else "[" + end + " " * indent
    for i, result in enumerate(results):
        yield (gap if i else "") + _dumped(result, indent, 2)
    yield end + "]"


def _dumped(value: Any, indent: int | None, depth: int) -> str:
    """`value` as it stands `depth` levels deep; in JSON no line ends within a string."""
    plain = durable_files.dump(value, indent=indent)
    return plain if indent is None else plain.replace("\n", "\n" + " " * indent * depth)


def read_scan(folder: Path) -> dict[str, Any] | None:
    """The content of scan.json in a run's folder; None when there is none.

    Raises `RunFolderError` when it cannot be read, or is not what hfx writes.
    """
    path = folder / NAME
    content = durable_files.parsed(path, _ours, _REMEDY)
    if content is None:
        return None
    if not all(key in content for key in _KEYS) or not isinstance(content["results"], Held):
        raise RunFolderError(f"{path} does not hold what hfx writes; {_REMEDY}")
    return content


def _ours(file: TextIO) -> dict[str, Any]:
    """The content of a file; nothing where its results are not such as hfx writes."""
    try:
        return _content(JsonStream(file))
    except (KeyError, TypeError, AttributeError):
        return {}


def _content(stream: JsonStream) -> dict[str, Any]:
    """The content of an object, its results held; nothing of what is no object."""
    if stream.peek() != "{":
        stream.value()
        return {}
    content = {}
    for key in stream.members():
        listed = key == "results" and stream.peek() == "["
        content[key] = Held(stream.items()) if listed else stream.value()
    stream.end()
    return content
