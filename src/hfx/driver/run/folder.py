"""The folder of a run and its files.

::

    run.json        the question, its options, the pallet and the versions; the state of the run; written from the first moment
    results.jsonl   the records: one line for each unit of work, and one more where a later round changes it
    events.jsonl    the events, for views
    batches.jsonl   the units of each task that was submitted, during a round that can be resumed task by task
    scan.json       the results
    contour.*       the picture and its curves
    lock            the process that writes, while it does
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec

from hfx.driver.run import durable_files, lock, scan_file, stored_json
from hfx.driver.run.events import Event, to_line
from hfx.driver.run.file_types import RunContent, ScanContent
from hfx.driver.run.records import Check, Fault, Place, StoredRecords, read_records, set_aside, to_lines
from hfx.errors import RunFolderError
from hfx.json_types import JsonObject, JsonValue

__all__ = [
    "ENDED",
    "REMEDY",
    "VARIATIONS",
    "RunFolder",
    "check_run_folder",
    "listed_faults",
    "make_run_folder",
    "opened",
    "read_json",
    "read_run",
    "safe_name",
]

_BATCHES = "batches.jsonl"
_BATCH: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])
_NAMED = 3  # lines that are no records
REMEDY = "choose another folder with -o"
"""What to do about a damaged file in the folder that a scan is to be written to."""

_READING = "restore the file, or repeat the scan in another folder"

# "submitted": handed over, not yet begun; what ends a run is one of the last three
STATES = ("submitted", "planned", "running", "finished", "stopped", "failed")
ENDED = ("finished", "stopped", "failed")

VARIATIONS = {"theory-up": 1.0, "theory-down": -1.0}
"""Folders beneath a run's own that hold the variations of the theory band, and the sign of each."""


def read_json(folder: Path, name: str, remedy: str = _READING) -> JsonObject | None:
    """The content of a JSON file in a run's folder; None when there is none.

    Raises `RunFolderError`, with its `remedy`, when it cannot be read.
    """
    return stored_json.read_object(folder / name, remedy)


def read_run(folder: Path, remedy: str = _READING) -> RunContent | None:
    """The content of run.json in a folder; None when there is none. Raises `RunFolderError` when it is not what hfx writes."""
    content = read_json(folder, "run.json", remedy)
    if content is None:
        return None
    try:
        msgspec.convert(content, RunContent)
    except msgspec.ValidationError as error:
        raise stored_json.unreadable(folder / "run.json", error, remedy, content=content) from None
    return cast(RunContent, content)


class RunFolder:
    """A run's folder, locked by this process. Its methods raise `RunFolderError` when the disk fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._appending = False  # or interrupted while it appended

    @cached_property
    def _records(self) -> StoredRecords:
        return read_records(self.path)

    def check_records(self, check: Check, say: Callable[[str], None]) -> bool:
        """Read results.jsonl, each record as `check` has it; whether there were others, which are kept in a file beside it.

        `say` gets the sentence about them.
        """
        found = read_records(self.path, check)
        if found.faults:
            with self._explained():
                beside = set_aside(found)
            say(
                f"{found.path} has {_counted(len(found.faults))} that cannot be used: {listed_faults(found.faults)}; moved to "
                f"{beside.name}, and {'its hypothesis is' if len(found.faults) == 1 else 'their hypotheses are'} fitted again"
            )
            self._records = read_records(self.path)
            return True
        self._records = found
        return False

    def kept(self) -> str:
        """The number of results kept on disk, as the start of an error message; those of a combination are its regions'."""
        last = self._records.last
        if self._appending:
            with suppress(RunFolderError):
                last = read_records(self.path).last
        counts = {self.path: len(last)}
        if not counts[self.path]:
            regions = (path.parent for path in sorted(self.path.glob("*/results.jsonl")))
            counts = {path: len(read_records(path).last) for path in regions if path.name not in VARIATIONS}
        count, places = sum(counts.values()), [str(path / "results.jsonl") for path in counts if counts[path]]
        return f"{count} result{'' if count == 1 else 's'} kept in {' and '.join(places)}; " if count else ""

    def run(self) -> RunContent | None:
        """The content of run.json."""
        return read_run(self.path, REMEDY)

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
        self._appending = True
        with self._explained():
            offset = durable_files.append(self.path / "results.jsonl", b"".join(lines))
        places = []
        for line in lines:
            places.append(self._records.add(line[:-1], offset))
            offset += len(line)
        self._appending = False
        return dict(places)

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
        """The batches written down since the last `forget_batches`. A line that is none does not count: its units are batched
        anew."""
        found = []
        with self._explained():
            for _, line in durable_files.lines(self.path / _BATCHES):
                with suppress(ValueError):
                    found.append(stored_json.decoded(line, _BATCH))
        return found

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


def listed_faults(faults: Sequence[Fault]) -> str:
    """The first lines that are no records, in words."""
    more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return ", ".join(map(str, faults[:_NAMED])) + more


def _counted(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines} lines"


@contextmanager
def opened(path: Path, say: Callable[[str], None]) -> Iterator[RunFolder]:
    """Make the folder if need be and hold its lock for the block; `say` gets the sentence about a stale lock.

    Raises `RunFolderError`: another process holds it, or it cannot be made or written.
    """
    with ExitStack() as stack:
        with durable_files.explained(path):
            make_run_folder(path)
            stack.enter_context(lock.acquire(path, say))
        yield RunFolder(path)


def make_run_folder(path: Path) -> None:
    """Make a run's folder, and those above it; raises `RunFolderError` where they are files or cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise RunFolderError(f"{path} is a file, not a folder; choose another with -o") from None
    except FileNotFoundError as error:
        raise RunFolderError(f"{path} cannot be created ({error.strerror}); choose another folder with -o") from None


def check_run_folder(path: Path) -> None:
    """Raise `RunFolderError` where a run's folder is a file or could not be made or written; nothing is written."""
    place = next(one for one in (path.absolute(), *path.absolute().parents) if os.path.lexists(one))
    if not place.is_dir():
        raise RunFolderError(f"{path} is a file, not a folder; choose another with -o")
    with durable_files.explained(path):
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def safe_name(name: str) -> str:
    """The name as one component of a path."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).strip(".-")
    return kept or "pallet"
