"""The Globus Compute endpoint's own files in ``configs/globus``: what its own code makes of them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2.meta
import jsonschema
import pytest
import yaml
from globus_compute_endpoint.endpoint.config.utils import load_config_yaml, render_config_user_template

from hfx.endpoints import templates

SITES = ("slurm", "htcondor")
FULL: dict[str, dict[str, Any]] = {
    "slurm": {
        "partition": "gpu",
        "account": "atlas",
        "qos": "high",
        "constraint": "epyc&ib",
        "walltime": "02:30:00",
        "workers_per_node": 4,
        "gpus_per_node": 4,
        "init_blocks": 2,
        "max_blocks": 8,
        "idle_seconds": 30,
    },
    "htcondor": {
        "workers_per_slot": 2,
        "memory_gb": 3.5,
        "requirements": "(OpSysMajorVer == 9)",
        "walltime": "02:30:00",
        "init_blocks": 8,
        "max_blocks": 80,
        "idle_seconds": 30,
    },
}


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsl leaves sockets open where it looks for the addresses of a machine."""
    monkeypatch.setattr("parsl.addresses.get_all_addresses", lambda: {"127.0.0.1"})
    monkeypatch.setattr("parsl.executors.high_throughput.executor.get_all_addresses", lambda: {"127.0.0.1"}, raising=False)


def rendered(site: str, values: dict[str, Any]) -> str:
    files = templates.files(f"globus-{site}")
    identity: Any = SimpleNamespace(
        local_user_record=SimpleNamespace(pw_name="ann", pw_gecos="", pw_dir="/", pw_uid=1, pw_gid=1, pw_shell="/bin/sh"),
        matched_identity=None,
        globus_identity_candidates=[],
    )
    return render_config_user_template(
        load_config_yaml(files["config.yaml"]),
        files["user_config_template.yaml.j2"],
        Path("user_config_template.yaml.j2"),
        identity,
        json.loads(files["user_config_schema.json"]),
        values,
        {},
    )


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("site", SITES)
def test_the_endpoint_takes_them_as_they_are_and_with_every_value(site: str, full: bool) -> None:
    made = load_config_yaml(rendered(site, FULL[site] if full else {}))
    provider = made.engine.executor.provider
    assert type(provider).__name__ == {"slurm": "SlurmProvider", "htcondor": "CondorProvider"}[site]
    assert provider.walltime == ("02:30:00" if full else "01:00:00")
    assert (provider.init_blocks, provider.max_blocks) == {
        "slurm": (2, 8) if full else (1, 4),
        "htcondor": (8, 80) if full else (4, 64),
    }[site]
    assert made.engine.max_retries_on_system_failure == 0
    assert "OMP_NUM_THREADS=1" in provider.worker_init
    if full and site == "slurm":
        assert (provider.partition, provider.account, provider.qos, provider.constraint) == ("gpu", "atlas", "high", "epyc&ib")
        assert made.engine.executor.available_accelerators == ["0", "1", "2", "3"]
        assert made.engine.executor.max_workers_per_node == 4
    if full and site == "htcondor":
        assert provider.requirements == "(OpSysMajorVer == 9)"
        assert provider.mem_per_slot == 3.5


@pytest.mark.parametrize("site", SITES)
def test_nothing_is_downloaded_and_every_value_is_known_to_the_schema(site: str) -> None:
    files = templates.files(f"globus-{site}")
    template = files["user_config_template.yaml.j2"]
    assert not {"curl", "wget", "pip install", "uv "} & {
        word for word in ("curl", "wget", "pip install", "uv ") if word in template
    }
    used = jinja2.meta.find_undeclared_variables(jinja2.Environment().parse(template))
    known = set(json.loads(files["user_config_schema.json"])["properties"])
    assert used == known == set(FULL[site])
    assert yaml.safe_load(files["config.yaml"])["display_name"] == "hfx"


@pytest.mark.parametrize(
    ("site", "values"),
    [
        ("slurm", {"partition": "cpu\n#SBATCH --uid=0"}),
        ("slurm", {"walltime": "1h"}),
        ("slurm", {"worker_init": "rm -r /"}),
        ("htcondor", {"requirements": 'true"\nqueue 9'}),
    ],
)
def test_values_that_could_do_harm_are_refused(site: str, values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, jsonschema.ValidationError)):
        rendered(site, values)
