"""The example notebook runs from its first cell to its last, in an empty folder."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    notebook = nbformat.read(ROOT / "examples" / "first-scan.ipynb", as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = NotebookClient(notebook, timeout=900, kernel_name="python3")
    client.execute(cwd=str(folder), env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    return notebook


def outputs(notebook: Any, source: str) -> list[dict[str, Any]]:
    (cell,) = [cell for cell in notebook.cells if source in cell.source and cell.cell_type == "code"]
    return [dict(output.get("data", {"text/plain": output.get("text", "")})) for output in cell.outputs]


def test_it_shows_a_table_and_a_picture(executed: Any) -> None:
    assert any("<table" in str(data.get("text/html", "")) for data in outputs(executed, "result = scan("))
    assert any("image/png" in data for data in outputs(executed, "result.plot("))


def test_its_last_line_is_the_answer(executed: Any) -> None:
    assert outputs(executed, "assert (excluded, len(rows))")[-1]["text/plain"] == "(35, 79)"


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(ROOT / "examples" / "first-scan.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
