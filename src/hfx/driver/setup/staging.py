"""Files for nodes without a network: a folder with hfx, its compiled kernels and the list of packages to fetch.

::

    FOLDER/
        site/hfx/           a copy of this hfx, with the fits compiled for this machine's kind of processor
        requirements.txt    the packages that workers need, in the versions that are installed here
        fetch.sh            fetches their wheels into wheels/; run it on a machine with a network
        install.sh          installs these wheels into venv/; run it on the nodes' file system, no network needed
        activate.sh         for worker_init: adds both to the paths of a job

On another kind of processor the fits are compiled once more, into the folder if it can be written.
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

# The packages of a Parsl worker. torch, which is large, is added only for workers with GPUs.
NEEDED = ("numpy", "scipy", "numba", "msgspec", "parsl")

_FETCH = """#!/bin/sh
# Run this on a machine with a network: it fetches the wheels of requirements.txt into wheels/.
# Set PYTHON to the workers' Python, or to one of the same version and platform; default: python3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" -m pip download --only-binary :all: --dest "$here/wheels" --requirement "$here/requirements.txt" "$@"
"""

_INSTALL = """#!/bin/sh
# Run this where the nodes see the folder, no network needed: it installs the wheels into venv/.
# Set PYTHON to the workers' Python; default: python3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${PYTHON:-python3}" -m venv "$here/venv"
exec "$here/venv/bin/python3" -m pip install --quiet --no-index --find-links "$here/wheels" --requirement "$here/requirements.txt"
"""

_ACTIVATE = """# Put this line into worker_init of the endpoint file:  . /path/to/this/activate.sh
here=$(cd "$(dirname "${BASH_SOURCE:-$0}")" && pwd)
if [ -d "$here/venv" ]; then PATH=$here/venv/bin:$PATH; fi
export PATH PYTHONPATH="$here/site${PYTHONPATH:+:$PYTHONPATH}"
unset NUMBA_CACHE_DIR
"""


def stage(folder: Path, *, torch: bool = False) -> list[Path]:
    """Write the folder; returns its files, without those of hfx itself. `torch`: include torch, for workers with GPUs.

    Raises `EndpointError` if the folder is not empty or cannot be written.
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
    """Copy this hfx with the times of its files, by which older versions of numba recognise compiled code."""
    package = Path(__file__).resolve().parents[2]
    shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))


def _compile(site: Path) -> None:
    """Compile the fits in the copy; kernels that are compiled in this hfx already are copied, not compiled again."""
    kernels = site / "hfx" / "hf_core" / "cpu" / "__pycache__"
    kernels.mkdir()
    for file in _compiled():
        shutil.copy2(file, kernels)
    command = [sys.executable, "-c", "from hfx.driver.process.compile_kernels import precompile; precompile()"]
    own = [str(site), *(path for path in sys.path if path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(own), "PYTHONSAFEPATH": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise EndpointError(f"the fits cannot be compiled in {site} ({last}); see 'hfx doctor'")


def _compiled() -> list[Path]:
    """The files of the kernels compiled in this hfx; none before the first scan, or if numba can write no cache folder."""
    from hfx.hf_core.cpu import compilation, minimize

    folder = compilation.cache_folder(compilation.dispatcher_of(minimize.minimize_rows))
    return sorted(Path(folder).glob(f"*-{compilation.digest_of()}*.nb[ic]")) if folder else []


def requirements(needed: tuple[str, ...] = NEEDED) -> str:
    """The text of a requirements file: the packages `needed` and all their dependencies, in the versions installed here."""
    found: dict[str, str] = {}
    pending = list(needed)
    while pending:
        name = _normalized(pending.pop())
        if name in found:
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # a dependency of another platform or version of Python
        pending += [match[0] for one in requires(name) or () if "extra ==" not in one and (match := re.match(r"[\w.-]+", one))]
    return "".join(f"{name}=={found[name].partition('+')[0]}\n" for name in sorted(found))


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
