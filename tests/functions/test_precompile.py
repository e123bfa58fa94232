"""Two processes compile the kernels that the fits call, and the second one never outlives the first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numba
import pytest

from hfx.functions import precompile
from hfx.hf_core.cpu import buffers, compilation, solver_state
from hfx.hf_core.cpu.compilation import KERNELS, is_cached
from hfx.hf_core.cpu.minimize import minimize_rows
from tests.conformance.points import points
from tests.conformance.test_likelihood import core
from tests.conformance.workspaces import BATTERY

MODEL = "one_bin"


def fitted() -> Any:
    model = core(BATTERY[MODEL], 4, "4p", None, "compiled")
    model.evaluate(0, points(BATTERY[MODEL], 1)[0], order=2)
    return model.batch.tables


def test_what_is_compiled_ahead_is_what_the_fits_call() -> None:
    tables = fitted()
    for calls in precompile._halves(tables):
        for name, types in calls.items():
            kernel = KERNELS[name]
            assert list(getattr(kernel, "dispatcher", kernel).overloads) == [types], name


def test_the_types_of_what_python_makes_are_known_without_making_it() -> None:
    tables = fitted()
    assert buffers.tables_type(tables) == numba.typeof(buffers.tables_by_reference(tables))
    assert buffers.work_arrays_type(tables) == numba.typeof(buffers.work_arrays(tables))
    assert solver_state.state_type(tables) == numba.typeof(solver_state.state(tables))


class Watched:
    """In the place of subprocess.Popen, the processes that were started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        popen = subprocess.Popen

        def start(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
            self.started.append(popen(*args, **options))
            return self.started[-1]

        monkeypatch.setattr(subprocess, "Popen", start)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_there_is_no_second_process_where_the_kernels_are_kept(watched: Watched) -> None:
    tables = fitted()
    assert is_cached(minimize_rows.dispatcher)
    precompile.compile_kernels(tables)
    assert not watched.started


@pytest.mark.parametrize(("cores", "folder"), [(1, "somewhere"), (2, None)])
def test_there_is_none_on_one_core_nor_where_nothing_can_be_kept(
    cores: int, folder: str | None, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = fitted()
    monkeypatch.setattr(precompile, "is_cached", lambda _: False)
    monkeypatch.setattr(precompile, "_cores", lambda: cores)
    monkeypatch.setattr(minimize_rows.dispatcher._cache, "_cache_path", folder, raising=False)
    precompile.compile_kernels(tables)
    assert not watched.started


def test_the_second_process_compiles_what_it_is_told(watched: Watched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    types = numba.typeof(solver_state.state_fields(fitted()))
    with precompile._second({compilation.name_of(solver_state.make_state): (types,)}) as done:
        done()
        assert watched.started[0].returncode == 0
    assert list(tmp_path.rglob("solver_state.make_state-*.nbc"))


def test_it_is_stopped_with_what_waits_for_it(watched: Watched) -> None:
    with pytest.raises(KeyboardInterrupt), precompile._second(precompile._halves(fitted())[1]):
        raise KeyboardInterrupt
    assert watched.started[0].returncode == -signal.SIGKILL


def test_this_process_compiles_all_where_no_other_can_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for python in (str(tmp_path / "none"), None):
        monkeypatch.setattr(sys, "executable", python)
        with precompile._second({}) as done:
            done()


def test_one_that_fails_is_not_waited_for(watched: Watched) -> None:
    begun = time.monotonic()
    with precompile._second({"hfx.hf_core.cpu.no_such_kernel": ()}) as done:
        done()
    assert watched.started[0].returncode not in (0, -signal.SIGKILL)
    assert time.monotonic() - begun < precompile._PATIENCE


ALONE = """
import os, subprocess, time
import numba
from hfx.functions import precompile
from hfx.hf_core.cpu import compilation, solver_state
from tests.functions.test_precompile import fitted
types = numba.typeof(solver_state.state_fields(fitted()))
popen = subprocess.Popen
def start(*args, **options):
    process = popen(*args, **options)
    print(process.pid, flush=True)
    return process
subprocess.Popen = start
with precompile._second({compilation.name_of(solver_state.make_state): (types,)}):
    time.sleep(60)
"""


def test_it_does_not_outlive_a_process_that_was_killed(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", ALONE], stdout=subprocess.PIPE)
    assert first.stdout is not None
    second = int(first.stdout.readline())
    first.kill()
    first.wait()
    first.stdout.close()
    end = time.monotonic() + 60.0
    while Path(f"/proc/{second}").exists() and "Z" not in Path(f"/proc/{second}/stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_it_ends_when_the_pipe_closes() -> None:
    code = "import threading, time\nfrom hfx.functions import precompile\nprecompile._until_alone()\ntime.sleep(60)"
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", code], stdin=read) as process:
        os.close(read)
        os.close(write)
        assert process.wait(60) == 1
