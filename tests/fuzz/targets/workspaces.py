"""Workspaces and patch sets: mutants of sound pallets, opened, inspected, checked and fitted.

A hypothesis has a result with finite CLs from 0 to 1, or a reason; what is checked before a scan agrees with what its fits find.
"""

import math
import random
from collections.abc import Iterable
from typing import Any

from hfx.errors import HfxError, PalletError
from hfx.functions import task
from hfx.functions.catalogue import entry_of
from hfx.functions.model_check import check_background, model_faults
from hfx.json_types import JsonObject
from hfx.pallets import Pallet, open_pallet
from hfx.pallets.inspection import inspect
from hfx.printable import has_unprintable
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import damage, mutate, mutate_numbers, nasty
from tests.fuzz.pallets import Json, check_record, compile_kernels, dumped, folder_of, loose_files, sound

QUICK, OUTCOMES = 250, {"results", "clean error", "all failed with reasons"}

_KINDS = ("add", "remove", "replace", "move", "copy", "test", "add", "replace", "move", "copy", "merge", "")
_ENDS = ("/-", "/-1", "/99", "/x", "/~2", "/01", "/")
_MOST = 2  # hypotheses that are fitted


def warm_up() -> None:
    """Compile the fits."""
    compile_kernels()


def attempt(seed: int) -> str:
    """Do with a mutant all that hfx does with a pallet."""
    draw = random.Random(seed)
    with folder_of(files_of_a_mutant(draw)) as folder:
        try:
            inspect(str(folder))
        except HfxError as error:
            check_error(error)
        try:
            pallet = open_pallet(folder, verify=draw.randrange(8) == 0)
            check_background(pallet)
        except HfxError as error:
            check_error(error)
            return "clean error"
    return _fitted(pallet, draw)


def files_of_a_mutant(draw: random.Random) -> dict[str, bytes]:
    """The files of a pallet that is sound but for some mutations."""
    background, patches = sound(draw)
    times = draw.choice((1, 1, 1, 2, 2, 3, 6))
    match draw.randrange(10):
        case 7 | 8 | 9:
            background, patches = mutate_numbers(background, draw, times), mutate_numbers(patches, draw, times)
        case 0 | 1:
            background = mutate(background, draw, times)
        case 2 | 3:
            patches = mutate(patches, draw, times)
        case 4:
            background, patches = mutate(background, draw, 1), mutate(patches, draw, 1)
        case _:
            _add_operations(background, patches, draw)
    files = {"BkgOnly.json": dumped(background)}
    entries = patches.get("patches") if isinstance(patches, dict) else None
    if isinstance(entries, list) and draw.randrange(5) == 0:
        files |= loose_files(entries)
    elif draw.randrange(20):
        files["patchset.json"] = dumped(patches)
    if draw.randrange(12) == 0:
        name = draw.choice(sorted(files))
        files[name] = damage(files[name], draw, draw.randrange(1, 4))
    return files


def _add_operations(background: Json, patches: Json, draw: random.Random) -> None:
    """Add patch operations of every kind, which point at anything in the workspace, or at nothing."""
    pointers = _pointers(background)
    for entry in patches["patches"]:
        for _ in range(draw.randrange(1, 4)):
            pointer, other = (_pointer(pointers, draw) for _ in range(2))
            kind = draw.choice(_KINDS)
            value = draw.choice((nasty(draw), _at(background, other)))
            operation = {"op": kind, "path": pointer, "from": other, "value": value}
            if draw.randrange(10) == 0:
                operation = mutate(operation, draw, 1)
            entry["patch"].insert(draw.randrange(len(entry["patch"]) + 1), operation)


def _pointers(document: Any) -> list[str]:
    """The JSON pointers of all values."""
    found, waiting = [], [("", document)]
    while waiting:
        path, value = waiting.pop()
        found.append(path)
        items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
        items = enumerate(value) if isinstance(value, list) else items
        waiting.extend((f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}", item) for key, item in items)
    return found


def _pointer(pointers: list[str], draw: random.Random) -> str:
    pointer = draw.choice(pointers)
    if draw.randrange(5):
        return pointer
    return draw.choice((pointer + draw.choice(_ENDS), pointer[1:], "/"))


def _at(document: Any, pointer: str) -> Any:
    value = document
    for token in pointer.split("/")[1:]:
        try:
            value = value[int(token)] if isinstance(value, list) else value[token.replace("~1", "/").replace("~0", "~")]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _fitted(pallet: Pallet, draw: random.Random) -> str:
    chosen = [one for one in pallet.hypotheses if one.defect is None][:_MOST]
    _check_texts(pallet)
    faults = dict(model_faults(pallet, only={one.name for one in chosen}))
    for reason in faults.values():
        _check_reason(reason)
    if not chosen:
        return "all failed with reasons"
    units: list[JsonObject] = [
        {"key": one.name, "name": one.name, "values": list(one.values), "patch": list(one.patch)} for one in chosen
    ]
    options = {"starts": draw.choice((1, 1, None)), "test_stat": draw.choice(("qtilde", "qtilde", "q"))}
    answer: Any = task.run(
        {
            "job": "cls",
            "version": entry_of("cls").version,
            "background": pallet.background,
            "hypotheses": units,
            "options": options,
        }
    )
    for failure in answer["failures"]:
        _check_reason(failure["reason"])
    found = {record["name"] for record in answer["results"]}
    assert found | {one["name"] for one in answer["failures"]} == {one.name for one in chosen}, "a hypothesis is lost"
    assert not found & faults.keys(), f"refused before the scan, and fitted by it: {faults}"
    for record in answer["results"]:
        check_record(record)
    return "results" if found else "all failed with reasons"


def _check_texts(pallet: Pallet) -> None:
    texts = (*pallet.labels, *pallet.warnings, *(one.name for one in pallet.hypotheses))
    assert not any(has_unprintable(text) for text in texts), texts
    for one in pallet.hypotheses:
        if one.defect is not None:
            _check_reason(one.defect)
        assert all(map(math.isfinite, one.values)), one.values


def _check_reason(reason: str) -> None:
    check_error(PalletError(reason))
