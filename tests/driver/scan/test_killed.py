"""A scan that is killed at random moments and resumed ends as one that was not; two scans into one folder."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from hfx.driver.run.records import read_records
from tests.driver import fakes

SCRIPT = Path(__file__).with_name("killed.py")
BATCH = 4


def start(pallet: Path, folder: Path, log: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), str(pallet), str(folder), str(log)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> str:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return errors


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", fakes.grid(8, 8))


def results(folder: Path) -> object:
    return json.loads((folder / "scan.json").read_text())["results"]


def test_killed_at_ten_random_moments_and_resumed(pallet: Path, tmp_path: Path) -> None:
    finish(start(pallet, tmp_path / "whole", tmp_path / "whole.log"))
    run, log = tmp_path / "run", tmp_path / "run.log"
    rng, lost = random.Random(7), list[int]()
    for _ in range(10):
        process = start(pallet, run, log)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(rng.uniform(0.0, 0.25))
        process.kill()
        process.communicate()
        begun = log.read_text().splitlines() if log.exists() else []
        for line in begun:
            assert line.startswith("sig_")
        lost.append(len(begun) - len(read_records(run).of_step("local")) - sum(lost))
        # A kill loses at most the batch in flight, and one whose results were on their way to the disk.
        assert lost[-1] <= 2 * BATCH
    finish(start(pallet, run, log))
    assert results(run) == results(tmp_path / "whole")
    assert not (run / "lock").exists()
    lines = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    local = Counter(line["name"] for line in lines if line["step"] == "local")
    assert set(local.values()) == {1}
    assert len(local) == 64
    assert len(log.read_text().split()) == 64 + sum(lost)
    assert sum(lost) <= 10 * BATCH


def test_two_scans_into_one_folder_at_once(pallet: Path, tmp_path: Path) -> None:
    first = start(pallet, tmp_path / "run", tmp_path / "log")
    deadline = time.monotonic() + 30
    while not read_records(tmp_path / "run").of_step("local") and time.monotonic() < deadline:
        time.sleep(0.01)
    second = start(pallet, tmp_path / "run", tmp_path / "other.log")
    _, errors = second.communicate(timeout=60)
    assert second.returncode != 0
    assert f"run is in use by process {first.pid} on" in errors
    assert not (tmp_path / "other.log").exists()
    finish(first)
    assert set(Counter((tmp_path / "log").read_text().split()).values()) == {1}
