"""`hfx pallet` and `hfx cache` on the command line: what is printed, exit codes, one line on stderr."""

import json
from pathlib import Path

import pytest

from hfx.driver.cli.main import run
from tests.pallets.builders import dump, flat, patch_entry, patch_set, workspace, write_folder
from tests.pallets.malformed import MALFORMED, Malformed
from tests.pallets.server import RESOURCE_DOI, Server

Capture = pytest.CaptureFixture[str]


def test_inspect(tmp_path: Path, capsys: Capture) -> None:
    source = write_folder(tmp_path / "toy", flat(folder="A/") | flat(2.0, "B/"))
    assert run(["pallet", "inspect", str(source)]) == 0
    out = capsys.readouterr().out
    for words in (
        "region A",
        "region B",
        "parameter of interest mu",
        "staterror",
        "2 hypotheses; labels: m1 from 100 to 200 (2 values)",
    ):
        assert words in out
    assert "s_200_20  m1 200  m2 20.5" in out
    assert "HEPData record ins1234567" in out


def test_inspect_lists_some_or_all(tmp_path: Path, capsys: Capture) -> None:
    entries = [patch_entry(f"[red]s_{i}", i, i) for i in range(40)]
    source = write_folder(tmp_path, flat() | {"patchset.json": dump(patch_set(workspace(), entries))})
    assert run(["pallet", "inspect", str(source)]) == 0
    assert "and 28 more (--all lists them)" in capsys.readouterr().out
    assert run(["pallet", "inspect", "--all", str(source)]) == 0
    assert "[red]s_39  m1 39  m2 39" in capsys.readouterr().out


def test_inspect_as_json(tmp_path: Path, capsys: Capture) -> None:
    assert run(["pallet", "inspect", "--json", str(write_folder(tmp_path, flat()))]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["regions"][0]["hypotheses"][0] == ["s_100_20", [100, 20]]


def test_verify(tmp_path: Path, capsys: Capture) -> None:
    assert run(["pallet", "verify", str(write_folder(tmp_path / "toy", flat()))]) == 0
    assert "toy: the patch set was made for this background (sha256 " in (out := capsys.readouterr().out)
    assert out.endswith("all 2 hypotheses can be used\n")


def test_a_background_alone_can_be_looked_at(tmp_path: Path, capsys: Capture) -> None:
    source = str(write_folder(tmp_path / "toy", {"BkgOnly.json": dump(workspace())}))
    assert run(["pallet", "inspect", source]) == 0
    out = capsys.readouterr().out
    assert "0 hypotheses\na background alone: it has no patches beside it and no signal in it" in out
    assert "SR" in out
    assert run(["pallet", "verify", source]) == 0
    assert capsys.readouterr().out.endswith("it has no patches\n")
    assert run(["scan", source]) == 2
    assert "has no patches beside it and no signal in it" in capsys.readouterr().err


def test_verify_wrong_digest_is_exit_code_2(tmp_path: Path, capsys: Capture) -> None:
    files = flat() | {"patchset.json": dump(patch_set(workspace(2.0)))}
    source = str(write_folder(tmp_path / "toy", files))
    assert run(["pallet", "verify", source]) == 2
    captured = capsys.readouterr()
    assert "ANOTHER background" in captured.out
    assert captured.err.count("\n") == 1
    assert "--no-verify" in captured.err
    assert run(["pallet", "verify", "--json", source]) == 2
    assert json.loads(capsys.readouterr().out)["verified"] is False


def test_verify_patch_that_does_not_apply_is_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    entries = [patch_entry("bad", 1, 2, patch=[{"op": "remove", "path": "/channels/7"}])]
    files = flat() | {"patchset.json": dump(patch_set(workspace(), entries))}
    assert run(["pallet", "verify", str(write_folder(tmp_path, files))]) == 1
    assert "1 of 1 hypotheses cannot be used" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_malformed(command: str, case: Malformed, tmp_path: Path, capsys: Capture) -> None:
    code = run(["pallet", command, str(case.write(tmp_path))])
    captured = capsys.readouterr()
    if code == 2:
        assert captured.err.startswith("hfx: ")
        assert captured.err.count("\n") == 1
    else:  # all regions, and a wrong digest that is only shown
        assert code == 0
        assert case.name in {"background alone", "choice of region missing", "wrong digest", "no digest"}


def test_fetch(server: Server, tmp_path: Path, capsys: Capture) -> None:
    assert run(["pallet", "fetch", RESOURCE_DOI]) == 0
    captured = capsys.readouterr()
    assert Path(captured.out.strip()).is_file()
    assert captured.err.startswith("downloaded: 1Lbb.tar.gz")
    assert run(["pallet", "fetch", RESOURCE_DOI, "-o", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(tmp_path / "1Lbb.tar.gz")
    assert captured.err.startswith("found in the cache: 1Lbb.tar.gz")
    assert run(["pallet", "inspect", str(tmp_path / "1Lbb.tar.gz")]) == 0


def test_fetch_to_a_place_that_cannot_be(server: Server, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("")
    assert run(["pallet", "fetch", RESOURCE_DOI, "-o", str(tmp_path / "file" / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_cache(server: Server, capsys: Capture) -> None:
    assert run(["pallet", "fetch", RESOURCE_DOI]) == 0
    capsys.readouterr()
    assert run(["cache", "list"]) == 0
    out = capsys.readouterr().out
    assert f"doi:{RESOURCE_DOI}" in out
    assert "1 file, " in out
    assert run(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "1Lbb.tar.gz"
    assert run(["cache", "clean"]) == 0
    assert "removed 1 file, " in capsys.readouterr().out
    assert run(["cache", "list"]) == 0
    assert "0 files" in capsys.readouterr().out


def test_demo(tmp_path: Path, capsys: Capture) -> None:
    assert run(["pallet", "demo", str(tmp_path)]) == 0
    assert run(["pallet", "verify", capsys.readouterr().out.strip()]) == 0
    (tmp_path / "file").write_text("")
    assert run(["pallet", "demo", str(tmp_path / "file" / "x")]) == 2


def test_inspect_shows_labels_of_texts(tmp_path: Path, capsys: Capture) -> None:
    entries = [patch_entry("a", 100, "[red]WZ"), patch_entry("b", 200, "Wh")]
    source = write_folder(tmp_path, flat() | {"patchset.json": dump(patch_set(workspace(), entries, labels=["m", "topology"]))})
    assert run(["pallet", "inspect", str(source)]) == 0
    out = capsys.readouterr().out
    assert "labels: m from 100 to 200 (2 values), topology one of Wh, [red]WZ" in out
    assert "a  m 100  topology [red]WZ" in out
