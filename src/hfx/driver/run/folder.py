"""A run's folder: what is kept, how it is read again, and whether it is this scan's.

::

    run.json        what was asked, of which pallet, by which versions; the state; from the first moment
    results.jsonl   one line for each local result, and one more where the exchange changes it
    events.jsonl    what happened, for views
    batches.jsonl   while local results are fitted: the batches that were submitted
    scan.json       the outcome
    contour.*       the picture and its curves
    lock            who is writing, while it is being written
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec

from hfx.driver.run import durable_files, lock, scan_file
from hfx.driver.run.events import Event, to_line
from hfx.driver.run.file_types import RunContent, ScanContent
from hfx.driver.run.records import Place, StoredRecords, read_records, to_lines
from hfx.errors import RunFolderError
from hfx.json_types import JsonObject, JsonValue

__all__ = ["ENDED", "VARIATIONS", "RunFolder", "opened", "read_json", "read_run", "safe_name"]

_BATCHES = "batches.jsonl"
_REMEDY = "choose another folder with -o"

# "submitted": handed over, not yet begun; what ends a run is one of the last three
STATES = ("submitted", "planned", "running", "finished", "stopped", "failed")
ENDED = ("finished", "stopped", "failed")

VARIATIONS = {"theory-up": 1.0, "theory-down": -1.0}
"""Folders beneath a run's own that hold the variations of the theory band, and the sign of each."""


def read_json(folder: Path, name: str) -> JsonObject | None:
    """The content of a JSON file in a run's folder; None when there is none.

    Raises `RunFolderError` when it cannot be read.
    """
    path = folder / name
    found = durable_files.parsed(path, lambda file: (json.load(file),), _REMEDY)  # what is there may be null
    if found is None:
        return None
    (content,) = found
    if not isinstance(content, dict):
        raise RunFolderError(f"{path} is not a file that hfx wrote; {_REMEDY}")
    return content


def read_run(folder: Path) -> RunContent | None:
    """The content of run.json in a folder; None when there is none. Raises `RunFolderError` when it is not what hfx writes."""
    content = read_json(folder, "run.json")
    if content is None:
        return None
    try:
        msgspec.convert(content, RunContent)
    except msgspec.ValidationError as error:
        raise RunFolderError(f"{folder / 'run.json'} is not a file that hfx wrote ({error}); {_REMEDY}") from None
    return cast(RunContent, content)


class RunFolder:
    """A run's folder, locked by this process. Its methods raise `RunFolderError` when the disk fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = read_records(path)

    def kept(self) -> str:
        """The number of results kept on disk, as the start of an error message."""
        count = len(self._records.last)
        return f"{count} result{'' if count == 1 else 's'} kept in {self.path / 'results.jsonl'}; " if count else ""

    def run(self) -> RunContent | None:
        """The content of run.json."""
        return read_run(self.path)

    def records(self) -> StoredRecords:
        """The records of results.jsonl, those that are appended later included."""
        return self._records

    def write(self, name: str, content: Mapping[str, object]) -> None:
        """Write a JSON file, whole or not at all."""
        with self._explained():
            durable_files.write_whole(self.path / name, durable_files.dump(content, indent=1) + "\n")

    def write_scan(self, content: ScanContent) -> None:
        """Write scan.json, whole or not at all, result by result."""
        with self._explained():
            durable_files.write_parts(self.path / scan_file.NAME, chain(scan_file.text(content, indent=1), "\n"))

    def append_results(self, records: Sequence[Mapping[str, JsonValue]], step: str) -> dict[str, Place]:
        """Append records, one line each, and wait until they are on the disk; their places by key."""
        if not records:
            return {}
        lines = to_lines(records, step)
        with self._explained():
            offset = durable_files.append(self.path / "results.jsonl", b"".join(lines))
        places = []
        for line in lines:
            places.append(self._records.add(line[:-1], offset))
            offset += len(line)
        return dict(place for place in places if place is not None)

    def append_events(self, events: Iterable[Event]) -> None:
        """Append events; they are for views, and not waited for."""
        with self._explained():
            durable_files.append(self.path / "events.jsonl", "".join(to_line(e) + "\n" for e in events).encode(), sync=False)

    def note_batch(self, names: Sequence[str]) -> None:
        """Write down that these hypotheses are submitted together."""
        with self._explained():
            durable_files.create(self.path / _BATCHES)
            durable_files.append(self.path / _BATCHES, durable_files.dump(list(names)).encode() + b"\n", sync=False)

    def noted_batches(self) -> list[tuple[str, ...]]:
        """The batches written down since the last `forget_batches`."""
        return [tuple(map(str, json.loads(line))) for _, line in durable_files.lines(self.path / _BATCHES)]

    def forget_batches(self) -> None:
        """The local results are there."""
        with self._explained():
            (self.path / _BATCHES).unlink(missing_ok=True)

    def create(self, *names: str) -> None:
        """The files that lines are appended to, empty, unless they are there."""
        with self._explained():
            for name in names:
                durable_files.create(self.path / name)

    def _explained(self) -> AbstractContextManager[None]:
        return durable_files.explained(self.path, self.kept)


@contextmanager
def opened(path: Path, say: Callable[[str], None]) -> Iterator[RunFolder]:
    """Make the folder if need be and hold its lock for the block; `say` gets the sentence about a stale lock.

    Raises `RunFolderError`: another process holds it, or it cannot be made or written.
    """
    with ExitStack() as stack:
        with durable_files.explained(path):
            _make(path)
            stack.enter_context(lock.acquire(path, say))
        yield RunFolder(path)


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise RunFolderError(f"{path} is a file, not a folder; choose another with -o") from None


def safe_name(name: str) -> str:
    """The name as one component of a path."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).strip(".-")
    return kept or "pallet"
