"""Scans of a pallet with a label of texts: selected by it, drawn in planes, and in results and exports."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.api import scan
from hfx.driver.export.hepdata import submission
from hfx.driver.export.hypotheses import csv_table
from hfx.driver.plot.run_data import plot_data
from hfx.driver.results import ScanResult, load_run
from hfx.driver.scan.run_context import RunContext
from hfx.errors import OptionError
from tests.driver import fakes


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)


def write(folder: Path, topologies: tuple[str, ...] = ("WZ", "Wh"), points: Any = None) -> Path:
    """A pallet with the label topology between two of numbers; each topology at the same mass points."""
    fakes.write_pallet(folder, points or fakes.grid(5, 4))
    content = json.loads((folder / "patchset.json").read_text())
    content["metadata"]["labels"] = ["m1", "m2", "topology"]
    content["patches"] = [
        {**patch, "metadata": {"name": f"{text}_{patch['metadata']['name']}", "values": [*patch["metadata"]["values"], text]}}
        for text in topologies
        for patch in content["patches"]
    ]
    (folder / "patchset.json").write_text(json.dumps(content))
    return folder


def scanned(source: Path, output: Path, **options: Any) -> ScanResult:
    return scan(source, output=output, context=RunContext(say=lambda _: None, function=fakes.run), **options)


def test_texts_select_and_are_in_results_and_exports(tmp_path: Path) -> None:
    result = scanned(write(tmp_path / "toy"), tmp_path / "run", where='topology == "WZ" and m1 > 200')
    assert {one.values[2] for one in result} == {"WZ"}
    assert len(result) == 16
    assert [one["values"][2] for one in load_run(result.folder).content["results"]] == ["WZ"] * 16
    assert result.labels == ("m1", "m2", "topology")
    assert result.contours["curves"]
    rows = list(csv.DictReader(io.StringIO(csv_table(result.to_rows(), result.folder))))
    assert {row["topology"] for row in rows} == {"WZ"}
    (table,) = submission(result.content, plot_data(result.content))["cls.yaml"]
    columns = {one["header"]["name"]: one["values"] for one in table["independent_variables"]}  # type: ignore[index,union-attr]
    assert columns["topology"] == [{"value": "WZ"}] * 16


def test_each_text_is_a_plane(tmp_path: Path) -> None:
    result = scanned(write(tmp_path / "toy"), tmp_path / "run")
    assert [panel["where"] for panel in result.contours["panels"]] == ['topology=="WZ"', 'topology=="Wh"']
    assert [panel["x"] for panel in result.contours["panels"]] == ["m1", "m1"]
    assert all(panel["curves"] for panel in result.contours["panels"])


def test_an_unknown_text_is_refused_before_the_scan(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r'no hypothesis has topology "WW".*its values: "WZ", "Wh"'):
        scanned(write(tmp_path / "toy"), tmp_path / "run", where="topology=='WW'")
    assert not (tmp_path / "run").exists()
    with pytest.raises(
        OptionError, match=r"--where 'm1>9999' holds for no hypothesis.*m1 from 200 to 600, .*topology over WZ, Wh"
    ):
        scanned(tmp_path / "toy", tmp_path / "run", where="m1>9999")


def test_regions_are_matched_by_texts_too(tmp_path: Path) -> None:
    write(tmp_path / "two" / "A", ("WZ", "Wh"))
    write(tmp_path / "two" / "B", ("WZ",))
    result = scanned(tmp_path / "two", tmp_path / "run", region="all")
    assert len(result) == 40
    assert {tuple(one["missing_in"]) for one in result if one.values[2] == "Wh"} == {("B",)}
    assert {tuple(one["missing_in"]) for one in result if one.values[2] == "WZ"} == {()}
    only = scanned(tmp_path / "two", tmp_path / "only", region="all", where="topology=='Wh'")  # B has none of these
    assert len(only) == 20
