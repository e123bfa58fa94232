"""A small pallet and tasks for the worker's function: signals that carry staterror, differ in channels and in parameters."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hfx.functions import task as worker
from hfx.functions.catalogue import entry_of
from hfx.functions.jobs.cls import project
from tests.conformance import workspaces as build

Json = dict[str, Any]

CHANNELS = ("control", "loose", "tight")

BACKGROUND: Json = build.workspace(
    [
        build.channel(
            "control",
            build.sample("top", [120.0, 80.0], build.normfactor("k_top"), build.normsys("jes", 0.93, 1.06)),
        ),
        build.channel(
            "loose",
            build.sample(
                "top",
                [20.0, 9.0, 3.0],
                build.normfactor("k_top"),
                build.histosys("jes", [18.0, 8.0, 2.8], [22.5, 10.5, 3.5]),
                build.staterror("staterror_loose", [1.2, 0.8, 0.5]),
            ),
            build.sample("fakes", [4.0, 2.0, 1.0], build.shapesys("fakes_loose", [1.5, 1.0, 0.8])),
        ),
        build.channel(
            "tight",
            build.sample("rare", [3.0, 1.5], build.normsys("theory", 0.8, 1.25), build.staterror("staterror_tight", [0.4, 0.3])),
        ),
    ],
    {"control": [126.0, 77.0], "loose": [24.0, 12.0, 8.0], "tight": [4.0, 3.0]},
)


def signal(channel: int, data: Sequence[float], *modifiers: Json) -> Json:
    """The operation that adds a signal to a channel."""
    return {"op": "add", "path": f"/channels/{channel}/samples/-", "value": build.sample("signal", data, *modifiers)}


def patch(number: int) -> list[Json]:
    """Of eight hypotheses: two or three channels, every other one with a parameter of its own, all with staterror."""
    size = 9.0 * math.exp(-0.35 * number)
    loose = [round(size * share, 4) for share in (0.2, 0.45, 0.35)]
    tight = [round(size * share, 4) for share in (0.15, 0.4)]
    own = [build.normsys("signal_theory", 0.85, 1.2)] if number % 2 else []
    operations = [
        signal(1, loose, build.POI, build.normsys("jes", 0.95, 1.05), *own, _staterror("loose", loose)),
        signal(2, tight, build.POI, build.histosys("jes", [0.9 * x for x in tight], [1.2 * x for x in tight]), *own),
    ]
    operations[1]["value"]["modifiers"].append(_staterror("tight", tight))
    if number % 3 == 0:
        operations.append(signal(0, [round(0.3 * size, 4), round(0.1 * size, 4)], build.POI, *own))
    return operations


def _staterror(channel: str, data: Sequence[float]) -> Json:
    return build.staterror(f"staterror_{channel}", [round(0.15 * x, 5) for x in data])


def hypotheses(count: int = 8) -> list[Json]:
    return [{"key": f"signal_{i}", "name": f"signal_{i}", "values": [100 * i, 10], "patch": patch(i)} for i in range(count)]


def task(chosen: Sequence[Json], background: Json = BACKGROUND, *, threads: int = 1, **options: Any) -> Json:
    """A task of the job "cls"; a hypothesis' key is its name."""
    return {
        "job": "cls",
        "version": entry_of("cls").version,
        "background": background,
        "hypotheses": [{"key": one["name"], **one} for one in chosen],
        "options": options,
        "threads": threads,
        "device": "cpu",
    }


def run(given: Json, minima: str = "admissible") -> Json:
    """The worker's result, its records with the numbers of these minima in front, as they are written down."""
    result = worker.run(given)
    return {**result, "results": [project(record, minima) for record in result["results"]]}


def records(
    chosen: Sequence[Json], background: Json = BACKGROUND, *, minima: str = "admissible", **settings: Any
) -> dict[str, Json]:
    """The worker's records by name; no hypothesis may fail."""
    result = run(task(chosen, background, **settings), minima)
    assert result["failures"] == []
    return {record["name"]: record for record in result["results"]}


def cls_numbers(record: Mapping[str, Any]) -> list[float]:
    """Every CLs of a record, of each choice of minima."""
    numbers = [record["CLs_obs"], *record["CLs_exp"], record["CLsb_obs"], record["CLb_obs"]]
    for choice in ("natural", "admissible", "lowest"):
        numbers += [record[choice]["CLs_obs"], *record[choice]["CLs_exp"]]
    return numbers


def minima_numbers(record: Mapping[str, Any]) -> list[float]:
    """Every 2NLL of a record, of each choice of minima."""
    return [value for choice in ("natural", "admissible", "lowest") for value in record[choice]["twice_nll"].values()]


def without_place(content: Any) -> Any:
    """A result as JSON, without the time that it took and who computed it."""

    def strip(record: Json) -> Json:
        return {key: value for key, value in record.items() if key not in ("seconds", "worker")}

    return json.loads(json.dumps({**content, "results": [strip(record) for record in content["results"]]}))
