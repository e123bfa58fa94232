"""Tables and best-fit values of a run, as text."""

import csv
import io
from pathlib import Path

import pytest

from hfx.driver.export.hypotheses import best_fits, csv_table
from hfx.errors import RunFolderError


def test_no_cell_is_a_formula() -> None:
    """Spreadsheets run what begins with these; numbers stay as they are."""
    names = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "-1.5", "m_500"]
    rows = [{"name": name, "=label": -2.5} for name in names]
    found = list(csv.reader(io.StringIO(csv_table(rows, Path("run")), newline="")))
    assert found[0] == ["name", "'=label"]
    assert [row[0] for row in found[1:]] == [*(f"'{name}" for name in names[:5]), "-1.5", "m_500"]
    assert {row[1] for row in found[1:]} == {"-2.5"}


def test_rows_are_lines_of_csv() -> None:
    rows = [{"name": "a,b", "m1": 1.5, "CLs_obs": None}, {"name": "c", "m1": 2}]
    assert csv_table(rows, Path("run")) == 'name,m1,CLs_obs\n"a,b",1.5,\nc,2,\n'  # type: ignore[arg-type]


def test_no_rows_is_told() -> None:
    with pytest.raises(RunFolderError, match="run has no results yet"):
        csv_table([], Path("run"))


def test_best_fits_are_those_of_the_choice_of_minima() -> None:
    fit = {"theta": [[1.0, 2.0], [3.0, 4.0]], "choice": {"natural": 0, "lowest": 1}}
    solutions = {"parameters": ["mu", "alpha"], "minima": {"bkg": fit}}
    assert best_fits(solutions, "lowest") == {"bkg": {"mu": 3.0, "alpha": 4.0}}  # type: ignore[arg-type]
