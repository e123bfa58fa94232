"""The endpoint file that the driver of a batch job uses, and the ways in which a driver runs."""

import tomllib
from pathlib import Path

import pytest

from hfx.endpoints.batch.driver_endpoint_file import endpoint_file
from hfx.endpoints.specification import Endpoint, parse
from hfx.errors import EndpointError
from tests.endpoints.batch.endpoint_texts import POOL, RIVER, told


@pytest.mark.parametrize(
    ("more", "mode"),
    [
        ((), "one-job"),
        (("max_blocks = 2",), "driver-job"),
        (("nodes = 2",), "driver-job"),
        (("max_blocks = 2", 'submit = "one-job"'), "one-job"),
        (('submit = "here"',), "here"),
    ],
)
def test_how_a_scan_is_handed_over(more: tuple[str, ...], mode: str) -> None:
    assert told('engine = "parsl"\nprovider = "slurm"', *more).spec.submit_as == mode


def test_workers_on_two_nodes_do_not_fit_into_the_driver_s_job() -> None:
    with pytest.raises(EndpointError, match="nodes = 2: give submit = 'driver-job', or nodes = 1"):
        told('engine = "parsl"\nprovider = "slurm"\nnodes = 2\nsubmit = "one-job"')
    with pytest.raises(EndpointError, match="give one of driver-job, one-job, here"):
        told('engine = "parsl"\nprovider = "slurm"\nsubmit = "two-jobs"')


def read(endpoint: Endpoint) -> Endpoint:
    """The endpoint that the driver has, read from its file."""
    text = endpoint_file(endpoint, Path("/run/job/parsl"))
    assert text is not None
    return parse(tomllib.loads(text), "river", None)


@pytest.mark.parametrize("text", [RIVER, POOL + "max_blocks = 3", RIVER + 'ports = [54000, 54100]\nrun_dir = "/elsewhere"'])
def test_the_driver_s_job_has_the_user_s_endpoint(text: str) -> None:
    """All of it, but for where the scripts of the workers' jobs go."""
    wanted, found = vars(told(text).spec), vars(read(told(text)).spec)
    assert {key for key in wanted if wanted[key] != found[key]} == {"run_dir"}
    assert found["run_dir"] == "/run/job/parsl"


def test_the_login_node_s_address_is_not_the_driver_s() -> None:
    text = 'engine = "parsl"\nprovider = "slurm"\nmax_blocks = 2\naddress = "10.1.2.3"'
    assert read(told(text)).spec.address is None
    assert read(told(text, 'submit = "here"')).spec.address == "10.1.2.3"


def test_workers_within_the_driver_s_job() -> None:
    found = read(told(RIVER, 'submit = "one-job"'))
    assert (found.engine, found.workers(1), found.settings) == ("process", 16, {"threads": 2, "device": "cpu"})
    one = read(told('engine = "parsl"\nprovider = "slurm"\ngpus = 1'))
    assert (one.engine, one.workers(1), one.settings) == ("process", 1, {"threads": 1, "device": "cuda"})
    four = read(told('engine = "parsl"\nprovider = "slurm"\ngpus = 4\ndevice = "cuda"'))
    assert (four.engine, four.spec.label, four.spec.gpus, four.workers(1)) == ("parsl", "local", 4, 4)


def test_an_endpoint_without_a_batch_system_needs_no_file() -> None:
    assert endpoint_file(told('engine = "process"'), Path("/run/job/parsl")) is None


@pytest.mark.parametrize("more", ["max_blocks = 2", "gpus = 2"])
def test_a_run_s_folder_that_a_shell_would_read_is_refused(more: str) -> None:
    endpoint = told('engine = "parsl"\nprovider = "slurm"', more)
    with pytest.raises(EndpointError, match=r"its job scripts cannot lie in '/run 1/job/parsl': .* give another output folder"):
        endpoint_file(endpoint, Path("/run 1/job/parsl"))


def test_processes_need_no_such_folder() -> None:
    assert endpoint_file(told('engine = "parsl"\nprovider = "slurm"'), Path("/run 1/job/parsl"))
