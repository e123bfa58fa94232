"""Runs that are driven by others, as the tests look at them: the command line, what was fitted, what is left."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.conformance import engines

ROOT = Path(__file__).resolve().parents[2]
SLOWED = Path(__file__).with_name("slowed")


def environment(folder: Path, *, slow: bool, pace: float = 0.01) -> dict[str, str]:
    """For commands of a test: a state folder of its own, a mark on every process; fake fits at a `pace` where it is `slow`."""
    path = f"{SLOWED}:{ROOT}" if slow else str(ROOT)
    own = {
        "XDG_STATE_HOME": f"{folder}/state",
        "HFX_TEST_MARKER": f"{folder}/marker",
        "PYTHONPATH": path,
        "HFX_TEST_PACE": str(pace),
    }
    return {**os.environ, **own}


def hfx(folder: Path, *words: str, slow: bool = True, code: int = 0, pace: float = 0.01) -> str:
    """Run a command; its standard output. The exit code must be `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "hfx", *words],
        capture_output=True,
        text=True,
        timeout=180,
        env=environment(folder, slow=slow, pace=pace),
        cwd=folder,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def status(folder: Path, run: Path) -> dict[str, Any]:
    """What `hfx status --json` says of a run."""
    (told,) = json.loads(hfx(folder, "status", str(run), "--json"))
    return dict(told)


def fitted(run: Path) -> Counter[str]:
    """How often each hypothesis has a local result."""
    path = run / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return Counter(line["name"] for line in lines if line["step"] == "local")


def state(run: Path) -> str:
    """The state in run.json; "" where there is none."""
    path = run / "run.json"
    return str(json.loads(path.read_text())["state"]) if path.exists() else ""


def left(folder: Path) -> list[str]:
    """The processes that carry the test's mark."""
    return list(engines.marked(f"HFX_TEST_MARKER={folder}/marker").values())
