"""Run folders that were edited, damaged, or made by others: finished, half-finished, submitted, and a combination of regions.

Every command that reads one gives a result or one clean line, and a scan that is resumed loses nothing of what was written.
"""

import contextlib
import functools
import io
import json
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

from hfx.driver.api import scan
from hfx.driver.cli import main
from hfx.driver.plot import scan_picture
from hfx.driver.results import load_run
from hfx.driver.run import lock
from hfx.driver.scan.run_context import RunContext
from hfx.driver.submission import prepare, record
from hfx.driver.submission.status import BatchQueues, run_status
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.status import row, status
from hfx.errors import HfxError
from hfx.printable import has_unprintable
from tests.driver import fakes
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import damage, mutate, nasty

QUICK, OUTCOMES = 120, {"results", "clean error", "resumed", "resumed without lines"}

_POINTS = fakes.grid(4, 3)
_NAME = "sig_300_40"
_CODES = {0, 1, 2}
_NO_RECORDS = (b"", b"null", b"[]", b"{}", b"\0" * 50, b"\xff\xfe", b"[" * 5000, b'{"name": "sig"}')
_LARGE = 10_000_000


def attempt(seed: int) -> str:
    """Edit a run's folder, and have it read, or go on."""
    draw = random.Random(seed)
    bases = _bases()
    with tempfile.TemporaryDirectory(prefix="hfx-run-") as place, _tamed():
        run = Path(place) / "run"
        base = draw.choice(sorted(bases))
        shutil.copytree(bases[base], run)
        _edit(run, draw)
        if base in ("half", "half2") and draw.randrange(2):
            return _resume(run)
        reader = draw.choice(_READERS)
        try:
            return reader(run)
        except HfxError as error:
            check_error(error)
            return "clean error"


@functools.cache
def _bases() -> dict[str, Path]:
    """A run of each kind, made once."""
    place = Path(tempfile.mkdtemp(prefix="hfx-runs-"))
    with _tamed():
        source = fakes.write_pallet(place / "toy", _POINTS)
        scan(source, output=place / "finished", context=RunContext(function=fakes.run, say=_hush))
        _half(place / "finished", place / "half", 7)
        _half(place / "finished", place / "half2", 17)
        _submitted(place / "half", place / "submitted", source)
        for name in ("A", "B"):
            fakes.write_pallet(place / "regions" / name, _POINTS[:6])
        scan(place / "regions", region="all", output=place / "all", context=RunContext(function=fakes.run, say=_hush))
    return {name: place / name for name in ("finished", "half", "half2", "submitted", "all")}


def _half(finished: Path, half: Path, lines: int) -> None:
    """A run that was killed after so many records."""
    shutil.copytree(finished, half)
    for path in half.glob("contour.*"):
        path.unlink()
    (half / "scan.json").unlink()
    text = (half / "results.jsonl").read_bytes().splitlines(keepends=True)
    (half / "results.jsonl").write_bytes(b"".join(text[:lines]))
    head = json.loads((half / "run.json").read_text())
    (half / "run.json").write_text(json.dumps({**head, "state": "running", "pid": 2**22 - 1}))
    (half / "batches.jsonl").write_text("".join(json.dumps([f"sig_{a}_{b}"]) + "\n" for a, b in _POINTS[lines:]))
    (half / "lock").write_text(json.dumps({**asdict(lock.this_process()), "pid": 2**22 - 1}))


def _submitted(half: Path, run: Path, source: Path) -> None:
    shutil.copytree(half, run)
    (run / "job").mkdir()
    made = record.Submission("here", "", "embedded", str(source), {}, "2026-01-01T00:00:00+00:00", None, str(run / "log"), 10.0)
    record.write(run, made)


def _hush(_: str) -> None: ...


@contextlib.contextmanager
def _tamed() -> Any:
    """Nothing outside the folder is touched: fits and pictures are made up, and no process gets a signal."""
    kill = os.kill

    def only_asked(pid: int, number: int) -> None:
        assert number == 0 or pid == os.getpid(), f"signal {signal.Signals(number)} to {pid}"
        kill(pid, number)

    with (
        mock.patch("hfx.functions.task.run", fakes.run),
        mock.patch.object(scan_picture, "_picture", fakes.picture),
        mock.patch("os.kill", only_asked),
    ):
        yield


def _edit(run: Path, draw: random.Random) -> None:
    """One file of the run, mostly, is not what hfx wrote."""
    for _ in range(draw.choice((0, 1, 1, 1, 1, 2))):
        files = sorted(p for p in run.rglob("*") if p.is_file() and not p.is_symlink() and p.suffix in (".json", ".jsonl", ""))
        path = draw.choice([file for file in files if file.stat().st_size < _LARGE])
        kind = draw.randrange(10)
        if kind == 0:
            _replace(path, draw)
        elif kind == 1:
            path.write_bytes(damage(path.read_bytes(), draw, draw.randrange(1, 5)))
        elif path.suffix == ".jsonl":
            _edit_lines(path, draw)
        else:
            with contextlib.suppress(ValueError):
                _write(path, mutate(json.loads(path.read_text()), draw, draw.randrange(1, 4)))


def _write(path: Path, content: Any) -> None:
    try:
        text = json.dumps(content, indent=1)
    except (ValueError, RecursionError):
        text = "[" * 5000
    path.write_text(text)


def _edit_lines(path: Path, draw: random.Random) -> None:
    lines = path.read_bytes().splitlines()
    for _ in range(draw.choice((1, 1, 2))):
        at = draw.randrange(len(lines) + 1)
        here = lines[at] if at < len(lines) else b"{}"
        match draw.randrange(8):
            case 0:
                lines[at:at] = [draw.choice(_NO_RECORDS)]
            case 1:
                lines[at : at + 1] = []
            case 2:
                lines[at : at + 1] = [here, here]
            case 3:
                lines[at : at + 1] = [damage(here, draw, 2).replace(b"\n", b" ")]
            case 4:
                draw.shuffle(lines)
            case _:
                with contextlib.suppress(ValueError, RecursionError):
                    lines[at : at + 1] = [json.dumps(mutate(json.loads(here), draw, draw.randrange(1, 3))).encode()]
    path.write_bytes(b"\n".join(lines) + draw.choice((b"\n", b"\n", b"\n", b"")))


def _replace(path: Path, draw: random.Random) -> None:
    """Something else in the place of a file."""
    content = path.read_bytes()
    path.unlink()
    match draw.randrange(10):
        case 0:
            path.touch()
        case 1:
            path.mkdir()
        case 2:
            os.mkfifo(path)
        case 3:
            with path.open("wb") as file:
                file.truncate(300 << 20)
        case 4:
            path.with_name("elsewhere").write_bytes(content)
            path.symlink_to(path.with_name("elsewhere"))
        case 5:
            path.symlink_to(path)
        case 6:
            path.symlink_to("/dev/zero")
        case 7:
            path.write_bytes(draw.randbytes(300))
        case 8:
            _write(path, nasty(draw))
        case _:
            pass


def _command(*words: object) -> tuple[int, str]:
    """The exit code and the errors of a command, which are as a user should read them."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run([str(word) for word in words])
    errors = err.getvalue()
    assert "bug in hfx" not in errors, f"{words}: {errors}"
    assert "Traceback" not in errors, f"{words}: {errors}"
    assert code in _CODES, f"{words}: {code}"
    assert code != 2 or errors.strip(), f"{words}: no reason"
    for text in (errors, out.getvalue()):
        for line in text.splitlines():
            assert not has_unprintable(line, lines=True), f"{words}: {line!r}"
    return code, errors


def _reading(*words: str) -> Callable[[Path], str]:
    def read(run: Path) -> str:
        given = [word.replace("RUN", str(run)) for word in words]
        return "clean error" if _command(*given)[0] == 2 else "results"

    return read


def _from_python(run: Path) -> str:
    result = load_run(run)
    repr(result), result._repr_html_(), result.to_rows(), result.to_records(), result.conclusions, result.contours
    assert all(isinstance(one.name, str) for one in result.results)
    return "results"


def _page(run: Path) -> str:
    feed = Feed(run)
    for _ in range(20):
        if not feed.poll(check_driver=True):
            break
    json.dumps(status(feed))
    for position in range(len(feed.names)):
        json.dumps(row(feed, position))
    return "page"


def _again(run: Path) -> str:
    """What `hfx attach` does before it submits again."""
    found = run_status(run, BatchQueues())
    if found.submission is not None:
        prepare.prepare_resubmission(found, RunContext(say=_hush)).text()
    return "results"


_READERS: Sequence[Callable[[Path], str]] = (
    _reading("status", "RUN"),
    _reading("status", "RUN", "--json"),
    _reading("plot", "RUN"),
    _reading("plot", "RUN", "--interpolation", "linear"),
    _reading("plot", "RUN", "--where", "m1>250", "-o", "RUN/other.png"),
    _reading("export", "RUN", "--csv"),
    _reading("export", "RUN", "--hepdata"),
    _reading("export", "RUN", "--parameters", _NAME),
    _reading("export", "RUN", "--workspace", _NAME),
    _reading("cancel", "RUN", "--wait", "0.1"),
    _from_python,
    _page,
    _again,
)


def _resume(run: Path) -> str:
    """Run the scan's own command again: all that was written is there still, and every hypothesis has its result."""
    before = _records(run / "results.jsonl")
    source = _bases()["half"].parent / "toy"
    code, errors = _command("scan", source, "-o", run, "--threads", "1")
    kept = _records(run / "results.jsonl") + _records(run / "results.jsonl.unreadable")
    assert not (lost := [line for line in before if line not in kept]), f"lost: {lost}\n{errors}"
    if code == 2:
        return "clean error"
    found = {one["name"]: one["CLs_obs"] for one in json.loads((run / "scan.json").read_text())["results"]}
    expected = {f"sig_{a}_{b}" for a, b in _POINTS}
    assert set(found) == expected, expected.symmetric_difference(found)
    assert all(isinstance(value, float) for value in found.values()), found
    return "resumed without lines" if "cannot be used" in errors else "resumed"


def _records(path: Path) -> list[bytes]:
    """The whole lines of a file, if it is one of moderate size."""
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _LARGE:
        return []
    return [line for line in path.read_bytes().split(b"\n")[:-1] if line]
