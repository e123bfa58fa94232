"""scan.json, the content of a run as a file: written result by result, and read without all results as Python objects at once."""

import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path

import msgspec

from hfx.driver.run import durable_files
from hfx.driver.run.file_types import Contours, Failure, PalletBlock, ScanContent
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.run.stored_json import check_text, open_regular, unreadable
from hfx.errors import RunFolderError
from hfx.json_types import JsonValue, LabelValue

__all__ = ["NAME", "REPEAT", "read_scan", "text"]

NAME = "scan.json"

REPEAT = "repeat the scan with the same -o to write it again"


class _Named(msgspec.Struct):
    """The entries that every result has."""

    name: str
    values: list[LabelValue | None]


class _File(msgspec.Struct):
    """The file; results are left as text."""

    pallet: PalletBlock
    options: dict[str, JsonValue]
    results: list[msgspec.Raw]
    failures: list[Failure]
    contours: Contours
    hfx: str | None = None
    question: str = ""
    conclusions: dict[str, JsonValue] | None = None


def text(content: ScanContent | Mapping[str, object], *, indent: int | None = None) -> Iterator[str]:
    """The JSON text of a scan in parts, as `durable_files.dump` would give it whole; a part for each result."""
    gap = ", " if indent is None else ",\n" + " " * indent
    yield "{" if indent is None else "{\n" + " " * indent
    for i, (key, value) in enumerate(content.items()):
        yield f"{gap if i else ''}{quoted(key)}: "
        if isinstance(value, PackedResults) and len(value):
            yield from _list(value, indent)
        else:
            yield _dumped([] if isinstance(value, PackedResults) else value, indent, 1)
    yield "}" if indent is None else "\n}"


def _list(results: PackedResults, indent: int | None) -> Iterator[str]:
    end = "" if indent is None else "\n" + " " * indent
    gap = ", " if indent is None else "," + end + " " * indent
    yield "[" if indent is None else "[" + end + " " * indent
    for i, result in enumerate(results):
        yield (gap if i else "") + _dumped(result, indent, 2)
    yield end + "]"


def _dumped(value: object, indent: int | None, depth: int) -> str:
    """`value` as it stands `depth` levels deep; in JSON no line ends within a string."""
    plain = durable_files.dump(value, indent=indent)
    return plain if indent is None else plain.replace("\n", "\n" + " " * indent * depth)


def read_scan(folder: Path) -> ScanContent | None:
    """The content of scan.json in a run's folder; None when there is none.

    Raises `RunFolderError` when it cannot be read, or is not what hfx writes.
    """
    path = folder / NAME
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            # Its results are taken from it one by one, and hold it open for as long.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _content(memoryview(mapped))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise RunFolderError(f"{folder} is a file; give the folder of a run, for example hfx-runs/1Lbb") from None
    except RecursionError:
        raise RunFolderError(f"{path} is not a file that hfx wrote (it is nested too deep); {REPEAT}") from None
    except (ValueError, OSError) as error:  # an empty file cannot be mapped: a ValueError
        raise unreadable(path, error, REPEAT) from None


def _content(view: memoryview) -> ScanContent:
    found = msgspec.json.decode(view, type=_File)
    check_text(view)
    content: ScanContent = {
        "hfx": found.hfx,
        "pallet": found.pallet,
        "options": found.options,
        "results": PackedResults.of_texts(_checked(found.results)),
        "failures": found.failures,
        "contours": _checked_contours(found.contours),
    }
    if found.question:
        content["question"] = found.question
    if found.conclusions is not None:
        content["conclusions"] = found.conclusions
    return content


def _checked_contours(contours: Contours) -> Contours:
    """The contours, where those who draw them find what they need; raises `ValueError` where they do not."""
    for one in (contours, *contours.get("panels", ())):
        if one and not ("curves" in one and "notes" in one and "x" in one and "y" in one):
            raise ValueError("its contours are not complete")
    if not all("where" in panel and "title" in panel for panel in contours.get("panels", ())):
        raise ValueError("the panels of its contours are not complete")
    return contours


def _checked(results: Iterable[msgspec.Raw]) -> Iterator[bytes]:
    decoder = msgspec.json.Decoder(_Named)
    for raw in results:
        decoder.decode(raw)
        yield bytes(raw)
