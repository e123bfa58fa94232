"""`hfx submit` on a real HTCondor pool: the driver beside the schedd, as DAGMan is, or in a job with its workers."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfx.driver.api import scan
from hfx.driver.results import load_run
from hfx.driver.scan.run_context import RunContext
from tests.conformance import engines
from tests.driver import fakes
from tests.engines import htcondor, submitted
from tests.engines.submitted import fitted, hfx, left, state, status

modes = pytest.mark.parametrize("mode", ["driver-job", "one-job"])


@pytest.fixture(scope="module", autouse=True)
def _up() -> Iterator[None]:
    with engines.ENGINES["htcondor"].needs():
        yield


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may enter: root's condor_submit looks at the job's folder as the pool's user."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        assert engines.until(lambda: not htcondor.jobs(), 30), htcondor.jobs()
        assert engines.until(lambda: not left(path), 30), left(path)


def endpoint(folder: Path, mode: str, *, slow: bool, pace: float = 0.01) -> str:
    """An endpoint file of the test's pool; its jobs, which get no environment of the client's, run what the test runs."""
    python = submitted.environment(folder, slow=slow)["PYTHONPATH"]
    text = engines.ENGINES["htcondor"].text(folder)
    text = text.replace(f"PYTHONPATH={submitted.ROOT}", f"HFX_TEST_PACE={pace} PYTHONPATH={python}")
    path = folder / "pool.toml"
    path.write_text(f'{text}\nsubmit = "{mode}"\n')
    return str(path)


def submit(folder: Path, pallet: Path, file: str, *, slow: bool) -> tuple[Path, str]:
    """Submit a scan; its folder, and the number of the driver's job."""
    told = json.loads(hfx(folder, "submit", str(pallet), "--endpoint", file, "-o", "run", "--json", slow=slow))
    assert told["system"] == "htcondor"
    return Path(told["folder"]), told["job"]


def begun(folder: Path, mode: str) -> Path:
    """A slow scan that is under way, with some results but not all."""
    pallet = fakes.write_pallet(folder / "toy", fakes.grid(6, 5))
    run, _ = submit(folder, pallet, endpoint(folder, mode, slow=True, pace=0.4), slow=True)
    assert engines.until(lambda: len(fitted(run)) > 3, 90), (run / "job" / "driver.log").read_text()
    return run


def whole(folder: Path, run: Path, mode: str) -> None:
    """`attach` goes on with it; then it is complete, and nothing in it was fitted twice."""
    endpoint(folder, mode, slow=True)
    assert " of 30 hypotheses are excluded" in hfx(folder, "attach", str(run))
    assert fitted(run) == dict.fromkeys((f"sig_{a}_{b}" for a, b in fakes.grid(6, 5)), 1)


@modes
def test_the_embedded_run_s_numbers(mode: str, folder: Path) -> None:
    pallet = fakes.write_pallet(folder / "toy", fakes.grid(6, 4))
    run, job = submit(folder, pallet, endpoint(folder, mode, slow=False), slow=False)
    assert f"{job}.0" in htcondor.jobs()
    assert status(folder, run)["job"] == job
    hfx(folder, "attach", str(run))
    wanted = scan(pallet, output=folder / "embedded", context=RunContext(say=lambda _: None))
    for a, b in zip(wanted, load_run(run), strict=True):
        assert [b.CLs_obs, *b.CLs_exp] == pytest.approx([a.CLs_obs, *a.CLs_exp], abs=1e-10)
    assert json.loads((run / "run.json").read_text())["job"] == f"htcondor:{job}"


@modes
def test_cancelled_in_mid_run_and_gone_on_with(mode: str, folder: Path) -> None:
    run = begun(folder, mode)
    assert len(htcondor.jobs()) == (3 if mode == "driver-job" else 1)  # with the workers' two
    out = hfx(folder, "cancel", str(run))
    assert htcondor.jobs() == []
    assert left(folder) == []
    assert 3 < len(fitted(run)) < 30
    assert out == f"stopped {run}: {len(fitted(run))} results kept; to continue: hfx attach {run}\n"
    assert "hfx: stopped; " in (run / "job" / "driver.log").read_text()  # by itself, on SIGTERM
    whole(folder, run, mode)


@modes
def test_a_driver_that_is_killed(mode: str, folder: Path) -> None:
    """The schedd starts it again where it runs beside it; a job of the pool is lost, and `attach` submits it again."""
    run = begun(folder, mode)
    os.kill(json.loads((run / "lock").read_text())["pid"], signal.SIGKILL)
    wanted = "lost" if mode == "one-job" else "running"
    assert engines.until(lambda: status(folder, run)["state"] == wanted, 30)
    assert engines.until(lambda: state(run) == "running", 30), state(run)  # one that is started again begins with its plan
    whole(folder, run, mode)
