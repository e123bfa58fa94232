"""The records in results.jsonl: where each lies, read from the disk when it is asked for.

With its solutions a record takes tens of kilobytes; of a large scan only the places stay in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import orjson

from hfx.driver.run import durable_files
from hfx.driver.run.stored_json import decoded, unreadable
from hfx.errors import RunFolderError
from hfx.json_types import JsonObject

__all__ = [
    "LOCAL",
    "Check",
    "Fault",
    "Place",
    "Stored",
    "StoredRecords",
    "in_order",
    "number_of",
    "read_records",
    "set_aside",
    "to_lines",
]

LOCAL = "local"
"""The step of records that do not name theirs, and of a round that has no name of its own."""

_NOTHING = {b"", b"null", b"{}", b"[]"}


class Place(NamedTuple):
    """Where a record lies: its line's first byte and its length without the line's end.

    ``name``: its hypothesis. ``resumable``: whether it holds "solutions", from which other units can start.
    """

    offset: int
    length: int
    name: str
    resumable: bool


Check = Callable[[bytes], None]
"""Raises `ValueError` for a line that is not a record from which a run can go on."""


class Fault(NamedTuple):
    """A line that is no record: its number, from 1, its first byte, and why."""

    number: int
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number} ({self.reason})"


class _Envelope(msgspec.Struct):
    """The entries of a line that the index needs; the rest is not decoded."""

    name: str
    key: str = ""
    step: str = LOCAL
    solutions: msgspec.Raw = msgspec.Raw()


class Stored(Mapping[str, JsonObject]):
    """Records by key; each is read from the file `path` whenever it is asked for, none is kept in memory.

    To ask for one raises `RunFolderError` when it cannot be read any more.
    """

    def __init__(self, path: Path, places: dict[str, Place]) -> None:
        self.path, self.places = path, places

    def __getitem__(self, key: str) -> JsonObject:
        return self.at(self.places[key])

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def at(self, place: Place) -> JsonObject:
        """The record at a place."""
        with durable_files.explained(self.path.parent):
            record = _record(durable_files.read_at(self.path, place.offset, place.length))
        if record is None:
            raise RunFolderError(f"{self.path} was changed by somebody else; run the same command again")
        return record

    def by_name(self) -> dict[str, list[str]]:
        """The keys of each hypothesis, in the order of their first records."""
        found: dict[str, list[str]] = {}
        for key, place in self.places.items():
            found.setdefault(place.name, []).append(key)
        return found


class StoredRecords:
    """The records of results.jsonl at `path`, by key: the last of each step, and the last of all.

    ``faults``: the lines that are no records, empty ones left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = Stored(path, {})
        self.faults: list[Fault] = []
        self._steps: dict[str, Stored] = {}

    def of_step(self, step: str) -> Stored:
        """The last record of each key in this step."""
        return self._steps.setdefault(step, Stored(self.path, {}))

    def add(self, line: bytes, offset: int) -> tuple[str, Place]:
        """Note the record of a line, without its end, that lies at `offset`: its key and place. Raises `ValueError` for any other
        line."""
        found = decoded(line, _ENVELOPES)
        key = found.key or found.name
        place = Place(offset, len(line), found.name, bytes(found.solutions) not in _NOTHING)
        self.last.places[key] = place
        self.of_step(found.step).places[key] = place
        return key, place


_ENVELOPES = msgspec.json.Decoder(_Envelope)


def read_records(folder: Path, check: Check | None = None) -> StoredRecords:
    """Find the records in a folder's results.jsonl. A line that is none, or that `check` refuses, is a fault and does not count;
    neither does a last line that a crash has torn.

    Raises `RunFolderError` where the file cannot be read.
    """
    path = folder / "results.jsonl"
    records = StoredRecords(path)
    try:
        for number, (offset, line) in enumerate(durable_files.lines(path), 1):
            try:
                if check is not None:
                    check(line)
                records.add(line, offset)
            except ValueError as error:
                records.faults.append(Fault(number, offset, str(error)))
    except OSError as error:
        raise unreadable(path, error, "make it readable, or put the file itself there") from None
    return records


def number_of(place: Place, path: Path) -> int:
    """The number of a record's line, from 1."""
    return sum(1 for offset, _ in durable_files.lines(path) if offset <= place.offset)


def set_aside(records: StoredRecords) -> Path:
    """Move the lines that are no records to a file beside results.jsonl, which then holds records alone; that file.

    Places in `records` are no longer valid. Raises `OSError`.
    """
    path = records.path
    beside = path.with_name(f"{path.name}.unreadable")
    bad = {fault.offset for fault in records.faults}
    durable_files.create(beside)
    for offset, line in durable_files.lines(path):
        if offset in bad:
            durable_files.append(beside, line + b"\n")
    good = (line + b"\n" for offset, line in durable_files.lines(path) if offset not in bad)
    durable_files.write_parts(path, good)
    return beside


def in_order(records: Iterable[JsonObject]) -> list[JsonObject]:
    """The records of one hypothesis in the order of their shards, whatever order they came in: sums do not depend on it."""
    return sorted(records, key=lambda record: (cast(int | None, record.get("shard")) or 0, str(record.get("key", ""))))


def _record(line: bytes) -> JsonObject | None:
    content: object = None
    with suppress(ValueError):
        content = orjson.loads(line)
    return content if isinstance(content, dict) and isinstance(content.get("name"), str) else None


def to_lines(records: Iterable[Mapping[str, object]], step: str) -> list[bytes]:
    """The lines of records in a step, each with its end."""
    return [durable_files.dump({**record, "step": step}).encode() + b"\n" for record in records]
