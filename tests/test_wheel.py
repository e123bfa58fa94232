"""The wheel: built, installed into an environment away from the checkout, it writes the demo pallet and scans it."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "src", "configs")


def _run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=clean | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: nothing is written into the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []
    _run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *isolation, "-w", str(folder / "dist"), "."], source)
    (built,) = (folder / "dist").iterdir()
    assert built.suffix == ".whl"
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment's `bin`: hfx from the wheel, its dependencies from where the tests run."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    bin_ = folder / "bin"
    installed = ["-m", "pip", "-q", "--python", str(bin_ / "python"), "install", "--no-deps", "--no-index", str(wheel)]
    _run([sys.executable, *installed], folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    assert (packages / "hfx" / "__init__.py").is_file()
    # After the wheel's own place, so that the wheel's hfx is found first; no .pth of theirs (an editable hfx) is read.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return bin_


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2
    assert "hfx" in tops
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / "hfx").rglob("*.py")}
    assert sources <= set(names)
    page = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/hfx/driver/views/page/static").iterdir()}
    assert len(page) >= 10
    assert page <= set(names)
    assert any(name.endswith("entry_points.txt") for name in names)
    assert any("LICENSE" in name for name in names)


def test_the_installed_wheel_scans_its_demo(environment: Path, tmp_path: Path) -> None:
    """The two commands of the README, on a few points, from a folder that knows nothing of the checkout."""
    where = _run([str(environment / "python"), "-c", "import hfx; print(hfx.__file__, hfx.__version__)"], tmp_path).stdout
    assert where.startswith(str(environment.parent))
    assert str(ROOT) not in where
    hfx = str(environment / "hfx")
    _run([hfx, "pallet", "demo", "."], tmp_path)
    assert (tmp_path / "demo.tar.gz").stat().st_size < 1_000_000
    scan = [hfx, "scan", "demo.tar.gz", "--only", "stop_[78]*", "--starts", "1", "-o", "run"]
    _run(scan, tmp_path, MPLCONFIGDIR=str(tmp_path / "matplotlib"))
    run = tmp_path / "run"
    assert (run / "contour.pdf").read_bytes().startswith(b"%PDF")
    assert (run / "contour.png").stat().st_size > 1000
    content = json.loads((run / "scan.json").read_text())
    assert content["failures"] == []
    assert len(content["results"]) >= 10
    assert all(result["status"] == "converged" for result in content["results"])
    assert content["hfx"] == where.split()[1]
