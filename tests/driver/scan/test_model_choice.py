"""Channels left out and another parameter of interest: checked with pyhf, which changes the workspace itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest

import hfx
from hfx.driver.cli import main
from hfx.driver.results import ScanResult
from hfx.driver.scan.run_context import RunContext
from hfx.errors import OptionError, PalletError, RunFolderError
from hfx.pallets import open_pallet
from tests.driver.cli.test_main import Captured, complaint
from tests.driver.scan import choices
from tests.oracle.pyhf_fits import best_fit
from tests.pallets.builders import dump, patch_set, write_folder

SILENT = RunContext(say=lambda _: None)
CHOICES: list[dict[str, Any]] = [
    {"drop_channel": ["VR"]},
    {"drop_channel": ["VR", "CR"]},
    {"poi": "mu_second"},
    {"poi": "mu_top", "drop_channel": "VR"},
    {"poi": "mu_z", "mu": 1.5, "signal_scale": 0.5},
]


def by_pyhf(workspace: Any, poi: str | None, dropped: list[str], mu: float) -> tuple[float, float]:
    """pyhf's observed CLs and tested 2NLL of a patched workspace whose channels and parameter of interest are changed."""
    content = pyhf.Workspace(json.loads(json.dumps(workspace))).prune(channels=dropped)
    if poi is not None:
        content["measurements"][0]["config"]["poi"] = poi
    model = pyhf.Workspace(content).model()
    data = np.array(pyhf.Workspace(content).data(model))
    observed = pyhf.infer.hypotest(mu, list(data), model, test_stat="qtilde")
    return float(observed), best_fit(model, data, mu)[0]


def scaled(workspace: Any, poi: str, factor: float) -> Any:
    content = json.loads(json.dumps(workspace))
    for channel in content["channels"]:
        for sample in channel["samples"]:
            if any(modifier["name"] == poi for modifier in sample["modifiers"]):
                sample["data"] = [factor * value for value in sample["data"]]
    return content


@pytest.mark.parametrize("options", CHOICES, ids=lambda options: " ".join(options))
def test_the_numbers_are_those_of_pyhf(options: dict[str, Any], tmp_path: Path) -> None:
    pallet = choices.write(tmp_path / "toy")
    result = hfx.scan(pallet, output=tmp_path / "run", starts=1, context=SILENT, **options)
    assert [one.name for one in result] == ["s_100_20", "s_200_20"]
    poi, mu, dropped = options.get("poi"), options.get("mu", 1.0), options.get("drop_channel", [])
    for one in result:
        workspace = open_pallet(pallet).workspace(one.name)
        if factor := options.get("signal_scale"):
            workspace = scaled(workspace, str(poi), factor)
        observed, tested = by_pyhf(workspace, poi, [dropped] if isinstance(dropped, str) else dropped, mu)
        assert one.CLs_obs == pytest.approx(observed, abs=1e-4)
        assert one.fits["fixed"]["twice_nll"] == pytest.approx(tested, abs=1e-6)


@pytest.mark.parametrize("options", CHOICES[:4], ids=lambda options: " ".join(options))
def test_the_exported_workspace_is_what_was_fitted(options: dict[str, Any], tmp_path: Path, capsys: Captured) -> None:
    result = hfx.scan(choices.write(tmp_path / "toy"), output=tmp_path / "run", starts=1, context=SILENT, **options)
    assert main.run(["export", str(tmp_path / "run"), "--workspace", "s_100_20"]) == 0
    model = (workspace := pyhf.Workspace(json.loads(capsys.readouterr().out))).model()
    observed = pyhf.infer.hypotest(1.0, workspace.data(model), model, test_stat="qtilde")
    assert result[0].CLs_obs == pytest.approx(float(observed), abs=1e-4)
    assert ("VR" in model.config.channels) == ("drop_channel" not in options)


def cls_of(result: ScanResult) -> list[float | None]:
    return [number for one in result for number in (one.CLs_obs, *one.CLs_exp)]


def test_the_choice_travels_to_workers(tmp_path: Path) -> None:
    pallet = choices.write(tmp_path / "toy")
    (tmp_path / "two.toml").write_text('engine = "process"\nworkers = 1\n')
    options: dict[str, Any] = {"drop_channel": ["VR"], "poi": "mu_second", "context": SILENT, "starts": 1}
    here = hfx.scan(pallet, output=tmp_path / "here", **options)
    there = hfx.scan(pallet, output=tmp_path / "there", endpoint=str(tmp_path / "two.toml"), **options)
    assert cls_of(here) == cls_of(there)


def test_the_choice_is_part_of_the_run(tmp_path: Path, capsys: Captured) -> None:
    pallet, folder = str(choices.write(tmp_path / "toy")), str(tmp_path / "run")
    given = ["scan", pallet, "-o", folder, "--drop-channel", "VR", "--drop-channel", "CR", "--poi", "mu_second"]
    assert main.run([*given, "--starts", "1"]) == 0
    printed = capsys.readouterr().out
    assert "--poi mu_second, --drop-channel CR --drop-channel VR" in printed
    run, scan = (json.loads((tmp_path / "run" / name).read_text()) for name in ("run.json", "scan.json"))
    assert (scan["options"]["drop_channel"], scan["options"]["poi"]) == (["CR", "VR"], "mu_second")
    assert "--poi mu_second --drop-channel CR --drop-channel VR" in run["command"]
    # The same in another order is the same scan, and continued; another choice is refused.
    again = ["scan", pallet, "-o", folder, "--drop-channel", "CR", "--drop-channel", "VR", "--poi", "mu_second", "--starts", "1"]
    assert main.run(again) == 0
    capsys.readouterr()
    with pytest.raises(RunFolderError, match="--drop-channel is CR, VR there and VR here"):
        hfx.scan(pallet, output=folder, drop_channel=["VR"], poi="mu_second", starts=1, context=SILENT)
    with pytest.raises(RunFolderError, match="--poi is mu_second there and the default here"):
        hfx.scan(pallet, output=folder, drop_channel=["VR", "CR"], starts=1, context=SILENT)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--drop-channel VRR", "--drop-channel VRR: there is no such channel; the channels: CR, SR, VR; did you mean VR?"),
        ("--drop-channel CR --drop-channel SR --drop-channel VR", "leaves no channel; keep at least one of CR, SR, VR"),
        ("--drop-channel SR --drop-channel VR", "--drop-channel SR --drop-channel VR takes the signal away: in toy no other"),
        (
            "--poi mu_tip",
            "--poi mu_tip: no sample of toy has a normfactor of this name; normfactors that can be: mu, mu_second, ",
        ),
        ("--poi mu_z --drop-channel VR", "--poi mu_z: no sample of toy has a normfactor of this name"),
        ("--poi jes", "--poi jes: jes is a normsys in toy; --poi takes a normfactor: mu, mu_second, "),
        ("--poi mu_fixed", "--poi mu_fixed: in toy the parameter of interest 'mu_fixed' is fixed in the measurement"),
        ("--poi mu_above", "--poi mu_above: in toy the bounds of 'mu_above' exclude 0"),
    ],
)
def test_what_cannot_be_chosen(
    options: str, words: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    choices.write(tmp_path / "toy")
    given = options.split()
    scanned = complaint(["scan", "toy", *given], capsys)
    assert words in scanned
    assert complaint(["scan", "toy", *given, "--plan"], capsys) == scanned
    assert complaint(["submit", "toy", *given, "--dry-run"], capsys).replace(f"{tmp_path}/", "") == scanned
    assert complaint(["pallet", "verify", "toy", *given], capsys) == scanned
    assert not (tmp_path / "hfx-runs").exists()


def two_regions(folder: Path) -> Path:
    """The pallet, and another region with the channels CR and SRB alone, in which the signal is in SRB."""
    other = json.loads(json.dumps(choices.BACKGROUND))
    other["channels"][1]["name"] = other["observations"][1]["name"] = "SRB"
    del other["channels"][2], other["observations"][2]
    patches = [{**one, "patch": one["patch"][:1]} for one in choices.entries()]
    files = {f"A/{name}": raw for name, raw in choices.documents().items()}
    return write_folder(folder, {**files, "B/BkgOnly.json": dump(other), "B/patchset.json": dump(patch_set(other, patches))})


def test_a_channel_of_one_of_several_regions(tmp_path: Path) -> None:
    pallet = two_regions(tmp_path / "two")
    options: dict[str, Any] = {"output": tmp_path / "run", "starts": 1, "context": SILENT}
    result = hfx.scan(pallet, region="all", drop_channel=["VR"], **options)
    assert len(result) == 2
    with pytest.raises(OptionError, match="--drop-channel VR2: there is no such channel; the channels: CR, SR, VR, SRB"):
        hfx.scan(pallet, region="all", drop_channel=["VR2"], **options)
    with pytest.raises(OptionError, match="leaves no channel of region B; keep at least one of CR, SRB"):
        hfx.scan(pallet, region="all", drop_channel=["CR", "SRB"], **options)


def test_a_background_alone_with_another_poi_is_a_hypothesis(tmp_path: Path) -> None:
    alone = tmp_path / "model.json"
    alone.write_bytes(dump(choices.BACKGROUND))
    with pytest.raises(PalletError, match="name another parameter of interest with --poi"):
        hfx.scan(alone, output=tmp_path / "none", context=SILENT)
    with pytest.raises(
        PalletError, match=r"--poi mu_y: no sample of model\.json has a normfactor of this name; it has mu_top, mu_z"
    ):
        hfx.scan(alone, poi="mu_y", output=tmp_path / "none", context=SILENT)
    (result,) = hfx.scan(alone, poi="mu_z", output=tmp_path / "run", starts=1, context=SILENT)
    observed, _ = by_pyhf(choices.BACKGROUND, "mu_z", [], 1.0)
    assert result.CLs_obs == pytest.approx(observed, abs=1e-4)


def test_inspect_shows_the_channels_that_are_left(tmp_path: Path, capsys: Captured) -> None:
    pallet = str(choices.write(tmp_path / "toy"))
    assert main.run(["pallet", "inspect", pallet, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)["regions"][0]
    assert main.run(["pallet", "inspect", pallet, "--drop-channel", "VR", "--json"]) == 0
    part = json.loads(capsys.readouterr().out)["regions"][0]
    assert [[channel["name"] for channel in one["channels"]] for one in (whole, part)] == [["CR", "SR", "VR"], ["CR", "SR"]]
    names = {one["type"]: (one["names"], one["signal_only"]) for one in part["parameters"]}
    # Without mu_z, pile_up, tilt and the two factors that the signal has in VR alone.
    assert names == {"normfactor": (3, 2), "normsys": (1, 0), "shapesys": (1, 0), "staterror": (1, 0)}


def test_the_picture_says_which_model_it_shows(tmp_path: Path) -> None:
    from hfx.driver.questions.cls import Cls
    from hfx.functions.jobs.cls_options import ClsOptions

    surface = Cls(ClsOptions(poi="mu_$", drop_channel=("A", "B"))).surface
    assert surface is not None
    assert surface.remark == r"parameter of interest mu_\$, without A, B"
    many = Cls(ClsOptions(drop_channel=("A", "B", "C"))).surface
    assert many is not None
    assert many.remark == "without 3 channels"
