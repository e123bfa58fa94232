"""One broken hypothesis among sound ones: they keep their numbers, it is reported by name with a reason that says where."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import hfx
from hfx.driver.scan.run_context import RunContext
from tests.conformance import workspaces as build
from tests.functions import tasks
from tests.functions.tasks import Json, cls_numbers, minima_numbers, signal, task

SOUND = tasks.hypotheses(3)
LOOSE = [1.0, 2.0, 3.0]


def _replaced(path: str, value: Any) -> list[Json]:
    return [*tasks.patch(0), {"op": "replace", "path": path, "value": value}]


# Patch, and what the reason must say: where it is, and what is wrong there.
BROKEN: dict[str, tuple[list[Json], list[str]]] = {
    "negative_rate": ([signal(1, [1.0, -40.0, 1.0], build.POI)], ["channel 'loose' bin 1", "negative"]),
    "negative_background": (_replaced("/channels/0/samples/0/data", [-120.0, 80.0]), ["channel 'control' bin 0", "negative"]),
    "nothing_expected": (
        [{"op": "replace", "path": "/channels/2/samples/0/data", "value": [3.0, 0.0]}, signal(1, LOOSE, build.POI)],
        ["channel 'tight' bin 1", "3 events observed", "expects"],
    ),
    "nan_yield": ([signal(1, [1.0, float("nan"), 1.0], build.POI)], ["channel 'loose', sample 'signal'", "not finite"]),
    "infinite_yield": ([signal(1, [1.0, float("inf"), 1.0], build.POI)], ["channel 'loose', sample 'signal'", "not finite"]),
    "nan_uncertainty": (
        [signal(1, LOOSE, build.POI, build.histosys("jes", [1.0, float("nan"), 3.0], LOOSE))],
        ["channel 'loose', sample 'signal', histosys 'jes'", "not finite"],
    ),
    "nan_factor": (
        [signal(1, LOOSE, build.POI, build.normsys("jes", 0.9, float("nan")))],
        ["channel 'loose', sample 'signal', normsys 'jes'", "hi"],
    ),
    "no_such_channel": ([signal(9, LOOSE, build.POI)], ["operation 1", "/channels/9"]),
    "no_such_member": ([*tasks.patch(0), {"op": "remove", "path": "/channels/0/weight"}], ["operation 4", "weight"]),
    "failed_test": (
        [{"op": "test", "path": "/channels/0/name", "value": "other"}, *tasks.patch(0)],
        ["operation 1", "/channels/0/name"],
    ),
    "unknown_operation": ([{"op": "merge", "path": "/channels"}], ["operation 1", "merge"]),
    "no_signal": ([], ["parameter of interest", "no signal"]),
    "signal_without_poi": ([signal(1, LOOSE, build.normsys("jes", 0.9, 1.1))], ["parameter of interest", "no signal"]),
    "unknown_modifier": (
        [signal(1, LOOSE, build.POI, {"name": "fit", "type": "template", "data": None})],
        ["channel 'loose', sample 'signal'", "'fit'", "'template'"],
    ),
    "too_few_bins": ([signal(1, [1.0, 2.0], build.POI)], ["channel 'loose', sample 'signal'", "2 bins", "3"]),
    "too_many_uncertainties": (
        [signal(1, LOOSE, build.POI, build.staterror("staterror_loose", [0.1] * 4))],
        ["channel 'loose', sample 'signal', staterror 'staterror_loose'", "4 values for 3 bins"],
    ),
    "observation_too_long": (
        _replaced("/observations/1/data", [24.0, 12.0, 8.0, 1.0]),
        ["observation 'loose'", "4 values for 3 bins"],
    ),
    "negative_observation": (_replaced("/observations/0/data/1", -1.0), ["observation 'control'", "bin 1", "negative"]),
    "factor_of_zero": (
        [signal(1, LOOSE, build.POI, build.normsys("jes", 0.0, 1.1))],
        ["channel 'loose', sample 'signal', normsys 'jes'", "lo = 0", "positive"],
    ),
    "text_for_a_yield": ([signal(1, [1.0, "2", 3.0], build.POI)], ["channel 'loose', sample 'signal'", "numbers"]),  # type: ignore[list-item]
    "name_of_another_type": (
        [signal(1, LOOSE, build.POI, build.normfactor("fakes_loose"))],
        ["'fakes_loose'", "use another name"],
    ),
    "shared_shapesys": (
        [signal(1, LOOSE, build.POI, build.shapesys("fakes_loose", [0.1] * 3))],
        ["channel 'loose', sample 'signal', shapesys 'fakes_loose'", "cannot be shared"],
    ),
    "integer_beyond_all_numbers": (
        [signal(1, LOOSE, build.POI, build.normsys("jes", 0.9, 10**400))],
        ["channel 'loose', sample 'signal', normsys 'jes'"],
    ),
}


@cache
def sound() -> dict[str, Json]:
    return tasks.records(SOUND, starts=1)


def _same_numbers(found: dict[str, Json]) -> None:
    assert list(found) == list(sound())
    for name, wanted in sound().items():
        assert cls_numbers(found[name]) == pytest.approx(cls_numbers(wanted), rel=1e-10, abs=1e-12)
        assert minima_numbers(found[name]) == pytest.approx(minima_numbers(wanted), rel=1e-10)


def _check_reason(reason: str, words: list[str]) -> None:
    assert "\n" not in reason
    for word in words:
        assert word in reason, reason


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_hypothesis_in_a_task(name: str) -> None:
    patch, words = BROKEN[name]
    broken = {"name": name, "values": [1, 2.5], "patch": patch}
    result = tasks.run(task([SOUND[0], broken, *SOUND[1:]], starts=1))
    (failure,) = result["failures"]
    assert (failure["name"], failure["values"]) == (name, [1, 2.5])
    _check_reason(failure["reason"], words)
    _same_numbers({record["name"]: record for record in result["results"]})


def test_a_task_of_broken_hypotheses_alone() -> None:
    broken = [{"name": name, "values": [], "patch": patch} for name, (patch, _) in BROKEN.items()]
    result = tasks.run(task(broken))
    assert result["results"] == []
    assert sorted(failure["name"] for failure in result["failures"]) == sorted(BROKEN)


@pytest.mark.parametrize("observed", [1e20, 1e300])
def test_data_too_far_from_the_model_for_float64_give_no_converged_result(observed: float) -> None:
    """They are reported, and neither NaN nor infinity stands in what travels."""
    broken = {"name": "huge", "values": [1], "patch": _replaced("/observations/0/data/0", observed)}
    result = tasks.run(task([*SOUND, broken], starts=1))
    json.dumps(result, allow_nan=False)
    records = {record["name"]: record for record in result["results"]}
    odd = records.pop("huge", None)
    if odd is None:
        assert [failure["name"] for failure in result["failures"]] == ["huge"]
    else:
        assert "not finite" in odd["status"] or "stopped where no step lowers" in odd["status"]
    _same_numbers(records)


# --- through a scan ----------------------------------------------------------------------------------


def _write(folder: Path, hypotheses: list[Json]) -> Path:
    folder.mkdir(parents=True)
    background = json.dumps(tasks.BACKGROUND, sort_keys=True, ensure_ascii=False)
    content = {
        "metadata": {
            "description": "one point is broken",
            "digests": {"sha256": hashlib.sha256(background.encode()).hexdigest()},
            "labels": ["m1", "m2"],
            "references": {"hepdata": "ins1"},
        },
        "patches": [{"metadata": {"name": h["name"], "values": h["values"]}, "patch": h["patch"]} for h in hypotheses],
        "version": "1.0.0",
    }
    (folder / "BkgOnly.json").write_text(background)
    (folder / "patchset.json").write_text(json.dumps(content))
    return folder


def _scan(pallet: Path, output: Path) -> hfx.ScanResult:
    return hfx.scan(pallet, output=output, threads=1, context=RunContext(say=lambda _: None))


SCANNED = ["negative_rate", "no_such_channel", "signal_without_poi", "unknown_modifier", "too_few_bins"]


def test_broken_hypotheses_in_a_scan(tmp_path: Path) -> None:
    """With the search and the exchange: what is broken takes no part in either."""
    chosen = tasks.hypotheses(4)
    broken = [{"name": name, "values": [10 * i, 20], "patch": BROKEN[name][0]} for i, name in enumerate(SCANNED)]
    whole = _scan(_write(tmp_path / "whole", chosen), tmp_path / "run-whole")
    mixed = _scan(_write(tmp_path / "mixed", [*broken[:2], *chosen, *broken[2:]]), tmp_path / "run-mixed")
    reasons = {failure["name"]: failure["reason"] for failure in mixed.failures}
    assert sorted(reasons) == sorted(SCANNED)
    for name, reason in reasons.items():
        _check_reason(reason, BROKEN[name][1])
    assert [result.name for result in mixed] == [result.name for result in whole]
    for a, b in zip(whole.to_records(), mixed.to_records(), strict=True):
        assert cls_numbers(b) == pytest.approx(cls_numbers(a), rel=1e-10, abs=1e-12)
        assert minima_numbers(b) == pytest.approx(minima_numbers(a), rel=1e-10)
    stored = json.loads((tmp_path / "run-mixed" / "scan.json").read_text())
    assert [failure["name"] for failure in stored["failures"]] == [failure["name"] for failure in mixed.failures]


def test_not_a_number_in_a_pallets_patch(tmp_path: Path) -> None:
    """NaN is no JSON: the pallet is refused, or the one hypothesis is."""
    broken = {"name": "nan", "values": [1, 2], "patch": BROKEN["nan_yield"][0]}
    pallet = _write(tmp_path / "pallet", [*SOUND, broken])
    result = _scan(pallet, tmp_path / "run")
    assert [failure["name"] for failure in result.failures] == ["nan"]
    assert [one.name for one in result] == [one["name"] for one in SOUND]
