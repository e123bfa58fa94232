"""Several endpoints as one: the faster takes more, one that fails is left out, one that is silent is not waited for."""

import threading
import time
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from hfx.endpoints.local.inline import InlineExecutor
from hfx.endpoints.several import Member, SharedExecutor
from hfx.errors import EndpointError, WorkerLostError


def quiet(sentence: str) -> None:
    raise AssertionError(sentence)


class Slow(InlineExecutor):
    """Takes a while for each task."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1)
        self.seconds = seconds
        self.done = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        def work() -> Any:
            time.sleep(self.seconds)
            self.done += 1
            return fn(*args)

        return super().submit(work)


class Queueing(Executor):
    """Its jobs never start."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.futures.append(Future())
        return self.futures[-1]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for future in self.futures:
            future.cancel()


class Refusing(Executor):
    """Cannot be used: at once, or with its first task."""

    def __init__(self, *, later: bool) -> None:
        self.later = later

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        error = EndpointError("endpoint river: no such partition")
        if not self.later:
            raise error
        future: Future[Any] = Future()
        threading.Timer(0.05, future.set_exception, (error,)).start()
        return future


def square(task: dict[str, int]) -> int:
    return task["i"] ** 2


def test_the_faster_takes_more() -> None:
    slow, fast = Slow(0.1), Slow(0.005)
    pool = SharedExecutor([Member("slow", slow, 1), Member("fast", fast, 1)], quiet)
    futures = [pool.submit(square, {"i": i}) for i in range(40)]
    assert [future.result(20) for future in futures] == [i * i for i in range(40)]
    pool.shutdown()
    # None twice, but for what the slow one was given first, if the fast one was through before it answered at all.
    assert slow.done + fast.done in (40, 41) or slow.done == 0
    assert slow.done < 10


def test_who_is_silent_is_not_waited_for() -> None:
    silent = Queueing()
    pool = SharedExecutor([Member("silent", silent, 4), Member("here", Slow(0.02), 1)], quiet)
    futures = [pool.submit(square, {"i": i}) for i in range(10)]
    assert [future.result(10) for future in futures] == [i * i for i in range(10)]
    assert silent.futures
    pool.shutdown()
    # Its late answers disturb nobody.
    assert all(future.done() for future in silent.futures)


@pytest.mark.parametrize("later", [False, True])
def test_who_cannot_be_used_is_left_out_and_said_once(later: bool) -> None:
    said: list[str] = []
    pool = SharedExecutor([Member("river", Refusing(later=later), 2), Member("here", Slow(0.01), 1)], said.append)
    futures = [pool.submit(square, {"i": i}) for i in range(10)]
    assert [future.result(10) for future in futures] == [i * i for i in range(10)]
    deadline = time.monotonic() + 5
    while not said and time.monotonic() < deadline:
        time.sleep(0.01)
    assert said == ["endpoint river: no such partition; the other endpoints continue without it"]
    pool.shutdown()


def test_when_none_can_be_used_it_is_the_scan_s_error() -> None:
    members = [Member(name, Refusing(later=False), 1) for name in ("a", "b")]
    said: list[str] = []
    pool = SharedExecutor(members, said.append)
    with pytest.raises(EndpointError, match="no such partition"):
        pool.submit(square, {"i": 1}).result(10)
    with pytest.raises(EndpointError, match="no such partition"):
        pool.submit(square, {"i": 1}).result(10)
    pool.shutdown(wait=False, cancel_futures=True)
    assert len(said) == 1


def test_an_error_of_a_task_is_the_task_s() -> None:
    def lost(task: dict[str, int]) -> None:
        raise WorkerLostError("gone")

    pool = SharedExecutor([Member("a", InlineExecutor(1), 1), Member("b", InlineExecutor(1), 1)], quiet)
    with pytest.raises(WorkerLostError):
        pool.submit(lost, {}).result(10)
    assert pool.submit(square, {"i": 3}).result(10) == 9
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(square, {"i": 3})


def test_leaving_in_the_middle_drops_what_waits() -> None:
    pool = SharedExecutor([Member("a", Slow(0.05), 1), Member("b", Slow(0.05), 1)], quiet)
    futures = [pool.submit(square, {"i": i}) for i in range(50)]
    futures[0].result(10)
    begun = time.monotonic()
    pool.shutdown(wait=False, cancel_futures=True)
    assert time.monotonic() - begun < 5
    assert sum(future.cancelled() for future in futures) > 40


class Starting(InlineExecutor):
    """Starts for ever, and does not end while it starts."""

    def __init__(self, started: threading.Event) -> None:
        super().__init__(1)
        self.started, self.over = started, threading.Event()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.started.set()
        self.over.wait()
        raise EndpointError("endpoint river: closed")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.over.wait()


class Ending(InlineExecutor):
    """Notes its end."""

    def __init__(self) -> None:
        super().__init__(1)
        self.ended = threading.Event()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.ended.set()


def test_one_that_does_not_end_keeps_no_other_from_ending() -> None:
    started = threading.Event()
    first, second = Starting(started), Ending()
    pool = SharedExecutor([Member("river", first, 1), Member("lake", second, 1)], quiet)
    pool.submit(str, 1)
    pool.submit(str, 2)
    assert started.wait(10)
    threading.Thread(target=pool.shutdown, kwargs={"wait": False, "cancel_futures": True}, daemon=True).start()
    assert second.ended.wait(10)
    first.over.set()
