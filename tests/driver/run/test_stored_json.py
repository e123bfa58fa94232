"""Files of a run's folder that hfx did not write: each is refused in one line, or passed over."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.run import durable_files, stored_json
from hfx.driver.run.folder import read_run
from hfx.driver.run.follow import Tail
from hfx.errors import RunFolderError
from hfx.version import __version__

SPARSE = 3 << 30


@pytest.mark.parametrize(
    "text",
    [
        b'"\\u001b[31m"',
        b'"\\\\\\u001b"',
        b'"a\\bb"',
        b'"\\u0000"',
        b'"\\u202E"',
        b'"\\ufeff"',
        b'"\xc2\x85"',
        b'"\xe2\x80\xae"',
        b'"\x7f"',
    ],
)
def test_text_that_acts_on_a_terminal_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="control characters"):
        stored_json.check_text(b'{"reason": ' + text + b"}")


@pytest.mark.parametrize("text", ["a\tb\nc\r", "\\u001b", "\\\\b", "é 質量 🧪 ∞", 'quo"te'])
def test_text_for_readers_passes(text: str) -> None:
    for escaped in (True, False):
        stored_json.check_text(json.dumps({"reason": text}, ensure_ascii=escaped).encode())


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(SPARSE)


def _loop(path: Path) -> None:
    path.symlink_to(path)


KINDS: dict[str, tuple[Any, str]] = {
    "pipe": (_pipe, "a device or a pipe, not a file"),
    "folder": (Path.mkdir, "Is a directory|it is a folder"),
    "zeros": (_sparse, "cannot be read"),
    "link to itself": (_loop, "symbolic links"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "a device or a pipe, not a file"),
    "deep": (lambda path: path.write_text('{"a":' * 50_000), "nested too deep"),
    "huge in memory": (lambda path: path.write_bytes(b"[" + b"[],\n" * 10_000_000 + b"[]]"), "cannot be read"),
    "escape": (lambda path: path.write_text('{"reason": "\\u001b]0;x\\u0007"}'), "control characters"),
    "surrogate": (lambda path: path.write_text('{"reason": "\\ud800"}'), "cannot be read"),
    "infinity": (lambda path: path.write_text('{"threads": Infinity}'), "cannot be read"),
    "another type": (lambda path: path.write_text('{"pallet": [1]}'), r"not a file that hfx wrote.*\$\.pallet"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_json_that_hfx_did_not_write(tmp_path: Path, kind: str) -> None:
    spoil, words = KINDS[kind]
    spoil(tmp_path / "run.json")
    with pytest.raises(RunFolderError, match=rf"run\.json .*({words}).*; restore the file, or repeat the scan"):
        read_run(tmp_path)


def test_the_file_of_another_version_names_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"hfx": "7.1", "pallet": "of a new form"}')
    with pytest.raises(RunFolderError, match=f"hfx 7.1 wrote it, and this is hfx {__version__}: use that version, or restore"):
        read_run(tmp_path)


def test_lines_longer_than_any_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n" + b"x" * 100 + b"\ntwo\n" + b"y" * 64 + b"\n" + b"z" * 1000)
    monkeypatch.setattr(durable_files, "LONGEST", 64)
    monkeypatch.setattr(durable_files, "_PIECE", 7)
    assert list(durable_files.lines(path)) == [(0, b"one"), (4, b""), (105, b"two"), (109, b"")]


def test_three_gigabytes_of_zeros_are_no_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    _sparse(path)
    tail = Tail(path)
    assert tail.lines() == []
    assert not list(durable_files.lines(path))
    with path.open("ab") as file:
        file.write(b"\nlast\n")
    assert list(tail.all_lines())[-1] == b"last"


@pytest.mark.parametrize("write", [lambda path: durable_files.append(path, b"new\n"), durable_files.create])
def test_a_link_in_a_file_s_place_is_not_followed(tmp_path: Path, write: Any) -> None:
    private = tmp_path / "private"
    if write is not durable_files.create:
        private.write_text("a line\nno end")
    link = tmp_path / "results.jsonl"
    link.symlink_to(private)
    with pytest.raises(RunFolderError, match=r"results\.jsonl is a link to another place"), durable_files.explained(tmp_path):
        write(link)
    assert not private.exists() or private.read_text() == "a line\nno end"
