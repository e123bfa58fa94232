"""The provider for HTCondor: its keys, and the arguments of Parsl's CondorProvider."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.parsl.providers.base import BatchProvider, seconds
from hfx.json_types import JsonObject
from hfx.user_paths import expanded

__all__ = ["HTCondor"]


@dataclass(frozen=True, kw_only=True)
class HTCondor(BatchProvider):
    """Workers in HTCondor jobs: a block is one job of one slot."""

    label: ClassVar[str] = "htcondor"
    parsl_class: ClassVar[str] = "hfx.endpoints.parsl.condor_provider:Pool"
    commands: ClassVar[tuple[str, ...]] = ("condor_submit", "condor_q", "condor_rm")
    remedies: ClassVar[Mapping[str, str]] = {
        "condor_submit": "'condor_q' and 'condor_status' show whether HTCondor answers here: correct requirements or directives"
    }
    project: str | None = toml_fields.word(None)
    requirements: str | None = toml_fields.text(None)
    directives: tuple[str, ...] = toml_fields.lines()
    transfer: tuple[str, ...] = toml_fields.lines()  # files that are copied into the folder of each job

    def arguments(self) -> JsonObject:
        """The arguments of parsl.providers.CondorProvider."""
        gpus = [f"request_gpus = {self.gpus}"] if self.gpus else []
        kept = max(60, round(6 * self.poll_seconds))  # seconds in the queue after its end, for the client to see its exit code
        limits = [
            f"allowed_job_duration = {seconds(self.walltime)}",
            f"leave_in_queue = (JobStatus == 4) && (time() - CompletionDate < {kept})",
        ]
        return {
            **self.blocks(),
            "walltime": self.walltime,
            "cores_per_slot": self.cores or self.cores_of_node,
            "mem_per_slot": None if self.memory_gb is None else float(self.memory_gb),
            "project": self.project or "",
            "requirements": self.requirements or "",
            "transfer_input_files": [os.path.expandvars(expanded(file)) for file in self.transfer],
            "scheduler_options": "\n".join([*limits, *gpus, *self.directives]),
            "launcher": "simple",
        }
