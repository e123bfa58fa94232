"""``--plan`` and ``--dry-run`` refuse what the scan would refuse, in the same words, and write nothing."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hfx.driver.cli import main
from hfx.driver.run import lock
from tests.driver import fakes
from tests.driver.cli.test_main import Captured, complaint

pytestmark = pytest.mark.usefixtures("fake_fits")


@pytest.fixture
def fake_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fakes.stand_in(monkeypatch, tmp_path)


def refused_alike(command: str, capsys: Captured) -> str:
    """The one line with which the scan, its plan and the preview of its submission are refused."""
    scanned = complaint(["scan", *shlex.split(command)], capsys)
    assert complaint(["scan", *shlex.split(command), "--plan"], capsys) == scanned
    submitted = complaint(["submit", *shlex.split(command), "--dry-run"], capsys)
    assert submitted.replace(f"{Path.cwd()}/", "") == scanned  # a submission names its folder by the whole path
    return scanned


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("toy --device cuda:99", "--device cuda:99: this machine has"),
        ("toy -o toy/BkgOnly.json", "toy/BkgOnly.json is a file, not a folder"),
        ("toy -o toy/BkgOnly.json/below", "toy/BkgOnly.json/below is a file, not a folder"),
        ("toy --theory-band toy/BkgOnly.json", "--theory-band toy/BkgOnly.json: the column name"),
        ("toy --x m1 --y m1", "--x and --y are both 'm1'"),
        ("toy --forbidden y", "--forbidden"),
        ("toy --logy", "--logy: m2 = 0 of the hypothesis "),
        (r"toy --xlabel '$\frac{1$'", "--xlabel"),
        ("toy --labels a,a", "--labels a,a: names must differ"),
        ("toy --region B", "--region B"),
        ("two", "two contains 2 analysis regions: A, B"),
        ("two --region all --only nothing", "--only 'nothing' matches none of the 12 names (the first is "),
        ("two --region all -o toy/BkgOnly.json", "toy/BkgOnly.json is a file, not a folder"),
        ("toy --endpoint river", "no endpoint is called 'river'"),
    ],
)
def test_what_cannot_be_used(command: str, words: str, capsys: Captured) -> None:
    assert words in refused_alike(command, capsys)


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ("toy", "toy --mu 2", "out contains another scan: --mu is 1.0 there and 2.0 here"),
        ("toy --theory-band 0.1", "toy --theory-band 0.2", "out/theory-up contains another scan: --signal-scale is 1.1"),
        ("two --region all", "two --region all --mu 2", "out contains another scan: --mu is 1.0 there and 2.0 here"),
        (
            "two --region all --theory-band 0.1",
            "two --region all --theory-band 0.2",
            "out/theory-up contains another scan: --signal-scale is 1.1",
        ),
    ],
)
def test_the_folder_of_another_scan(first: str, then: str, words: str, capsys: Captured) -> None:
    assert main.run(["scan", *first.split(), "-o", "out", "--quiet"]) == 0
    results = Path("out/scan.json").stat().st_mtime_ns
    assert words in refused_alike(f"{then} -o out", capsys)
    assert Path("out/scan.json").stat().st_mtime_ns == results


@contextmanager
def another_process() -> Iterator[int]:
    """The number of a process that runs for the block."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.communicate()


def test_a_folder_in_use(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main.run(["scan", "toy", "-o", "out", "--quiet"]) == 0
    with another_process() as number:
        holder = lock.process(number)
        monkeypatch.setattr(lock, "this_process", lambda: holder)
        with lock.acquire(Path("out"), print):
            scanned = complaint(["scan", "toy", "-o", "out"], capsys)
            assert f"out is in use by process {number}" in scanned
            assert complaint(["scan", "toy", "-o", "out", "--plan"], capsys) == scanned
    assert main.run(["scan", "toy", "-o", "out", "--plan"]) == 0
    assert not Path("out/lock").exists()


def test_a_folder_that_cannot_be_written(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, who can write everywhere: the system's answers are replaced."""
    monkeypatch.setattr("os.access", lambda *_: False)
    planned = complaint(["scan", "toy", "-o", "out", "--plan"], capsys)
    assert planned == "out: it cannot be written (Permission denied); make it writable or choose another with -o"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert complaint(["scan", "toy", "-o", "out"], capsys) == planned


def test_nothing_is_written(capsys: Captured) -> None:
    before = sorted(Path().rglob("*"))
    for command in ("toy", "toy --theory-band 0.1 -o out", "two --region all --theory-band 0.1"):
        assert main.run(["scan", *command.split(), "--plan"]) == 0
        assert main.run(["submit", *command.split(), "--dry-run"]) == 0
    assert sorted(Path().rglob("*")) == before
