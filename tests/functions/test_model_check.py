"""Faults of models that are told before a fit: those of the background once, those of hypotheses by name."""

from dataclasses import replace
from typing import Any

import pytest

from hfx.errors import PalletError
from hfx.functions.model_check import all_faults, check_background, check_poi, model_faults
from hfx.pallets import Hypothesis, Pallet
from hfx.pallets.workspaces.model_choice import ModelChoice
from tests.pallets.builders import patch_entry, workspace


def pallet(background: Any, *entries: Any) -> Pallet:
    hypotheses = tuple(
        Hypothesis(name=e["metadata"]["name"], values=tuple(e["metadata"]["values"]), patch=tuple(e["patch"])) for e in entries
    )
    return Pallet(
        name="toy",
        source="toy.tar.gz",
        region="SR1",
        background=background,
        digest="",
        patchset_digest="",
        labels=("m1", "m2"),
        hypotheses=hypotheses,
    )


def test_a_valid_pallet_has_no_faults() -> None:
    good = pallet(workspace(), patch_entry("a", 1, 2), patch_entry("b", 3, 4))
    assert list(all_faults(good)) == []


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("channels", 0, "samples", 0, "modifiers", 0, "data", "lo"), -1.0, "normsys 'alpha': lo = -1 must be positive"),
        (("channels", 0, "samples", 0, "data"), [1.0], "sample 'bkg'"),
        (("observations", 0, "data"), [-3.0, 1.0], "observation .* is negative"),
        (("measurements", 0, "config", "parameters"), [{"name": "mu", "init": [1.0]}], "unknown key 'init'"),
    ],
)
def test_a_fault_of_the_background_is_told_once(place: tuple[str | int, ...], value: Any, words: str) -> None:
    background = workspace()
    target = background
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    broken = pallet(background, patch_entry("a", 1, 2), patch_entry("b", 3, 4))
    with pytest.raises(PalletError, match=r"^the background of toy, region SR1 \(toy\.tar\.gz\) cannot be used: .*" + words):
        check_background(broken)
    with pytest.raises(PalletError, match="the background of toy"):
        list(all_faults(broken))


def test_what_a_patch_mends_is_no_fault_of_the_background() -> None:
    background = workspace()
    background["channels"][0]["samples"][0]["modifiers"][0]["data"]["lo"] = 0.0
    mend = {"op": "replace", "path": "/channels/0/samples/0/modifiers/0/data/lo", "value": 0.9}
    entry = patch_entry("a", 1, 2)
    entry["patch"] = [mend, *entry["patch"]]
    check_background(pallet(background, entry))


def test_hypotheses_are_named_with_what_is_wrong() -> None:
    bad = patch_entry("bad", 5, 6, patch=[{"op": "replace", "path": "/channels/0/samples/0/data/0", "value": "many"}])
    lost = patch_entry("lost", 7, 8, patch=[{"op": "remove", "path": "/channels/7"}])
    broken = pallet(workspace(), patch_entry("a", 1, 2), bad, lost)
    check_background(broken)
    faults = dict(model_faults(broken))
    assert list(faults) == ["bad", "lost"]
    assert "sample 'bkg'" in faults["bad"]
    assert "/channels/7" in faults["lost"]
    assert list(dict(model_faults(broken, only={"a", "lost"}))) == ["lost"]


def of_poi(poi: str) -> Pallet:
    background = workspace()
    background["measurements"][0]["config"]["poi"] = poi
    return pallet(background, patch_entry("a", 1, 2), patch_entry("b", 3, 4))


def test_a_poi_that_no_sample_has_is_a_fault_of_the_background() -> None:
    words = r"measurement 'na\u00efve': no sample, of any hypothesis, has a normfactor 'nu'; --poi takes another: mu"
    with pytest.raises(PalletError, match=r"^the background toy/BkgOnly.json cannot be used: " + words):
        check_poi([replace(of_poi("nu"), background_file="toy/BkgOnly.json")])
    with pytest.raises(PalletError, match="has a normfactor 'nu'"):
        list(all_faults(replace(of_poi("nu"), region=None)))
    check_poi([of_poi("nu")], ModelChoice(poi="mu"))
    with pytest.raises(PalletError, match="has a normfactor 'mass'"):
        check_poi([of_poi("mu")], ModelChoice(poi="mass"))


def test_one_region_or_hypothesis_with_a_signal_is_enough() -> None:
    check_poi([of_poi("nu"), of_poi("mu")])
    bare = patch_entry("bare", 5, 6, patch=[{"op": "remove", "path": "/channels/1"}])
    check_poi([pallet(workspace(), bare, patch_entry("a", 1, 2))])
    check_poi([of_poi("mu")], ModelChoice(without=("SR",)))
