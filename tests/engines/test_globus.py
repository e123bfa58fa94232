"""What only Globus Compute can show: a service that refuses, fails or is away; clients that collect what they submitted."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.api import scan
from hfx.driver.results import ScanResult
from hfx.driver.scan.run_context import RunContext
from hfx.endpoints import connect
from hfx.errors import EndpointError, TooLargeError
from tests.conformance import engines
from tests.conformance.clients import Place, client, finished, local, over, placed
from tests.driver import fakes
from tests.endpoints import jobs
from tests.engines.globus import Site
from tests.engines.globus_standin import DROP, Rule

SUBMIT, LOOK, STATUS = "/submit", "/batch_status", "/status"


@pytest.fixture(scope="module")
def up() -> Iterator[Site]:
    with engines.ENGINES["globus"].needs():
        yield engines._site[0]


@pytest.fixture
def site(up: Site) -> Iterator[Site]:
    up.service.forget()
    yield up
    up.service.forget()
    up.service.limit, up.service.kept_seconds = 10_000_000, 1800.0


@pytest.fixture
def place(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with placed("globus", tmp_path, monkeypatch) as here:
        yield here


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", fakes.grid(4, 3))


def run(pallet: Path, place: Place) -> ScanResult:
    """A scan with no exchange, two hypotheses a task."""
    setting = RunContext(say=lambda _: None, function=fakes.run, batch=2)
    return scan(pallet, endpoint=place.file, output=pallet.parent / "run", starts=1, context=setting)


def complete(result: ScanResult, site: Site) -> None:
    """All is there, and nothing was submitted twice."""
    assert len(result) == 12
    assert not result.failures
    assert max(site.service.submitted.values()) == 1


# The first submission opens the group of tasks, and carries none that matters.
TROUBLE = {
    "429, come back later": [Rule("POST", SUBMIT, (429, {"reason": "too many requests"}), times=2, retry_after=1)],
    "429 while results are asked for": [Rule("POST", LOOK, (429, {"reason": "too many requests"}), retry_after=1)],
    "500 before anything was done": [Rule("POST", SUBMIT, (500, {"reason": "oh dear"}), skip=1)],
    "500 after the tasks were taken": [Rule("POST", SUBMIT, (500, {"reason": "oh dear"}), skip=1, after=True)],
    "503 while results are asked for": [Rule("POST", LOOK, (503, {"reason": "maintenance"}), times=2)],
    "a connection dropped before": [Rule("POST", SUBMIT, DROP, skip=1)],
    "a connection dropped after": [Rule("POST", SUBMIT, DROP, skip=1, after=True)],
    "connections dropped everywhere": [Rule("POST", "/", DROP, times=2), Rule("GET", "/", DROP)],
    "an expired token": [Rule("POST", SUBMIT, (401, {"reason": "token expired"}))],
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_is_survived_and_nothing_is_submitted_twice(trouble: str, site: Site, place: Place, pallet: Path) -> None:
    site.service.rules = [replace(rule) for rule in TROUBLE[trouble]]
    complete(run(pallet, place), site)
    assert not any(rule.times for rule in site.service.rules), "the trouble was met"


def test_retry_after_is_waited_for(site: Site, place: Place) -> None:
    site.service.rules = [Rule("POST", SUBMIT, (429, {"reason": "too many requests"}), retry_after=3)]
    with connect(place.file) as pool:
        assert pool.submit(jobs.echo, {"a": 1}).result(60)["a"] == 1
    times = [one[0] for one in site.service.requests if SUBMIT in one[2]]
    assert 3.0 <= times[1] - times[0] < 6.0


def test_requests_stay_within_the_service_s_limit(site: Site, place: Place) -> None:
    """20 in 10 seconds, whoever submits one task after the other."""
    with connect(place.file) as pool:
        for number in range(12):
            pool.submit(jobs.echo, {"number": number}).result(60)
    times = [one[0] for one in site.service.requests]
    assert len(times) > 20
    assert all(times[i + 20] - times[i] > 10.0 for i in range(len(times) - 20))


ENDS = {
    "401": ([Rule("POST", SUBMIT, (401, {"reason": "no such token"}), times=9)], "log in again with 'hfx login'"),
    "403": ([Rule("GET", STATUS, (403, {"reason": "not in the group"}), times=9)], "you may not use it (403: not in the group)"),
    "away": ([Rule("POST", SUBMIT, (500, {"reason": "oh"}), times=99)], "what was submitted is collected"),
    "away while looking": ([Rule("POST", LOOK, DROP, times=99)], "what was submitted is collected"),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_cannot_be_survived_ends_in_one_sentence(end: str, site: Site, place: Place, pallet: Path) -> None:
    """And the same command, once the trouble is over, submits nothing for a second time."""
    rules, words = ENDS[end]
    before = Path(place.file).read_text()
    Path(place.file).write_text(before + "\npatience = 2")
    site.service.rules = [replace(rule) for rule in rules]
    with pytest.raises(EndpointError) as caught:
        run(pallet, place)
    assert words in str(caught.value)
    assert f"endpoint endpoint ({place.file}): " in str(caught.value)
    assert "\n" not in str(caught.value)
    site.service.rules.clear()
    Path(place.file).write_text(before)
    submitted = set(site.service.submitted)
    result = run(pallet, place)
    assert len(result) == 12
    # The tasks that open groups are all alike, and carry nothing.
    again = [digest for digest in submitted if site.service.submitted[digest] > 1]
    assert len(again) <= 1


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ({"endpoint_id": '"00000000-0000-0000-0000-000000000001"'}, "Globus Compute knows no endpoint 00000000-"),
        ({"user_endpoint_config": "{broken = true}"}, "it cannot run tasks: "),
        ({"function_id": '"00000000-0000-0000-0000-000000000002"'}, "its function cannot be used"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_said(lines: dict[str, str], words: str, site: Site, place: Place) -> None:
    file = Path(place.file)
    kept = [line for line in file.read_text().splitlines() if line.split(" = ")[0] not in lines]
    file.write_text("\n".join((*kept, *(f"{key} = {value}" for key, value in lines.items()))))
    with connect(place.file) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(60)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_is_offline_is_said(site: Site, place: Place) -> None:
    away = "00000000-0000-0000-0000-000000000003"
    site.service.state.endpoints[away] = {}
    Path(place.file).write_text(f'engine = "globus"\nendpoint_id = "{away}"')
    with connect(place.file) as pool, pytest.raises(EndpointError, match="it is offline; start it where it lives"):
        pool.submit(jobs.echo, {}).result(60)


def test_an_endpoint_that_goes_offline_is_given_up_in_the_end(site: Site, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.endpoints.globus.liveness._QUIET", 0.5)
    Path(place.file).write_text(f"{Path(place.file).read_text()}\npatience = 2")
    site.service.rules = [Rule("GET", STATUS, (200, {"status": "offline"}), skip=1, times=99)]
    with connect(place.file) as pool, pytest.raises(EndpointError, match="it is offline; start it where it lives"):
        pool.submit(jobs.where, {"seconds": 6}).result(30)
    assert engines.until(lambda: "success" in {task["status"] for task in site.service.state.tasks.values()}, 30)


def test_a_batch_that_is_refused_for_its_size_goes_in_parts(site: Site, place: Place, pallet: Path) -> None:
    """The service may take less than its documentation says: one task fits, two do not."""
    site.service.limit = 4000
    result = run(pallet, place)
    assert len(result) == 12
    assert not result.failures
    assert any(status == 413 for _, _, _, status in site.service.requests)


def test_a_hypothesis_that_is_too_large_is_refused_before_anything_starts(site: Site, place: Place, pallet: Path) -> None:
    noise = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(270_000)]  # compression barely halves it
    patches = json.loads((pallet / "patchset.json").read_text())
    patches["patches"][3]["patch"][0]["value"]["noise"] = noise
    (pallet / "patchset.json").write_text(json.dumps(patches))
    with pytest.raises(EndpointError, match=r"the task of sig_300_0 alone is 1[0-9.]+ MB, and its service takes 9.9"):
        run(pallet, place)
    assert not site.service.requests


def test_an_answer_that_is_too_large_is_reported(site: Site, place: Place) -> None:
    with connect(place.file) as pool, pytest.raises(TooLargeError, match=r"its answer is 1[0-9].* MB, and the service takes 9.9"):
        pool.submit(jobs.large, {}).result(60)


def test_connections_to_the_queues_are_cut_and_nothing_is_lost(site: Site, place: Place, pallet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    running = client(pallet, folder, place)
    assert engines.until(lambda: finished(folder) > 0, 60)
    site.broker.cut()
    errors = over(running, 120)
    assert running.returncode == 0, errors
    assert len(local(folder)) == 12
    assert set(local(folder).values()) == {1}
    assert max(site.service.submitted.values()) == 1


def killed(pallet: Path, folder: Path, place: Place, when: Callable[[], bool]) -> None:
    """A client that is killed."""
    first = client(pallet, folder, place)
    assert engines.until(when, 60)
    first.kill()
    first.communicate(timeout=30)


def test_tasks_of_a_killed_client_are_collected_not_submitted_again(
    site: Site, place: Place, pallet: Path, tmp_path: Path
) -> None:
    folder, registered = tmp_path / "killed", len(site.service.registered)
    killed(pallet, folder, place, lambda: len(site.service.submitted) > 1)
    before = set(site.service.submitted)
    assert len(local(folder)) < 12
    second = client(pallet, folder, place)
    errors = over(second, 90)
    assert second.returncode == 0, errors
    assert set(local(folder).values()) == {1}
    assert len(local(folder)) == 12
    counted = Counter({digest: site.service.submitted[digest] for digest in before})
    assert sorted(counted.values())[:-1] == [1] * (len(before) - 1)
    assert counted.most_common(1)[0][1] <= 2  # the task that opens a group
    assert not (folder / "batches.jsonl").exists()
    assert len(site.service.registered) == registered + 1, "the function was registered once"


def test_a_client_that_is_killed_before_it_hears_of_its_submission_collects(
    site: Site, place: Place, pallet: Path, tmp_path: Path
) -> None:
    folder, held = tmp_path / "killed", threading.Event()
    site.service.rules = [Rule("POST", SUBMIT, DROP, skip=1, after=True, held=held)]
    killed(pallet, folder, place, lambda: len(site.service.submitted) > 1)
    held.set()
    before = set(site.service.submitted)
    second = client(pallet, folder, place)
    errors = over(second, 90)
    assert second.returncode == 0, errors
    assert len(local(folder)) == 12
    assert sorted(site.service.submitted[digest] for digest in before)[:-1] == [1] * (len(before) - 1)


def test_results_that_expired_are_submitted_again(site: Site, place: Place, pallet: Path, tmp_path: Path) -> None:
    folder, tasks = tmp_path / "killed", site.service.state.tasks
    earlier = set(tasks)  # another test may have lost some
    killed(pallet, folder, place, lambda: len(site.service.submitted) > 1)
    assert engines.until(lambda: all("completion_t" in task for name, task in list(tasks.items()) if name not in earlier), 60)
    tasks.clear()
    second = client(pallet, folder, place)
    errors = over(second, 90)
    assert second.returncode == 0, errors
    assert set(local(folder).values()) == {1}
    assert len(local(folder)) == 12


def test_nothing_is_pickled_and_no_queue_is_left(site: Site, place: Place, pallet: Path) -> None:
    seen: list[dict[str, Any]] = []
    submit = site.service.submit
    site.service.submit = lambda endpoint, body, size: (seen.append(body), submit(endpoint, body, size))[1]
    try:
        run(pallet, place)
    finally:
        site.service.submit = submit
    payloads = [payload for body in seen for some in body["tasks"].values() for payload in some]
    assert len(payloads) == 7
    assert all('\n11\n["' in payload and payload.endswith("11\n{}") for payload in payloads)
    assert not any(body["create_queue"] for body in seen)
    assert all(body["result_serializers"] == ["globus_compute_sdk.serialize.concretes.JSONData"] for body in seen)
    function = list(site.service.state.functions.values())[-1]
    assert "\nst\nhfx_perform:def hfx_perform(request: str) -> str:\n" in "\n" + function["function_code"]
    kinds = {queue.rpartition(".")[2] for queue in site.broker.queues()}
    assert kinds == {"results", "heartbeats", "commands", "tasks"}  # the service's and the endpoint's own
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("hfx-globus")]


def test_a_group_s_function_is_registered_for_it(site: Site, place: Place) -> None:
    group = "00000000-0000-0000-0000-00000000000a"
    before = len(site.service.registered)
    Path(place.file).write_text(f'{Path(place.file).read_text()}\ngroup = "{group}"')
    for _ in range(2):
        with connect(place.file) as pool:
            assert pool.submit(jobs.echo, {"a": 2}).result(60)["a"] == 2
    assert [one.get("group") for one in site.service.registered[before:]] == [group]
