"""Slurm for ``hfx submit``: the script of the driver's job, and Slurm's commands."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hfx.endpoints.batch.base import SCRIPT, WARNING, Driver, Job, body, output_of
from hfx.endpoints.parsl.providers.base import seconds
from hfx.endpoints.parsl.providers.slurm import Slurm as Provider
from hfx.endpoints.specification import Endpoint

__all__ = ["Slurm", "script"]


class Slurm:
    """Slurm, through its commands."""

    job_file = SCRIPT

    def files(self, endpoint: Endpoint, driver: Driver) -> dict[str, str]:
        """The script for sbatch."""
        return {SCRIPT: script(endpoint.spec_as(Provider), driver)}

    def submit(self, file: Path) -> str:
        """Submit with sbatch; returns a number such as "17"."""
        return output_of("sbatch", "--parsable", str(file)).strip().split(";")[0]

    def queue(self) -> tuple[Job, ...]:
        """The jobs that wait, run or are ending; a job's file is its script."""
        rows = (line.split("\t", 3) for line in output_of("squeue", "--me", "-h", "-o", "%i\t%T\t%r\t%o").splitlines())
        return tuple(Job(number, state, "" if why == "None" else why, file) for number, state, why, file in rows)

    def warn(self, number: str) -> None:
        """Send SIGTERM to the job's script only: the driver has replaced its shell."""
        output_of("scancel", "--batch", "--signal=TERM", number)

    def remove(self, numbers: Sequence[str]) -> None:
        """Cancel with SIGTERM, and SIGKILL after the site's KillWait."""
        if numbers:
            output_of("scancel", *numbers)


def script(spec: Provider, driver: Driver) -> str:
    """The script of the driver's job, for sbatch."""
    small = spec.submit_as == "driver-job"
    words = [
        f"--job-name={shlex.quote(driver.name)}",
        f"--output={shlex.quote(str(driver.log).replace('%', '%%'))}",
        "--open-mode=append",  # a requeued job continues the same log
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={1 if small else spec.cores or spec.cores_of_node}",
        f"--time={spec.driver_walltime}",
        f"--signal=B:TERM@{_warning(spec.driver_walltime)}",
        *_site(spec),
        *([] if small else _size(spec)),
        # Of contradicting options Slurm takes the last: the site's own directives stand at the end.
        *(line.strip().removeprefix("#SBATCH").strip() for line in spec.submit_directives or spec.directives),
    ]
    lines = ["#!/bin/bash", *(f"#SBATCH {word}" for word in words if word), ""]
    # The job's number is saved first: the next lines may unset Slurm's variable for it.
    lines.append("export HFX_JOB=slurm:$SLURM_JOB_ID")
    if small:
        lines.append("# sbatch and srun take what they are not told from these, and would give the workers this job's size")
        lines.append('for name in ${!SLURM_@}; do [ "$name" = SLURM_CONF ] || unset "$name"; done')
    return "\n".join([*lines, *body(spec, driver)])


def _warning(walltime: str) -> int:
    """Seconds before the walltime's end for the signal; fewer for a short walltime, since Slurm may be a minute early."""
    return min(WARNING, seconds(walltime) // 4)


def _site(spec: Provider) -> list[str]:
    given = {name: getattr(spec, name) for name in ("account", "partition", "qos", "constraint", "reservation")}
    return [f"--{name}={value}" for name, value in given.items() if value]


def _size(spec: Provider) -> list[str]:
    """The options for the memory and GPUs that the workers need on the driver's node."""
    gpus = f"--gres={spec.gres}" if spec.gres else f"--gpus-per-node={spec.gpus}" if spec.gpus else ""
    memory = f"--mem={spec.memory_gb}g" if spec.memory_gb else ""
    return [memory, gpus, "--exclusive" if spec.exclusive else ""]
