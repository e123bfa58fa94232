"""The signals to which a scan reacts.

SIGTERM acts like Ctrl-C: the scan stops the processes and jobs that it started, keeps its results, and exits with a code that
names the signal. SIGHUP, sent when the terminal is closed, stops nothing: the scan continues without a terminal, as under nohup.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopState", "stop_signals"]


class StopState:
    """Whether SIGTERM was received."""

    def __init__(self) -> None:
        self.terminated = False

    @property
    def code(self) -> int:
        """The exit code of a command that was stopped: 130 after Ctrl-C, 143 after SIGTERM, as in shells."""
        return 128 + (signal.SIGTERM if self.terminated else signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[StopState]:
    """Handles the signals in the block: SIGTERM raises `KeyboardInterrupt` once, SIGHUP redirects the terminal to /dev/null.

    Only the main thread can handle signals: in another thread nothing changes.
    """
    stopped = StopState()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the scan is stopping already
        stopped.terminated = True
        raise KeyboardInterrupt

    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def leave_terminal(number: int, frame: FrameType | None) -> None:
        for terminal in terminals:
            os.dup2(os.open(os.devnull, os.O_RDWR), terminal)

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # under nohup it is ignored, and stays so
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, leave_terminal)
    try:
        yield stopped
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
