"""The signals to which a command reacts.

Ctrl-C and SIGTERM stop a scan: it ends the processes and jobs that it started, keeps its results, and exits with a code that
names the signal. Only the first of them interrupts the command, so that none can interrupt the end of jobs; each limits the
time that is left for it. It interrupts again where Python loses the exception, as in a destructor. SIGHUP, sent when the
terminal is closed, stops nothing: the scan continues without a terminal, as under nohup. A command that only shows something
ends with its terminal.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["StopState", "stop_signals"]

# Wakes the main thread: a signal that arrives just before it begins to wait for a lock does not interrupt that wait, so that
# Python's handler would not run. By default this one is ignored.
_NUDGE, _PAUSE = signal.SIGURG, 0.1

# Seconds after which an exception that is not being handled has been lost.
_LOST = 1.0

# Seconds until the process exits, whatever it does: after the first signal, and after each further one. Batch systems send
# SIGKILL some 30 s after SIGTERM.
_FIRST, _AGAIN = 15.0, 5.0


class StopState:
    """The signal that stopped the command; None without one.

    `arrived`: the same, known also while the main thread cannot react. `last_words`: the line for standard error if time runs
    out.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.arrived: signal.Signals | None = None
        self.last_words = "stopped"
        self._raised: KeyboardInterrupt | None = None
        self._when = 0.0

    def interrupt(self) -> None:
        """Raise `KeyboardInterrupt`."""
        self._raised, self._when = KeyboardInterrupt(), time.monotonic()
        raise self._raised

    def is_own(self, error: BaseException | None) -> bool:
        """Whether an error is the exception that this raised."""
        return error is not None and error is self._raised

    def settle(self) -> None:
        """The exception has done its work, whether it was handled or leaves the block."""
        self._raised = None

    @property
    def lost(self) -> bool:
        """Whether the exception has been lost: neither does it end a block now, nor has it just been raised."""
        if self._raised is None or time.monotonic() - self._when < _LOST:
            return False
        handled = sys.exc_info()[1]
        while handled is not None and handled is not self._raised:
            handled = handled.__context__
        return handled is None

    @property
    def code(self) -> int:
        """The exit code of a command that was stopped: 130 after Ctrl-C, 143 after SIGTERM, as in shells."""
        return 128 + (self.received or self.arrived or signal.SIGINT)


@contextmanager
def stop_signals(*, ends_with_terminal: bool = False) -> Iterator[StopState]:
    """Handles the signals in the block: the first SIGINT or SIGTERM raises `KeyboardInterrupt`, and the process has 15 s to
    leave the block, 5 s after a further one; SIGHUP redirects the terminal to /dev/null or, if the block `ends_with_terminal`,
    does as SIGTERM.

    Only the main thread can handle signals: in another thread nothing changes.
    """
    stopped = StopState()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped.received is None:
            stopped.received = signal.Signals(number)
            stopped.interrupt()

    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def leave_terminal(number: int, frame: FrameType | None) -> None:
        for terminal in terminals:
            os.dup2(os.open(os.devnull, os.O_RDWR), terminal)

    def nudged(number: int, frame: FrameType | None) -> None:
        if stopped.lost:
            stopped.interrupt()

    stopping = {signal.SIGTERM}
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):  # ignored in the background of a shell, and stays so
        stopping.add(signal.SIGINT)
    handlers = {**dict.fromkeys(stopping, stop), _NUDGE: nudged}
    if signal.getsignal(signal.SIGHUP) not in (signal.SIG_IGN, None):  # ignored under nohup, and stays so
        handlers[signal.SIGHUP] = stop if ends_with_terminal else leave_terminal
        if ends_with_terminal:
            stopping.add(signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    printing = sys.unraisablehook

    def unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if not stopped.is_own(lost.exc_value):  # ours comes again: its traceback would look like a failure
            printing(lost)

    sys.unraisablehook = unraisable
    try:
        with _limited(stopped, stopping):
            yield stopped
    finally:
        sys.unraisablehook = printing
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextmanager
def _limited(stopped: StopState, stopping: Collection[int]) -> Iterator[None]:
    """Limits the time from a signal to the end of the block, also where the main thread waits for something that never comes."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    # The interpreter writes the number of each signal into the pipe when it arrives, also while the main thread runs C code.
    watching = threading.Thread(target=_watch, args=(reading, stopped, stopping), name="hfx-signals", daemon=True)
    watching.start()
    try:
        yield
    finally:
        stopped.settle()
        signal.set_wakeup_fd(before)
        os.close(writing)
        watching.join(1.0)


def _watch(reading: int, stopped: StopState, stopping: Collection[int]) -> None:
    """Exit the process when its time is over; return when the block is left, which closes the other end of the pipe."""
    deadline: float | None = None
    while True:
        if not select.select([reading], [], [], _pause(stopped, deadline))[0]:
            if deadline is not None and time.monotonic() >= deadline:
                _exit(stopped)
            continue
        numbers = os.read(reading, 64)
        if not numbers:
            os.close(reading)
            return
        if set(numbers) == {_NUDGE}:  # our own
            time.sleep(_PAUSE)
        for number in filter(stopping.__contains__, numbers):
            stopped.arrived = stopped.arrived or signal.Signals(number)
            now = time.monotonic()
            deadline = now + _FIRST if deadline is None else min(deadline, now + _AGAIN)


def _pause(stopped: StopState, deadline: float | None) -> float | None:
    """Seconds to wait for the next signal; after the first one a moment, and the main thread is woken."""
    if deadline is None:
        return None
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, _NUDGE)
    return min(max(0.0, deadline - time.monotonic()), _PAUSE if stopped.received is None else _LOST)


def _exit(stopped: StopState) -> None:
    """Exit at once. Child processes and local workers end by themselves when this process is gone."""
    with suppress(OSError):
        os.write(2, f"hfx: {stopped.last_words}\n".encode())
    os._exit(stopped.code)
