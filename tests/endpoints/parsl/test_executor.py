"""Parsl's own processes may die: nobody waits for them, and nothing is left of them."""

import os
import signal
import time
from pathlib import Path

import pytest

from hfx.endpoints import connect
from hfx.endpoints.parsl.executor import ParslExecutor
from hfx.endpoints.parsl.high_throughput import Blocks
from hfx.errors import EndpointError
from tests.conformance import engines
from tests.endpoints import jobs


def _blocks(pool: object) -> Blocks:
    assert isinstance(pool, ParslExecutor)
    assert pool._kernel is not None
    (blocks,) = (one for one in pool._kernel.executors.values() if isinstance(one, Blocks))
    return blocks


def test_an_interchange_that_dies_fails_the_tasks_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsl itself would wait for its answers, in tasks and in the shutdown."""
    monkeypatch.setenv("HFX_TEST_MARKER", f"{tmp_path}/marker")
    with connect(engines.ENGINES["parsl-local"].written(tmp_path), 2) as pool:
        assert pool.submit(jobs.echo, {"x": 1}).result(60) == {"threads": 1, "device": "cpu", "x": 1}
        waiting = pool.submit(jobs.where, {"seconds": 600})
        interchange = _blocks(pool).interchange_proc
        assert interchange is not None
        os.kill(interchange.pid, signal.SIGKILL)
        with pytest.raises(
            EndpointError, match="the process that passes its tasks on was killed by SIGKILL; run the same command"
        ):
            waiting.result(20)
        with pytest.raises(EndpointError, match="was killed by SIGKILL"):
            pool.submit(jobs.echo, {})
        begun = time.monotonic()
    assert time.monotonic() - begun < 15
    assert engines.until(lambda: not engines.marked(f"HFX_TEST_MARKER={tmp_path}/marker"), 10)
