"""Where Parsl gets its workers: the specifications of local, slurm, htcondor and kubernetes, and what Parsl is told.

Pure: no package of Parsl is imported here. A block is one job (one pod) of `nodes` nodes.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.parsl.environment import exports, path_of_this_python

__all__ = ["HTCondor", "Kubernetes", "Local", "Provider", "Slurm", "seconds"]


def seconds(walltime: str) -> int:
    """Seconds of "HH:MM:SS"."""
    hours, minutes, rest = map(int, walltime.split(":"))
    return 3600 * hours + 60 * minutes + rest


@dataclass(frozen=True, kw_only=True)
class Provider:
    """What all providers have in common; raises `ValueError` where values do not go together."""

    workers: int | None = toml_fields.whole(None)  # on each node
    threads: int = toml_fields.whole(1)  # of each worker
    device: str | None = toml_fields.device()
    gpus: int = toml_fields.whole(0, least=0)  # on each node; one worker each
    min_blocks: int = toml_fields.whole(0, least=0)
    init_blocks: int | None = toml_fields.whole(None, least=0)
    max_blocks: int = toml_fields.whole(1)
    idle_seconds: float = toml_fields.number(120.0, least=0)  # after which blocks are given back
    worker_init: tuple[str, ...] = toml_fields.lines()
    prefix: str | None = toml_fields.text(None)  # of the workers' command, as "apptainer exec hfx.sif"
    address: str | None = toml_fields.text(None)  # on which the workers call back
    interface: str | None = toml_fields.text(None)  # or the network interface that has it
    ports: tuple[int, int] | None = toml_fields.ports()
    run_dir: str | None = toml_fields.text(None)  # job scripts and logs; the workers must see it
    lost_after: int = toml_fields.whole(60, least=2)  # seconds without a sign of life
    poll_seconds: float = toml_fields.number(10.0, least=0.1)  # between looks at the queue
    encrypted: bool = toml_fields.switch(True)

    label: ClassVar[str]
    commands: ClassVar[tuple[str, ...]] = ()  # that the client needs
    whose_devices: ClassVar[str] = "node"

    def __post_init__(self) -> None:
        if self.min_blocks > self.max_blocks:
            raise ValueError(f"min_blocks = {self.min_blocks} is more than max_blocks = {self.max_blocks}; raise max_blocks")
        if self.init_blocks is not None and not self.min_blocks <= self.init_blocks <= self.max_blocks:
            raise ValueError(f"init_blocks = {self.init_blocks} lies outside min_blocks and max_blocks; change one of them")
        if self.address and self.interface:
            raise ValueError("address and interface are two ways to say one thing; leave one out")
        if self.gpus and self.device == "cpu":
            raise ValueError(f"gpus = {self.gpus} with device = 'cpu': give device = 'cuda', or leave gpus out")
        if self.device not in (None, "cpu", "cuda"):
            raise ValueError(f"device = {self.device!r}: each worker sees one GPU of its own; give device = 'cuda'")
        if self.device == "cuda" and not self.gpus:
            raise ValueError("device = 'cuda' without gpus: say how many GPUs a node has, as gpus = 4")
        if self.gpus and self.workers is not None and self.workers > self.gpus:
            raise ValueError(f"workers = {self.workers} on {self.gpus} GPUs: at most one worker a GPU; leave workers out")

    @property
    def settings(self) -> dict[str, Any]:
        """What its workers put in the place of a task's own."""
        return {"threads": self.threads, "device": "cuda" if self.gpus else "cpu"}

    @property
    def nodes_per_block(self) -> int:
        """Nodes of one job."""
        return 1

    @property
    def workers_per_node(self) -> int:
        """Workers on each node."""
        return self.workers or self.gpus or 1

    @property
    def start_blocks(self) -> int:
        """Blocks at the start."""
        return max(self.min_blocks, 1) if self.init_blocks is None else self.init_blocks

    def most_workers(self, cores: int) -> int:
        """Workers when all blocks are there."""
        return self.workers_per_node * self.nodes_per_block * self.max_blocks

    def first_workers(self) -> int:
        """Workers of the blocks of the start."""
        return self.workers_per_node * self.nodes_per_block * max(1, self.start_blocks)

    def setup(self) -> str:
        """What a job's script does before the worker starts."""
        own = self.worker_init or path_of_this_python()
        return "\n".join((*exports(), *self.devices(), *own))

    def devices(self) -> tuple[str, ...]:
        """Lines that give each worker one device: of those of the node, or of those that the job was given."""
        return (f"export HFX_DEVICES={self.whose_devices}",) if self.gpus else ()

    def blocks(self) -> dict[str, Any]:
        """The arguments that every provider of Parsl takes."""
        return {
            "init_blocks": self.start_blocks,
            "min_blocks": self.min_blocks,
            "max_blocks": self.max_blocks,
            "nodes_per_block": self.nodes_per_block,
            "worker_init": self.setup(),
        }

    def arguments(self) -> dict[str, Any]:
        """The arguments of Parsl's provider; ``launcher`` is the name of one."""
        return self.blocks()

    def drain_period(self) -> int | None:
        """Seconds after which a block takes no more tasks, so that its end cuts none short."""
        return None

    @property
    def cores_of_node(self) -> int:
        """Cores that the workers of a node use."""
        return self.workers_per_node * self.threads


@dataclass(frozen=True, kw_only=True)
class Local(Provider):
    """Workers on this machine, through Parsl: to try out what a cluster does."""

    label: ClassVar[str] = "local"
    poll_seconds: float = toml_fields.number(0.5, least=0.1)

    @property
    def workers_per_node(self) -> int:
        """Workers on this machine, in each block."""
        return self.workers or self.gpus or 2


@dataclass(frozen=True, kw_only=True)
class _Batch(Provider):
    """What batch systems have in common."""

    whose_devices: ClassVar[str] = "job"
    walltime: str = toml_fields.walltime("01:00:00")
    cores: int | None = toml_fields.whole(None)  # of each node; default: those that the workers use
    memory_gb: int | None = toml_fields.whole(None)  # of each node
    warning_seconds: int = toml_fields.whole(120)  # before the walltime's end, when workers take no more tasks
    submit: str | None = toml_fields.choice(None, "driver-job", "one-job", "here")  # how `hfx submit` hands a scan over
    submit_walltime: str | None = toml_fields.walltime(None)  # of the driver's job
    submit_directives: tuple[str, ...] = toml_fields.lines()  # for the driver's job, in the place of directives

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.submit == "one-job" and self.nodes_per_block > 1:
            raise ValueError(
                f"submit = 'one-job' has its workers in the driver's own job, on one node, and nodes = {self.nodes_per_block}: "
                "give submit = 'driver-job', or nodes = 1"
            )
        if self.cores is not None and self.cores < self.cores_of_node:
            raise ValueError(
                f"cores = {self.cores} for {self.workers_per_node} workers of {self.threads} threads: "
                f"give {self.cores_of_node} or more, or leave cores out"
            )

    def drain_period(self) -> int | None:
        whole = seconds(self.walltime)
        return max(whole - self.warning_seconds, whole // 2, 1)

    @property
    def submit_as(self) -> str:
        """How `hfx submit` hands a scan over: "driver-job", "one-job" or "here".

        Where all workers fit into one job of one node, they run in the driver's own: one wait in the queue, no job that
        submits jobs (many sites forbid it on compute nodes), nobody who calls back over the network. More workers than
        that want jobs of their own, which come and go with the tasks; the driver's then is a small one.
        """
        return self.submit or ("one-job" if self.nodes_per_block * self.max_blocks == 1 else "driver-job")

    @property
    def driver_walltime(self) -> str:
        """The time that the driver's job asks for: by default that of the workers' jobs, which the site is known to grant."""
        return self.submit_walltime or self.walltime


@dataclass(frozen=True, kw_only=True)
class Slurm(_Batch):
    """Blocks are Slurm jobs."""

    label: ClassVar[str] = "slurm"
    commands: ClassVar[tuple[str, ...]] = ("sbatch", "squeue", "scancel")
    nodes: int = toml_fields.whole(1)
    account: str | None = toml_fields.text(None)
    partition: str | None = toml_fields.text(None)
    qos: str | None = toml_fields.text(None)
    constraint: str | None = toml_fields.text(None)
    reservation: str | None = toml_fields.text(None)
    gres: str | None = toml_fields.text(None)  # in place of --gpus-per-node, as "gpu:a100:4"
    exclusive: bool = toml_fields.switch(False)
    directives: tuple[str, ...] = toml_fields.lines()
    launcher: str | None = toml_fields.choice(None, "simple", "srun", "single")

    @property
    def nodes_per_block(self) -> int:
        """Nodes of one job."""
        return self.nodes

    def arguments(self) -> dict[str, Any]:
        """As the keywords of parsl.providers.SlurmProvider."""
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
        """The launcher: what starts the workers of each node."""
        return self.launcher or ("srun" if self.nodes > 1 else "simple")

    def _options(self) -> list[str]:
        words = [line.strip().removeprefix("#SBATCH").strip() for line in self.directives]
        if self.reservation:
            words.append(f"--reservation={self.reservation}")
        # The job's shell has become the pool of workers; with srun each node has one, and the shell is no place for a signal.
        to = {"simple": "B:", "srun": ""}.get(self.starts_with)
        if to is not None and not any(word.startswith("--signal") for word in words):
            words.append(f"--signal={to}USR1@{self.warning_seconds}")
        return [f"#SBATCH {word}" for word in words if word]


@dataclass(frozen=True, kw_only=True)
class HTCondor(_Batch):
    """Blocks are HTCondor jobs of one slot."""

    label: ClassVar[str] = "htcondor"
    commands: ClassVar[tuple[str, ...]] = ("condor_submit", "condor_q", "condor_rm")
    project: str | None = toml_fields.text(None)
    requirements: str | None = toml_fields.text(None)
    directives: tuple[str, ...] = toml_fields.lines()
    transfer: tuple[str, ...] = toml_fields.lines()  # files that go with each job, into the folder in which it runs

    def arguments(self) -> dict[str, Any]:
        """As the keywords of parsl.providers.CondorProvider."""
        gpus = [f"request_gpus = {self.gpus}"] if self.gpus else []
        known = max(60, round(6 * self.poll_seconds))  # seconds in which the client has seen how a job ended
        limits = [
            f"allowed_job_duration = {seconds(self.walltime)}",
            f"leave_in_queue = (JobStatus == 4) && (time() - CompletionDate < {known})",
        ]
        return {
            **self.blocks(),
            "walltime": self.walltime,
            "cores_per_slot": self.cores or self.cores_of_node,
            "mem_per_slot": None if self.memory_gb is None else float(self.memory_gb),
            "project": self.project or "",
            "requirements": self.requirements or "",
            "transfer_input_files": [os.path.expandvars(Path(file).expanduser()) for file in self.transfer],
            "scheduler_options": "\n".join([*limits, *gpus, *self.directives]),
            "launcher": "simple",
        }


@dataclass(frozen=True, kw_only=True)
class Kubernetes(Provider):
    """Blocks are pods."""

    label: ClassVar[str] = "kubernetes"
    image: str | None = toml_fields.text(None)
    namespace: str = toml_fields.text("default")
    memory_gb: int = toml_fields.whole(4)  # of each pod
    secret: str | None = toml_fields.text(None)  # to pull the image
    service_account: str | None = toml_fields.text(None)
    encrypted: bool = toml_fields.switch(False)  # the keys would have to be on a file system that the pods share

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image is None:
            raise ValueError('it does not say its image: one that has Python and hfx, as image = "registry/hfx:1"')

    def setup(self) -> str:
        """An image has its own Python."""
        return "\n".join((*exports(), *self.devices(), *self.worker_init))

    def arguments(self) -> dict[str, Any]:
        """As the keywords of parsl.providers.KubernetesProvider."""
        cores, memory = float(self.cores_of_node), f"{self.memory_gb}Gi"
        gpus = {"nvidia.com/gpu": str(self.gpus)} if self.gpus else None
        return {
            **self.blocks(),
            "image": self.image,
            "namespace": self.namespace,
            "init_cpu": cores,
            "max_cpu": cores,
            "init_mem": memory,
            "max_mem": memory,
            "extra_requests": gpus,
            "extra_limits": gpus,
            "secret": self.secret,
            "service_account_name": self.service_account,
        }
