"""Signals to a running scan: a terminal that is lost does not end it, and what hangs is ended."""

import fcntl
import gc
import json
import os
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from hfx.driver.process import signals
from hfx.driver.process.signals import StopState, stop_signals
from tests.conformance import engines
from tests.conformance.clients import CLIENT, finished
from tests.driver import fakes

# `hfx scan` with its display on the terminal, and fits as slow as those of the client that other tests stop.
SCAN = """
import sys
sys.path.insert(0, {root!r})
from hfx.driver.plot import scan_picture
from hfx.driver.scan import scan as scans
from tests.driver import fakes
from tests.endpoints import jobs
scan_picture._picture = fakes.picture
scans._worker_function = lambda: jobs.logged
from hfx.driver.cli.main import main
main()
"""


@pytest.mark.parametrize("engine", ["process", "parsl-local"])
def test_a_scan_that_loses_its_terminal_goes_on(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal's other end is closed, as when a connection breaks: the kernel sends SIGHUP, and writing to it fails."""
    monkeypatch.setenv("HFX_TEST_MARKER", f"{tmp_path}/marker")
    points = fakes.grid(12, 10)
    pallet, folder = fakes.write_pallet(tmp_path / "toy", points), tmp_path / "run"
    file = engines.ENGINES[engine].written(tmp_path)
    ours, theirs = os.openpty()

    def lead() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    code = SCAN.format(root=str(CLIENT.parents[2]))
    command = [sys.executable, "-c", code, "scan", str(pallet), "-o", str(folder), "--endpoint", file]
    scan = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=lead)
    os.close(theirs)
    assert engines.until(lambda: finished(folder) > 0, 60)
    assert finished(folder) < len(points)
    os.close(ours)
    assert scan.wait(90) == 0
    head = json.loads((folder / "run.json").read_text())
    assert head["state"] == "finished"
    assert len(json.loads((folder / "scan.json").read_text())["results"]) == len(points)
    assert sorted((tmp_path / "marker").read_text().split()) == sorted(f"sig_{a}_{b}" for a, b in points)
    assert engines.until(lambda: not engines.marked(f"HFX_TEST_MARKER={tmp_path}/marker"), 20)


HANGING = """
import contextlib, hashlib, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from hfx.driver.process import signals
signals._FIRST, signals._AGAIN = {seconds}
with signals.stop_signals() as stop:
    stop.last_words = "the results are in out"
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            print("begun", flush=True)
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""


def _begun(code: str) -> "subprocess.Popen[str]":
    """Code in a process, which has printed "begun"."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_hangs_is_ended(sent: signal.Signals) -> None:
    """In C code, which does not look at signals."""
    process = _begun(HANGING.format(seconds=(0.3, 300.0)))
    process.send_signal(sent)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + sent
    assert errors.splitlines()[-1] == "hfx: the results are in out"


LOST = """
import threading
from hfx.driver.process import signals
signals._FIRST = 300.0

class Destroyed:
    def __del__(self):
        print("begun", flush=True)
        threading.Event().wait(600)

with signals.stop_signals() as stop:
    try:
        Destroyed()
        threading.Event().wait(600)
    except KeyboardInterrupt:
        for _ in range(3):
            threading.Event().wait(0.6)
        print("interrupted once", stop.code)
"""


def test_an_interruption_that_python_loses_comes_again() -> None:
    """In a destructor it is ignored, and no traceback is shown of it; where it is handled, nothing interrupts that."""
    process = _begun(LOST)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=20)
    assert out == "interrupted once 143\n"
    assert errors == ""


def test_other_errors_in_destructors_are_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __del__(self) -> None:
            raise KeyError("its own")

    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: shown.append(lost.exc_type))
    with stop_signals():
        Broken()
        gc.collect()
    assert shown == [KeyError]


def test_an_interruption_that_was_handled_does_not_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where leaving the block takes long enough for it to count as lost."""
    monkeypatch.setattr(signals, "_LOST", 0.0)
    for _ in range(5):
        with stop_signals() as stop, suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert stop.code == 143


MISSED = """
import signal, threading
from hfx.driver.process import signals
signals._FIRST = 300.0
with signals.stop_signals() as stop:
    # Another thread gets the signal, as it does when it arrives just before the main thread waits: that goes on to wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        print("begun", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("interrupted", stop.code)
"""


def test_a_signal_that_the_main_thread_misses_wakes_it() -> None:
    process = _begun(MISSED)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[0] == "interrupted 143\n"


def test_a_second_signal_leaves_less_time() -> None:
    process = _begun(HANGING.format(seconds=(300.0, 0.3)))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode in (130, 143)  # in which order they arrive is the kernel's


def test_only_the_first_signal_interrupts() -> None:
    """The end of jobs, once it has begun, is not interrupted."""
    stops: list[StopState] = []

    def stopped_again() -> None:
        with stop_signals() as stop:
            stops.append(stop)
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGTERM)
                stop.last_words = "nothing is left"

    with pytest.raises(KeyboardInterrupt):
        stopped_again()
    assert [(stop.last_words, stop.code) for stop in stops] == [("nothing is left", 143)]
