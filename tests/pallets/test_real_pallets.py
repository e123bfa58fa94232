"""The published pallets: every layout of theirs, their digests, their patches against jsonpatch."""

import copy
import time
from pathlib import Path

import jsonpatch
import pytest

from hfx.errors import PalletError
from hfx.pallets import Pallet, open_pallet, region_names

PALLETS = [
    ("1Lbb", None, 125, ("m1", "m2")),
    ("3L-eRJR", None, 64, ("mn2", "mn1")),
    ("3L-eRJR-loose", None, 66, ("x1", "x2")),
    ("sbottom-RegionA", None, 217, ("msb", "mn2", "mn1")),
    ("sbottom-multib", "RegionA", 217, ("msb", "mn2", "mn1")),
    ("sbottom-multib", "RegionB", 218, ("msb", "mn2", "mn1")),
    ("sbottom-multib", "RegionC", 215, ("msb", "mn2", "mn1")),
    ("sbottom-loose", "RegionA", 217, ("x1", "x2", "x3")),
    ("sbottom-loose", "RegionB", 218, ("x1", "x2", "x3")),
    ("sbottom-loose", "RegionC", 215, ("x1", "x2", "x3")),
    ("simplified-1Lbb", None, 125, ("m1", "m2")),
]


def _path(shared: Path, name: str) -> Path:
    return shared / "pallets" / f"{name}.tar.gz"


@pytest.mark.parametrize(("name", "region", "count", "labels"), PALLETS)
def test_opens_and_patches(name: str, region: str | None, count: int, labels: tuple[str, ...], shared: Path) -> None:
    pallet = open_pallet(_path(shared, name), region)
    assert (pallet.name, pallet.region, pallet.labels) == (name, region, labels)
    assert len(pallet.hypotheses) == count
    assert all(h.defect is None and len(h.values) == len(labels) for h in pallet.hypotheses)
    for hypothesis in pallet.hypotheses:
        assert "channels" in pallet.workspace(hypothesis.name)
    _agrees_with_jsonpatch(pallet)


def _agrees_with_jsonpatch(pallet: Pallet) -> None:
    sample = pallet.hypotheses[:: max(1, len(pallet.hypotheses) // 3)]
    for hypothesis in sample:
        theirs = copy.deepcopy(pallet.background)
        patch = jsonpatch.JsonPatch(copy.deepcopy(list(hypothesis.patch)))
        assert pallet.workspace(hypothesis.name) == patch.apply(theirs, in_place=True)


def test_regions(shared: Path) -> None:
    for name in ("sbottom-multib", "sbottom-loose"):
        assert region_names(_path(shared, name)) == ("RegionA", "RegionB", "RegionC")
        with pytest.raises(PalletError, match="3 analysis regions: RegionA, RegionB, RegionC"):
            open_pallet(_path(shared, name))
    assert region_names(_path(shared, "1Lbb")) == ()


def test_loose_and_published_agree(shared: Path) -> None:
    loose = open_pallet(_path(shared, "sbottom-loose"), "RegionB", labels=("msb", "mn2", "mn1"))
    published = open_pallet(_path(shared, "sbottom-multib"), "RegionB")
    assert loose.digest == published.digest
    assert {h.name: h.values for h in loose.hypotheses} == {h.name: h.values for h in published.hypotheses}


def test_the_patch_set_as_found_fails(shared: Path) -> None:
    source = _path(shared, "simplified-1Lbb")
    assert "not used: simplified-1Lbb/patchset.as-found.json" in open_pallet(source).warnings[0]
    with pytest.raises(PalletError, match=r"was made for another background.*--no-verify"):
        open_pallet(source, "patchset.as-found")
    assert len(open_pallet(source, "patchset.as-found", verify=False).hypotheses) == 125


def test_60_megabytes_open_and_patch_fast(shared: Path) -> None:
    """Under 2 s of wall time on an idle machine; here in CPU time, with room for a busy one."""
    start = time.process_time()
    pallet = open_pallet(_path(shared, "1Lbb"))
    for hypothesis in pallet.hypotheses:
        pallet.workspace(hypothesis.name)
    assert time.process_time() - start < 4.0
