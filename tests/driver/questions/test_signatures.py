"""The options of a scan as keyword arguments in Python: for completion, `help`, and type checkers, from their one definition."""

import inspect
import os
import pydoc
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jedi
import pytest

import hfx
from hfx.driver.questions import signatures
from hfx.driver.questions.catalogue import DEFAULT
from hfx.driver.questions.options import ScanOptions
from hfx.functions.jobs.cls_options import ClsOptions
from tests.driver.questions.record_keywords import FILE

ENTRIES = (*ScanOptions.entries(), *ClsOptions.entries())
BOTH = pytest.mark.parametrize("function", [hfx.scan, hfx.start_scan], ids=["scan", "start_scan"])


@BOTH
def test_the_signature_has_every_option_with_its_type_and_default(function: Any) -> None:
    parameters = inspect.signature(function).parameters
    assert list(parameters)[:3] == ["pallet", "live", "context"]
    assert set(parameters) == {"pallet", "live", "context", *(entry.name for entry in ENTRIES)}
    for entry in ENTRIES:
        assert parameters[entry.name].default == entry.default
        assert parameters[entry.name].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["mu"].annotation is float
    assert parameters["output"].annotation == str | Path | None
    assert parameters["labels"].annotation == Sequence[str] | None


@BOTH
def test_help_has_the_text_of_every_option(function: Any) -> None:
    text = pydoc.plain(pydoc.render_doc(function))
    words = " ".join(text.replace("|", "").split())
    for entry in ENTRIES:
        assert " ".join(entry.metadata["help"].split()) in words
    assert "mu: float = 1.0\n" in text
    assert "where: str | Sequence[str] | None = None\n" in text


def test_a_notebook_completes_the_options() -> None:
    """As IPython does, by jedi."""
    code = "scan('x.tar.gz', signal_sc"
    completions = jedi.Interpreter(code, [{"scan": hfx.scan}]).complete()
    assert "signal_scale=" in [completion.name_with_symbols for completion in completions]


def test_the_types_for_checkers_are_those_of_the_definition() -> None:
    """After a change: python -m tests.driver.questions.record_keywords."""
    assert FILE.read_text(encoding="utf-8") == signatures.keywords_source(DEFAULT)


def test_a_type_checker_finds_wrong_options(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\n"
        "import hfx\n"
        "result = hfx.scan('x', mu=2, labels=['a'], output=Path('run'), where='m1>2', minima='natural', live=True)\n"
        "hfx.scan('x', mu='2')\n"
        "hfx.start_scan('x', minima='deepest')\n"
        "hfx.scan('x', wear='m1>2')\n"
        "reveal_type(result[0].CLs_obs)\n"
    )
    source = str(Path(hfx.__file__).parents[1])
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache"), str(program)]
    environment = {**os.environ, "MYPYPATH": source}
    found = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False).stdout
    lines = [line.partition(":")[2] for line in found.splitlines() if ": error:" in line]
    assert [line.split(":")[0] for line in lines] == ["4", "5", "6"], found
    assert 'Argument "mu" to "scan" has incompatible type "str"; expected "float"' in lines[0]
    assert 'Argument "minima" to "start_scan"' in lines[1]
    assert 'Unexpected keyword argument "wear" for "scan"' in lines[2]
    assert 'Revealed type is "float"' in found.replace("builtins.", "")
