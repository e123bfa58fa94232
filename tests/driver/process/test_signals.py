"""Signals to a running scan: a terminal that is lost does not end it."""

import fcntl
import json
import os
import subprocess
import sys
import termios
from pathlib import Path

import pytest

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
