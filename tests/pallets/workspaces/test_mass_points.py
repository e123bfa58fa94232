"""Whole workspaces, one for each mass point, read as hypotheses of one background; and files whose text names another kind."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyhf
import pytest

import hfx
from hfx.driver.scan.run_context import RunContext
from hfx.errors import PalletError
from hfx.pallets import open_pallet, region_names
from tests.driver.scan import choices
from tests.pallets.builders import Files, dump, flat, operations, patch_set, signal, tar_bytes, workspace, write, write_folder

Json = dict[str, Any]


def whole(yields: float, change: Callable[[Json], object] | None = None) -> Json:
    """The background with a signal in it."""
    content = workspace()
    content["channels"][0]["samples"].insert(0, signal(yields))
    if change is not None:
        change(content)
    return content


def points(**more: bytes) -> Files:
    return {f"sig_{mass}_{10 * mass}.json": dump(whole(float(mass))) for mass in (2, 4, 10)} | more


@pytest.mark.parametrize("packed", [False, True])
def test_workspaces_that_differ_in_their_signals_are_hypotheses(packed: bool, tmp_path: Path) -> None:
    if packed:
        source = write(tmp_path / "toy.tar.gz", tar_bytes({f"search/{name}": raw for name, raw in points().items()}))
    else:
        source = write_folder(tmp_path / "toy", points())
    pallet = open_pallet(source, labels=["m1", "m2"])
    assert [(one.name, one.values) for one in pallet.hypotheses] == [
        ("sig_2_20", (2, 20)),
        ("sig_4_40", (4, 40)),
        ("sig_10_100", (10, 100)),
    ]
    assert pallet.background == workspace()
    assert pallet.labels == ("m1", "m2")
    (note,) = pallet.warnings
    assert "3 whole workspaces of one background, which differ in their signals alone, are read as hypotheses" in note
    for mass in (2, 4, 10):
        made = pallet.workspace(f"sig_{mass}_{10 * mass}")
        assert pyhf.Workspace(made).data(pyhf.Workspace(made).model()) == [52, 1, 99, 0, 1, 1]
        assert sorted(made["channels"][0]["samples"], key=str) == sorted(whole(float(mass))["channels"][0]["samples"], key=str)


def test_beside_the_background_itself(tmp_path: Path) -> None:
    files = points(**{"model.json": dump(workspace()), "patch.sig_5_50.json": dump(operations())})
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    assert [one.name for one in pallet.hypotheses] == ["sig_5_50", "sig_2_20", "sig_4_40", "sig_10_100"]
    assert pallet.background == workspace()
    assert len(pallet.warnings) == 3
    assert pallet.warnings[1].startswith("toy/model.json has no signal: it is read as the background of the others")


def reordered(content: Json) -> None:
    content["channels"].reverse()
    content["observations"].reverse()
    content["channels"][-1]["samples"].reverse()
    content["channels"][-1]["samples"][0]["modifiers"].reverse()
    content["channels"][0]["samples"][0]["data"] = [100.0]


def test_the_order_of_named_things_and_the_spelling_of_numbers_are_no_difference(tmp_path: Path) -> None:
    files = {"a_1.json": dump(whole(1.0)), "a_2.json": dump(whole(2.0, reordered))}
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    made = pyhf.Workspace(pallet.workspace("a_2"))
    given = pyhf.Workspace(whole(2.0, reordered))
    parameters = given.model().config.suggested_init()
    data = given.data(given.model())
    assert made.data(made.model()) == data
    assert made.model().logpdf(parameters, data) == pytest.approx(given.model().logpdf(parameters, data))


def changed(*place: str | int, value: Any) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        target: Any = content
        for step in place[:-1]:
            target = target[step]
        target[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed("channels", 0, "samples", 1, "data", value=[51.0, 1.0]), "channel 'SR', sample 'bkg'"),
        (changed("channels", 1, "name", value="VR2"), "channel 'VR', which only one of them has"),
        (changed("observations", 1, "data", value=[98]), "the observation of 'VR'"),
        (changed("measurements", 0, "config", "parameters", value=[{"name": "alpha", "fixed": True}]), "measurement 'naïve'"),
        (
            lambda content: content["channels"][1]["samples"].append({"name": "z", "data": [1], "modifiers": []}),
            "channel 'VR', sample 'z', which",
        ),
        (changed("channels", 1, "bins", value=3), "its structure"),
    ],
)
def test_another_difference_is_named(change: Callable[[Json], None], words: str, tmp_path: Path) -> None:
    files = {"sig_1.json": dump(whole(1.0)), "sig_2.json": dump(whole(2.0, change))}
    with pytest.raises(PalletError, match=r"they are no mass points of one search: sig_2\.json differs from") as error:
        open_pallet(write_folder(tmp_path / "toy", files))
    assert f"also in {words}" in str(error.value)
    # Each can still be scanned by itself.
    assert region_names(tmp_path / "toy") == ("sig_1", "sig_2")


def test_regions_beside_each_other_stay_regions(tmp_path: Path) -> None:
    files = flat(prefix="A_") | flat(scale=2.0, prefix="B_")
    assert region_names(write_folder(tmp_path / "two", files)) == ("A", "B")
    backgrounds = {"A_BkgOnly.json": dump(workspace()), "B_BkgOnly.json": dump(workspace(2.0)), "x.json": dump(whole(1.0))}
    assert len(region_names(write_folder(tmp_path / "three", backgrounds))) == 3


def replaced(content: Json) -> list[Json]:
    return [{"op": "replace", "path": "", "value": content}]


@pytest.mark.parametrize(
    "patch",
    [
        {"patch": replaced(whole(7.0))},
        {"metadata": {"name": "sig_7", "values": [7]}, "patch": replaced(whole(7.0))},
        replaced(whole(7.0)),
    ],
    ids=["object", "entry", "list"],
)
def test_a_patch_with_a_whole_workspace_is_a_patch(patch: Any, tmp_path: Path) -> None:
    files = {"bkg.json": dump(workspace()), "patch.sig_7.json": dump(patch), "patch.sig_8.json": dump(operations(8.0))}
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    assert [one.name for one in pallet.hypotheses] == ["sig_7", "sig_8"]
    assert pallet.workspace("sig_7") == whole(7.0)


def test_a_patch_set_with_a_whole_workspace_is_a_patch_set(tmp_path: Path) -> None:
    background = workspace()
    entries = [{"metadata": {"name": "s_1_2", "values": [1, 2]}, "patch": replaced(whole(7.0))}]
    files = {"BkgOnly.json": dump(background), "patchset.json": dump(patch_set(background, entries))}
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    assert pallet.labels == ("m1", "m2")
    assert pallet.workspace("s_1_2") == whole(7.0)


def test_an_object_that_holds_a_workspace_hides_nothing(tmp_path: Path) -> None:
    files = flat() | {"results.json": dump({"model": whole(1.0), "CLs": 0.04})}
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    assert len(pallet.hypotheses) == 2
    with pytest.raises(PalletError, match="it lacks 'channels', 'measurements', 'observations', 'version'"):
        open_pallet(write(tmp_path / "wrapped.json", dump({"model": whole(1.0)})))


def test_each_mass_point_has_the_numbers_of_its_own_workspace(tmp_path: Path) -> None:
    """By pyhf, of the file as it was given."""
    source = choices.write(tmp_path / "toy")
    pallet = open_pallet(source)
    given = {name: copy.deepcopy(pallet.workspace(name)) for name in ("s_100_20", "s_200_20")}
    folder = write_folder(tmp_path / "points", {f"{name}.json": json.dumps(content).encode() for name, content in given.items()})
    result = hfx.scan(folder, output=tmp_path / "run", starts=1, labels=["m1", "m2"], context=RunContext(say=lambda _: None))
    assert [(one.name, tuple(one.values)) for one in result] == [("s_100_20", (100, 20)), ("s_200_20", (200, 20))]
    for one in result:
        own = pyhf.Workspace(given[one.name])
        observed = pyhf.infer.hypotest(1.0, own.data(own.model()), own.model(), test_stat="qtilde")
        assert one.CLs_obs == pytest.approx(float(observed), abs=1e-4)


def test_a_workspace_without_a_signal_is_named(tmp_path: Path) -> None:
    words = "has no signal: it is read as the background of the others, and is no hypothesis"
    pallet = open_pallet(write_folder(tmp_path / "toy", points(**{"sig_6_60.json": dump(workspace())})))
    assert [one.name for one in pallet.hypotheses] == ["sig_2_20", "sig_4_40", "sig_10_100"]
    assert pallet.warnings[-1] == f"toy/sig_6_60.json {words}"
    named = open_pallet(write_folder(tmp_path / "named", points(**{"BkgOnly.json": dump(workspace())})))
    assert not any(
        words in warning for warning in (*named.warnings, *open_pallet(write_folder(tmp_path / "common", points())).warnings)
    )
