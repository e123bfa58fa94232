"""A run's journal: run.json with the state, and events.jsonl; whatever ends a scan is written down."""

import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import cast

from hfx.driver.run import provenance, submission_file
from hfx.driver.run.events import Event, Finished, Listener, Started, Submitted
from hfx.driver.run.file_types import RunContent
from hfx.driver.run.folder import RunFolder
from hfx.errors import HfxError

__all__ = ["Journal", "ScanInterrupted"]

_OF_TASKS = (Submitted, Started, Finished)

# The least seconds between two writes of those; a page looks four times a second.
_PACE = 0.05


class ScanInterrupted(KeyboardInterrupt):
    """Ctrl-C in a scan; its text says what is kept and which command goes on."""


class Journal:
    """Writes run.json and events.jsonl of a folder; `listener` hears the events too."""

    def __init__(self, folder: RunFolder, head: RunContent, listener: Listener | None) -> None:
        self.folder, self.listener = folder, listener
        self.head = head.copy()
        self._held: list[Event] = []
        self._written = 0.0

    def state(self, name: str, **more: str) -> None:
        """Write the state into run.json, and what else is to stand there from now on."""
        self.flush()
        self.head = cast(RunContent, {**self.head, **more})
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
            raise ScanInterrupted(f"stopped; {self.folder.kept() or 'nothing kept yet; '}to continue: {self._way()}") from None
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

    def _last(self, state: str, **more: str) -> None:
        """The last word, if the disk takes it: the error that ends the scan is the one to be told."""
        with suppress(HfxError):
            self.state(state, **more)
