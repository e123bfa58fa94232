"""The provider for Slurm: its keys, and the arguments of Parsl's SlurmProvider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.parsl.providers.base import BatchProvider
from hfx.json_types import JsonObject

__all__ = ["Slurm"]


@dataclass(frozen=True, kw_only=True)
class Slurm(BatchProvider):
    """Workers in Slurm jobs: a block is one job of `nodes` nodes."""

    label: ClassVar[str] = "slurm"
    parsl_class: ClassVar[str] = "parsl.providers:SlurmProvider"
    commands: ClassVar[tuple[str, ...]] = ("sbatch", "squeue", "scancel")
    remedies: ClassVar[Mapping[str, str]] = {
        "sbatch": "'sinfo' shows whether Slurm answers here and its partitions: correct partition, account or directives"
    }
    nodes: int = toml_fields.whole(1)
    account: str | None = toml_fields.word(None)
    partition: str | None = toml_fields.word(None)
    qos: str | None = toml_fields.word(None)
    constraint: str | None = toml_fields.word(None)
    reservation: str | None = toml_fields.word(None)
    gres: str | None = toml_fields.word(None)  # instead of --gpus-per-node, such as "gpu:a100:4"
    exclusive: bool = toml_fields.switch(False)
    directives: tuple[str, ...] = toml_fields.lines()
    launcher: str | None = toml_fields.choice(None, "simple", "srun", "single")

    @property
    def nodes_per_block(self) -> int:
        """The number of nodes of one job."""
        return self.nodes

    def arguments(self) -> JsonObject:
        """The arguments of parsl.providers.SlurmProvider."""
        return {
            **self.blocks(),
            "walltime": self.walltime,
            "account": self.account,
            "partition": self.partition,
            "qos": self.qos,
            "constraint": self.constraint,
            "exclusive": self.exclusive,
            "cores_per_node": self.cores or self.cores_of_node,
            "mem_per_node": self.memory_gb,
            "gpus_per_node": None if self.gres else self.gpus or None,
            "gres": self.gres,
            "scheduler_options": "\n".join(self._options()),
            "launcher": self.starts_with,
        }

    @property
    def starts_with(self) -> str:
        """The name of the launcher, which starts the workers of each node."""
        return self.launcher or ("srun" if self.nodes > 1 else "simple")

    def _options(self) -> list[str]:
        words = [line.strip().removeprefix("#SBATCH").strip() for line in self.directives]
        if self.reservation:
            words.append(f"--reservation={self.reservation}")
        # Slurm is to warn the worker pools: with the simple launcher the pool has replaced the job's shell (B:); with srun
        # each node has a pool, and the signal goes to the job's steps.
        to = {"simple": "B:", "srun": ""}.get(self.starts_with)
        if to is not None and not any(word.startswith("--signal") for word in words):
            words.append(f"--signal={to}USR1@{self.warning_seconds}")
        return [f"#SBATCH {word}" for word in words if word]
