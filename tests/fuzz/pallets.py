"""Small sound pallets, from which the fuzzer makes its mutants, and JSON text of documents that are none any more."""

import json
import math
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hfx.functions import task
from hfx.functions.catalogue import entry_of
from hfx.functions.jobs.cls import CHOICES, project
from hfx.json_types import JsonObject
from hfx.pallets import demo
from tests.conformance.workspaces import BATTERY
from tests.functions import tasks
from tests.pallets import builders

__all__ = ["Json", "check_record", "compile_kernels", "dumped", "folder_of", "loose_files", "patch_set_of", "sound"]

Json = dict[str, Any]


def _of_the_battery(name: str) -> tuple[Json, list[Json]]:
    """A workspace without its signal samples, and two patches that add them, where the POI scales samples of their own."""
    background = json.loads(json.dumps(BATTERY[name]))
    poi = background["measurements"][0]["config"]["poi"]
    operations = []
    for place, channel in enumerate(background["channels"]):
        signals = [one for one in channel["samples"] if any(m["name"] == poi for m in one["modifiers"])]
        if len(signals) < len(channel["samples"]):
            channel["samples"] = [one for one in channel["samples"] if one not in signals]
            operations += [{"op": "add", "path": f"/channels/{place}/samples/-", "value": one} for one in signals]
    scaled = [{**op, "value": {**op["value"], "data": [2.0 * x for x in op["value"]["data"]]}} for op in operations]
    return background, [operations, scaled]  # type: ignore[list-item]


def _demo() -> tuple[Json, list[Any]]:
    files: Any = json.loads(json.dumps(demo.demo_pallet()))
    return files["BkgOnly.json"], [entry["patch"] for entry in files["patchset.json"]["patches"][:2]]


_OTHERS = (
    lambda: (builders.workspace(), [builders.operations(), builders.operations(2.0)]),
    lambda: (json.loads(json.dumps(tasks.BACKGROUND)), [tasks.patch(0), tasks.patch(1)]),
    _demo,
)


def sound(draw: random.Random) -> tuple[Json, Json]:
    """A background and its patch set."""
    names = sorted(BATTERY)
    at = draw.randrange(len(names) + 12)
    background, patches = _of_the_battery(names[at]) if at < len(names) else _OTHERS[at % 3]()
    return background, patch_set_of(background, json.loads(json.dumps(patches)))


def patch_set_of(background: Json, patches: list[Any]) -> Json:
    """A patch set of so many hypotheses."""
    return builders.patch_set(
        background, [builders.patch_entry(f"s_{i}_{20 * i}", i, 20 * i, patch=p) for i, p in enumerate(patches)]
    )


def dumped(document: Any) -> bytes:
    """JSON text, also with what is none: NaN, lone surrogates; of what is too deep for Python, brackets."""
    try:
        return json.dumps(document).encode("ascii")
    except RecursionError:
        return b'{"channels": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    except ValueError:  # integers of thousands of digits
        return b'{"channels": [' + b"9" * 5000 + b"]}"


def loose_files(entries: list[Any]) -> dict[str, bytes]:
    """The patches of a patch set as files of their own."""
    return {
        f"patch.s_{i}_{20 * i}.json": dumped(entry.get("patch") if isinstance(entry, dict) else entry)
        for i, entry in enumerate(entries)
    }


@contextmanager
def folder_of(files: dict[str, bytes]) -> Iterator[Path]:
    """A folder of these files, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in files.items():
            path = Path(folder) / "p" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        yield Path(folder) / "p"


def compile_kernels() -> None:
    """One fit: the first one on a machine compiles for half a minute."""
    content: JsonObject = {"job": "cls", "version": entry_of("cls").version, "options": {"starts": 1}}
    task.run({**content, "background": tasks.BACKGROUND, "hypotheses": tasks.hypotheses(1)})  # type: ignore[dict-item]


def check_record(record: JsonObject) -> None:
    """Raise `AssertionError` unless CLs of all choices of minima are finite numbers from 0 to 1."""
    for choice in CHOICES:
        chosen: Any = project(record, choice)
        for value in (chosen["CLs_obs"], *chosen["CLs_exp"], chosen["CLsb_obs"], chosen["CLb_obs"]):
            assert math.isfinite(value), f"{choice}: {chosen}"
            assert 0.0 <= value <= 1.0, f"{choice}: {chosen}"
        assert math.isfinite(chosen["muhat"]), chosen
