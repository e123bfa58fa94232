"""The batch job that `hfx submit` hands a whole scan to: its script and its endpoint file, as pure text.

The driver is the job's own process (``exec``): the batch system's signals reach it, not a shell that waits for it. It gets its
workers as the endpoint's `submit` says:

- driver-job: a small job, which submits the workers' jobs from where it runs, as hfx does on a login node;
- one-job: the workers are processes within the driver's own job, which is as large as one of the workers' jobs.
"""

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hfx.endpoints.parsl.providers import HTCondor, Slurm, seconds
from hfx.endpoints.specification import Endpoint

__all__ = ["WARNING", "Driver", "endpoint_file", "htcondor", "script", "slurm"]

# Seconds before the walltime's end at which the driver is told to stop: it ends its jobs and writes down where it is.
WARNING = 60

# What the driver's job takes over from the environment of `hfx submit` on HTCondor, as condor_submit_dag has it.
_TAKEN = "CONDOR_CONFIG,_CONDOR_*,PATH,PYTHONPATH,LD_LIBRARY_PATH,HOME,USER,LOGNAME,LANG,LC_ALL,TZ,HFX_*,XDG_*"


@dataclass(frozen=True)
class Driver:
    """What a driver's job runs: `words` of a command line, with `environment`; script and log lie in `folder`."""

    name: str
    folder: Path
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""
        return self.folder / "driver.log"


def slurm(spec: Slurm, driver: Driver) -> str:
    """The script for sbatch."""
    small = spec.submit_as == "driver-job"
    words = [
        f"--job-name={shlex.quote(driver.name)}",
        f"--output={shlex.quote(str(driver.log).replace('%', '%%'))}",
        "--open-mode=append",  # a job that is requeued goes on in the same log
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={1 if small else spec.cores or spec.cores_of_node}",
        f"--time={spec.driver_walltime}",
        f"--signal=B:TERM@{_warning(spec.driver_walltime)}",
        *_site(spec),
        *([] if small else _size(spec)),
        # Of two that say the same the last counts: what a site wants stands at the end.
        *(line.strip().removeprefix("#SBATCH").strip() for line in spec.submit_directives or spec.directives),
    ]
    lines = ["#!/bin/bash", *(f"#SBATCH {word}" for word in words if word), ""]
    # Slurm's name for the job goes first: the next lines may drop it.
    lines.append("export HFX_JOB=slurm:$SLURM_JOB_ID")
    if small:
        lines.append("# sbatch and srun take what they are not told from these, and would give the workers this job's size")
        lines.append('for name in ${!SLURM_@}; do [ "$name" = SLURM_CONF ] || unset "$name"; done')
    return "\n".join([*lines, *_body(spec, driver)])


def _warning(walltime: str) -> int:
    """The same, less where the walltime is short: Slurm may be a minute early."""
    return min(WARNING, seconds(walltime) // 4)


def _site(spec: Slurm) -> list[str]:
    given = {name: getattr(spec, name) for name in ("account", "partition", "qos", "constraint", "reservation")}
    return [f"--{name}={value}" for name, value in given.items() if value]


def _size(spec: Slurm) -> list[str]:
    """What the workers need of the driver's node."""
    gpus = f"--gres={spec.gres}" if spec.gres else f"--gpus-per-node={spec.gpus}" if spec.gpus else ""
    memory = f"--mem={spec.memory_gb}g" if spec.memory_gb else ""
    return [memory, gpus, "--exclusive" if spec.exclusive else ""]


def script(spec: HTCondor, driver: Driver) -> str:
    """The script that HTCondor's job runs."""
    # HTCondor empties an output file when a job starts again; the log goes on.
    return "\n".join(["#!/bin/bash", f"exec >>{shlex.quote(str(driver.log))} 2>&1", *_body(spec, driver)])


def _body(spec: Slurm | HTCondor, driver: Driver) -> list[str]:
    exported = [f"export {name}={shlex.quote(value)}" for name, value in driver.environment.items()]
    return [spec.setup(), *exported, f"exec {shlex.join(driver.words)}", ""]


def htcondor(spec: HTCondor, driver: Driver, script: Path) -> str:
    """The submit description for condor_submit, of a job that runs `script`.

    A driver-job runs in the scheduler universe, on the machine that submits, as DAGMan does: it takes no slot, and what it
    submits goes to the same queue. SIGTERM, and time to heed it, comes before SIGKILL either way.
    """
    small = spec.submit_as == "driver-job"
    where = _on_this_machine() if small else _in_the_pool(spec)
    pairs = {
        "batch_name": driver.name,
        "initialdir": driver.folder,
        "log": driver.folder / "condor.log",
        "environment": '"HFX_JOB=htcondor:$(Cluster)"',
        "getenv": _TAKEN,
        "notification": "never",
        **where,
        "executable": script if small else "/bin/bash",
        **({} if small else {"arguments": f'"{_argument(script)}"'}),
    }
    lines = [f"{name} = {value}" for name, value in pairs.items()]
    return "\n".join([*lines, *(spec.submit_directives or ([] if small else spec.directives)), "queue", ""])


def _on_this_machine() -> dict[str, Any]:
    return {
        "universe": "scheduler",
        "remove_kill_sig": "SIGTERM",
        # Killed by a signal it is started again, and goes on from results.jsonl; one that ends has said why.
        "on_exit_remove": "ExitBySignal == False",
    }


def _in_the_pool(spec: HTCondor) -> dict[str, Any]:
    """As Parsl's own jobs: the execute nodes see the folders of the client."""
    memory = {"request_memory": 1024 * spec.memory_gb} if spec.memory_gb else {}
    gpus = {"request_gpus": spec.gpus} if spec.gpus else {}
    project = {"+projectname": spec.project} if spec.project else {}
    requirements = {"requirements": spec.requirements} if spec.requirements else {}
    return {
        "universe": "vanilla",
        "should_transfer_files": "YES",
        "transfer_executable": "False",
        "when_to_transfer_output": "ON_EXIT",
        "request_cpus": spec.cores or spec.cores_of_node,
        **memory,
        **gpus,
        "allowed_job_duration": seconds(spec.driver_walltime),
        "want_graceful_removal": "True",
        "kill_sig": "SIGTERM",
        "job_max_vacate_time": WARNING,
        **requirements,
        **project,
    }


def _argument(path: Path) -> str:
    """One argument in HTCondor's newer syntax: in single quotes, each quote within doubled."""
    return "'" + str(path).replace("'", "''").replace('"', '""') + "'"


def endpoint_file(endpoint: Endpoint, folder: Path) -> str:
    """The endpoint as the driver uses it, as TOML; `folder`: where its workers' job scripts and logs go."""
    spec = endpoint.spec
    keep: dict[str, Any] = {"submit": None, "submit_walltime": None, "submit_directives": ()}
    if spec.submit_as == "one-job":
        return _toml(_within(spec, folder))
    if spec.submit_as == "driver-job":
        keep["address"] = None  # that of the machine on which it was written, not of the node that the driver gets
    told = replace(spec, **keep, run_dir=str(folder))
    changed = {f.name: getattr(told, f.name) for f in dataclasses.fields(told) if getattr(told, f.name) != f.default}
    return _toml({"engine": endpoint.engine, "provider": spec.label, **changed})


def _within(spec: Slurm | HTCondor, folder: Path) -> dict[str, Any]:
    """Workers in the driver's own job: processes; through Parsl where each wants a GPU of its own."""
    size = {"workers": spec.workers_per_node, "threads": spec.threads}
    if spec.gpus > 1:
        return {"engine": "parsl", "provider": "local", **size, "gpus": spec.gpus, "device": "cuda", "run_dir": str(folder)}
    return {"engine": "process", **size, "device": "cuda" if spec.gpus else "cpu"}


def _toml(content: Mapping[str, Any]) -> str:
    """Flat keys; a string of JSON is one of TOML where it is not escaped more than it must be."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in content.items())
