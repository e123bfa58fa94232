"""HTCondor for ``hfx submit``: script and submit description of the driver's job, and HTCondor's commands."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from hfx.endpoints.batch.base import SCRIPT, WARNING, Driver, Job, body, output_of
from hfx.endpoints.parsl.providers.base import seconds
from hfx.endpoints.parsl.providers.htcondor import HTCondor as Provider
from hfx.endpoints.specification import Endpoint

__all__ = ["HTCondor", "description", "script"]

# The variables that the driver's job gets from the environment of `hfx submit`; condor_submit_dag passes a similar list.
_PASSED = "CONDOR_CONFIG,_CONDOR_*,PATH,PYTHONPATH,LD_LIBRARY_PATH,HOME,USER,LOGNAME,LANG,LC_ALL,TZ,HFX_*,XDG_*"

# JobStatus, as HTCondor's manual lists it (appendix "Job ClassAd Attributes").
_STATES = {
    "1": "IDLE",
    "2": "RUNNING",
    "3": "REMOVED",
    "4": "COMPLETED",
    "5": "HELD",
    "6": "TRANSFERRING",
    "7": "SUSPENDED",
}


class HTCondor:
    """HTCondor, through its commands."""

    job_file = "driver.submit"

    def files(self, endpoint: Endpoint, driver: Driver) -> dict[str, str]:
        """The script, and the submit description of the job that runs it."""
        spec = endpoint.spec_as(Provider)
        return {SCRIPT: script(spec, driver), self.job_file: description(spec, driver, driver.folder / SCRIPT)}

    def submit(self, file: Path) -> str:
        """Submit with condor_submit; returns the cluster's number (-terse prints "17.0 - 17.0")."""
        return output_of("condor_submit", "-terse", str(file)).split()[0].split(".")[0]

    def queue(self) -> tuple[Job, ...]:
        """The jobs in the queue; a job's file is its log, because condor_q does not show the submit description."""
        found = output_of("condor_q", "-af:t", "ClusterId", "JobStatus", "HoldReason", "UserLog")
        rows = (line.split("\t", 3) for line in found.splitlines() if line.strip())
        # Completed jobs may stay in the queue (leave_in_queue); they are left out.
        return tuple(
            Job(number, _STATES.get(state, state), "" if why == "undefined" else why, log)
            for number, state, why, log in rows
            if state != "4"
        )

    def warn(self, number: str) -> None:
        """Remove the job, for which condor_rm first sends SIGTERM, as the submit description asks."""
        output_of("condor_rm", number)

    def remove(self, numbers: Sequence[str]) -> None:
        """Remove jobs from the queue, even where their node does not answer."""
        if numbers:
            output_of("condor_rm", *numbers)


def script(spec: Provider, driver: Driver) -> str:
    """The script of the driver's job."""
    # HTCondor empties a job's output file when it starts again; the script appends to the log instead.
    return "\n".join(["#!/bin/bash", f"exec >>{shlex.quote(str(driver.log))} 2>&1", *body(spec, driver)])


def description(spec: Provider, driver: Driver, script: Path) -> str:
    """The submit description for condor_submit, of a job that runs `script`.

    A driver-job runs in the scheduler universe, on the machine that submits, as DAGMan does: it needs no slot, and the
    jobs that it submits go to the same queue. In either universe SIGTERM comes some time before SIGKILL.
    """
    small = spec.submit_as == "driver-job"
    where = _on_this_machine() if small else _in_the_pool(spec)
    pairs = {
        "batch_name": _literal(driver.name),
        "initialdir": _literal(driver.folder),
        "log": _literal(driver.folder / "condor.log"),
        "environment": '"HFX_JOB=htcondor:$(Cluster)"',
        "getenv": _PASSED,
        "notification": "never",
        **where,
        "executable": _literal(script) if small else "/bin/bash",
        **({} if small else {"arguments": f'"{_literal(_argument(script))}"'}),
    }
    lines = [f"{name} = {value}" for name, value in pairs.items()]
    return "\n".join([*lines, *(spec.submit_directives or ([] if small else spec.directives)), "queue", ""])


def _on_this_machine() -> Mapping[str, str]:
    return {
        "universe": "scheduler",
        "remove_kill_sig": "SIGTERM",
        # A driver that a signal has killed is started again and continues from results.jsonl; one that exits is done.
        "on_exit_remove": "ExitBySignal == False",
    }


def _in_the_pool(spec: Provider) -> Mapping[str, str | int]:
    """The same as for Parsl's own jobs: the execute nodes see the folders of the client."""
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


def _literal(text: str | Path) -> str:
    """A text in which HTCondor sees no macro."""
    return str(text).replace("$", "$(DOLLAR)")


def _argument(path: Path) -> str:
    """One argument in HTCondor's newer syntax: in single quotes, with each quote in it doubled."""
    return "'" + str(path).replace("'", "''").replace('"', '""') + "'"
