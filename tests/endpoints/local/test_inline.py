"""The inline engine: an executor that runs its tasks in order beside its caller."""

import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from hfx import endpoints
from hfx.endpoints.local import inline
from hfx.errors import EndpointError


@pytest.mark.parametrize("workers", [1, 3])
def test_tasks_begin_in_order_as_many_at_a_time_as_there_are_workers(workers: int) -> None:
    running, most, order = 0, 0, []
    guard = threading.Lock()
    full = threading.Barrier(workers)

    def work(i: int) -> int:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
            order.append(i)
        if i < workers:
            full.wait(5)  # all workers are at work at once
        time.sleep(0.002)
        with guard:
            running -= 1
        return i * i

    with endpoints.connect("embedded", workers) as pool:
        futures = [pool.submit(work, i) for i in range(10)]
        assert [future.result(5) for future in futures] == [i * i for i in range(10)]
    assert most == workers
    assert sorted(order) == list(range(10))
    assert all(abs(place - i) < workers for place, i in enumerate(order))


def test_results_stream() -> None:
    gate = threading.Event()
    with endpoints.connect("inline") as pool:
        first, second = pool.submit(lambda: 1), pool.submit(gate.wait, 5)
        assert first.result(5) == 1
        assert not second.done()
        gate.set()
        assert second.result(5)


def test_an_error_belongs_to_its_task() -> None:
    with endpoints.connect() as pool:
        bad, good = pool.submit(lambda: 1 / 0), pool.submit(lambda: 2)
        assert isinstance(bad.exception(5), ZeroDivisionError)
        assert good.result(5) == 2


def test_leaving_by_an_error_drops_what_has_not_begun() -> None:
    gate, ran = threading.Event(), []
    kept = []

    def leave() -> None:
        with endpoints.connect() as pool:
            first = pool.submit(gate.wait, 5)
            while not first.running():
                time.sleep(0.001)
            kept.extend([pool, pool.submit(ran.append, 1)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    gate.set()
    pool, second = kept
    with pytest.raises(CancelledError):
        second.result(5)
    assert not ran
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(ran.append, 1)


def test_an_unknown_endpoint_is_refused_by_name() -> None:
    with (
        pytest.raises(EndpointError, match=r"'river'; known here: embedded, inline"),
        endpoints.connect("river"),
    ):
        pass


def test_a_process_does_not_wait_for_a_task_in_flight() -> None:
    code = (
        "import time; from hfx import endpoints\n"
        "try:\n"
        "    with endpoints.connect() as pool:\n"
        "        pool.submit(time.sleep, 60); time.sleep(0.1); raise KeyboardInterrupt\n"
        "except KeyboardInterrupt: print('left')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "left\n")


def test_nobody_waits_for_a_thread_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = threading.Event()

    def without_memory(*_: object) -> None:
        begin.wait(30)
        raise MemoryError  # where the outcome of a call should be passed on

    monkeypatch.setattr(inline, "_run", without_memory)
    executor = inline.InlineExecutor(1)
    futures = [executor.submit(int, "3") for _ in range(3)]
    begin.set()
    for future in futures:
        with pytest.raises(MemoryError):
            future.result(timeout=30)
    with pytest.raises(MemoryError):
        executor.submit(int, "3")
