"""Some cells of the table that `python -m tests.engines.shutdown` makes: signals to scans, by engine and stage."""

from pathlib import Path

import pytest

from tests.engines.shutdown import Cell, run

# Over Parsl one resumed scan is enough; the battery over the engines (tests/conformance) resumes others.
CELLS = (
    Cell("inline", "reading", "INT INT", "group"),
    Cell("inline", "picture", "TERM TERM", "group"),
    Cell("inline", "page", "HUP", "group"),
    Cell("process", "fits", "STOP CONT", "group"),
    Cell("process", "exchange", "KILL", "process"),
    Cell("process", "stopping", "TERM", "group"),
    Cell("parsl-local", "start", "INT INT", "group"),
    Cell("parsl-local", "fits", "TERM", "group"),  # hung for good: the interchange, which got it too, was waited for
    Cell("parsl-local", "fits", "KILL", "process"),
    Cell("parsl-local", "stopping", "HUP", "group"),
)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.engine}-{cell.stage}-{cell.signal}-{cell.target}")
def test_a_signal(cell: Cell, tmp_path: Path) -> None:
    outcome = run(cell, tmp_path, resume=cell.engine != "parsl-local" or cell.signal == "TERM")
    assert not outcome.wrong
