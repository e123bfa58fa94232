"""The process engine: workers of one thread, that die alone and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from hfx import endpoints
from hfx.errors import EndpointError, WorkerLostError
from tests.endpoints import jobs

ROOT = Path(__file__).resolve().parents[3]


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def until(done: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    return done()


def test_as_many_workers_as_asked_for_with_one_thread_each() -> None:
    with endpoints.connect("process", 2) as pool:
        told = [future.result(30) for future in [pool.submit(jobs.where, {"seconds": 0.2, "threads": 8}) for _ in range(6)]]
        assert pool.submit(jobs.libraries, {}).result(60) == {"torch": 1, "numba": 1}
    pids = {one["pid"] for one in told}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert {one[name] for one in told for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")} == {"1"}
    assert {one["threads"] for one in told} == {1}  # the endpoint's, not the task's
    assert not alive(pids)


def test_nothing_is_started_that_nothing_is_asked_of() -> None:
    with endpoints.connect("process", 2) as pool:
        assert not pool._all  # type: ignore[attr-defined]


def test_what_is_printed_is_not_taken_for_an_answer() -> None:
    with endpoints.connect("process") as pool:
        assert [pool.submit(jobs.noisy, {}).result(30) for _ in range(2)] == ["done", "done"]


def test_a_failing_task_keeps_its_worker_and_a_killed_worker_its_pool() -> None:
    with endpoints.connect("process") as pool:
        first = pool.submit(jobs.where, {}).result(30)["pid"]
        with pytest.raises(ZeroDivisionError, match="oh"):
            pool.submit(jobs.fail, {}).result(30)
        assert pool.submit(jobs.where, {}).result(30)["pid"] == first
        with pytest.raises(WorkerLostError, match=r"endpoint process: .* was killed by SIGKILL \(out of memory\?\)"):
            pool.submit(jobs.die, {}).result(30)
        second = pool.submit(jobs.where, {}).result(30)["pid"]
        assert second != first
        with pytest.raises(WorkerLostError, match="ended with exit code 3"):
            pool.submit(jobs.leave, {}).result(30)
        # A worker that dies between two tasks loses the next one only.
        third = pool.submit(jobs.where, {}).result(30)["pid"]
        os.kill(third, signal.SIGKILL)
        with pytest.raises(WorkerLostError):
            pool.submit(jobs.where, {}).result(30)
        assert pool.submit(jobs.echo, {"x": 1}).result(30)["x"] == 1


def test_workers_that_do_not_start_are_the_endpoint_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    monkeypatch.setattr(sys, "executable", "/usr/bin/false")
    with endpoints.connect("process") as pool, pytest.raises(EndpointError, match="endpoint process: its workers do not start"):
        pool.submit(jobs.echo, {}).result(30)


def test_leaving_by_an_error_ends_the_workers_at_once() -> None:
    kept = []

    def leave() -> None:
        with endpoints.connect("process", 2) as pool:
            kept.append({pool.submit(jobs.where, {"seconds": 0.2}).result(30)["pid"]})
            kept.extend(pool.submit(jobs.where, {"seconds": 60}) for _ in range(5))
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        leave()
    assert time.monotonic() - begun < 20
    pids, *futures = kept
    assert not alive(pids)
    for future in futures:
        with pytest.raises((CancelledError, WorkerLostError)):
            future.result(10)


CLIENT = """
import sys, time
from hfx import endpoints
from tests.endpoints import jobs
with endpoints.connect("process", 2) as pool:
    pids = {pool.submit(jobs.where, {"seconds": 0.3}).result(60)["pid"]}
    futures = [pool.submit(jobs.where, {"seconds": 0.3}) for _ in range(4)]
    pids |= {future.result(60)["pid"] for future in futures}
    futures = [pool.submit(jobs.where, {"seconds": 300}) for _ in range(4)]
    print(*pids, flush=True)
    futures[0].result()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_goes_leaves_no_worker_behind(number: signal.Signals) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    assert client.stdout is not None
    pids = {int(word) for word in client.stdout.readline().split()}
    assert len(pids) == 2
    assert alive(pids) == pids
    os.killpg(client.pid, number)
    client.communicate(timeout=20)
    assert until(lambda: not alive(pids))
