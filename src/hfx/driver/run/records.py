"""The records in results.jsonl: where each lies, read from the disk when it is asked for.

With its solutions a record takes tens of kilobytes; of a large scan only the places stay in memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from hfx.driver.run import durable_files
from hfx.errors import RunFolderError

__all__ = ["EXCHANGE", "LOCAL", "Place", "Records", "Stored", "read_records", "to_lines", "without_solutions"]

Record = dict[str, Any]

LOCAL, EXCHANGE = "local", "exchange"
_SOLUTIONS = b', "solutions":'


class Place(NamedTuple):
    """Where a record lies: its line's first byte and length, without the line's end.

    ``solved``: whether it holds solutions, from which the exchange can start.
    """

    offset: int
    length: int
    solved: bool


class Stored(Mapping[str, Record]):
    """Records by name; each is read from the file `path` whenever it is asked for, none is kept.

    To ask for one raises `RunFolderError` when it cannot be read any more.
    """

    def __init__(self, path: Path, places: dict[str, Place]) -> None:
        self.path, self.places = path, places

    def __getitem__(self, name: str) -> Record:
        return self.at(self.places[name])

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def at(self, place: Place) -> Record:
        """The record at a place."""
        with durable_files.explained(self.path.parent):
            record = _record(durable_files.read_at(self.path, place.offset, place.length))
        if record is None:
            raise RunFolderError(f"{self.path} was changed by somebody else; run the same command again")
        return record


class Records:
    """What results.jsonl at `path` holds: by name, the last local record and the last record of all."""

    def __init__(self, path: Path) -> None:
        self.local, self.last = Stored(path, {}), Stored(path, {})

    def add(self, record: Mapping[str, Any], offset: int, length: int) -> Place:
        """Note a record, with its "step", that lies at `offset`; its place."""
        place = Place(offset, length, bool(record.get("solutions")))
        name = str(record["name"])
        self.last.places[name] = place
        if record.get("step", LOCAL) == LOCAL:
            self.local.places[name] = place
        return place


def read_records(folder: Path) -> Records:
    """Find the records in a folder's results.jsonl; a line that cannot be read (torn by a crash) does not count."""
    path = folder / "results.jsonl"
    records = Records(path)
    for offset, line in durable_files.lines(path):
        record = _record(line)
        if record is not None:
            records.add(record, offset, len(line))
    return records


def _record(line: bytes) -> Record | None:
    try:
        content = orjson.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) and isinstance(content.get("name"), str) else None


def to_lines(records: Iterable[Mapping[str, Any]], step: str) -> list[bytes]:
    """The lines of records in `step`, "local" or "exchange", each with its end."""
    return [durable_files.dump({**record, "step": step}).encode() + b"\n" for record in records]


def without_solutions(line: bytes) -> Any:
    """The record of a line without its solutions, which are most of it and come last; raises ValueError for what is none."""
    head, solutions, _ = line.partition(_SOLUTIONS)
    try:
        return orjson.loads(head + b"}" if solutions else line)
    except ValueError:
        return orjson.loads(line)
