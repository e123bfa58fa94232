"""The record, on disk, of tasks that were submitted to Globus Compute and not answered yet; the next client collects them.

Each task has a small file ``DIGEST.json``, named by its request: ``{"group", "task": null until the service gave an id}``.
``DIGEST.answer`` is the answer of a task that has ended; it is kept until the client has had time to write its own records.
``GROUP.ids`` lists the ids of a group's tasks, so that tasks whose submission was not answered can be identified.
Processes that run at the same time share the folder; every file is replaced as a whole.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Entry", "Ledger"]

_OLD = 15 * 86_400  # seconds; the service deletes a task after two weeks


@dataclass(frozen=True)
class Entry:
    """A task that was, or may have been, submitted; `task`: its id, None where the client does not know it."""

    group: str | None
    task: str | None


class Ledger:
    """The files of one folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answered: list[tuple[float, str]] = []  # time and digest
        self._sweep()

    def find(self, digest: str) -> Entry | None:
        """The entry of a request, if there is one."""
        with suppress(OSError, ValueError, KeyError):
            content = json.loads(self._of(digest).read_text(encoding="utf-8"))
            return Entry(content["group"], content["task"])
        return None

    def intend(self, digests: Iterable[str], group: str | None) -> None:
        """Record requests before their submission."""
        for digest in digests:
            self._write(self._of(digest), json.dumps({"group": group, "task": None}))

    def submitted(self, tasks: Mapping[str, str], group: str) -> None:
        """Record the tasks' ids, by digest, after their submission."""
        for digest, task in tasks.items():
            self._write(self._of(digest), json.dumps({"group": group, "task": task}))

    def learn(self, group: str, ids: Iterable[str]) -> None:
        """Record ids of tasks of a group whose digests are known."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{group}.ids").open("a", encoding="utf-8") as file:
            file.write("".join(f"{one}\n" for one in ids))

    def known(self, group: str) -> set[str]:
        """The ids of a group's tasks whose digests are known."""
        known: set[str] = set()
        with suppress(OSError):
            known.update((self._folder / f"{group}.ids").read_text(encoding="utf-8").split())
        for path in self._folder.glob("*.json"):
            entry = self.find(path.stem)
            if entry is not None and entry.task is not None:
                known.add(entry.task)
        return known

    def keep_answer(self, digest: str, answer: bytes) -> None:
        """Keep an answer: the service deletes its task once it is fetched."""
        self._write(self._answer(digest), answer)
        self._answered.append((time.monotonic(), digest))

    def forget_answered(self, seconds: float) -> None:
        """Remove the requests whose answers have been kept for so many seconds."""
        before = time.monotonic() - seconds
        for _, digest in (one for one in self._answered if one[0] <= before):
            self.forget(digest)
        self._answered = [one for one in self._answered if one[0] > before]

    def answer(self, digest: str) -> bytes | None:
        """The kept answer of a request, if there is one."""
        with suppress(OSError):
            return self._answer(digest).read_bytes()
        return None

    def forget(self, digest: str) -> None:
        """Remove a request and its answer."""
        for path in (self._of(digest), self._answer(digest)):
            path.unlink(missing_ok=True)

    def _of(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"

    def _answer(self, digest: str) -> Path:
        return self._folder / f"{digest}.answer"

    def _write(self, path: Path, content: str | bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_bytes(content if isinstance(content, bytes) else content.encode())
        part.replace(path)

    def _sweep(self) -> None:
        """Remove the files of tasks that the service has deleted."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if time.time() - path.stat().st_mtime > _OLD:
                    path.unlink(missing_ok=True)
