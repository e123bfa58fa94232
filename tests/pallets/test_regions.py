"""Every layout met in the wild, built small."""

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hfx.errors import PalletError
from hfx.pallets import open_pallet, region_names
from hfx.pallets.inspection import verify
from tests.pallets.builders import (
    Files,
    digest,
    dump,
    flat,
    operations,
    patch_entry,
    patch_set,
    signal,
    tar_bytes,
    workspace,
    write,
    write_folder,
    zip_bytes,
)

NAMES = ["s_100_20", "s_200_20"]


def _names(source: Path, region: str | None = None) -> list[str]:
    return [hypothesis.name for hypothesis in open_pallet(source, region).hypotheses]


WRITERS: dict[str, Callable[[Path, Files], Path]] = {
    "folder": lambda place, files: write_folder(place / "toy", files),
    "zip": lambda place, files: write(place / "toy.zip", zip_bytes(files)),
    "tar": lambda place, files: write(place / "toy.tar", tar_bytes(files, "w")),
    "tar.gz": lambda place, files: write(place / "toy.tar.gz", tar_bytes(files)),
    "tgz": lambda place, files: write(place / "toy.tgz", tar_bytes(files)),
    "tar.xz": lambda place, files: write(place / "toy.tar.xz", tar_bytes(files, "w:xz")),
    "tar.bz2": lambda place, files: write(place / "toy.tar.bz2", tar_bytes(files, "w:bz2")),
    "misnamed": lambda place, files: write(place / "toy.zip", tar_bytes(files, "w:xz")),
    "no suffix": lambda place, files: write(place / "toy", tar_bytes(files)),
    "tar in a tar": lambda place, files: write(place / "toy.tar", tar_bytes({"in/x.tgz": tar_bytes(files)}, "w")),
    "zip in a folder": lambda place, files: write_folder(place / "toy", {"x.zip": zip_bytes(files)}),
}


@pytest.mark.parametrize("container", WRITERS)
def test_containers(container: str, tmp_path: Path) -> None:
    files = flat() | {
        "README.md": b"# read me",
        "HEPData_workspaces.json": b'{"other": 1}',
        "notes.txt": b"[x",
    }
    source = WRITERS[container](tmp_path, files)
    pallet = open_pallet(str(source))
    assert (pallet.name, pallet.region, pallet.source) == ("toy", None, str(source))
    assert [hypothesis.name for hypothesis in pallet.hypotheses] == NAMES
    assert pallet.labels == ("m1", "m2")
    assert pallet.hypotheses[1].values == (200, 20.5)
    assert isinstance(pallet.hypotheses[0].values[0], int)
    assert pallet.digest == digest(workspace())
    assert pallet.references == {"hepdata": "ins1234567"}
    assert pallet.warnings == ()
    assert region_names(source) == ()


def test_patched_workspace_shares_and_never_mutates(tmp_path: Path) -> None:
    pallet = open_pallet(write_folder(tmp_path, flat()))
    patched = pallet.workspace("s_100_20")
    assert [sample["name"] for sample in patched["channels"][0]["samples"]] == ["bkg", "signal"]
    assert len(patched["channels"]) == 1
    assert len(patched["observations"]) == 2  # of the channel that is gone: left as it is
    assert patched["measurements"] is pallet.background["measurements"]
    assert pallet.background == workspace()
    with pytest.raises(PalletError, match=r"no hypothesis 's_100_21'.*s_100_20"):
        pallet.workspace("s_100_21")


@pytest.mark.parametrize("prefix", ["one/deep/", "./", "__MACOSX/../"[:0] + "toy/"])
def test_one_region_in_a_folder_has_no_name(prefix: str, tmp_path: Path) -> None:
    source = write(tmp_path / "toy.tgz", tar_bytes(flat(folder=prefix)))
    assert region_names(source) == ()
    assert open_pallet(source).region is None
    assert _names(source, prefix.rstrip("/").rpartition("/")[2].strip(".") or None) == NAMES


def test_junk_is_ignored(tmp_path: Path) -> None:
    junk = {"__MACOSX/._BkgOnly.json": b"\0\5\26\7", "._patchset.json": b"\0", ".git/BkgOnly.json": b"{"}
    assert _names(write(tmp_path / "toy.zip", zip_bytes(junk | flat()))) == NAMES
    assert _names(write_folder(tmp_path / "toy", junk | flat())) == NAMES


REGIONS = {
    "folders": flat(1.0, "RegionA/") | flat(2.0, "RegionB/"),
    "folders deeper": flat(1.0, "x/y/RegionA/") | flat(2.0, "x/y/RegionB/"),
    "prefixes": flat(1.0, prefix="RegionA_") | flat(2.0, prefix="RegionB_"),
    "suffixes": {
        "BkgOnly_RegionA.json": dump(workspace(1.0)),
        "BkgOnly_RegionB.json": dump(workspace(2.0)),
        "patchset_RegionA.json": dump(patch_set(workspace(1.0))),
        "patchset_RegionB.json": dump(patch_set(workspace(2.0))),
    },
    "archives": {"RegionA.tar.gz": tar_bytes(flat(1.0)), "RegionB.zip": zip_bytes(flat(2.0, "inside/"))},
}


@pytest.mark.parametrize("layout", ["folders", "folders deeper", "prefixes", "suffixes"])
def test_regions(layout: str, tmp_path: Path) -> None:
    source = write(tmp_path / "toy.tar.gz", tar_bytes(REGIONS[layout]))
    assert region_names(source) == ("RegionA", "RegionB")
    for region, scale in (("RegionA", 1.0), ("RegionB", 2.0)):
        pallet = open_pallet(source, region)
        assert (pallet.region, pallet.digest) == (region, digest(workspace(scale)))
    with pytest.raises(PalletError, match="2 analysis regions: RegionA, RegionB; choose one with --region"):
        open_pallet(source)
    with pytest.raises(PalletError, match=r"--region RegionC: .* its regions: RegionA, RegionB; give one of them, or all$"):
        open_pallet(source, "RegionC")
    with pytest.raises(PalletError, match=r"its regions: RegionA, RegionB; did you mean RegionB\?"):
        open_pallet(source, "regionB")


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("regiona", "did you mean RegionA?"), ("ALL", "did you mean all?"), ("RegionA,RegionB", "give one of them, or all")],
)
def test_a_misspelt_region(wanted: str, hint: str, tmp_path: Path) -> None:
    source = write(tmp_path / "toy.tar.gz", tar_bytes(REGIONS["folders"]))
    with pytest.raises(PalletError, match=re.escape(f"its regions: RegionA, RegionB; {hint}")):
        open_pallet(source, wanted)


def test_of_many_regions_the_first_are_listed(tmp_path: Path) -> None:
    files: Files = {}
    for i in range(14):
        files |= flat(1.0 + i, f"R{i:02}/")
    source = write(tmp_path / "toy.tar.gz", tar_bytes(files))
    with pytest.raises(PalletError, match=r"14 analysis regions: R00, .*, R09 and 4 more \('hfx pallet inspect .*' lists all\)"):
        open_pallet(source)


def test_a_pallet_that_was_cut_out_knows_the_region_in_its_name(tmp_path: Path) -> None:
    source = write(tmp_path / "toy-RegionA.tar.gz", tar_bytes(flat()))
    assert open_pallet(source, "RegionA").region is None
    with pytest.raises(PalletError, match="only one analysis region; leave --region out"):
        open_pallet(source, "onA")


def test_archives_in_an_archive_are_regions(tmp_path: Path) -> None:
    source = write(tmp_path / "toy.tar.gz", tar_bytes(REGIONS["archives"]))
    assert region_names(source) == ("RegionA", "RegionB-inside")


def test_region_at_the_top_takes_the_pallets_name(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "toy", flat() | flat(2.0, "simplified/"))
    assert region_names(source) == ("simplified", "toy")
    assert open_pallet(source, "toy").digest == digest(workspace())


def test_one_folder_without_patterns_in_names_goes_by_digest(tmp_path: Path) -> None:
    files = {
        "SRA_workspace.json": dump(workspace(1.0)),
        "SRB_workspace.json": dump(workspace(2.0)),
        "patchset_first.json": dump(patch_set(workspace(2.0))),
        "patchset_second.json": dump(patch_set(workspace(1.0))),
    }
    source = write_folder(tmp_path / "toy", files)
    assert region_names(source) == ("SRA", "SRB")
    assert open_pallet(source, "SRA").digest == digest(workspace(1.0))


def test_background_is_known_by_content(tmp_path: Path) -> None:
    background = workspace()
    files = {"likelihood.json": dump(background), "signals.json": dump(patch_set(background))}
    assert _names(write_folder(tmp_path, files)) == NAMES


def test_patched_workspaces_left_lying_about_are_left_aside(tmp_path: Path) -> None:
    done = workspace() | {"channels": [{"name": "SR", "samples": [signal()]}]}
    pallet = open_pallet(write_folder(tmp_path / "toy", flat() | {"s_100_20.json": dump(done)}))
    assert pallet.warnings == ("not used: toy/s_100_20.json, another workspace",)


def test_patch_set_in_a_folder_beneath_or_beside(tmp_path: Path) -> None:
    background, patches = flat()["BkgOnly.json"], flat()["patchset.json"]
    beneath = {"BkgOnly.json": background, "signals/patchset.json": patches}
    beside = {"background/BkgOnly.json": background, "signals/patchset.json": patches}
    assert _names(write_folder(tmp_path / "a", beneath)) == NAMES
    assert _names(write_folder(tmp_path / "b", beside)) == NAMES


def test_byte_order_mark(tmp_path: Path) -> None:
    files = {name: b"\xef\xbb\xbf" + raw for name, raw in flat().items()}
    assert _names(write_folder(tmp_path, files)) == NAMES


def test_folder_through_links_and_circles(tmp_path: Path) -> None:
    write_folder(tmp_path / "data" / "RegionA", flat())
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "RegionA").symlink_to(tmp_path / "data" / "RegionA")
    (tmp_path / "data" / "RegionA" / "again").symlink_to(tmp_path / "toy")
    assert _names(tmp_path / "toy") == NAMES


# --- several patch sets


def test_of_several_patch_sets_the_matching_one_is_taken(tmp_path: Path) -> None:
    wrong = dump(patch_set(workspace(3.0), [patch_entry("wrong", 1, 2)]))
    broken = {"patchset_broken.json": b'{"patches": ['}
    source = write_folder(tmp_path / "toy", flat() | {"patchset.as-found.json": wrong} | broken)
    pallet = open_pallet(source)
    assert [hypothesis.name for hypothesis in pallet.hypotheses] == NAMES
    assert "not used: toy/patchset.as-found.json, made for another background" in pallet.warnings[0]
    assert "toy/patchset_broken.json is not JSON" in pallet.warnings[1]


def test_a_patch_set_can_be_chosen_by_its_name(tmp_path: Path) -> None:
    other = dump(patch_set(workspace(), [patch_entry("other", 1, 2)]))
    wrong = dump(patch_set(workspace(3.0), [patch_entry("wrong", 1, 2)]))
    source = write_folder(tmp_path, flat() | {"patchset_other.json": other, "patchset_wrong.json": wrong})
    pallet = open_pallet(source, "patchset_other")
    assert (pallet.region, pallet.hypotheses[0].name) == ("patchset_other", "other")
    with pytest.raises(PalletError, match="was made for another background"):
        open_pallet(source, "patchset_wrong")
    assert open_pallet(source, "patchset_wrong", verify=False).hypotheses[0].name == "wrong"
    with pytest.raises(PalletError, match="only one analysis region; leave --region out, or choose one of its patch sets"):
        open_pallet(source, "nobody")


def test_copies_of_one_patch_set_are_one(tmp_path: Path) -> None:
    files = flat()
    assert _names(write_folder(tmp_path, files | {"patchset_copy.json": files["patchset.json"]})) == NAMES


def test_no_verify_makes_it_a_warning(tmp_path: Path) -> None:
    files = flat() | {"patchset.json": dump(patch_set(workspace(), digests={"md5": "0" * 32}))}
    pallet = open_pallet(write_folder(tmp_path, files), verify=False)
    assert "was made for another background" in pallet.warnings[0]


def test_md5_verifies(tmp_path: Path) -> None:
    digests = {"md5": digest(workspace(), "md5"), "sha512": "left to others"}
    assert _names(write_folder(tmp_path, flat() | {"patchset.json": dump(patch_set(workspace(), digests=digests))}))


# --- loose patch files


def _loose(names: list[str], folder: str = "") -> Files:
    patches = {f"{folder}{name}": dump(operations(i + 1.0)) for i, name in enumerate(names)}
    return {f"{folder}BkgOnly.json": dump(workspace()), **patches}


def test_loose_patches(tmp_path: Path) -> None:
    files = _loose(["patch.sbottom_1300_205_60.json", "patch_sbottom_900_205_60.json", "sbottom_950_205_60.json"])
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    assert [(h.name, h.values) for h in pallet.hypotheses] == [
        ("sbottom_1300_205_60", (1300, 205, 60)),
        ("sbottom_900_205_60", (900, 205, 60)),
        ("sbottom_950_205_60", (950, 205, 60)),
    ]
    assert pallet.labels == ("x1", "x2", "x3")
    assert pallet.warnings == (
        "toy: patches in separate files state no digest, so hfx cannot verify that they fit the background",
    )
    assert pallet.workspace("sbottom_950_205_60")["channels"][0]["samples"][-1] == signal(3.0)


def test_loose_patches_with_labels(tmp_path: Path) -> None:
    source = write_folder(tmp_path, _loose(["patch.ERJR_300p0_100p5.json"]))
    pallet = open_pallet(source, labels=["mn2", "mn1"])
    assert (pallet.labels, pallet.hypotheses[0].values) == (("mn2", "mn1"), (300.0, 100.5))
    with pytest.raises(PalletError, match="--labels m: 1 name for the 2 numbers that each hypothesis of "):
        open_pallet(source, labels=["m"])
    with pytest.raises(PalletError, match="names must differ"):
        open_pallet(source, labels=["m", "m"])


def test_loose_patches_in_regions(tmp_path: Path) -> None:
    files = _loose(["patch.s_1.json", "patch.s_2.json"], "RegionA/") | _loose(["patch.s_1.json"], "RegionB/")
    source = write(tmp_path / "toy.tgz", tar_bytes(files))
    assert _names(source, "RegionA") == ["s_1", "s_2"]
    assert _names(source, "RegionB") == ["s_1"]


def test_loose_patches_with_prefixes(tmp_path: Path) -> None:
    files = {f"{region}_BkgOnly.json": dump(workspace(scale)) for region, scale in (("SR", 1.0), ("SR_high", 2.0))}
    patches = {"SR_patch.s_1.json": dump(operations()), "SR_high_patch.s_2.json": dump(operations())}
    source = write_folder(tmp_path, files | patches)
    assert region_names(source) == ("SR", "SR_high")
    assert _names(source, "SR") == ["s_1"]
    assert _names(source, "SR_high") == ["s_2"]


def test_patches_taken_out_of_a_patch_set(tmp_path: Path) -> None:
    files = {"BkgOnly.json": dump(workspace()), "patch.x.json": dump(patch_entry("s_7_8", 7, 8))}
    hypothesis = open_pallet(write_folder(tmp_path, files)).hypotheses[0]
    assert (hypothesis.name, hypothesis.values) == ("s_7_8", (7, 8))


def test_a_broken_loose_patch_is_one_hypothesis(tmp_path: Path) -> None:
    good = _loose(["patch.s_1_2.json", "patch.s_3_4.json"])
    nan = dump(operations()).replace(b"4.0", b"NaN")
    bad = {"patch.s_5_6.json": b"[{", "patch.s_7_8.json": b"[1]", "patch.s_9.json": dump(operations())}
    pallet = open_pallet(write_folder(tmp_path / "toy", good | bad | {"patch.s_10_11.json": nan}))
    defects = {h.name: h.defect for h in pallet.hypotheses}
    assert defects["s_1_2"] is defects["s_3_4"] is None
    assert "toy/patch.s_5_6.json is not JSON" in str(defects["s_5_6"])
    assert "has an operation 1 without 'op'" in str(defects["s_7_8"])
    assert "its name holds 1 numbers where the others' hold 2" in str(defects["s_9"])
    assert "number that is not finite, in operation 1 (/channels/0/samples/-) at /data/0" in str(defects["s_10_11"])
    with pytest.raises(PalletError, match=r"hypothesis s_7_8: .*without 'op'"):
        pallet.workspace("s_7_8")


def test_patch_set_before_loose_patches(tmp_path: Path) -> None:
    files = flat() | {"patch.s_1_2.json": dump(operations())}
    pallet = open_pallet(write_folder(tmp_path / "toy", files))
    assert [h.name for h in pallet.hypotheses] == NAMES
    assert pallet.warnings == ("not used: 1 separate patch file next to the patch set toy/patchset.json",)


# --- a single workspace


def test_single_workspace_with_a_signal(tmp_path: Path) -> None:
    complete = workspace()
    complete["channels"][0]["samples"].append(signal())
    source = write(tmp_path / "model_500_100.json", dump(complete))
    pallet = open_pallet(source)
    assert [(h.name, h.values, h.patch) for h in pallet.hypotheses] == [("model_500_100", (), ())]
    assert (pallet.name, pallet.labels) == ("model_500_100", ())
    assert pallet.workspace("model_500_100") is pallet.background
    assert open_pallet(write(tmp_path / "m.tgz", tar_bytes({"w.json": dump(complete)}))).hypotheses[0].name == "w"


def test_gzipped_workspace(tmp_path: Path) -> None:
    import gzip

    complete = workspace()
    complete["channels"][0]["samples"].append(signal())
    pallet = open_pallet(write(tmp_path / "model.json.gz", gzip.compress(dump(complete))))
    assert (pallet.name, pallet.hypotheses[0].name) == ("model", "model")


def test_tar_with_folders_and_dot_names(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        root = tarfile.TarInfo(".")
        root.type = tarfile.DIRTYPE
        tar.addfile(root)
        for name, raw in flat().items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    assert _names(write(tmp_path / "toy.tgz", buffer.getvalue())) == NAMES


DAMAGE: dict[str, tuple[bytes | None, str]] = {
    "an opening brace": (b"{", "toy/A/BkgOnly.json is not JSON"),
    "empty": (b"", "toy/A/BkgOnly.json is "),
    "a web page": (b"<html>404</html>", "toy/A/BkgOnly.json is "),
    "UTF-16": (dump(workspace()).decode().encode("utf-16"), "toy/A/BkgOnly.json is "),
    "no observations": (dump({k: v for k, v in workspace().items() if k != "observations"}), "it lacks 'observations'"),
    "missing": (None, "no background workspace; put the background's file, BkgOnly.json, next to them"),
}


# One background with several patch sets in one folder is another layout: the digest tells which it is.
BROKEN = [
    (damage, others, prefixed)
    for damage in DAMAGE
    for others in ("B", "BC")
    for prefixed in (False, True)
    if not (prefixed and damage == "missing" and others == "B")
]


@pytest.mark.parametrize(("damage", "others", "prefixed"), BROKEN)
def test_patches_without_a_background_are_named(damage: str, others: str, prefixed: bool, tmp_path: Path) -> None:
    raw, words = DAMAGE[damage]
    mark = "_" if prefixed else "/"
    files = {name: data for region in f"A{others}" for name, data in flat(1.0, "", f"{region}{mark}").items()}
    del files[f"A{mark}BkgOnly.json"]
    if raw is not None:
        files[f"A{mark}BkgOnly.json"] = raw
    source = write_folder(tmp_path / "toy", files)
    for region in (None, "A"):
        with pytest.raises(PalletError, match=rf"^region A has patches \(toy/A{mark}patchset.json\)") as caught:
            open_pallet(source, region)
        assert words.replace("A/", f"A{mark}") in str(caught.value)
    pallet = open_pallet(source, "B")
    assert (pallet.region, len(pallet.hypotheses)) == ("B", 2)
    assert [warning[:22] for warning in pallet.warnings] == ["region A has patches ("]
    found = verify(str(source))
    assert [bool(region.problem) for region in found.regions] == [True, *(False for _ in others)]


def test_loose_patches_without_a_background_are_named(tmp_path: Path) -> None:
    loose = {f"A/{name}": raw for name, raw in _loose(["patch.s_1_2.json"]).items() if "patch" in name}
    source = write_folder(tmp_path / "toy", loose | {"A/BkgOnly.json": b"{"} | flat(folder="B/"))
    with pytest.raises(PalletError, match=r"region A has patches \(toy/A/patch.s_1_2.json\).*toy/A/BkgOnly.json is not JSON"):
        open_pallet(source, "A")


@pytest.mark.parametrize("raw", [b"{}", b'{"metadata": {}}', b'{"patch": {}}', b'"text"', b"null"])
def test_a_patch_file_without_operations_is_named(raw: bytes, tmp_path: Path) -> None:
    files = _loose(["patch_1_2.json"]) | {"patch_3_4.json": raw, "notes.json": b"{}"}
    good, bad = open_pallet(write_folder(tmp_path / "toy", files)).hypotheses
    assert (good.name, good.defect) == ("1_2", None)
    assert (bad.name, bad.values, bad.defect) == ("3_4", (3, 4), "toy/patch_3_4.json holds no list of operations")
