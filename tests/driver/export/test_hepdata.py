"""The submission: valid by HEPData's own validator, true to the run, read again as a published contour."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hepdata_validator.full_submission_validator import FullSubmissionValidator

from hfx.driver.export import hepdata
from hfx.driver.export.hepdata import export_hepdata
from hfx.driver.plane import published
from hfx.errors import RunFolderError
from tests.driver.plane.test_contour import GRID, LIMIT, VALUE, contours, data_of, scan_of, values_of
from tests.driver.plot.test_overlay import run_of

# The validator leaves its schemas' files to the garbage collector.
UNCLOSED = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def content_of(**more: Any) -> dict[str, Any]:
    scan = scan_of(GRID, lambda x, y: 3.0 - abs(y - 200) / 100, **more)
    pallet = {**scan["pallet"], "digest": "ab12", "patchset_digest": "cd34", "doi": "10.17182/hepdata.1.v1/r1"}
    found = contours(scan)
    up = {"which": "theory-up", "level": 0.05, "points": [[100, 20], [600, 21]]}
    return {
        **scan,
        "hfx": "9.9",
        "pallet": pallet,
        "options": {"mu": 1.0},
        "contours": {**found, "curves": [*found["curves"], up]},
    }


def submission(scan: dict[str, Any]) -> dict[str, list[Any]]:
    return hepdata.submission(scan, data_of(scan))  # type: ignore[arg-type]


def tables(files: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, list[Any]]]:
    """Values by variable of each file."""
    return {
        name: {
            v["header"]["name"]: [cell["value"] for cell in v["values"]]
            for v in (*document["independent_variables"], *document["dependent_variables"])
        }
        for name, (document, *_) in files.items()
        if name != "submission.yaml"
    }


@UNCLOSED
def test_hepdata_accepts_it(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", 300)
    paths = export_hepdata(run, tmp_path / "submission")
    validator = FullSubmissionValidator()
    valid = validator.validate(directory=str(tmp_path / "submission"))
    assert valid, validator.get_messages()
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "submission").iterdir()}
    documents = list(yaml.safe_load_all(paths[0].read_text()))
    assert {document["data_file"] for document in documents[1:]} == {path.name for path in paths[1:]}


@UNCLOSED
def test_the_validator_would_tell(tmp_path: Path) -> None:
    export_hepdata(run_of(tmp_path / "run", 300), tmp_path / "s")
    (tmp_path / "s" / "cls.yaml").write_text("independent_variables: 3\n")
    assert not FullSubmissionValidator().validate(directory=str(tmp_path / "s"))


def test_the_numbers_are_the_run_s(tmp_path: Path) -> None:
    scan = content_of()
    scan["results"][3]["status"] = "step limit"
    found = tables(submission(scan))
    good = [record for record in scan["results"] if record["status"] == "converged"]
    cls = found["cls.yaml"]
    assert cls["m1"] == [record["values"][0] for record in good]
    assert np.allclose(cls["Observed CLs"], [record["CLs_obs"] for record in good], rtol=1e-5)
    assert np.allclose(cls["Expected CLs (-2 sigma)"], [record["CLs_exp"][0] for record in good], rtol=1e-5)
    assert np.allclose(cls["Expected CLs (+1 sigma)"], [record["CLs_exp"][3] for record in good], rtol=1e-5)
    assert found["contour_theory_up.yaml"]["m2"] == [20, 21]
    assert {"contour_observed.yaml", "contour_expected.yaml", "contour_expected_plus_1.yaml"} <= set(found)


def test_it_says_where_it_comes_from() -> None:
    head, *described = submission(content_of())["submission.yaml"]
    for words in (
        "hfx 9.9",
        "ab12",
        "cd34",
        "hepdata.1.v1/r1",
        "not a result of the experiment",
        "Gaussian process",
        "tested mu 1.0",
    ):
        assert words in head["comment"]
    assert all("ab12" in table["description"] and "hfx 9.9" in table["description"] for table in described)
    assert max(len(table["name"]) for table in described) <= 64


def test_a_contour_in_parts_is_read_again_as_it_was(tmp_path: Path) -> None:
    scan = content_of()
    files = submission(scan)
    path = tmp_path / "contour_observed.yaml"
    path.write_text(yaml.safe_dump_all(files["contour_observed.yaml"]))
    ours = [np.array(c["points"]) for c in scan["contours"]["curves"] if c["which"] == "observed"]
    assert len(ours) == 2
    for one, other in zip(ours, published.read(path).lines, strict=True):
        assert np.allclose(one, other, rtol=1e-5)


def test_hypotheses_without_labels_and_regions() -> None:
    scan = scan_of([(), ()], lambda: 3.0, labels=())
    for record in scan["results"]:
        record["region"] = "A"
    scan |= {"options": {}, "contours": {"curves": []}}
    cls = tables(submission(scan))["cls.yaml"]
    assert cls["Hypothesis"] == ["h000", "h001"]
    assert cls["Region"] == ["A", "A"]


def test_tables_are_those_of_the_question_s_surface() -> None:
    scan = {**content_of(), "contours": {}}
    files = hepdata.submission(scan, values_of(GRID, lambda x, y: x / 300, LIMIT))  # type: ignore[arg-type]
    assert list(files) == ["submission.yaml", "limit.yaml", "contour_observed.yaml"]
    assert tables(files)["limit.yaml"]["Observed limit"] == [float(f"{x / 300:.6g}") for x, _ in GRID]
    _, head, contour = files["submission.yaml"]
    assert head["description"].startswith(f"Observed limit of {len(GRID)} signal hypotheses")
    assert "standard deviations" not in head["description"]
    assert "Observed exclusion contour at limit = 1 over m1 and m2" in contour["description"]
    assert head["keywords"][0]["values"] == ["LIMIT"]


def test_a_surface_without_a_level_has_no_contour_table() -> None:
    scan = {**content_of(), "contours": {}}
    files = hepdata.submission(scan, values_of(GRID, lambda x, y: x - y, VALUE))  # type: ignore[arg-type]
    assert list(files) == ["submission.yaml", "value.yaml"]
    assert files["submission.yaml"][0]["comment"].startswith("value computed with hfx 9.9")


def test_names_of_files_have_no_spaces() -> None:
    scan = {**content_of(), "contours": {}}
    surface = replace(LIMIT, name="Signal events (SR)", curves=("all events",))
    files = hepdata.submission(scan, values_of(GRID, lambda x, y: x / 300, surface))  # type: ignore[arg-type]
    assert list(files) == ["submission.yaml", "signal_events_sr.yaml", "contour_all_events.yaml"]
    assert [head["data_file"] for head in files["submission.yaml"][1:]] == list(files)[1:]


def test_no_results_is_told(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", 300)
    content = json.loads((run / "scan.json").read_text())
    (run / "scan.json").write_text(json.dumps({**content, "results": []}))
    with pytest.raises(RunFolderError, match="no results yet"):
        export_hepdata(run, tmp_path / "s")
