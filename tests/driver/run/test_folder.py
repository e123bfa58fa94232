"""The run's folder: torn lines, whole files, full, read-only and vanished disks."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfx.driver.run import durable_files
from hfx.driver.run.events import Failed, Finished, from_line, to_line
from hfx.driver.run.folder import RunFolder, opened, read_json
from hfx.driver.run.records import read_records
from hfx.driver.run.scan_file import read_scan
from hfx.errors import RunFolderError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    with opened(tmp_path / "run", pytest.fail) as run:
        run.create("results.jsonl", "events.jsonl")
        yield run


def record(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "values": [1], **more}


def test_the_last_line_of_a_hypothesis_counts(folder: RunFolder) -> None:
    folder.append_results([record("a", x=1), record("b", x=1)], "local")
    folder.append_results([record("a", x=2)], "exchange")
    stored = folder.records()
    assert (stored.of_step("local")["a"]["x"], stored.last["a"]["x"], stored.last["b"]["x"]) == (1, 2, 1)


def test_records_are_read_from_where_they_lie(folder: RunFolder) -> None:
    path = folder.path / "results.jsonl"
    folder.append_results([record("a", x="\u00e9" * 9), record("b", solutions={"depth": 1})], "local")
    with path.open("a") as file:
        file.write('{"name": "torn by a cr')
    changed = folder.append_results([record("a", x=2, solutions={"depth": 2})], "exchange")["a"]
    for stored in (folder.records(), read_records(folder.path)):
        assert {**stored.of_step("local")} == {
            "a": record("a", x="\u00e9" * 9, step="local"),
            "b": record("b", solutions={"depth": 1}, step="local"),
        }
        assert stored.last["a"] == stored.last.at(changed) == record("a", x=2, solutions={"depth": 2}, step="exchange")
        assert stored.last.places["a"] == changed
        assert [place.resumable for place in stored.of_step("local").places.values()] == [False, True]
    path.write_text("\n" * path.stat().st_size)
    with pytest.raises(RunFolderError, match=r"results\.jsonl was changed by somebody else; run the same command again"):
        folder.records().last["a"]
    path.unlink()
    with pytest.raises(RunFolderError, match="the folder has gone or cannot be reached"):
        folder.records().last["a"]


def test_results_that_were_written_when_ctrl_c_came_count(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(durable_files, "_sync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.append_results([record("a"), record("b")], "local")
    assert folder.kept() == f"2 results kept in {folder.path}/results.jsonl; "


@pytest.mark.parametrize("torn", ['{"name": "b", "val', '{"name": "b"}', "\0\0\0", '{"name": "b"}\n{"na'])
def test_a_torn_last_line_is_ignored_and_cut_off(folder: RunFolder, torn: str) -> None:
    path = folder.path / "results.jsonl"
    folder.append_results([record("a")], "local")
    with path.open("a") as file:
        file.write(torn)
    stored = read_records(folder.path)
    assert "a" in stored.of_step("local")
    assert ("b" in stored.of_step("local")) is ("\n" in torn)
    folder.append_results([record("c")], "local")
    names = [json.loads(line)["name"] for line in path.read_text().splitlines()]
    assert names == (["a", "b", "c"] if "\n" in torn else ["a", "c"])


def test_lines_that_are_no_records_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_bytes(b'3\n[]\n{"nome": 1}\n\xff\xfe\n{"name": "a"}\n')
    assert set(read_records(tmp_path).last) == {"a"}
    assert read_records(tmp_path / "nowhere").last == {}


def test_numbers_that_are_not_finite_become_null() -> None:
    assert durable_files.dump({"a": [float("nan"), 1.5], "b": (float("inf"),)}) == '{"a": [null, 1.5], "b": [null]}'


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    durable_files.write_whole(path, "old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        durable_files.write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_a_full_disk_keeps_whole_lines(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.append_results([record("a"), record("b")], "local")
    before = (folder.path / "results.jsonl").read_bytes()
    write, calls = os.write, []

    def half(descriptor: int, content: bytes) -> int:
        calls.append(content)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:7])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(RunFolderError) as caught:
        folder.append_results([record("c")], "local")
    assert (folder.path / "results.jsonl").read_bytes() == before
    text = str(caught.value)
    assert str(folder.path) in text
    assert "/results.jsonl; no space is left there" in text
    assert "run the same command again" in text


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ENOTCONN])
def test_a_network_folder_that_vanishes(folder: RunFolder, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def gone(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(durable_files.os, "fsync", gone)
    with pytest.raises(RunFolderError, match="has gone or cannot be reached"):
        folder.append_results([record("a")], "local")


def test_a_removed_folder_is_noticed(tmp_path: Path) -> None:
    with opened(tmp_path / "run", pytest.fail) as folder:
        folder.create("results.jsonl", "events.jsonl")
        folder.append_results([record("a")], "local")
        shutil.rmtree(folder.path)
        with pytest.raises(RunFolderError, match="has gone or cannot be reached"):
            folder.append_results([record("b")], "local")


def _mounted(target: Path, options: str) -> bool:
    target.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(target)]
    return os.geteuid() == 0 and shutil.which("mount") is not None and not subprocess.run(command).returncode


def _fill(folder: RunFolder, names: list[str]) -> None:
    for i in range(100):
        folder.append_results([record(f"h{i}", text="x" * 2000)], "local")
        names.append(f"h{i}")


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    target = tmp_path / "small"
    if not _mounted(target, "size=64k"):
        pytest.skip("this user cannot mount a small tmpfs")
    try:
        with opened(target / "run", pytest.fail) as folder:
            folder.create("results.jsonl", "events.jsonl")
            names: list[str] = []
            with pytest.raises(RunFolderError, match="no space is left there"):
                _fill(folder, names)
            assert len(names) > 5
            assert list(folder.records().of_step("local")) == names
            assert (folder.path / "results.jsonl").read_bytes().endswith(b"\n")
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    target = tmp_path / "fixed"
    if os.geteuid() == 0:
        if not _mounted(target, "ro"):
            pytest.skip("root writes everywhere and cannot mount a read-only tmpfs here")
    else:
        target.mkdir(mode=0o555)
    try:
        with pytest.raises(RunFolderError, match="it cannot be written"), opened(target / "run", pytest.fail):
            pass
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(target)], check=True)


def test_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    for path in (tmp_path / "run", tmp_path / "run" / "beneath"):
        with pytest.raises(RunFolderError, match="is a file, not a folder"), opened(path, pytest.fail):
            pass


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_damaged_run_json_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunFolderError, match=r"run\.json"):
        read_json(tmp_path, "run.json")
    assert read_json(tmp_path, "scan.json") is None


def test_events_are_lines_and_come_back() -> None:
    for event in (Finished(1.5, "local-0", "local", ("a", "b"), 2, 0.1), Failed(2.0, "plan", "c", "why")):
        assert from_line(to_line(event)) == event
    for line in ("{}", '{"event": "finished"}', "3"):
        with pytest.raises(ValueError, match="event"):
            from_line(line)


@pytest.mark.parametrize(("text", "words"), [('{"a":', "cannot be read"), ('{"a": 1}', "is not a file"), ("[]", "is not a file")])
def test_a_spoilt_outcome_names_the_remedy(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "scan.json").write_text(text)
    with pytest.raises(RunFolderError, match=rf"scan\.json {words}.*repeat the scan"):
        read_scan(tmp_path)
