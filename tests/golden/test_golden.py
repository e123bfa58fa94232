"""The files of a scan and of its exports, and runs' folders of an earlier version: neither may change by a change of the code.

`record.py` recorded what is compared here; `comparing.py` says how closely.
"""

import gzip
import json
import shutil
import tarfile
from pathlib import Path

import pytest

import hfx
from tests.golden import cases
from tests.golden.cases import CASES, DEMO, STORED, Case
from tests.golden.comparing import told
from tests.golden.reading import Json, content, lines

RECORDED = Path(__file__).with_name("recorded")

# What a result has in ``hfx scan --json``.
RESULT = {
    *("name", "values", "CLs_obs", "CLs_exp", "CLsb_obs", "CLb_obs", "muhat", "status", "edm", "fits"),
    *("natural", "admissible", "lowest", "seconds", "worker"),
}

PALLETS = {case.name: case for case in CASES if case.pallet is not None}


def recorded(case: Case) -> Json:
    """The files of a case. Its printed table was recorded too, and is not compared: its words may change."""
    return {"files": json.loads(gzip.decompress((RECORDED / f"{case.name}.json.gz").read_bytes()))["files"]}


def unpacked(name: str, folder: Path) -> Path:
    """A stored run's folder, in `folder`."""
    with tarfile.open(RECORDED / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "run"


def fitted(run: Path) -> list[str]:
    """Whose own search is in the run's results, once for each time."""
    return [record["name"] for record in lines(run / "results.jsonl") if record["step"] == "local"]


def outcome(run: Path) -> Json:
    """The content of the files that a scan is made for."""
    files = content(run, (".",), {})
    return {name: files[name] for name in ("results.jsonl", "scan.json", "contour.json")}


def settled(run: Path) -> None:
    """Nothing is left that a scan removes when it ends."""
    assert not list(run.rglob("lock"))
    assert not list(run.rglob("batches.jsonl"))


@pytest.fixture(scope="module")
def pallet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo pallet's file."""
    folder = tmp_path_factory.mktemp("pallet")
    cases.write_demo(folder)
    return folder / "demo.tar.gz"


@pytest.fixture
def beside(pallet: Path, tmp_path: Path) -> Path:
    """A folder with the demo pallet in it."""
    shutil.copy(pallet, tmp_path)
    return tmp_path


def test_the_demo_pallet_gives_the_recorded_files_and_is_the_same_bytes_each_time(pallet: Path, tmp_path: Path) -> None:
    differences = told(recorded(DEMO), cases.run(DEMO, tmp_path, None))
    assert not differences, differences
    settled(tmp_path / "run")
    assert (tmp_path / "demo.tar.gz").read_bytes() == pallet.read_bytes()


@pytest.mark.parametrize("name", PALLETS)
def test_a_published_pallet_gives_the_recorded_files(name: str, shared: Path, tmp_path: Path) -> None:
    differences = told(recorded(PALLETS[name]), cases.run(PALLETS[name], tmp_path, shared))
    assert not differences, differences
    settled(tmp_path / "run")


def test_a_stored_run_that_was_interrupted_goes_on_to_the_same_end(beside: Path) -> None:
    run = unpacked("interrupted", beside)
    (beside / "whole").mkdir()
    whole = unpacked("finished", beside / "whole")
    stored = (run / "results.jsonl").read_bytes()
    kept = stored[: stored.rindex(b"\n") + 1]
    assert len(kept) < len(stored)
    cases.hfx(*STORED, cwd=beside)
    assert (run / "results.jsonl").read_bytes().startswith(kept)
    # What is there is not fitted again, and nothing else twice.
    assert sorted(fitted(run)) == sorted(fitted(whole))
    differences = told(outcome(whole), outcome(run))
    assert not differences, differences
    assert json.loads((run / "run.json").read_text())["state"] == "finished"
    settled(run)


@pytest.mark.parametrize("stored", ["finished", "older"])
def test_a_stored_run_that_has_finished_is_read_drawn_and_exported(stored: str, beside: Path) -> None:
    """Also one of a version with other numerics, which cannot go on."""
    run = unpacked(stored, beside)
    result = hfx.load_run(run)
    assert sorted(point.name for point in result) == sorted(fitted(run))
    assert result.complete
    picture, curves, *table = cases.several(
        ("plot", "run", "-o", "drawn.png"), ("export", "run", "--csv"), cwd=beside
    ).splitlines()
    assert (picture, curves) == ("drawn.png", "drawn.json")
    assert table[0].startswith("name,mstop,mlsp,CLs_obs,")
    assert len(table) == 1 + len(result)
    assert (beside / "drawn.png").stat().st_size > 1000
    drawn = json.loads((beside / "drawn.json").read_text())
    if stored == "finished":
        differences = told({"contours": result.contours}, {"contours": drawn})
        assert not differences, differences
    assert {curve["which"] for curve in drawn["curves"]} == {curve["which"] for curve in result.contours["curves"]}


def test_the_records_of_an_older_run_that_has_not_finished_are_read(tmp_path: Path) -> None:
    run = unpacked("older", tmp_path)
    finished = hfx.load_run(run)
    (run / "scan.json").unlink()
    found = hfx.load_run(run)
    assert {point.name: point.CLs_exp for point in found} == {point.name: point.CLs_exp for point in finished}


def test_a_stored_run_that_has_finished_is_not_fitted_again_and_printed_as_json(beside: Path) -> None:
    run = unpacked("finished", beside)
    before = (run / "results.jsonl").read_bytes()
    stored = outcome(run)
    printed = json.loads(cases.hfx(*STORED, "--json", cwd=beside))
    assert (run / "results.jsonl").read_bytes() == before
    differences = told(stored, outcome(run))
    assert not differences, differences
    assert printed.keys() >= {"hfx", "pallet", "options", "results", "failures", "contours", "folder"}
    assert all(record.keys() >= RESULT for record in printed["results"])
    assert printed.pop("folder") == "run"
    assert printed == json.loads((run / "scan.json").read_text())


def test_what_is_missing_changed_or_new_is_told() -> None:
    recorded = {"name": "a", "values": [1, 2.0], "edm": 1e-12, "none": None}
    assert told(recorded, {**recorded, "values": [1, 2.0 + 1e-10], "edm": 3e-10}) == ""
    changed = ({**recorded, "values": [1, 2.0 + 1e-8]}, {**recorded, "values": [1.0, 2.0]}, {**recorded, "edm": 1e-8})
    for found in (*changed, {**recorded, "none": 0}, {**recorded, "other": 1}, {"name": "a"}):
        assert told(recorded, found), found
