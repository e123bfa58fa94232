"""scan.json: the text that json would write, read again piece by piece, whatever the pieces."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfx.driver.run import json_stream, scan_file
from hfx.driver.run.json_stream import JsonStream
from hfx.driver.run.packed_results import Held
from hfx.errors import RunFolderError

RESULTS = [{"name": "a\nb\u00e9", "values": [1, 2.5], "fits": {"bkg": {}, "free": [[], [1e-300]]}}, {"name": "c", "values": []}]


def content(results: list[dict[str, Any]]) -> dict[str, Any]:
    contours = {"curves": [[1, 2]]}
    return {"hfx": "1", "pallet": {}, "options": {}, "results": results, "failures": [], "contours": contours}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("results", [RESULTS, RESULTS[:1], []])
def test_the_text_is_that_of_json(results: list[dict[str, Any]], indent: int | None) -> None:
    held = {**content(results), "results": Held(results)}
    parts = list(scan_file.text(held, indent=indent))
    assert "".join(parts) == json.dumps(content(results), indent=indent)
    assert len(parts) > len(results)


@pytest.mark.parametrize("chunk", [1, 3, 64, 1 << 20])
def test_it_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    (tmp_path / "scan.json").write_text(json.dumps(content(RESULTS), indent=1))
    found = scan_file.read_scan(tmp_path)
    assert found == content(RESULTS)
    assert isinstance(found["results"], Held)
    assert list(found) == list(content(RESULTS))


def test_there_may_be_none(tmp_path: Path) -> None:
    assert scan_file.read_scan(tmp_path) is None


NO_JSON = ("", "{", "nul", '{"results": [{"name": "a"}', '{"results": [{"name": "a"},]}', '{"a" 1}', "{1: 2}", '{"a": 1} 2')


@pytest.mark.parametrize("text", NO_JSON)
def test_what_is_no_json_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "scan.json").write_text(text)
    with pytest.raises(RunFolderError, match=r"scan\.json cannot be read .*the same scan again"):
        scan_file.read_scan(tmp_path)


@pytest.mark.parametrize("results", ["3", "{}", "[3]", '[{"values": 3, "natural": 4}]'])
def test_what_is_no_scan_is_told(tmp_path: Path, results: str) -> None:
    (tmp_path / "scan.json").write_text(json.dumps(content([])).replace('"results": []', f'"results": {results}'))
    with pytest.raises(RunFolderError, match=r"scan\.json does not hold what hfx writes"):
        scan_file.read_scan(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.integers(1, 9), st.sampled_from([None, 1]))
def test_values_come_whole_from_pieces_of_any_size(values: dict[str, Any], chunk: int, indent: int | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        stream = JsonStream(io.StringIO(json.dumps(values, indent=indent)))
        assert {key: stream.value() for key in stream.members()} == values
        stream.end()
