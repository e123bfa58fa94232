"""Workers under another Python than the client's: the handshake says so, what is missing is said, and what is all there works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hfx.driver.api import scan
from hfx.driver.scan.run_context import RunContext
from hfx.driver.setup import check_endpoint
from hfx.endpoints import connect, resolve
from hfx.errors import EndpointError
from tests.driver import fakes
from tests.endpoints import jobs
from tests.engines import pythons


@pytest.fixture(scope="module", params=["3.12", "3.13"])
def bare(request: pytest.FixtureRequest) -> Path:
    """A Python that has no packages that we know of."""
    python = pythons.found(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} here beside the one that runs the tests (pyenv install {request.param})")
    return python


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One with all that workers need."""
    python = pythons.found("3.12")
    if python is None:
        pytest.skip("no Python 3.12 here beside the one that runs the tests (pyenv install 3.12)")
    return pythons.environment(python, tmp_path_factory.mktemp("python") / "environment")


@pytest.fixture(autouse=True)
def _checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find hfx in this checkout, and nothing else of the client's."""
    monkeypatch.setenv("PYTHONPATH", f"{pythons.ROOT}/src:{pythons.ROOT}")


def process(folder: Path, python: Path) -> str:
    file = folder / "other.toml"
    file.write_text(f'engine = "process"\nworkers = 1\npython = "{python}"')
    return str(file)


def parsl(folder: Path, python: Path) -> str:
    """python3 is the one of the folder that is first on the path."""
    file = folder / "other.toml"
    setup = f'worker_init = "export PATH={python.parent}:$PATH"'
    file.write_text(f'engine = "parsl"\nprovider = "local"\nworkers = 1\nrun_dir = "{folder}/parsl"\npoll_seconds = 0.5\n{setup}')
    return str(file)


def test_the_handshake_needs_no_package_and_says_what_is_missing(bare: Path, tmp_path: Path) -> None:
    found = check_endpoint.check(resolve(process(tmp_path, bare)), 1, seconds=60)
    (worker,) = found.workers
    version = worker.handshake["python"]
    assert version.startswith(f"{bare.resolve().parents[1].name.rpartition('.')[0]}.")
    absent = [name for name, there in worker.handshake["packages"].items() if there is None and name != "torch"]
    assert absent, "this Python has all that fits need; the test wants one that has not"
    (problem,) = found.problems
    assert f"lacks {', '.join(absent)}; run '{worker.handshake['executable']} -m pip install {' '.join(absent)}'" in problem
    assert any(f"Python is {version} there" in remark and "in worker_init" in remark for remark in found.remarks)


def test_a_parsl_worker_without_parsl_ends_in_one_sentence(bare: Path, tmp_path: Path) -> None:
    with connect(parsl(tmp_path, bare)) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(90)
    assert "its workers do not start: no Parsl on the worker: " in str(caught.value)
    assert "-m pip install parsl==" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_python_without_hfx_is_said(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH")
    with connect(process(tmp_path, bare)) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(60)
    assert "(ModuleNotFoundError: No module named 'hfx')" in str(caught.value)
    assert str(caught.value).endswith(f"; {bare} -m pip install hfx")


@pytest.mark.parametrize("written", [process, parsl])
def test_a_worker_that_has_all_it_needs_works(full: Path, tmp_path: Path, written: object) -> None:
    """Real fits, without torch, under 3.12: the numbers are those of the embedded run."""
    assert callable(written)
    file = written(tmp_path, full)
    found = check_endpoint.check(resolve(file), 1, seconds=90)
    (worker,) = found.workers
    assert worker.handshake["python"].startswith("3.12.")
    assert worker.handshake["packages"]["torch"] is None
    assert found.problems == ()
    assert any("this works" in remark for remark in found.remarks)
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(2, 2))
    setting = RunContext(say=lambda _: None)
    there = scan(pallet, endpoint=file, output=tmp_path / "there", context=setting)
    here = scan(pallet, output=tmp_path / "here", context=setting)
    assert not there.failures
    for a, b in zip(here, there, strict=True):
        assert [b.CLs_obs, *b.CLs_exp] == pytest.approx([a.CLs_obs, *a.CLs_exp], abs=1e-10)
        assert b.worker != a.worker
