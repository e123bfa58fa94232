"""What a scan holds in memory: a few tasks' records whatever the number of hypotheses, and of each one row."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hfx import open_pallet
from hfx.driver.api import scan
from hfx.driver.questions.base import Unit
from hfx.driver.run.records import Stored
from hfx.driver.scan import submit_and_retry
from hfx.driver.scan.run_context import RunContext
from hfx.endpoints.local.inline import InlineExecutor
from tests.driver import fakes

BATCH, THREADS = 4, 2


class Counted(dict[str, Any]):
    """Solutions that know how many of them there are, and the most there ever were."""

    alive = most = 0
    lock = threading.Lock()

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        with self.lock:
            Counted.alive += 1
            Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        with self.lock:
            Counted.alive -= 1


def counted(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "solutions": Counted(record["solutions"])}


def run(task: Mapping[str, Any]) -> dict[str, Any]:
    found = fakes.run(task)
    return {**found, "results": [counted(record) for record in found["results"]]}


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    at = Stored.at
    monkeypatch.setattr(Stored, "at", lambda self, place: counted(at(self, place)))
    assert Counted.alive == 0
    Counted.most = 0


def most(folder: Path, side: int, **options: Any) -> int:
    """The most solutions in memory at a time, in a scan of `side` times `side` hypotheses."""
    pallet = fakes.write_pallet(folder / f"toy{side}", fakes.grid(side, side))
    Counted.most = 0
    result = scan(
        pallet,
        output=folder / f"run{side}",
        threads=THREADS,
        context=RunContext(say=lambda _: None, function=run, batch=BATCH),
        **options,
    )
    assert len(result) == side * side
    # Nothing that the result holds has any.
    assert Counted.alive == 0
    return Counted.most


def test_the_local_search_holds_the_records_of_the_tasks_under_way(tmp_path: Path) -> None:
    # Two for each thread; as many finished ones until they are written down; each thread's last, and the writer's.
    assert 0 < most(tmp_path, 16, starts=1) <= (5 * THREADS + 1) * BATCH < 16 * 16 / 5


def test_the_exchange_holds_what_the_tasks_under_way_start_from(tmp_path: Path) -> None:
    # A few tasks, each with its hypotheses; it held those of all hypotheses, and twice.
    assert 0 < most(tmp_path, 24) < 24 * 24 / 2


def test_a_resumed_scan_holds_a_record_at_a_time(tmp_path: Path) -> None:
    most(tmp_path, 12)
    Counted.most = 0
    result = scan(
        tmp_path / "toy12",
        output=tmp_path / "run12",
        context=RunContext(say=lambda _: None, function=lambda task: pytest.fail("fitted again"), batch=BATCH),
    )
    assert len(result) == 144
    assert 0 < Counted.most <= 2
    assert not {"solutions", "step"} & set(result.content["results"][0])


class Made(Sequence[dict[str, Any]]):
    """A patch that is made when it is asked for, and says so."""

    def __init__(self, name: str, patch: Sequence[dict[str, Any]], asked: Callable[[str], None]) -> None:
        self.name, self.patch, self.asked = name, patch, asked

    def __len__(self) -> int:
        return len(self.patch)

    def __getitem__(self, position: Any) -> Any:
        return list(self)[position]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.asked(self.name)
        return iter([dict(operation) for operation in self.patch])


def test_patches_are_asked_for_when_their_task_is_built(tmp_path: Path) -> None:
    pallet = open_pallet(str(fakes.write_pallet(tmp_path / "toy", fakes.grid(6, 4))))
    asked: list[str] = []
    fitted: list[int] = []
    ahead: list[int] = []

    def run(task: Mapping[str, Any]) -> dict[str, Any]:
        fitted.append(len(task["hypotheses"]))
        ahead.append(len(asked) - sum(fitted))
        return fakes.run(task)

    made = replace(pallet, hypotheses=tuple(replace(h, patch=Made(h.name, h.patch, asked.append)) for h in pallet.hypotheses))
    setting = RunContext(say=lambda _: None, function=run, batch=BATCH)
    result = scan(made, output=tmp_path / "made", starts=1, threads=1, context=setting)
    # The first one is looked at before, for the parameter of interest.
    assert asked == [pallet.hypotheses[0].name, *(h.name for h in pallet.hypotheses)]
    assert max(ahead) <= 2 * BATCH
    plain = scan(pallet, output=tmp_path / "plain", starts=1, context=RunContext(say=lambda _: None, function=fakes.run))
    assert list(result) == list(plain)


@pytest.mark.parametrize("window", [1, 3, 100])
def test_no_more_tasks_are_under_way_than_the_window(window: int) -> None:
    built: list[str] = []
    done: list[str] = []
    under_way: list[int] = []

    def payload(names: Sequence[str]) -> dict[str, Any]:
        built.extend(names)
        return {"names": list(names)}

    def run(task: Mapping[str, Any]) -> dict[str, Any]:
        under_way.append(len(built) - len(done))
        done.extend(task["names"])
        return {"results": [{"name": name} for name in task["names"]], "failures": []}

    jobs = (submit_and_retry.Job(str(i), {str(i): Unit(str(i), str(i))}, payload) for i in range(10))
    with InlineExecutor(1) as pool:
        found = list(submit_and_retry.results(jobs, window=window, pool=pool, function=run, emit=lambda _: None))
    assert [outcome.records[0]["name"] for outcome in found] == [str(i) for i in range(10)]
    assert 1 <= max(under_way) <= window
