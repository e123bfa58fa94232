"""What was submitted to Globus Compute and not answered yet, on disk: a client that starts again collects it.

One small file a task, ``DIGEST.json``, named by its request: ``{"group", "task": null until the service gave an id}``;
``DIGEST.answer`` is an answer whose task has ended, kept until the client had the time to write its records down.
``GROUP.ids`` lists the ids of a group's tasks, so that those whose answer to the submission was lost can be told.
Processes that run at the same time share the folder: every file is written whole.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Entry", "Ledger"]

# The service drops a task after two weeks.
_OLD = 15 * 86_400


@dataclass(frozen=True)
class Entry:
    """A task that was, or may have been, submitted; `task`: its id, None where the client never learned it."""

    group: str | None
    task: str | None


class Ledger:
    """The files of one folder; it is made when there is something to write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answered: list[tuple[float, str]] = []  # when, and which
        self._sweep()

    def find(self, digest: str) -> Entry | None:
        """What is known of a request."""
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(self._of(digest).read_text(encoding="utf-8"))
            return Entry(told["group"], told["task"])
        return None

    def intend(self, digests: Iterable[str], group: str | None) -> None:
        """Before a submission."""
        for digest in digests:
            self._write(self._of(digest), json.dumps({"group": group, "task": None}))

    def submitted(self, tasks: Mapping[str, str], group: str) -> None:
        """After a submission: id by digest."""
        for digest, task in tasks.items():
            self._write(self._of(digest), json.dumps({"group": group, "task": task}))

    def learn(self, group: str, ids: Iterable[str]) -> None:
        """These tasks of the group are accounted for."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{group}.ids").open("a", encoding="utf-8") as file:
            file.write("".join(f"{one}\n" for one in ids))

    def known(self, group: str) -> set[str]:
        """The ids of a group's tasks that are accounted for, here or in a file of their own."""
        known: set[str] = set()
        with suppress(OSError):
            known.update((self._folder / f"{group}.ids").read_text(encoding="utf-8").split())
        for path in self._folder.glob("*.json"):
            entry = self.find(path.stem)
            if entry is not None and entry.task is not None:
                known.add(entry.task)
        return known

    def keep_answer(self, digest: str, answer: bytes) -> None:
        """An answer whose task the service has forgotten."""
        self._write(self._answer(digest), answer)
        self._answered.append((time.monotonic(), digest))

    def forget_answered(self, seconds: float) -> None:
        """Requests whose answers were kept so long ago are done with."""
        before = time.monotonic() - seconds
        for _, digest in (one for one in self._answered if one[0] <= before):
            self.forget(digest)
        self._answered = [one for one in self._answered if one[0] > before]

    def answer(self, digest: str) -> bytes | None:
        """The answer that was kept."""
        with suppress(OSError):
            return self._answer(digest).read_bytes()
        return None

    def forget(self, digest: str) -> None:
        """The request is done with."""
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
        """Away with what the service has forgotten too."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if time.time() - path.stat().st_mtime > _OLD:
                    path.unlink(missing_ok=True)
