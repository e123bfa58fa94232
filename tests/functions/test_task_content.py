"""Tasks of another shape are refused as a whole, with what is wrong; those of hfx are read as they are."""

import json
from typing import Any

import pytest

from hfx.errors import InputError
from hfx.functions import handshake
from hfx.functions.task_content import read_task
from tests.functions import tasks
from tests.functions.tasks import Json, task


def test_a_task_is_read_as_it_is() -> None:
    given = task(tasks.hypotheses(2), starts=1)
    content = read_task(given)
    assert content.background is given["background"]
    assert [one.patch for one in content.hypotheses] == [one["patch"] for one in given["hypotheses"]]
    assert [type(value) for value in content.hypotheses[1].values] == [int, int]
    assert (content.options, content.threads, content.inputs) == ({"starts": 1}, 1, None)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("background", None, "no background workspace"),
        ("background", [1], "no background workspace"),
        ("hypotheses", {}, "Expected `array`, got `object` - at `$.hypotheses`"),
        ("hypotheses", [{"name": "a"}], "missing required field `key`"),
        ("hypotheses", [{"key": "a", "name": 1, "values": [], "patch": []}], "Expected `str`"),
        ("hypotheses", [{"key": "a", "name": "a", "values": [None], "patch": []}], "$.hypotheses[0].values[0]"),
        ("hypotheses", [{"key": "a", "name": "a", "values": [], "patch": [1]}], "$.hypotheses[0].patch[0]"),
        ("options", [], "$.options"),
        ("threads", -1, "$.threads"),
        ("threads", 1e300, "$.threads"),
        ("device", "cuda:$(id)", "$.device"),
        ("inputs", [1], "$.inputs"),
        ("inputs", {"known": {"signal_0": {}}}, "missing required field"),
        ("inputs", {"known": {}, "draws": [-1, 5]}, "$.draws[0]"),
        ("inputs", {"known": {}}, "those of other hypotheses"),
    ],
)
def test_what_is_wrong_is_named(part: str, value: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        tasks.run({**task(tasks.hypotheses(1), starts=1), part: value})
    assert words in str(caught.value)
    assert str(caught.value).endswith("install the same hfx for client and workers")


def test_minima_of_another_shape_are_refused() -> None:
    found: Json = tasks.run(task(tasks.hypotheses(1), starts=1))
    solutions = json.loads(json.dumps(found["results"][0]["solutions"]))
    solutions["minima"]["bkg"]["decided"]["lowest"][0].pop()
    with pytest.raises(InputError, match=r"Expected `array` of length >= 3"):
        tasks.run({**task(tasks.hypotheses(1)), "inputs": {"known": {"signal_0": solutions}}})


@pytest.mark.parametrize("path", [("bkg",), ("free", "decided", "lowest"), ("asimov_fixed", "decided", "admissible")])
def test_minima_that_lack_a_fit_or_a_choice_are_refused(path: tuple[str, ...]) -> None:
    found: Json = tasks.run(task(tasks.hypotheses(1), starts=1))
    solutions = json.loads(json.dumps(found["results"][0]["solutions"]))
    part = solutions["minima"]
    for key in path[:-1]:
        part = part[key]
    part["renamed"] = part.pop(path[-1])
    with pytest.raises(InputError, match="those of other hypotheses"):
        tasks.run({**task(tasks.hypotheses(1)), "inputs": {"known": {"signal_0": solutions}}})


@pytest.mark.parametrize("part", ["theta", "hits", "iterations"])
def test_a_fit_without_minima_is_refused(part: str) -> None:
    found: Json = tasks.run(task(tasks.hypotheses(1), starts=1))
    solutions = json.loads(json.dumps(found["results"][0]["solutions"]))
    solutions["minima"]["free"][part] = []
    with pytest.raises(InputError, match="those of other hypotheses"):
        tasks.run({**task(tasks.hypotheses(1)), "inputs": {"known": {"signal_0": solutions}}})


def test_minima_of_other_parameters_are_refused() -> None:
    found: Json = tasks.run(task(tasks.hypotheses(1), starts=1))
    solutions = json.loads(json.dumps(found["results"][0]["solutions"]))
    solutions["parameters"][0] = "another"
    with pytest.raises(InputError, match="those of other hypotheses"):
        tasks.run({**task(tasks.hypotheses(1)), "inputs": {"known": {"signal_0": solutions}}})


@pytest.mark.parametrize(
    "given", [{"seconds": 1e300}, {"seconds": float("nan")}, {"seconds": "1"}, {"device": "cuda:x"}, {"device": [1]}]
)
def test_handshakes_of_another_shape_are_refused(given: Json) -> None:
    with pytest.raises(InputError, match="the handshake is none of this hfx's"):
        handshake.run(given)
