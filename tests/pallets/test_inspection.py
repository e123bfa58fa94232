"""What `hfx pallet inspect` and `verify` know."""

from pathlib import Path

import pytest

from hfx.errors import PalletError
from hfx.pallets.inspection import ChannelSummary, LabelRange, ParameterSummary, inspect, verify
from tests.pallets.builders import (
    dump,
    flat,
    operations,
    patch_entry,
    patch_set,
    signal,
    workspace,
    write_folder,
)


def test_inspect(tmp_path: Path) -> None:
    found = inspect(str(write_folder(tmp_path / "toy", flat())))
    assert (found.name, found.doi, found.description) == ("toy", None, "signals")
    assert found.cite == (
        "HEPData record ins1234567: https://www.hepdata.net/record/ins1234567",
        "the paper: https://inspirehep.net/literature/1234567",
    )
    (region,) = found.regions
    assert (region.region, region.digest_result, region.measurements) == (None, "matches", (("naïve", "mu"),))
    assert region.channels == (
        ChannelSummary("SR", 2, ("bkg",), 53.0),
        ChannelSummary("VR", 1, ("bkg",), 99.0),
    )
    assert region.parameters == (
        ParameterSummary("normfactor", 1, 1, 1),
        ParameterSummary("normsys", 1, 1, 0),
        ParameterSummary("staterror", 1, 2, 0),
    )
    assert region.labels == (LabelRange("m1", 100, 200, 2), LabelRange("m2", 20, 20.5, 2))
    assert region.hypotheses == (("s_100_20", (100, 20)), ("s_200_20", (200, 20.5)))
    assert (region.defects, region.warnings) == ((), ())


def test_inspect_shows_all_regions_or_one(tmp_path: Path) -> None:
    source = str(write_folder(tmp_path, flat(folder="A/") | flat(2.0, "B/")))
    assert [region.region for region in inspect(source).regions] == ["A", "B"]
    assert [region.region for region in inspect(source, "all").regions] == ["A", "B"]
    assert [region.region for region in inspect(source, "B").regions] == ["B"]
    with pytest.raises(PalletError, match=r"--region C: .* its regions: A, B"):
        inspect(source, "C")


def test_inspect_shows_a_wrong_digest(tmp_path: Path) -> None:
    files = flat() | {"patchset.json": dump(patch_set(workspace(2.0)))}
    (region,) = inspect(str(write_folder(tmp_path, files))).regions
    assert region.digest_result == "mismatch"
    assert "was made for another background" in region.warnings[0]


def test_inspect_of_a_signal_whose_sample_is_odd(tmp_path: Path) -> None:
    odd = workspace()
    odd["channels"][0]["samples"] += [{"name": "no data"}, {"name": "no list", "data": 5, "modifiers": [7]}]
    odd["observations"][0]["data"] = "none"
    files = {"BkgOnly.json": dump(odd), "patchset.json": dump(patch_set(odd))}
    (region,) = inspect(str(write_folder(tmp_path, files))).regions
    assert region.channels[0] == ChannelSummary("SR", 2, ("bkg", "no data", "no list"), None)


def test_verify(tmp_path: Path) -> None:
    found = verify(str(write_folder(tmp_path, flat())))
    assert (found.verified, found.applies) == (True, True)
    assert found.regions[0].hypotheses == 2


def test_verify_tries_every_patch(tmp_path: Path) -> None:
    bad = patch_entry("bad", 1, 2, patch=[{"op": "remove", "path": "/channels/7"}])
    files = flat() | {"patchset.json": dump(patch_set(workspace(), [patch_entry("good", 3, 4), bad]))}
    found = verify(str(write_folder(tmp_path, files)))
    assert (found.verified, found.applies) == (True, False)
    ((name, reason),) = found.regions[0].defects
    assert name == "bad"
    assert "operation 1 (remove /channels/7) points at index 7 of a list of 2" in reason


def test_verify_of_loose_patches_and_of_a_workspace(tmp_path: Path) -> None:
    loose = {"BkgOnly.json": dump(workspace()), "patch.s_1_2.json": dump(operations())}
    assert verify(str(write_folder(tmp_path / "loose", loose))).regions[0].digest_result == "none stated"
    complete = workspace()
    complete["channels"][0]["samples"].append(signal())
    assert verify(str(write_folder(tmp_path / "one", {"w.json": dump(complete)}))).verified


def test_verify_says_what_differs(tmp_path: Path) -> None:
    files = flat() | {"patchset.json": dump(patch_set(workspace(2.0)))}
    found = verify(str(write_folder(tmp_path / "toy", files)))
    assert (found.verified, found.applies) == (False, True)
    assert "toy/patchset.json was made for another background" in str(found.regions[0].problem)


def test_the_values_of_a_label_of_texts_are_listed(tmp_path: Path) -> None:
    entries = [patch_entry("a", 100, "WZ"), patch_entry("b", 200, "Wh"), patch_entry("c", 300, "WZ")]
    source = write_folder(tmp_path, flat() | {"patchset.json": dump(patch_set(workspace(), entries, labels=["m", "topology"]))})
    (region,) = inspect(str(source)).regions
    assert region.labels == (LabelRange("m", 100, 300, 3), LabelRange("topology", None, None, 2, ("WZ", "Wh")))
    assert region.hypotheses[0] == ("a", (100, "WZ"))
