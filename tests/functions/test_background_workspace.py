"""A background that many tasks share gives what one of each task's own gives."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.api import scan
from hfx.driver.scan.run_context import RunContext
from hfx.functions import task as worker
from hfx.functions.background_workspace import Background
from hfx.functions.catalogue import entry_of
from tests.driver import fakes

POINTS = [(300, 40), (500, 80), (700, 0), (400, 120)]


def task(background: Any, points: list[tuple[int, int]]) -> dict[str, Any]:
    hypotheses = [
        {"key": f"sig_{a}_{b}", "name": f"sig_{a}_{b}", "values": [a, b], "patch": fakes.signal(a, b)} for a, b in points
    ]
    job = {"job": "cls", "version": entry_of("cls").version, "options": {"starts": 1}}
    return {**job, "background": background, "hypotheses": hypotheses}


def numbers(result: dict[str, Any]) -> list[Any]:
    return [{k: v for k, v in record.items() if k not in ("seconds", "worker")} for record in result["results"]]


def test_tasks_that_share_a_background_give_the_same_numbers() -> None:
    shared = Background(fakes.BACKGROUND)
    for points in (POINTS[:2], POINTS[2:]):
        with_shared, alone = (worker.run(task(background, points)) for background in (shared, copy.deepcopy(fakes.BACKGROUND)))
        assert len(with_shared["results"]) == 2
        assert numbers(with_shared) == numbers(alone)


def test_what_is_decoded_is_the_background_alone_and_once() -> None:
    shared = Background(fakes.BACKGROUND)
    first, second = shared.decoder(), shared.decoder()
    (known,) = first._samples.values()
    assert second._samples == first._samples
    first.workspace(
        {
            **fakes.BACKGROUND,
            "channels": [{"name": "other", "samples": [{**known[0], "data": [1.0, 2.0, 3.0]}]}],
            "observations": [{"name": "other", "data": [1.0, 1.0, 1.0]}],
        }
    )
    assert len(first._samples) == 2
    assert len(second._samples) == len(shared.decoder()._samples) == 1


def test_all_tasks_of_a_scan_share_one(tmp_path: Path) -> None:
    given: list[Any] = []

    def noted(content: Mapping[str, Any]) -> dict[str, Any]:
        given.append(content["background"])
        return fakes.run(content)

    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    scan(pallet, output=tmp_path / "run", context=RunContext(say=lambda _: None, function=noted, batch=2))
    assert len(given) > 3
    assert isinstance(given[0], Background)
    assert all(one is given[0] for one in given)


@pytest.mark.parametrize("wrong", [{"data": [1.0, "x", 2.0]}, {"modifiers": [{"name": "a", "type": "nonsense", "data": None}]}])
def test_what_is_wrong_with_it_is_said_of_each_hypothesis(wrong: dict[str, Any]) -> None:
    background = copy.deepcopy(fakes.BACKGROUND)
    background["channels"][0]["samples"][0].update(wrong)
    said = [worker.run(task(given, POINTS))["failures"] for given in (Background(background), background)]
    assert said[0] == said[1]
    assert [failure["name"] for failure in said[0]] == [f"sig_{a}_{b}" for a, b in POINTS]
    assert all("channel 'SR', sample 'bkg'" in failure["reason"] for failure in said[0])
