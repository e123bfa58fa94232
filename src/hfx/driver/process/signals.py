"""The signals that a scan hears. SIGTERM is as Ctrl-C: what it started is stopped, what it has is kept, and the process says
which signal it was. SIGHUP, a terminal that is lost, stops nothing: the scan goes on without one, as under nohup.
"""

import os
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
    """In the block SIGTERM raises `KeyboardInterrupt`, once, and SIGHUP takes the terminal's place; in a thread other than the
    main one nothing changes."""
    stopped = Stopped()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is being done
        stopped.terminated = True
        raise KeyboardInterrupt

    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def let_go(number: int, frame: FrameType | None) -> None:
        for terminal in terminals:
            os.dup2(_nowhere(), terminal)

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # nohup has it ignored
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, let_go)
    try:
        yield stopped
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _nowhere() -> int:
    return os.open(os.devnull, os.O_RDWR)
