"""The signals to which a scan reacts.

SIGTERM acts like Ctrl-C: the scan stops the processes and jobs that it started, keeps its results, and exits with a code that
names the signal. SIGHUP, sent when the terminal is closed, stops nothing: the scan continues without a terminal, as under nohup.
A command that only shows something ends with its terminal.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopState", "stop_signals"]


class StopState:
    """The signal that was received, other than Ctrl-C; None without one."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    @property
    def code(self) -> int:
        """The exit code of a command that was stopped: 130 after Ctrl-C, 143 after SIGTERM, as in shells."""
        return 128 + (self.received or signal.SIGINT)


@contextmanager
def stop_signals(*, ends_with_terminal: bool = False) -> Iterator[StopState]:
    """Handles the signals in the block: SIGTERM raises `KeyboardInterrupt` once, SIGHUP redirects the terminal to /dev/null or,
    if the block `ends_with_terminal`, does as SIGTERM.

    Only the main thread can handle signals: in another thread nothing changes.
    """
    stopped = StopState()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # the command is stopping already
        stopped.received = signal.Signals(number)
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
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, stop if ends_with_terminal else leave_terminal)
    try:
        yield stopped
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
