"""One battery over every engine: the embedded run's numbers, failing tasks, lost workers, clients that go, nothing left."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import hfx
from hfx.driver import api
from hfx.driver.api import scan
from hfx.driver.results import ScanResult
from hfx.driver.run.events import Event, Retried
from hfx.driver.scan.run_context import RunContext
from hfx.driver.setup import check_endpoint
from hfx.endpoints import connect, resolve
from tests.conformance import engines
from tests.conformance.clients import Place, client, failures, finished, local, named, over, placed, retried
from tests.driver import fakes
from tests.endpoints import jobs

SEPARATE = [name for name, engine in engines.ENGINES.items() if engine.separate]
# A worker that dies in this process would be the test.
separate = pytest.mark.parametrize("engine", SEPARATE, indirect=True)


@pytest.fixture(scope="module", params=engines.ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """An engine whose batch system, if any, is up."""
    with engines.ENGINES[request.param].needs():
        yield request.param


@pytest.fixture
def place(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    # The service's own limit, which another test measures, would make up half of the time.
    monkeypatch.setattr("hfx.endpoints.globus.service._REQUESTS", 1000)
    monkeypatch.setenv("HFX_TEST_REQUESTS", "1000")
    with placed(engine, tmp_path, monkeypatch) as here:
        yield here


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", fakes.grid(6, 4))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pallet with real fits, one of whose hypotheses is broken, scanned in this process."""
    folder = tmp_path_factory.mktemp("embedded")
    pallet = fakes.write_pallet(folder / "toy", fakes.grid(6, 4), broken=("sig_300_40",))
    scan(pallet, output=folder / "run", context=RunContext(say=lambda _: None))
    return folder


def numbers(content: Mapping[str, Any]) -> list[Any]:
    """All that a result holds but who computed it, and when."""
    results = [{k: v for k, v in record.items() if k not in ("seconds", "worker")} for record in content["results"]]
    return [results, content["failures"]]


def shows(place: Place) -> bool:
    """Whether the client and its workers are seen, and not just commands that it runs: what is later said to be gone would be."""
    least = 3 if place.engine in SEPARATE else 1
    if len(place.seen()) < least:
        return False
    time.sleep(0.3)
    return len(place.seen()) >= least


def run_scan(pallet: Path, place: Place, worker: Any = None, **options: Any) -> tuple[ScanResult, list[Event]]:
    events: list[Event] = []
    setting = RunContext(say=lambda _: None, function=worker, listener=events.append, batch=4)
    return scan(pallet, endpoint=place.file, output=pallet.parent / "run", context=setting, **options), events


def test_the_embedded_run_s_numbers_exchange_included(place: Place, embedded: Path) -> None:
    """To the last bit, although the batches are others; and they were computed where the endpoint says."""
    folder = Path(place.file).parent / "run"
    setting = RunContext(say=lambda _: None, batch=7)
    result = scan(embedded / "toy", endpoint=place.file, output=folder, context=setting)
    wanted = hfx.load_run(embedded / "run")
    assert len(result) == 23
    for a, b in zip(wanted, result, strict=True):
        assert [b.CLs_obs, *b.CLs_exp] == pytest.approx([a.CLs_obs, *a.CLs_exp], abs=1e-10)
        for fit, twice in a.fits.items():
            assert b.fits[fit]["twice_nll"] == pytest.approx(twice["twice_nll"], abs=1e-9)
    assert result.failures == wanted.failures
    rounds = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert {one["step"] for one in rounds if one["event"] == "planned"} == {"local", "exchange"}
    here = {str(record["worker"]).endswith(f":{os.getpid()}") for record in result.content["results"]}
    assert here == {not engines.ENGINES[place.engine].separate}
    assert json.loads((folder / "run.json").read_text())["endpoint"] == place.file


def test_the_same_batches_give_the_same_bits(place: Place, tmp_path: Path) -> None:
    """Same tasks, same machine: JSON loses nothing on the way, there and back, solutions of the neighbours included."""
    pallet = fakes.write_pallet(tmp_path / "few", fakes.grid(3, 2))
    found = []
    for name, endpoint in (("there", place.file), ("here", "embedded")):
        run = scan(pallet, endpoint=endpoint, output=tmp_path / name, threads=2, context=RunContext(say=lambda _: None, batch=3))
        lines = [json.loads(line) for line in (tmp_path / name / "results.jsonl").read_text().splitlines()]
        kept = [{k: v for k, v in line.items() if k not in ("seconds", "worker")} for line in lines]
        found.append([numbers(run.content), sorted(kept, key=lambda line: (line["step"], line["name"]))])
    assert found[0] == found[1]


def test_a_question_of_an_installed_package(place: Place, pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its job, which hfx does not know, runs on every engine's workers: shards of two rounds, added up."""
    monkeypatch.syspath_prepend(str(engines.ROOT / "tests" / "plugin"))
    context = RunContext(say=lambda _: None, batch=7)
    there = api.ask("signal_events", pallet, endpoint=place.file, output=tmp_path / "there", parts=3, context=context)
    here = api.ask("signal_events", pallet, output=tmp_path / "here", parts=3, context=context)
    assert numbers(there.content) == numbers(here.content)
    stored = [json.loads(line) for line in (tmp_path / "there" / "results.jsonl").read_text().splitlines()]
    assert Counter(line["shard"] for line in stored) == {0: 24, 1: 24, 2: 24}


def test_a_failing_hypothesis_is_reported_and_the_rest_finishes(place: Place, pallet: Path) -> None:
    result, _ = run_scan(pallet, place, jobs.broken)
    assert len(result) == 23
    (failure,) = result.failures
    assert (failure["name"], failure["reason"]) == ("sig_300_40", "ArithmeticError: no such number")


@separate
def test_a_hypothesis_that_kills_its_workers_is_reported_and_the_rest_finishes(place: Place, pallet: Path) -> None:
    result, events = run_scan(pallet, place, jobs.deadly)
    assert len(result) == 23
    (failure,) = result.failures
    assert failure["name"] == "sig_300_40"
    assert "endpoint endpoint" in failure["reason"]
    assert "2 times with this hypothesis alone" in failure["reason"]
    assert [event.hypotheses for event in events if isinstance(event, Retried)] == [4, 1]


@separate
def test_a_worker_that_is_lost_once_costs_nothing(place: Place, pallet: Path) -> None:
    result, events = run_scan(pallet, place, jobs.once_deadly)
    assert len(result) == 24
    assert not result.failures
    assert [event.hypotheses for event in events if isinstance(event, Retried)] == [4]
    assert local(pallet.parent / "run") == Counter(named(fakes.grid(6, 4)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_client_that_is_stopped_leaves_nothing(place: Place, pallet: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C goes to the whole group of processes, SIGTERM to the client alone."""
    running = client(pallet, tmp_path / "stopped", place)
    assert engines.until(lambda: shows(place), 60), place.seen()
    assert engines.until(lambda: finished(tmp_path / "stopped") > 0, 60)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    errors = over(running, 30)
    assert running.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert engines.until(lambda: not place.left(), engines.ENGINES[place.engine].gone_after), place.left()
    assert json.loads((tmp_path / "stopped" / "run.json").read_text())["state"] == "stopped"


def test_a_client_that_is_killed_and_started_again_fits_nothing_twice(place: Place, pallet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    log = Path(os.environ["HFX_TEST_MARKER"])  # of all that is fitted
    log.unlink(missing_ok=True)
    first = client(pallet, folder, place)
    assert engines.until(lambda: shows(place), 60), place.seen()
    assert engines.until(lambda: finished(folder) > 0, 60)
    first.kill()
    first.communicate(timeout=30)
    assert finished(folder) < 24
    # Who nobody talks to any more ends by itself.
    assert engines.until(lambda: not place.left(), 30), place.left()
    kept = set(local(folder))
    outlived = engines.ENGINES[place.engine].lives is not None
    if not outlived:
        log.unlink()
    second = client(pallet, folder, place)
    errors = over(second, 90)
    assert second.returncode == 0, errors
    assert local(folder) == Counter(named(fakes.grid(6, 4)))
    # An endpoint that outlives its client goes on with what was submitted, which is collected; else the rest is fitted anew.
    assert sorted(log.read_text().split()) == sorted(set(local(folder)) - (set() if outlived else kept))
    assert failures(folder) == []


def test_every_worker_shakes_hands(place: Place) -> None:
    endpoint = resolve(place.file)
    found = check_endpoint.check(endpoint, 2, seconds=60)
    assert found.problems == ()
    assert len(found.workers) == found.expected == (2 if place.engine in SEPARATE else 1)
    for worker in found.workers:
        assert worker.handshake["hfx"] == hfx.__version__
        assert worker.handshake["single"] or place.engine not in SEPARATE
        assert 0 <= worker.round_trip < 60
        assert abs(worker.clock) <= worker.round_trip / 2 + 1


@separate
def test_libraries_have_one_thread(place: Place) -> None:
    with connect(place.file, 2) as pool:
        assert pool.submit(jobs.libraries, {}).result(90) == {"torch": 1, "numba": 1}


@pytest.mark.parametrize("engine", [name for name, engine in engines.ENGINES.items() if engine.cancel], indirect=True)
def test_a_job_that_is_cancelled_in_mid_scan_costs_nothing(place: Place, tmp_path: Path) -> None:
    """Its tasks are tried again whole, in another job; a lost node is known from a task's fault."""
    # An endpoint with a Parsl of its own looks once a minute whether it has lost a job: it keeps another. Its service takes
    # few requests.
    own = engines.ENGINES[place.engine].lives is not None
    points = fakes.grid(6, 6) if own else fakes.grid(10, 8)
    pallet, folder = fakes.write_pallet(tmp_path / "toy", points), tmp_path / "run"
    running = client(pallet, folder, place if own else place.with_one_job())
    assert engines.until(lambda: finished(folder) > 4, 60)
    jobs_now = engines.ENGINES[place.engine].jobs()
    assert len(jobs_now) == (2 if own else 1)
    place.cancel(jobs_now[0])
    errors = over(running, 120)
    assert running.returncode == 0, errors
    assert local(folder) == Counter(named(points))
    assert failures(folder) == []
    assert len(retried(folder)) >= 1
    assert all("was lost" in event["reason"] and event["hypotheses"] > 1 for event in retried(folder))  # whole, not split
    assert engines.until(lambda: not place.left(), engines.ENGINES[place.engine].gone_after), place.left()
