"""The table of ``hfx status``: its words, and runs that cannot be read."""

import json
from pathlib import Path

import pytest

from hfx.driver.submission.status_table import status_of_known_runs, status_of_runs, table_lines
from hfx.errors import RunFolderError


def _written(run: Path, **content: object) -> Path:
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"state": "finished", **content}))
    return run


def test_a_combination_of_regions_counts_fits(tmp_path: Path) -> None:
    regions = _written(tmp_path / "all", pallet={"regions": ["A", "B"], "hypotheses": 3}, selected={"A": 3, "B": 2})
    one = _written(tmp_path / "one", pallet={"hypotheses": 3})
    _, first, second = table_lines(status_of_runs([regions, one]))
    assert "0/5 fits" in first
    assert "0/3 " in second
    assert "fits" not in second


def test_a_reason_of_several_lines_is_one_line(tmp_path: Path) -> None:
    run = _written(tmp_path / "run", state="failed", reason="no\nhfx: all is well")
    lines = table_lines(status_of_runs([run]))
    assert lines[-1] == f"{run} failed: no hfx: all is well"


def test_a_run_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    _written(tmp_path / "hfx-runs" / "good")
    _written(tmp_path / "hfx-runs" / "bad", pallet="none")
    said: list[str] = []
    assert [status.folder.name for status in status_of_known_runs(said.append)] == ["good"]
    assert len(said) == 1
    assert "hfx-runs/bad/run.json is not a file that hfx wrote" in said[0]


@pytest.mark.parametrize("edit", [{"system": "pbs"}, {"job": "-u root"}, {"job": "17; id"}, {"options": 3}])
def test_a_record_of_a_submission_that_was_edited(tmp_path: Path, edit: dict[str, object]) -> None:
    run = _written(tmp_path / "run")
    (run / "job").mkdir()
    whole = {"how": "driver-job", "system": "slurm", "endpoint": "x", "source": "p", "options": {}, "since": "", "job": "17"}
    (run / "job" / "submission.json").write_text(json.dumps({**whole, "script": None, "log": "l", "poll_seconds": 1.0, **edit}))
    with pytest.raises(RunFolderError, match=r"submission\.json is not a file that hfx wrote"):
        status_of_runs([run])
