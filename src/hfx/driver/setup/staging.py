"""What nodes without a network need, in a folder to copy: hfx with its compiled kernels, and which packages to fetch.

::

    FOLDER/
        site/hfx/           this hfx; its fits are compiled for this machine's kind of processor
        requirements.txt    the packages that workers need, in the versions that are installed here
        fetch.sh            fetches their wheels into wheels/, where there is a network
        install.sh          makes venv/ of them, where there is none
        activate.sh         for worker_init: puts it all on the paths of a job

Another kind of processor than this one's compiles the fits once, into the folder where that can be written.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from hfx.errors import EndpointError

__all__ = ["NEEDED", "requirements", "stage"]

# By a worker of Parsl; torch, which is large, where it computes on GPUs alone.
NEEDED = ("numpy", "scipy", "numba", "parsl")

_FETCH = """#!/bin/sh
# Where there is a network: fetches the wheels of requirements.txt. PYTHON: the Python of the workers, or one like it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" -m pip download --only-binary :all: --dest "$here/wheels" --requirement "$here/requirements.txt" "$@"
"""

_INSTALL = """#!/bin/sh
# Where there is none: makes venv/ of the wheels. PYTHON: the Python of the workers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${PYTHON:-python3}" -m venv "$here/venv"
exec "$here/venv/bin/python3" -m pip install --quiet --no-index --find-links "$here/wheels" --requirement "$here/requirements.txt"
"""

_ACTIVATE = """# In worker_init:  . /path/to/this/activate.sh
here=$(cd "$(dirname "${BASH_SOURCE:-$0}")" && pwd)
if [ -d "$here/venv" ]; then PATH=$here/venv/bin:$PATH; fi
export PATH PYTHONPATH="$here/site${PYTHONPATH:+:$PYTHONPATH}"
unset NUMBA_CACHE_DIR
"""


def stage(folder: Path, *, torch: bool = False) -> list[Path]:
    """Write the folder; the files that it holds, hfx's own left out. `torch`: for workers with GPUs.

    Raises `EndpointError` where the folder holds something already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise EndpointError(f"{folder} is not empty; choose another folder with --stage, or remove it")
        _copy(folder / "site" / "hfx")
        _compile(folder / "site")
        needed = (*NEEDED, *(("torch",) if torch else ()))
        texts = {
            "requirements.txt": requirements(needed),
            "fetch.sh": _FETCH,
            "install.sh": _INSTALL,
            "activate.sh": _ACTIVATE,
        }
        return [_write(folder / name, text) for name, text in texts.items()]
    except OSError as error:
        raise EndpointError(f"{folder} cannot be written ({error.strerror}); choose another folder with --stage") from None


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755 if text.startswith("#!") else 0o644)
    return path


def _copy(target: Path) -> None:
    """This hfx, with the times of its files, by which older numbas know what they compiled."""
    import hfx

    shutil.copytree(Path(hfx.__file__).resolve().parent, target, ignore=shutil.ignore_patterns("__pycache__"))


def _compile(site: Path) -> None:
    """Compile the fits in the copy; what is compiled already came with it."""
    kernels = site / "hfx" / "hf_core" / "cpu" / "__pycache__"
    kernels.mkdir()
    for file in _compiled():
        shutil.copy2(file, kernels)
    command = [sys.executable, "-c", "from hfx.driver.process.compile_kernels import compile_ahead; compile_ahead()"]
    own = [str(site), *(path for path in sys.path if path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(own), "PYTHONSAFEPATH": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise EndpointError(f"the fits cannot be compiled in {site} ({last}); see 'hfx doctor'")


def _compiled() -> list[Path]:
    """The files that hold the fits that are compiled here; none before the first run, or where no folder can be written."""
    from hfx.hf_core.cpu import compilation, minimize

    folder: str | None = minimize.minimize_rows.dispatcher._cache.cache_path
    return sorted(Path(folder).glob(f"*-{compilation.digest_of()}*.nb[ic]")) if folder else []


def requirements(needed: tuple[str, ...] = NEEDED) -> str:
    """The packages that these need, with those, in the versions that are installed here: the text of a requirements file."""
    found: dict[str, str] = {}
    waiting = list(needed)
    while waiting:
        name = _normal(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # for another platform or Python than this one's
        waiting += [match[0] for one in requires(name) or () if "extra ==" not in one and (match := re.match(r"[\w.-]+", one))]
    return "".join(f"{name}=={found[name].partition('+')[0]}\n" for name in sorted(found))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
