"""Other Pythons than the tests' own, where pyenv or the path has them; an environment of one, with what fits need."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What a worker needs beside hfx; Parsl's workers also want the client's Parsl. No torch: fits on a CPU need none.
NEEDED = ("numpy", "numba", "scipy", "msgspec", "parsl")


def found(minor: str) -> Path | None:
    """The Python of a minor version, as "3.12"; None where there is none, or where it is the one that runs the tests."""
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return None
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    own = sorted(root.glob(f"versions/{minor}.*/bin/python3"))
    named = shutil.which(f"python{minor}")
    for python in [*own, *([Path(named)] if named else [])]:
        asking = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        asked = subprocess.run(asking, capture_output=True, text=True, check=False)
        if asked.stdout.strip() == minor:
            return python
    return None


def environment(python: Path, folder: Path) -> Path:
    """The Python of a new virtual environment in `folder`, with the packages of constraints.txt; hfx is not among them."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, timeout=300)
    made = folder / "bin" / "python3"
    pip = [sys.executable, "-m", "pip", "--python", made, "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", *NEEDED], check=True, timeout=600)
    return made
