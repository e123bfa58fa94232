"""``hfx endpoint init --stage``: what is written works elsewhere, without a network and without compiling."""

import os
import shlex
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from hfx.driver.api import scan
from hfx.driver.cli import main
from hfx.driver.scan.run_context import RunContext
from hfx.driver.setup import staging
from tests.driver import fakes

COMPILED = """
from hfx.hf_core.cpu.kernel import is_compiled
import hfx
print(is_compiled(), hfx.__file__)
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage") / "hfx stage"
    staging.stage(folder)
    return folder


def test_a_copy_elsewhere_is_compiled_already_and_fits(staged: Path, tmp_path: Path) -> None:
    """Packed, unpacked into another place, as by a job of a pool without a shared file system; nothing is compiled there."""
    with tarfile.open(tmp_path / "stage.tar", "w") as packed:
        packed.add(staged, "stage")
    node = tmp_path / "node"
    with tarfile.open(tmp_path / "stage.tar") as packed:
        packed.extractall(node, filter="data")
    kernels = node / "stage" / "site" / "hfx" / "hf_core" / "cpu" / "__pycache__"
    before = sorted(path.name for path in kernels.glob("*.nb[ic]"))
    assert before
    wrapper = tmp_path / "python3"
    wrapper.write_text(f'#!/bin/bash\n. "{node}/stage/activate.sh"\nexec {shlex.quote(sys.executable)} "$@"\n')
    wrapper.chmod(0o755)
    said = subprocess.run([wrapper, "-P", "-c", COMPILED], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["True", f"{node}/stage/site/hfx/__init__.py"]
    endpoint = tmp_path / "staged.toml"
    endpoint.write_text(f'engine = "process"\nworkers = 1\npython = "{wrapper}"')
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(2, 1))
    setting = RunContext(say=lambda _: None)
    there = scan(pallet, endpoint=str(endpoint), output=tmp_path / "there", context=setting)
    here = scan(pallet, output=tmp_path / "here", context=setting)
    assert [result.CLs_obs for result in there] == [result.CLs_obs for result in here]
    assert sorted(path.name for path in kernels.glob("*.nb[ic]")) == before


def test_the_packages_are_those_of_a_worker_in_the_versions_of_this_environment(staged: Path) -> None:
    lines = (staged / "requirements.txt").read_text().splitlines()
    found = dict(line.split("==") for line in lines)
    assert lines == sorted(lines)
    for name in ("numpy", "numba", "llvmlite", "scipy", "parsl", "pyzmq", "dill"):
        assert found[name] == version(name)
    assert not {"torch", "matplotlib", "pytest", "rich"} & set(found)
    assert f"torch=={version('torch').partition('+')[0]}\n" in staging.requirements((*staging.NEEDED, "torch"))


def test_the_scripts(staged: Path) -> None:
    for name in ("fetch.sh", "install.sh", "activate.sh"):
        subprocess.run(["bash", "-n", staged / name], check=True)
    assert os.access(staged / "install.sh", os.X_OK)
    asked = 'pip() { :; }; printf "%s\\n" "$@"'
    fake = staged.parent / "fake-python"
    fake.write_text(f"#!/bin/bash\n{asked}\n")
    fake.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(fake)}
    said = subprocess.run([staged / "fetch.sh"], env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[:5] == ["-m", "pip", "download", "--only-binary", ":all:"]
    assert said[5:] == ["--dest", f"{staged}/wheels", "--requirement", f"{staged}/requirements.txt"]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(staging, "_compile", lambda site: None)
    assert main.run(["endpoint", "init", "slurm-gpu", "--stage", "stage"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[:2] == ["stage/requirements.txt", "stage/fetch.sh"]
    assert out.splitlines()[-1] == "slurm-gpu.toml"
    assert f'worker_init = ". {tmp_path}/stage/activate.sh"' in err
    assert "torch==" in Path("stage/requirements.txt").read_text()
    assert main.run(["endpoint", "init", "--stage", "stage"]) == 2
    assert "stage is not empty; choose another folder with --stage" in capsys.readouterr().err
