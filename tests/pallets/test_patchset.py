"""What is wrong with one patch is that hypothesis' defect; the others are untouched."""

from pathlib import Path
from typing import Any

import pytest

from hfx.errors import PalletError
from hfx.pallets import Pallet, open_pallet
from hfx.pallets.patchset import numbers_in_name
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


def _open(folder: Path, entries: list[Any], **metadata: Any) -> Pallet:
    files = flat() | {"patchset.json": dump(patch_set(workspace(), entries, **metadata))}
    return open_pallet(write_folder(folder / "toy", files))


DEFECTS: list[tuple[Any, str]] = [
    ({"metadata": {"name": "bad", "values": [1, 2]}}, "is not a list of operations"),
    ({"metadata": {"name": "bad", "values": [1, 2]}, "patch": {}}, "is not a list of operations"),
    (patch_entry("bad", 1, 2, patch=["add"]), "operation 1 without 'op'"),
    (patch_entry("bad", 1, 2, patch=[*operations(), {"op": "add"}]), "operation 3 without 'path'"),
    (patch_entry("bad", 1), "has 1 value where the patch set has 2 labels"),
    (patch_entry("bad", 1, None), "has None among its metadata.values"),
    (patch_entry("bad", 1, True), "has True among its metadata.values"),
    (patch_entry("bad", 1, "heavy"), "has 'heavy' among its metadata.values"),
    (patch_entry("bad", 1, float("nan")), "has nan among its metadata.values, which is not finite"),
    (
        patch_entry("bad", 1, 10**400),
        "has 1000000000000000000000000000000000000000 among",
    ),
    ({"metadata": {"name": "bad"}, "patch": []}, "has no list metadata.values"),
    (patch_entry("bad", 1, 2, patch=[{"op": "add", "path": "/x", "value": [1, float("inf")]}]), "(/x) at /1"),
]


@pytest.mark.parametrize(("entry", "words"), DEFECTS)
def test_defects(entry: Any, words: str, tmp_path: Path) -> None:
    pallet = _open(tmp_path, [patch_entry("good", 1, 2), entry, patch_entry("fine", 3, 4)])
    assert [h.name for h in pallet.hypotheses] == ["good", "bad", "fine"]
    assert [h.defect is None for h in pallet.hypotheses] == [True, False, True]
    defect = pallet.hypotheses[1].defect or ""
    assert defect.startswith("toy/patchset.json: its patch ")
    assert words in defect
    assert pallet.hypotheses[2].values == (3, 4)


def test_numbers_written_as_texts(tmp_path: Path) -> None:
    assert _open(tmp_path, [patch_entry("s", "300", 2)]).hypotheses[0].values == (300.0, 2)


def test_a_label_may_have_texts(tmp_path: Path) -> None:
    entries = [patch_entry("a", 100, "LH"), patch_entry("b", 200, "RH"), patch_entry("c", "300", 5)]
    pallet = _open(tmp_path, entries, labels=["mass", "chirality"])
    assert pallet.labels == ("mass", "chirality")
    assert [h.values for h in pallet.hypotheses] == [(100, "LH"), (200, "RH"), (300.0, "5")]
    assert [h.defect for h in pallet.hypotheses] == [None, None, None]
    assert pallet.warnings == ()


def test_a_text_among_numbers_is_a_defect(tmp_path: Path) -> None:
    pallet = _open(tmp_path, [patch_entry("a", 100, 1), patch_entry("b", 200, "RH")])
    assert [h.values for h in pallet.hypotheses] == [(100, 1), ()]
    assert "'RH' among its metadata.values, which is not a number" in str(pallet.hypotheses[1].defect)


def test_a_text_with_control_characters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PalletError, match="contains a control character"):
        _open(tmp_path, [patch_entry("a", 100, "L\x1b[31m"), patch_entry("b", 200, "R")])


def test_other_labels_may_be_given(tmp_path: Path) -> None:
    source = write_folder(tmp_path, flat())
    assert open_pallet(source, labels=("a", "b")).labels == ("a", "b")


def test_extra_metadata_and_odd_version(tmp_path: Path) -> None:
    content = patch_set(workspace(), analysis_id="ANA-1", references=None, description=None) | {"version": "1.1"}
    pallet = open_pallet(write_folder(tmp_path / "toy", flat() | {"patchset.json": dump(content)}))
    assert (pallet.references, pallet.description) == ({}, "")
    assert pallet.warnings == ("toy/patchset.json states version '1.1'; it is read as 1.0.0",)


def test_patchset_digest_knows_content_not_order(tmp_path: Path) -> None:
    entries = [patch_entry("a", 1, 2), patch_entry("b", 3, 4)]
    first = _open(tmp_path / "1", entries).patchset_digest
    assert _open(tmp_path / "2", entries[::-1]).patchset_digest == first
    changed = [entries[0], patch_entry("b", 3, 4, patch=operations(4.0000001))]
    assert _open(tmp_path / "3", changed).patchset_digest != first
    assert len(first) == 64


def test_huge_integers_in_a_patch_break_nothing(tmp_path: Path) -> None:
    value = signal() | {"data": [2**70, 1]}
    pallet = _open(tmp_path, [patch_entry("s", 1, 2, patch=[{"op": "add", "path": "/x", "value": value}])])
    assert pallet.workspace("s")["x"]["data"][0] == 2.0**70


@pytest.mark.parametrize("value", [10**400, -(10**309), float("inf")], ids=["large", "negative", "infinite"])
def test_values_beyond_double_precision_are_a_defect_of_their_patch(value: float, tmp_path: Path) -> None:
    bad, good = _open(tmp_path, [patch_entry("bad", value, 2), patch_entry("good", 1, 2)]).hypotheses
    assert "among its metadata.values, which is not finite" in str(bad.defect)
    assert len(str(bad.defect)) < 150
    assert good.defect is None


@pytest.mark.parametrize("name", ["sig_1e400_1", "sig_" + "9" * 310, "kappa_-1e309"])
def test_numbers_in_names_beyond_double_precision(name: str) -> None:
    with pytest.raises(PalletError, match="its name holds a number above 1e308"):
        numbers_in_name(name)


def test_repr_is_short(tmp_path: Path) -> None:
    assert len(repr(_open(tmp_path, [patch_entry("s", 1, 2)]))) < 700


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("ERJR_300p0_100p0", (300.0, 100.0)),
        ("ERJR_250_50", (250, 50)),
        ("sbottom_1300_205_60", (1300, 205, 60)),
        ("C1N2_Wh_hbb_700_400", (700, 400)),
        ("GG_direct_1.5_20", (1.5, 20)),
        ("stau-120-40", (120, 40)),
        ("mSb1300_mN60p5", (1300, 60.5)),
        ("signal", ()),
        ("kappa_-0p5_300", (-0.5, 300)),
        ("kappa_0p5_-300", (0.5, -300)),
        ("lambda_7e2_1e-3", (700.0, 0.001)),
        ("g_1E+3_2.5e0", (1000.0, 2.5)),
        ("-5_10", (-5, 10)),
        ("m=-5,20", (-5, 20)),
        ("GG_300-100", (300, 100)),
        ("sbottom-1300-60", (1300, 60)),
    ],
)
def test_numbers_in_names(name: str, numbers: tuple[float, ...]) -> None:
    found = numbers_in_name(name)
    assert found == numbers
    assert [type(number) for number in found] == [type(number) for number in numbers]


@pytest.mark.parametrize("name", ["dm-5_300", "kappa_m0p5_300", "a_b-7"])
def test_a_sign_that_is_not_evident_is_asked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(PalletError, match="may be a negative number or a positive one: write numbers between _"):
        numbers_in_name(name)
    files = {
        "BkgOnly.json": dump(workspace()),
        f"patch.{name}.json": dump(operations()),
        "patch.kappa_1p0_300.json": dump(operations()),
    }
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    defects = {hypothesis.name: hypothesis.defect for hypothesis in pallet.hypotheses}
    assert defects["kappa_1p0_300"] is None
    assert f"patch.{name}.json: in its name" in str(defects[name])
    stated = {"metadata": {"name": name, "values": [-5, 300]}, "patch": operations()}
    pallet = open_pallet(write_folder(tmp_path / "stated", files | {f"patch.{name}.json": dump(stated)}))
    assert pallet.hypothesis(name).values == (-5, 300)
