"""SIGTERM as Ctrl-C: what a scan started is stopped, what it has is kept, and the process says which signal it was."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stopped", "stoppable"]


class Stopped:
    """Whether SIGTERM came; `code` is the exit code of a command that was stopped."""

    def __init__(self) -> None:
        self.terminated = False

    @property
    def code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM, as shells have it."""
        return 128 + (signal.SIGTERM if self.terminated else signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[Stopped]:
    """In the block SIGTERM raises `KeyboardInterrupt`, once; in a thread other than the main one nothing changes."""
    stopped = Stopped()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is being done
        stopped.terminated = True
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGTERM, before)
