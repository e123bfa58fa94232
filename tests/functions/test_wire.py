"""What travels: tasks and results are JSON, and the exchange keeps, improves or refuses."""

import copy
import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from hfx.driver.questions.distinct_minima import DistinctMinima
from hfx.errors import InputError
from tests.conformance import workspaces as build
from tests.functions import tasks
from tests.functions.tasks import Json, cls_numbers, minima_numbers, signal, task, without_place

FITS = ("bkg", "fixed", "free", "asimov_fixed")
CHOICES = ("natural", "admissible", "lowest")


@cache
def local() -> Json:
    return tasks.run(task(tasks.hypotheses(4)))


def exchange_task(records: list[Json], *, draws: int = 0, shifts: list[dict[str, float]] | None = None) -> Json:
    """The second step: every hypothesis with its solutions, the minima of all others as shifts, and further draws."""
    solutions = {record["name"]: record["solutions"] for record in records}
    chosen = [one for one in tasks.hypotheses(8) if one["name"] in solutions]
    offered = DistinctMinima().new(solutions.items()) if shifts is None else shifts
    return {**task(chosen), "inputs": {"known": solutions, "shifts": offered, "draws": [2, draws]}}


def test_a_task_and_its_result_are_json() -> None:
    sent = json.loads(json.dumps(task(tasks.hypotheses(4)), allow_nan=False))
    result = tasks.run(sent)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert without_place(result) == without_place(local())


def test_a_task_is_not_changed() -> None:
    given = task(tasks.hypotheses(2), starts=1)
    before = copy.deepcopy(given)
    tasks.run(given)
    assert given == before


def test_the_names_of_a_record() -> None:
    record = local()["results"][0]
    assert set(record) == {
        *(
            "key",
            "job",
            "version",
            "name",
            "values",
            "CLs_obs",
            "CLs_exp",
            "CLsb_obs",
            "CLb_obs",
            "muhat",
            "status",
            "edm",
            "fits",
        ),
        *("natural", "admissible", "lowest", "seconds", "worker", "solutions"),
    }
    assert set(record["fits"]) == set(FITS)
    for fit in record["fits"].values():
        assert {"twice_nll", "edm", "iterations", "minima", "improved"} <= set(fit)
    assert record["values"] == [0, 10]
    assert isinstance(record["values"][0], int)
    assert record["edm"] == max(fit["edm"] for fit in record["fits"].values()) <= 1e-9
    assert record["CLs_exp"] == sorted(record["CLs_exp"])
    assert record["CLs_obs"] == record["admissible"]["CLs_obs"]


@pytest.mark.parametrize("choice", CHOICES)
def test_the_chosen_minima_are_the_answer(choice: str) -> None:
    for record in tasks.records(tasks.hypotheses(2), minima=choice).values():
        assert record["CLs_obs"] == record[choice]["CLs_obs"]
        assert record["CLs_exp"] == record[choice]["CLs_exp"]


def test_solutions_are_the_best_fit_values_by_name() -> None:
    for record in local()["results"]:
        solutions = record["solutions"]
        assert "mu" in solutions["parameters"]
        poi = solutions["parameters"].index("mu")
        for fit in FITS:
            minima = solutions["minima"][fit]
            chosen = minima["theta"][minima["choice"]["admissible"]]
            wanted = {"bkg": 0.0, "free": record["muhat"]}.get(fit, 1.0)
            assert chosen[poi] == wanted
            assert len(chosen) == len(solutions["parameters"])


# --- the exchange --------------------------------------------------------------------------------------


def test_an_exchange_that_improves_nothing_changes_nothing() -> None:
    before = {record["name"]: record for record in local()["results"]}
    result = tasks.run(exchange_task(local()["results"]))
    assert result["failures"] == []
    assert len(result["results"]) == 4
    for record in result["results"]:
        assert record["solutions"]["changed"] is False
        assert cls_numbers(record) == pytest.approx(cls_numbers(before[record["name"]]), abs=1e-9)
        assert minima_numbers(record) == pytest.approx(minima_numbers(before[record["name"]]), abs=1e-8)


def test_further_draws_are_counted() -> None:
    (one, *_) = tasks.run(exchange_task(local()["results"], draws=5))["results"]
    for fit in FITS:
        assert one["solutions"]["minima"][fit]["drawn"] == one["fits"][fit]["drawn"] == 7
    assert one["solutions"]["changed"] is False


# Yields that grow on both sides of alpha = 0 and differ a little: the background-only fit has two minima, and from alpha = 0
# it falls into the higher one.
_TWO_SIDED = build.workspace(
    [build.channel("SR", build.sample("background", [50.0, 20.0], build.histosys("v", [64.0, 24.0], [66.0, 20.0])))],
    {"SR": [71.0, 24.0]},
)


def _two_sided() -> list[Json]:
    sizes = (4.0, 4.5, 5.0)
    patches = [[signal(0, [0.05 * size, 2 * size], build.POI)] for size in sizes]
    return [{"name": f"s{i}", "values": [i], "patch": patch} for i, patch in enumerate(patches)]


@pytest.fixture(scope="module")
def two_sided() -> dict[str, Json]:
    """Local records, and one of them made worse: from its natural start alone."""
    records = tasks.records(_two_sided(), _TWO_SIDED)
    (worse,) = tasks.run(task(_two_sided()[1:2], _TWO_SIDED, starts=1))["results"]
    return {**records, "worse": worse}


def test_there_are_two_minima(two_sided: dict[str, Json]) -> None:
    worse, best = two_sided["worse"], two_sided["s1"]
    assert worse["status"] == best["status"] == "converged"
    assert worse["fits"]["bkg"]["twice_nll"] > best["fits"]["bkg"]["twice_nll"] + 0.1


def test_the_minimum_of_another_hypothesis_improves_a_worse_one(two_sided: dict[str, Json]) -> None:
    known = {"s1": two_sided["worse"]["solutions"]}
    shifts = DistinctMinima().new([(name, two_sided[name]["solutions"]) for name in ("s0", "s2")])
    inputs = {"known": known, "shifts": shifts, "draws": [2, 0]}
    result = tasks.run({**task(_two_sided()[1:2], _TWO_SIDED), "inputs": inputs})
    (record,) = result["results"]
    assert record["solutions"]["changed"] is True
    best = two_sided["s1"]
    for choice in ("admissible", "lowest"):
        for fit in ("bkg", "fixed", "free"):
            assert record[choice]["twice_nll"][fit] == pytest.approx(best[choice]["twice_nll"][fit], abs=1e-8)
        assert record[choice]["CLs_obs"] == pytest.approx(best[choice]["CLs_obs"], abs=1e-9)
        np.testing.assert_allclose(record[choice]["CLs_exp"], best[choice]["CLs_exp"], atol=1e-9)
    # What was natural stays natural, and a second exchange finds nothing more.
    assert record["natural"]["CLs_obs"] == pytest.approx(two_sided["worse"]["natural"]["CLs_obs"], abs=1e-9)
    inputs = {**inputs, "known": {"s1": record["solutions"]}}
    again = {**task(_two_sided()[1:2], _TWO_SIDED), "inputs": inputs}
    assert tasks.run(again)["results"][0]["solutions"]["changed"] is False


def test_a_hypothesis_that_lacks_a_parameter_can_still_help() -> None:
    """Odd hypotheses have a parameter of their own: shifts are matched by name, what a hypothesis lacks is passed over."""
    records = {record["name"]: record for record in local()["results"]}
    names = [set(records[f"signal_{i}"]["solutions"]["parameters"]) for i in (0, 1)]
    assert names[1] - names[0] == {"signal_theory"}
    shifts = [{"signal_theory": 1.0, "no_such_parameter": 1.0}]
    result = tasks.run(exchange_task([records["signal_0"], records["signal_1"]], shifts=shifts))
    assert result["failures"] == []
    for record in result["results"]:
        assert cls_numbers(record) == pytest.approx(cls_numbers(records[record["name"]]), abs=1e-9)


# --- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"job": "limit"}, "has no job 'limit'; it has cls"),
        ({"job": None}, "has no job 'None'"),
        (
            {"version": 1},
            "the task needs version 1 of the job 'cls', and the worker's hfx .* runs version 4; install the same hfx",
        ),
        ({"version": "4"}, "needs version 4 of the job 'cls'"),
    ],
)
def test_another_job_or_version_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        tasks.run({**task(tasks.hypotheses(1)), **wrong})


@pytest.mark.parametrize(
    ("options", "word"),
    [({"test_stat": "q0"}, "q0"), ({"normsys": 2}, "normsys"), ({"histosys": "4"}, "histosys")],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        tasks.run(task(tasks.hypotheses(1), starts=1, **options))


def test_a_measurement_that_does_not_exist_is_every_hypothesis_failure() -> None:
    result = tasks.run(task(tasks.hypotheses(2), measurement="other"))
    assert result["results"] == []
    assert all("measurement 'other'" in failure["reason"] for failure in result["failures"])
    assert len(result["failures"]) == 2


def test_the_signal_scale_multiplies_yields() -> None:
    """Twice the signal at mu = 1 is the signal at mu = 2, in CLs and in 2NLL; staterror's widths do not change with either."""
    plain = [{"name": "s", "values": [1], "patch": [signal(1, [1.0, 2.0, 3.0], build.POI, build.normsys("jes", 0.9, 1.1))]}]
    (scaled,) = tasks.records(plain, starts=1, signal_scale=2.0).values()
    (double,) = tasks.records(plain, starts=1, mu=2.0).values()
    assert cls_numbers(scaled) == pytest.approx(cls_numbers(double), abs=1e-10)
    assert scaled["muhat"] == pytest.approx(double["muhat"] / 2, rel=1e-8)
