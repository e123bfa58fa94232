"""The lock: one holder; a dead one's is explained and taken over, a live one's is not."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfx.driver.run import lock
from hfx.errors import RunFolderError


def take(folder: Path) -> list[str]:
    said: list[str] = []
    with lock.acquire(folder, said.append):
        pass
    return said


def leftover(folder: Path, **changes: object) -> None:
    holder = {**vars(lock.this_process()), **changes}
    (folder / "lock").write_text(json.dumps(holder))


def test_held_by_one_only_and_gone_afterwards(tmp_path: Path) -> None:
    with lock.acquire(tmp_path, pytest.fail):
        content = json.loads((tmp_path / "lock").read_text())
        assert (content["host"], content["pid"]) == (os.uname().nodename, os.getpid())
        with pytest.raises(RunFolderError, match=f"in use by process {os.getpid()} on {os.uname().nodename}"):
            take(tmp_path)
    assert not (tmp_path / "lock").exists()
    assert take(tmp_path) == []


def test_another_process_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hfx.driver.run import lock\n"
        "with lock.acquire(Path(sys.argv[1]), print): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=f"process {other.pid} "):
            take(tmp_path)
        other.kill()
        other.wait()
        (said,) = take(tmp_path)
        assert f"process {other.pid} " in said
        assert "no longer runs: its lock is taken over" in said


def test_a_dead_process_or_a_later_one_of_its_number(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leftover(tmp_path, pid=dead.pid, started="1")
    assert "taken over" in take(tmp_path)[0]
    leftover(tmp_path, pid=1, started="not when it started")
    assert "taken over" in take(tmp_path)[0]


def test_a_live_process_of_this_host(tmp_path: Path) -> None:
    leftover(tmp_path, pid=os.getppid(), started="")
    with pytest.raises(RunFolderError, match=f"in use by process {os.getppid()} "):
        take(tmp_path)


def test_another_host_is_not_judged_from_here(tmp_path: Path) -> None:
    leftover(tmp_path, host="elsewhere")
    with pytest.raises(RunFolderError, match=r"on elsewhere .* if it no longer runs, remove .*lock"):
        take(tmp_path)
    assert (tmp_path / "lock").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 3}', "\0\0\0"])
def test_a_torn_lock_is_free(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert take(tmp_path) == []


def test_without_flock_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with lock.acquire(tmp_path, pytest.fail), pytest.raises(RunFolderError, match="in use by"):
        take(tmp_path)
    assert take(tmp_path) == []


def test_a_lock_that_its_holder_removes_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock, removed = fcntl.flock, []

    def remove_first(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        if not removed:
            removed.append(True)
            (tmp_path / "lock").unlink()

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with lock.acquire(tmp_path, pytest.fail):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_vanished_folder_is_no_error_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with lock.acquire(folder, pytest.fail):
        (folder / "lock").unlink()
        folder.rmdir()
    assert not folder.exists()
