"""Tables and best-fit values of a run, as text."""

from pathlib import Path

import pytest

from hfx.driver.export.hypotheses import best_fits, csv_table
from hfx.errors import RunFolderError


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
