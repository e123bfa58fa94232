"""GPU workers on a real Slurm whose nodes declare devices: one device a worker, asked for, and refused where it is not there."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hfx.driver.setup import check_endpoint
from hfx.endpoints import connect, resolve
from tests.conformance import engines
from tests.endpoints import jobs
from tests.engines import slurm


@pytest.fixture(scope="module")
def _up() -> Iterator[None]:
    with engines.ENGINES["slurm"].needs():
        yield


@pytest.fixture
def folder(_up: None, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert engines.until(lambda: not slurm.jobs(), 20), slurm.jobs()


def written(folder: Path, *lines: str) -> str:
    """The battery's endpoint for Slurm, with GPUs."""
    base = engines.ENGINES["slurm"].text(folder).splitlines()
    keys = {line.split(" = ")[0] for line in lines}
    file = folder / "gpus.toml"
    file.write_text("\n".join([*(line for line in base if line.split(" = ")[0] not in keys), 'device = "cuda"', *lines]))
    return str(file)


def seen(file: str, workers: int) -> dict[str, set[str | None]]:
    """What each of so many workers sees, by job."""
    with connect(file) as pool:
        told = [future.result(90) for future in [pool.submit(jobs.devices, {"seconds": 1.0}) for _ in range(4 * workers)]]
        shown = {job: subprocess.check_output(["scontrol", "show", "job", job], text=True) for job in slurm.jobs()}
    assert len({one["pid"] for one in told}) == workers
    for job in {one["job"] for one in told}:
        assert "TresPerNode=gres:gpu" in shown[job], shown[job]  # the endpoint asked for it
    found: dict[str, set[str | None]] = {}
    for one in told:
        found.setdefault(one["job"], set()).add(one["visible"])
    return found


def test_two_workers_of_a_job_see_one_device_each(folder: Path) -> None:
    file = written(folder, "gpus = 2", "init_blocks = 1", "max_blocks = 1", 'directives = ["--nodelist=n1"]')
    (devices,) = seen(file, 2).values()
    assert devices == {"0", "1"}


def test_two_jobs_of_a_node_see_one_device_each(folder: Path) -> None:
    """Slurm here hides nothing: the job that was given the second device must not take the first."""
    found = seen(written(folder, "gpus = 1", 'directives = ["--nodelist=n1"]'), 2)
    assert sorted(map(sorted, found.values())) == [["0"], ["1"]]


def test_workers_without_the_device_that_they_were_promised_are_refused(folder: Path) -> None:
    """Slurm gives the job one device, and two workers were to have one each; and that one, /dev/null, is no GPU for torch."""
    lines = ("gpus = 2", 'gres = "gpu:1"', "init_blocks = 1", "max_blocks = 1")
    found = check_endpoint.check(resolve(written(folder, *lines)), 2, seconds=90)
    visible = {worker.handshake["visible"]: worker for worker in found.workers}
    assert set(visible) == {"0", ""}
    assert visible[""].handshake["device_lacks"] == "device"
    (problem,) = [one for one in found.problems if one.startswith(visible[""].name)]
    assert "no cuda there: its job was given none for it; ask for as many GPUs as there are workers (gpus, gres)" in problem
    if not torch.cuda.is_available():
        told = visible["0"].handshake
        assert told["device_lacks"] == ("build" if torch.version.cuda is None else "driver")
        assert told["cuda"]["torch"] == torch.version.cuda
        assert len(found.problems) == 2
        assert all("or set device = 'cpu'" in one for one in found.problems)
