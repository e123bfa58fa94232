"""The records in results.jsonl: where each lies, read from the disk when it is asked for.

With its solutions a record takes tens of kilobytes; of a large scan only the places stay in memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import orjson

from hfx.driver.run import durable_files
from hfx.errors import RunFolderError
from hfx.json_types import JsonObject

__all__ = ["LOCAL", "Place", "Stored", "StoredRecords", "in_order", "read_records", "to_lines"]

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
    """The records of results.jsonl at `path`, by key: the last of each step, and the last of all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = Stored(path, {})
        self._steps: dict[str, Stored] = {}

    def of_step(self, step: str) -> Stored:
        """The last record of each key in this step."""
        return self._steps.setdefault(step, Stored(self.path, {}))

    def add(self, line: bytes, offset: int) -> tuple[str, Place] | None:
        """Note the record of a line, without its end, that lies at `offset`: its key and place. None: it is no record."""
        try:
            found = _ENVELOPES.decode(line)
        except ValueError:
            return None
        key = found.key or found.name
        place = Place(offset, len(line), found.name, bytes(found.solutions) not in _NOTHING)
        self.last.places[key] = place
        self.of_step(found.step).places[key] = place
        return key, place


_ENVELOPES = msgspec.json.Decoder(_Envelope)


def read_records(folder: Path) -> StoredRecords:
    """Find the records in a folder's results.jsonl; a line that cannot be read (torn by a crash) does not count."""
    path = folder / "results.jsonl"
    records = StoredRecords(path)
    for offset, line in durable_files.lines(path):
        records.add(line, offset)
    return records


def in_order(records: Iterable[JsonObject]) -> list[JsonObject]:
    """The records of one hypothesis in the order of their shards, whatever order they came in: sums do not depend on it."""
    return sorted(records, key=lambda record: (cast(int | None, record.get("shard")) or 0, str(record.get("key", ""))))


def _record(line: bytes) -> JsonObject | None:
    try:
        content = orjson.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) and isinstance(content.get("name"), str) else None


def to_lines(records: Iterable[Mapping[str, object]], step: str) -> list[bytes]:
    """The lines of records in a step, each with its end."""
    return [durable_files.dump({**record, "step": step}).encode() + b"\n" for record in records]
