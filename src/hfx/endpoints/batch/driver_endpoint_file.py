"""The endpoint file that the driver of a batch job uses, as pure text."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from hfx.endpoints.parsl.configuration import check_for_scripts
from hfx.endpoints.parsl.providers.base import BatchProvider
from hfx.endpoints.specification import Endpoint
from hfx.json_types import JsonValue

__all__ = ["endpoint_file"]


def endpoint_file(endpoint: Endpoint, folder: Path) -> str | None:
    """The endpoint of a batch system as its driver uses it, as TOML; None for any other endpoint.

    Args:
        endpoint: as the user gave it.
        folder: for the job scripts and logs of the workers.

    Raises:
        EndpointError: the job scripts cannot lie in the folder.
    """
    spec = endpoint.spec
    if not isinstance(spec, BatchProvider):
        return None
    if spec.submit_as != "one-job" or spec.gpus > 1:
        check_for_scripts(folder.absolute(), str(endpoint), "give another output folder (-o)")
    if spec.submit_as == "one-job":
        return _toml(_in_one_job(spec, folder))
    changed = dataclasses.replace(spec, submit=None, submit_walltime=None, submit_directives=(), run_dir=str(folder))
    if spec.submit_as == "driver-job":
        # The address is one of the machine on which the file was written, not of the node on which the driver will run.
        changed = dataclasses.replace(changed, address=None)
    values = {f.name: getattr(changed, f.name) for f in dataclasses.fields(changed) if getattr(changed, f.name) != f.default}
    return _toml({"engine": endpoint.engine, "provider": spec.label, **values})


def _in_one_job(spec: BatchProvider, folder: Path) -> Mapping[str, JsonValue]:
    """The workers in the driver's own job: processes, started by Parsl where each needs a GPU of its own."""
    size = {"workers": spec.workers_per_node, "threads": spec.threads}
    if spec.gpus > 1:
        return {"engine": "parsl", "provider": "local", **size, "gpus": spec.gpus, "device": "cuda", "run_dir": str(folder)}
    return {"engine": "process", **size, "device": "cuda" if spec.gpus else "cpu"}


def _toml(content: Mapping[str, JsonValue]) -> str:
    """A table of flat keys; without unneeded escapes a JSON string is a TOML string."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in content.items())
