"""The command with streams that are closed, full, cut off, narrow, or lack characters: its exit code, and what it says."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.driver import fakes

HFX = f"{sys.executable} -m hfx"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pallet whose name no encoding of old has."""
    made = tmp_path_factory.mktemp("streams")
    fakes.write_pallet(made / "sär", fakes.grid(40, 3))
    return made


def shell(folder: Path, command: str, **environment: str) -> tuple[int, str, str]:
    """The exit code of a command line, what it prints, and its messages, read from the file e if it writes there."""
    ended = subprocess.run(
        ["bash", "-c", command], capture_output=True, cwd=folder, env={**os.environ, **environment}, timeout=120, check=False
    )
    return ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace")


@pytest.mark.parametrize("arguments", ["pallet inspect sär --all", "scan sär --plan", "--help"])
def test_output_that_cannot_be_written_is_one_line(folder: Path, arguments: str) -> None:
    code, _, messages = shell(folder, f"{HFX} {arguments} >/dev/full")
    assert code == 2
    assert messages.splitlines()[-1].startswith("hfx: standard output cannot be written (No space left on device); make room")
    assert "bug" not in messages
    assert "Exception" not in messages


@pytest.mark.parametrize("arguments", ["pallet inspect sär --all", "scan sär --plan", "scan --help"])
def test_a_reader_that_has_seen_enough_is_no_error(folder: Path, arguments: str) -> None:
    code, _, messages = shell(folder, f"{HFX} {arguments} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}")
    assert (code, "Traceback" in messages, "Exception" in messages) == (0, False, False)


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_closed_streams_change_no_exit_code_and_get_nothing(folder: Path, streams: str) -> None:
    for arguments, expected in (("pallet inspect sär", 0), ("scan nothing", 2)):
        code, out, messages = shell(folder, f"{HFX} {arguments} {streams}")
        assert code == expected, messages
        assert ("no such file" in out + messages) == (expected == 2 and "2>" not in streams)
        assert "no such file" not in out  # messages do not go to standard output instead


def test_characters_that_the_encoding_lacks_are_escapes(folder: Path) -> None:
    command = f"{HFX} pallet inspect sär; {HFX} scan sär-nothing"
    code, out, messages = shell(folder, command, PYTHONIOENCODING="ascii", COLUMNS="20")
    assert code == 2
    assert "bug" not in messages
    assert "s\\xe4r" in messages
    assert "120 hypotheses" in out


@pytest.mark.parametrize("columns", [1, 20])
def test_tables_can_be_read_on_a_narrow_terminal(folder: Path, columns: int) -> None:
    """Their lines are wrapped by the terminal, not their cells by us."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ["TERM"] = "dumb"
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 5, columns, 0, 0))
        os.execv(sys.executable, [sys.executable, "-m", "hfx", "pallet", "inspect", "sär"])
    found = b""
    try:
        while part := os.read(terminal, 65536):
            found += part
    except OSError:  # the terminal's other side is closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"histosys" in found
    assert b"normfactor" in found
