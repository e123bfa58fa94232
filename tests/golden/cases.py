"""What is scanned and exported with today's and with any later code, on the command line alone."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.golden.reading import Json, content

__all__ = ["CASES", "DEMO", "STORED", "Case", "hfx", "run", "several", "write_demo"]


@dataclass(frozen=True)
class Case:
    """A pallet, a choice of its hypotheses, one of them to export alone, and the exit code of the scan.

    ``pallet``: a file's name in the reference data's `pallets/`; None: the demo.
    """

    name: str
    pallet: str | None
    options: tuple[str, ...]
    exported: str
    status: int = 0


DEMO = Case("demo", None, (), "stop_750_150")
CASES = (
    DEMO,
    # With so few, the exchange draws more starting points for each.
    Case("one-region", "3L-eRJR.tar.gz", ("--where", "mn2<=150 and mn1<=60"), "ERJR_125p0_35p0"),
    # One has no signal in a region, which the combination lacks there; the exchange finds minima in another.
    Case(
        "all-regions",
        "sbottom-multib.tar.gz",
        ("--region", "all", "--where", "mn1==60 and (msb==600 or msb==1500 and mn2>=1000)"),
        "sbottom_600_595_60",
    ),
)

# The scan in the stored runs' folders; with one thread its results come in the same order each time.
STORED = ("scan", "demo.tar.gz", "-o", "run", "--where", "mlsp==1", "--threads", "1", "--quiet")


# `python -m hfx` for each of several commands, in one process: most of a short one's time is its start.
_SEVERAL = """
import json, runpy, sys
for words in json.loads(sys.argv[1]):
    sys.argv = ["hfx", *words]
    try:
        runpy.run_module("hfx", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            raise
"""


def hfx(*words: str, cwd: Path, status: int = 0) -> str:
    """What the command prints; it must end with this exit code."""
    return _printed("-m", "hfx", *words, cwd=cwd, status=status)


def several(*commands: Sequence[str], cwd: Path) -> str:
    """What several commands print, one after the other; all must end well."""
    return _printed("-c", _SEVERAL, json.dumps(commands), cwd=cwd, status=0)


def _printed(*words: str, cwd: Path, status: int) -> str:
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == status, f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def write_demo(folder: Path) -> None:
    """The demo pallet, demo.tar.gz."""
    hfx("pallet", "demo", ".", cwd=folder)


def run(case: Case, folder: Path, shared: Path | None) -> Json:
    """Scan and export in an empty folder; the content of all files by their names."""
    if case.pallet is None:
        write_demo(folder)
    pallet = "demo.tar.gz" if case.pallet is None else f"{shared}/pallets/{case.pallet}"
    hfx("scan", pallet, "-o", "run", "--threads", "2", *case.options, cwd=folder, status=case.status)
    (folder / "exports").mkdir()
    several(*(("export", "run", *words) for words in _exports(case.exported)), cwd=folder)
    paths = {str(folder): "HERE", **({} if shared is None else {str(shared): "SHARED"})}
    return {"files": content(folder, ("run", "exports"), paths)}


def _exports(name: str) -> list[tuple[str, ...]]:
    return [
        ("--hepdata", "-o", "exports/hepdata"),
        ("--csv", "-o", "exports/table.csv"),
        ("--workspace", name, "-o", "exports/workspace.json"),
        ("--parameters", name, "-o", "exports/parameters.json"),
    ]
