"""The endpoints of a scan as one value: resolved once, what the driver asks of them, and their executor."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path

import pytest

from hfx.endpoints import Endpoints, connection
from hfx.errors import EndpointError
from tests.endpoints.jobs import echo


def _file(folder: Path, name: str, *lines: str) -> str:
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_the_default_is_this_process() -> None:
    found = Endpoints.of()
    assert (str(found), len(found), found.workers(3), found.most_bytes) == ("embedded", 1, 3, None)
    assert found.on_this_machine
    assert found.have_child_workers
    assert found.devices_of_this_machine("cuda") == ("cuda",)


def test_several_endpoints(tmp_path: Path) -> None:
    river = _file(tmp_path, "river", 'engine = "parsl"', 'provider = "slurm"', "workers = 5", "gpus = 5")
    lake = _file(tmp_path, "lake", 'engine = "globus"', 'endpoint_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"')
    found = Endpoints.of([river, "process", river, lake])
    assert str(found) == "river and process and lake"
    assert found.workers(2) == 5 + 2 + 8
    assert found.devices("cpu") == ("cuda", "cpu", "cpu")
    assert found.devices_of_this_machine("cpu") == ("cpu",)
    assert found.most_bytes == 9_900_000
    assert not found.on_this_machine
    assert found.have_child_workers
    assert not Endpoints.of([river, lake]).have_child_workers


def test_local_workers_of_parsl_are_on_this_machine_but_no_children(tmp_path: Path) -> None:
    found = Endpoints.of(_file(tmp_path, "here", 'engine = "parsl"', 'provider = "local"'))
    assert found.on_this_machine
    assert not found.have_child_workers


def test_the_file_is_read_once(tmp_path: Path) -> None:
    name = _file(tmp_path, "here", 'engine = "inline"', "workers = 2")
    found = Endpoints.of(name)
    Path(name).unlink()
    with found.connect() as pool:
        assert pool.submit(echo, {"x": 21}).result()
    with pytest.raises(EndpointError, match="no such file"):
        Endpoints.of(name)


class _Cancelling(Executor):
    """Its jobs take until `over` to be cancelled; Ctrl-C comes meanwhile."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self.over, self.ended, self.interrupted = over, threading.Event(), threading.Event()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        self.interrupted.set()
        if self.over():
            self.ended.set()


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """As at a terminal: who started the tests may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_does_not_interrupt_the_end_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = _Cancelling(lambda: not threading.Event().wait(0.3))
    monkeypatch.setattr(connection, "_executor", lambda *_: pool)
    with pytest.raises(ZeroDivisionError), Endpoints.of().connect():
        raise ZeroDivisionError
    assert pool.ended.is_set()


def test_ctrl_c_at_the_end_of_a_scan_ends_the_jobs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = _Cancelling(lambda: not threading.Event().wait(0.3))
    monkeypatch.setattr(connection, "_executor", lambda *_: pool)
    with pytest.raises(KeyboardInterrupt), Endpoints.of().connect():
        pass
    assert pool.ended.wait(10)


def test_jobs_that_do_not_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    pool = _Cancelling(lambda: never.wait())
    monkeypatch.setattr(connection, "_executor", lambda *_: pool)
    monkeypatch.setattr(connection, "_PATIENCE", 0.3)
    with pytest.raises(ZeroDivisionError), Endpoints.of().connect():
        raise ZeroDivisionError
    assert pool.interrupted.is_set()
    assert not pool.ended.is_set()
    never.set()
