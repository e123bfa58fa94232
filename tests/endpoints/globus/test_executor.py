"""The globus engine without Globus: its file, what failures are called, what is kept on disk, and how answers are told apart."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hfx.endpoints.globus.errors import translated
from hfx.endpoints.globus.ledger import Entry, Ledger
from hfx.endpoints.specification import parse
from hfx.errors import EndpointError, HfxError, NodeLostError, TooLargeError, WorkerLostError
from hfx.functions import wire, wire_text, worker_process
from tests.endpoints import jobs

ID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_its_file_is_checked_key_by_key() -> None:
    content = {"engine": "globus", "endpoint_id": ID.upper(), "workers": 64, "user_endpoint_config": {"partition": "cpu"}}
    made = parse(content, "far", None)
    assert made.workers(2) == 64
    assert made.settings == {"threads": 1}
    assert made.spec.endpoint_id == ID
    assert made.most_bytes == 9_900_000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "the key endpoint_id is missing"),
        ({"endpoint_id": "river"}, "endpoint_id = 'river': give a UUID"),
        ({"endpoint_id": ID, "user_endpoint_config": "cpu"}, "give a table, for example"),
        ({"endpoint_id": ID, "pacience": 3}, "no key is called 'pacience'; did you mean 'patience'?"),
        ({"endpoint_id": ID, "group": 7}, "group = 7: give a UUID"),
        ({"endpoint_id": ID, "retries": -1}, "give a whole number from 0"),
        ({"endpoint_id": ID, "partition": "cpu"}, "globus takes no 'partition', a key of slurm; leave it out"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse({"engine": "globus", **content}, "far", None)
    assert words in str(caught.value)
    assert str(caught.value).startswith("endpoint far: ")


def test_tasks_of_another_service_or_configuration_are_kept_apart() -> None:
    made = [
        parse({"engine": "globus", "endpoint_id": ID, "user_endpoint_config": config}, "far", None).spec
        for config in ({}, {"partition": "cpu"}, {"partition": "gpu"})
    ]
    keys = {spec.key(service) for spec in made for service in ("https://a/", "https://b/")}
    assert len(keys) == 6


FAILURES = [
    (
        "Traceback...\nparsl.executors.high_throughput.errors.ManagerLost: Task failure due to loss of manager 'a1' on host n7\n",
        NodeLostError,
        "its node on n7 was lost",
    ),
    (
        "parsl.executors.high_throughput.errors.WorkerLost: Task failure due to loss of worker 0 on host n7",
        WorkerLostError,
        "the worker that fitted it died on n7 (out of memory?)",
    ),
    (
        "Traceback (most recent call last):\n  File \"x\"\nModuleNotFoundError: No module named 'hfx'\n",
        EndpointError,
        "on its workers: No module named 'hfx'; install hfx there",
    ),
    (
        "globus_compute_sdk.errors.error_types.MaxResultSizeExceeded: Task result of 20B exceeded current limit of 10B",
        TooLargeError,
        "its answer is too large for the service",
    ),
    (
        "concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated abruptly",
        EndpointError,
        "its pool of processes broke",
    ),
    (
        "Deserialization failed: \nglobus_compute_sdk.errors.error_types.DeserializationError: Invalid strategy identifier",
        EndpointError,
        "cannot read or write JSON tasks (Invalid strategy identifier)",
    ),
    ("parsl.executors.errors.BadStateException: sbatch: no such partition", EndpointError, "it cannot run tasks: BadState"),
    ("Unable to start user endpoint process for ann", EndpointError, "it cannot run tasks: Unable to start user endpoint"),
    ("", EndpointError, "it said nothing"),
]


@pytest.mark.parametrize(("told", "kind", "words"), FAILURES)
def test_what_an_endpoint_tells_becomes_one_sentence(told: str, kind: type[HfxError], words: str) -> None:
    error = translated(told, "endpoint far")
    assert type(error) is kind
    assert str(error).startswith("endpoint far: ")
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.fixture(autouse=True)
def _no_process_left() -> Iterator[None]:
    """The process apart that `text.perform` keeps."""
    yield
    if hasattr(worker_process._kept, "process"):
        worker_process._kept.process.end()
        del worker_process._kept.process


def test_an_answer_says_what_it_answers() -> None:
    request = wire_text.encoded(wire.Packer().request(jobs.echo, {"a": float("inf"), "b": [1, "é"]}))
    assert request.isascii()
    assert json.loads(json.dumps(request)) == request
    assert '"' not in request
    assert "\\" not in request
    digest, raw = wire_text.decoded(wire_text.perform(request))
    assert digest == wire_text.digest(request)
    assert wire.answer(raw) == {"a": float("inf"), "b": [1, "é"]}


def test_an_answer_over_the_limit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_text, "LIMIT", 2000)
    fits = wire_text.perform(wire_text.encoded(wire.Packer().request(jobs.echo, {"a": "x" * 3000})))  # it compresses well
    assert wire.answer(wire_text.decoded(fits)[1]) == {"a": "x" * 3000}
    _, raw = wire_text.decoded(wire_text.perform(wire_text.encoded(wire.Packer().request(jobs.noise, {"bytes": 4000}))))
    with pytest.raises(TooLargeError, match=r"its answer is 0\.0 MB"):
        wire.answer(raw)


def test_the_ledger_knows_what_was_submitted_and_what_may_have_been(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "tasks")
    first.intend(["one", "two", "three"], "group")
    first.submitted({"one": "task-1"}, "group")
    first.learn("group", ["task-0"])
    again = Ledger(tmp_path / "tasks")
    assert again.find("one") == Entry("group", "task-1")
    assert again.find("two") == Entry("group", None)
    assert again.find("four") is None
    assert again.known("group") == {"task-0", "task-1"}
    again.keep_answer("one", b"answer")
    assert first.answer("one") == b"answer"
    again.forget("one")
    assert (first.find("one"), first.answer("one")) == (None, None)


def test_the_ledger_survives_damage_and_forgets_what_the_service_forgot(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.intend(["one", "two"], "group")
    (tmp_path / "one.json").write_text("{torn")
    assert ledger.find("one") is None
    long_ago = time.time() - 16 * 86_400
    os.utime(tmp_path / "two.json", (long_ago, long_ago))
    assert Ledger(tmp_path).find("two") is None
    assert not (tmp_path / "two.json").exists()
