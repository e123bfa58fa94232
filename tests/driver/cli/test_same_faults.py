"""``hfx pallet verify``, ``--plan``, ``--dry-run`` and the scan find the same faults, in the same words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.cli import main
from hfx.hf_core.reasons import no_signal
from tests.driver import fakes
from tests.driver.cli.test_main import Captured, complaint
from tests.pallets.builders import dump, patch_set, write_folder

Json = dict[str, Any]
MU = {"name": "mu", "type": "normfactor", "data": None}


def added(*modifiers: Json, data: Any = (5.0, 4.0, 3.0), channel: int = 0) -> list[Json]:
    sample = {"name": "signal", "data": list(data) if isinstance(data, tuple) else data, "modifiers": list(modifiers)}
    return [{"op": "add", "path": f"/channels/{channel}/samples/0", "value": sample}]


def setting(**entries: Any) -> Json:
    return {"op": "add", "path": "/measurements/0/config/parameters/-", "value": entries}


FAULTY: dict[str, tuple[Any, str]] = {
    "no such path": (added(MU, channel=7), "/channels/7"),
    "no operations": ({"op": "add"}, "is not a list of operations"),
    "another root": ([{"op": "replace", "path": "", "value": [1]}], "its patch replaces the workspace by a list"),
    "bins": (added(MU, data=(5.0, 4.0)), "3 bins"),
    "normsys of zero": (
        added(MU, {"name": "x", "type": "normsys", "data": {"hi": 1.1, "lo": 0.0}}),
        "normsys 'x': lo = 0 must be positive",
    ),
    "no such type": (added(MU, {"name": "x", "type": "weight", "data": None}), "has type 'weight'"),
    "two types of a name": (added(MU, {"name": "norm", "type": "normfactor", "data": None}), "the name is a norm"),
    "initial value": ([*added(MU), setting(name="mu", inits=[11.0])], "the initial value 11 lies outside the bounds [0, 10]"),
    "number of settings": ([*added(MU), setting(name="norm", inits=[0.0, 0.0])], "2 values in inits, expected 1"),
    "negative rate": (added(MU, data=(-500.0, 4.0, 3.0)), "the expected rate is negative"),
    "POI of another type": (
        added({"name": "mu", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}),
        "the parameter of interest 'mu' is not a normfactor",
    ),
    "POI fixed": ([*added(MU), setting(name="mu", fixed=True)], "'mu' is fixed in the measurement"),
    "POI above 0": ([*added(MU), setting(name="mu", bounds=[[0.5, 3.0]])], "the bounds of 'mu' exclude 0"),
    "no signal": (added(), "no sample carries the parameter of interest"),
    "no yields": (added(MU, data=(0.0, 0.0, 0.0)), "the signal's yields are zero in every bin"),
    "events from nothing": (
        [*added(MU), {"op": "replace", "path": "/channels/0/samples/1/data/2", "value": 0.0},
         {"op": "replace", "path": "/channels/0/samples/0/data/2", "value": 0.0},
         {"op": "replace", "path": "/channels/0/samples/1/modifiers", "value": []}],
        "events observed where no sample expects any",
    ),
}  # fmt: skip


def write(folder: Path, patch: Any) -> None:
    """A pallet of two hypotheses, the second of which has this patch."""
    good = {"metadata": {"name": "good", "values": [300, 0]}, "patch": fakes.signal(300, 0)}
    bad = {"metadata": {"name": "bad", "values": [400, 0]}, "patch": patch}
    files = {"BkgOnly.json": dump(fakes.BACKGROUND), "patchset.json": dump(patch_set(fakes.BACKGROUND, [good, bad]))}
    write_folder(folder, files)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", FAULTY)
def test_of_one_hypothesis(kind: str, capsys: Captured) -> None:
    patch, words = FAULTY[kind]
    write(Path("toy"), patch)
    assert main.run(["scan", "toy", "-o", "run", "--starts", "1", "--quiet"]) == 1
    (failure,) = json.loads(Path("run/scan.json").read_text())["failures"]
    assert failure["name"] == "bad"
    assert words in failure["reason"]
    capsys.readouterr()

    bare = no_signal(failure["reason"])
    assert main.run(["pallet", "verify", "toy", "--json"]) == (0 if bare else 1)
    (region,) = json.loads(capsys.readouterr().out)["regions"]
    assert region["without_signal" if bare else "defects"] == [["bad", failure["reason"]]]
    assert region["defects" if bare else "without_signal"] == []
    assert main.run(["pallet", "verify", "toy"]) == (0 if bare else 1)
    assert (bare or failure["reason"]) in (printed := capsys.readouterr().out)
    assert ("the hypothesis with a signal can be used" if bare else "1 of 2 hypotheses cannot be used") in printed

    row = f"no signal: 1 hypothesis: bad ({bare})" if bare else f"will fail: 1 hypothesis: bad ({failure['reason']})"
    assert main.run(["scan", "toy", "--plan"]) == 0
    assert row.replace(": ", "   ", 1) in capsys.readouterr().out
    assert main.run(["submit", "toy", "--dry-run"]) == 0
    assert f"hfx: {row}" in capsys.readouterr().err


def lowered(content: Json) -> None:
    content["channels"][0]["samples"][0]["modifiers"][0]["data"]["lo"] = -1.0


def below(content: Json) -> None:
    content["observations"][0]["data"][1] = -3.0


def misspelt(content: Json) -> None:
    content["measurements"][0]["config"]["parameters"] = [{"name": "norm", "init": [0.0]}]


def outside(content: Json) -> None:
    content["measurements"][0]["config"]["parameters"] = [{"name": "norm", "inits": [6.0]}]


def held(content: Json) -> None:
    content["measurements"][0]["config"]["parameters"] = [{"name": "mu", "fixed": True}]


def above(content: Json) -> None:
    content["measurements"][0]["config"]["parameters"] = [{"name": "mu", "bounds": [[0.1, 5.0]]}]


def unknown(content: Json) -> None:
    content["measurements"][0]["config"]["poi"] = "nu"


@pytest.mark.parametrize("change", [lowered, below, misspelt, outside, held, above, unknown])
def test_of_the_background_once(change: Callable[[Json], None], capsys: Captured) -> None:
    background = json.loads(json.dumps(fakes.BACKGROUND))
    change(background)
    entries = [{"metadata": {"name": f"s_{m}", "values": [m, 0]}, "patch": fakes.signal(m, 0)} for m in (300, 400)]
    write_folder(Path("toy"), {"BkgOnly.json": dump(background), "patchset.json": dump(patch_set(background, entries))})
    scanned = complaint(["scan", "toy"], capsys)
    assert "the background toy/BkgOnly.json cannot be used: " in scanned
    assert complaint(["scan", "toy", "--plan"], capsys) == scanned
    assert complaint(["submit", "toy", "--dry-run"], capsys).replace(f"{Path.cwd()}/", "") == scanned
    assert main.run(["pallet", "verify", "toy"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"hfx: {scanned}\n")
    assert not Path("hfx-runs").exists()


def test_of_each_region(capsys: Captured) -> None:
    for region in "AB":
        write(Path("two") / region, FAULTY["negative rate"][0])
    assert main.run(["submit", "two", "--region", "all", "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "hfx: region A: will fail: 1 hypothesis: bad (" in said
    assert "hfx: region B: will fail: 1 hypothesis: bad (" in said


@pytest.mark.parametrize("raw", [b"{", b"<html>404</html>", None])
def test_of_a_region_without_a_background(raw: bytes | None, capsys: Captured) -> None:
    for region in "AB":
        write(Path("two") / region, [])
    background = Path("two/A/BkgOnly.json")
    background.unlink()
    if raw is not None:
        background.write_bytes(raw)
    scanned = complaint(["scan", "two", "--region", "all"], capsys)
    assert "region A has patches (two/A/" in scanned
    assert ("two/A/BkgOnly.json" if raw is not None else "no background workspace") in scanned
    assert complaint(["scan", "two", "--region", "all", "--plan"], capsys) == scanned
    assert complaint(["pallet", "inspect", "two"], capsys) == scanned
    assert main.run(["pallet", "verify", "two"]) == 1
    printed = capsys.readouterr()
    assert f"two, region A: {scanned.strip().removeprefix('hfx: ')}\ntwo, region B: " in printed.out
    assert main.run(["scan", "two", "--region", "B", "--plan"]) == 0
