"""scan.json: the text that json would write, and read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.run import scan_file
from hfx.driver.run.packed_results import PackedResults
from hfx.errors import RunFolderError

RESULTS = [{"name": "a\nb\u00e9", "values": [1, 2.5], "fits": {"bkg": {}, "free": [[], [1e-300]]}}, {"name": "c", "values": []}]


def content(results: list[dict[str, Any]]) -> dict[str, Any]:
    curves = [{"which": "observed", "level": 0.05, "points": [[1.0, 2.0]]}]
    contours = {"x": "m1", "y": "m2", "notes": [], "curves": curves}
    return {"hfx": "1", "pallet": {}, "options": {}, "results": results, "failures": [], "contours": contours}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("results", [RESULTS, RESULTS[:1], []])
def test_the_text_is_that_of_json(results: list[dict[str, Any]], indent: int | None) -> None:
    held = {**content(results), "results": PackedResults(results)}
    parts = list(scan_file.text(held, indent=indent))
    assert "".join(parts) == json.dumps(content(results), indent=indent)
    assert len(parts) > len(results)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(json.dumps(content(RESULTS), indent=1))
    found = scan_file.read_scan(tmp_path)
    assert found == content(RESULTS)
    assert isinstance(found["results"], PackedResults)
    assert list(found) == list(content(RESULTS))


def test_there_may_be_none(tmp_path: Path) -> None:
    assert scan_file.read_scan(tmp_path) is None


NO_JSON = ("", "{", "nul", '{"results": [{"name": "a"}', '{"results": [{"name": "a"},]}', '{"a" 1}', "{1: 2}", '{"a": 1} 2')


@pytest.mark.parametrize("text", NO_JSON)
def test_what_is_no_json_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "scan.json").write_text(text)
    with pytest.raises(RunFolderError, match=r"scan\.json (cannot be read|is not a file that hfx wrote) .*repeat the scan"):
        scan_file.read_scan(tmp_path)


@pytest.mark.parametrize("results", ["3", "{}", "[3]", '[{"values": 3, "natural": 4}]'])
def test_what_is_no_scan_is_told(tmp_path: Path, results: str) -> None:
    (tmp_path / "scan.json").write_text(json.dumps(content([])).replace('"results": []', f'"results": {results}'))
    with pytest.raises(RunFolderError, match=r"scan\.json is not a file that hfx wrote"):
        scan_file.read_scan(tmp_path)
