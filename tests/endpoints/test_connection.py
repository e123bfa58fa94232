"""The endpoints of a scan as one value: resolved once, what the driver asks of them, and their executor."""

from pathlib import Path

import pytest

from hfx.endpoints import Endpoints
from hfx.errors import EndpointError
from tests.endpoints.jobs import echo


def _file(folder: Path, name: str, *lines: str) -> str:
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_the_default_is_this_process() -> None:
    found = Endpoints.of()
    assert (str(found), len(found), found.workers(3), found.most_bytes) == ("embedded", 1, 3, None)
    assert found.on_this_machine
    assert found.have_child_workers
    assert found.devices_of_this_machine("cuda") == ("cuda",)


def test_several_endpoints(tmp_path: Path) -> None:
    river = _file(tmp_path, "river", 'engine = "parsl"', 'provider = "slurm"', "workers = 5", "gpus = 5")
    lake = _file(tmp_path, "lake", 'engine = "globus"', 'endpoint_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"')
    found = Endpoints.of([river, "process", river, lake])
    assert str(found) == "river and process and lake"
    assert found.workers(2) == 5 + 2 + 8
    assert found.devices("cpu") == ("cuda", "cpu", "cpu")
    assert found.devices_of_this_machine("cpu") == ("cpu",)
    assert found.most_bytes == 9_900_000
    assert not found.on_this_machine
    assert found.have_child_workers
    assert not Endpoints.of([river, lake]).have_child_workers


def test_local_workers_of_parsl_are_on_this_machine_but_no_children(tmp_path: Path) -> None:
    found = Endpoints.of(_file(tmp_path, "here", 'engine = "parsl"', 'provider = "local"'))
    assert found.on_this_machine
    assert not found.have_child_workers


def test_the_file_is_read_once(tmp_path: Path) -> None:
    name = _file(tmp_path, "here", 'engine = "inline"', "workers = 2")
    found = Endpoints.of(name)
    Path(name).unlink()
    with found.connect() as pool:
        assert pool.submit(echo, {"x": 21}).result()
    with pytest.raises(EndpointError, match="no such file"):
        Endpoints.of(name)
