"""A run's journal: run.json with the state, and events.jsonl; whatever ends a scan is written down."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import lock, provenance, submission_file
from hfx.driver.run.events import Event, Finished, Listener, Started, Submitted
from hfx.driver.run.folder import RunFolder
from hfx.errors import HfxError

__all__ = ["Journal", "ScanInterrupted", "header"]


_OF_TASKS = (Submitted, Started, Finished)

# The least seconds between two writes of those; a page looks four times a second.
_PACE = 0.05


class ScanInterrupted(KeyboardInterrupt):
    """Ctrl-C in a scan; its text says what is kept and which command goes on."""


def header(
    pallet: Mapping[str, Any],
    options: ScanOptions,
    identity: Mapping[str, Any],
    command: str,
    earlier: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The content of run.json but for the state; `earlier`: what stood there before."""
    now = provenance.now()
    place = Path(str(pallet["source"]))
    return {
        **provenance.versions(),
        "pallet": dict(pallet),
        "location": str(place.resolve()) if place.exists() else str(pallet["source"]),
        "options": options.public(),
        "endpoint": options.public()["endpoint"] or "embedded",
        "fits_here": options.here,
        "threads": options.cores,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": command,
        "started": earlier.get("started", now) if earlier else now,
        # What was submitted begins now: that was written down when it was.
        "resumed": [*earlier.get("resumed", []), *([now] if earlier.get("state") != "submitted" else [])] if earlier else [],
        **_batch_job(earlier),
        "identity": dict(identity),
    }


def _batch_job(earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a driver that is a batch job: the job, as "slurm:17", and its script."""
    job = os.environ.get(lock.JOB)
    return {"job": job, "script": (earlier or {}).get("script")} if job else {}


class Journal:
    """Writes run.json and events.jsonl of a folder; `listener` hears the events too."""

    def __init__(self, folder: RunFolder, head: Mapping[str, Any], listener: Listener | None) -> None:
        self.folder, self.head, self.listener = folder, dict(head), listener
        self._held: list[Event] = []
        self._written = 0.0

    def state(self, name: str, **more: Any) -> None:
        """Write the state into run.json."""
        self.flush()
        self.head.update(more)
        self.folder.write("run.json", {"state": name, **self.head})

    def emit(self, event: Event) -> None:
        """Pass an event on and write it down; those of tasks, of which there are many, with the next one or by `settle`."""
        self._held.append(event)
        if not isinstance(event, _OF_TASKS):
            self.flush()
        if self.listener is not None:
            self.listener(event)

    def settle(self) -> None:
        """Write down what is held back, unless others just were; to be called again and again, before each wait for anything."""
        if time.monotonic() - self._written >= _PACE:
            self.flush()

    def flush(self) -> None:
        """Write down what is held back."""
        held, self._held = self._held, []
        if held:
            self._written = time.monotonic()
            self.folder.append_events(held)

    @contextmanager
    def running(self, *files: str) -> Iterator[None]:
        """The scan's run: planned, running, and then finished, stopped or failed; it appends to `files`.

        Raises `ScanInterrupted` for Ctrl-C, with the command that goes on.
        """
        self.state("planned")
        self.folder.create("events.jsonl", *files)
        self.state("running")
        try:
            yield
        except KeyboardInterrupt:
            self._last("stopped")
            raise ScanInterrupted(f"stopped; {self.folder.kept() or 'nothing kept yet; '}go on with: {self._way()}") from None
        except CancelledError:
            self._last("stopped")
            raise
        except BaseException as error:
            self._last("failed", reason=str(error) or type(error).__name__)
            raise
        self.state("finished", finished=provenance.now())

    def _way(self) -> str:
        """The command that goes on; what was submitted is submitted again."""
        return f"hfx attach {self.folder.path}" if submission_file.is_submitted(self.folder.path) else str(self.head["command"])

    def _last(self, state: str, **more: Any) -> None:
        """The last word, if the disk takes it: the error that ends the scan is the one to be told."""
        with suppress(HfxError):
            self.state(state, **more)
