"""The demo pallet: a valid, whole pallet with every modifier type, the same bytes every time."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pyhf
import pytest

from hfx.pallets import demo, open_pallet
from hfx.pallets.inspection import inspect

MODIFIERS = {"histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror"}


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, Any]]:
    return demo.demo_pallet()


def test_archive_is_small_and_deterministic(tmp_path: Path) -> None:
    first, second = demo.write_demo(tmp_path / "a" / "b"), demo.write_demo(tmp_path / "c")
    assert first.name == "demo.tar.gz"
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 300_000
    with tarfile.open(first) as archive:
        assert archive.getnames() == ["BkgOnly.json", "patchset.json"]


def test_content_is_the_same_on_every_machine(files: dict[str, dict[str, Any]]) -> None:
    """The digest depends on formulas and Python's own generator alone: a change here is a new demo."""
    text = json.dumps(files, sort_keys=True).encode()
    assert hashlib.sha256(text).hexdigest() == "9fbe0e1ff6010fee5f72a1112ff98a071bd3e4b198fc8e9e74ee0aebdf253ffe"


def test_pyhf_accepts_workspace_patch_set_and_digest(files: dict[str, dict[str, Any]]) -> None:
    workspace = pyhf.Workspace(files["BkgOnly.json"])
    patch_set = pyhf.PatchSet(files["patchset.json"])
    patch_set.verify(workspace)
    assert 60 <= len(patch_set.patches) <= 100
    assert patch_set.labels == ["mstop", "mlsp"]
    for name in ("stop_250_100", "stop_1100_600"):
        model = pyhf.Workspace(patch_set.apply(workspace, name)).model()
        assert model.config.poi_name == "mu_SIG"


def test_every_modifier_type_is_in_use(files: dict[str, dict[str, Any]]) -> None:
    background = files["BkgOnly.json"]
    samples = [sample for channel in background["channels"] for sample in channel["samples"]]
    assert {modifier["type"] for sample in samples for modifier in sample["modifiers"]} == MODIFIERS
    bins = sum(len(observation["data"]) for observation in background["observations"])
    assert (len(background["channels"]), bins) == (5, 18)
    assert 4 <= len({sample["name"] for sample in samples}) <= 6


def test_signal_falls_with_mass_and_towards_the_diagonal(files: dict[str, dict[str, Any]]) -> None:
    yields = {}
    for patch in files["patchset.json"]["patches"]:
        total = sum(sum(operation["value"]["data"]) for operation in patch["patch"])
        yields[tuple(patch["metadata"]["values"])] = total
        assert all(value > 0 for operation in patch["patch"] for value in operation["value"]["data"])
    along_mass = [yields[heavy, 1] for heavy in (300, 500, 700, 900, 1100)]
    assert along_mass == sorted(along_mass, reverse=True)
    assert yields[500, 100] > 5 * yields[500, 400]


def test_it_opens_as_a_pallet(tmp_path: Path, files: dict[str, dict[str, Any]]) -> None:
    pallet = open_pallet(str(demo.write_demo(tmp_path)))
    assert pallet.name == "demo"
    assert pallet.labels == ("mstop", "mlsp")
    assert len(pallet.hypotheses) == len(demo.mass_points())
    assert pallet.digest == files["patchset.json"]["metadata"]["digests"]["sha256"]
    assert pallet.warnings == ()


def test_the_demo_names_no_record_to_cite(tmp_path: Path) -> None:
    path = demo.write_demo(tmp_path)
    assert open_pallet(path).references == {}
    assert inspect(str(path)).cite == ()
