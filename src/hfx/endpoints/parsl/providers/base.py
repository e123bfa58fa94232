"""Keys and arguments that the providers of Parsl's workers have in common.

No package of Parsl is imported here. A block is one job (on Kubernetes, one pod) of one node or more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.parsl.environment import exports, path_of_this_python
from hfx.endpoints.specification import Settings, Specification
from hfx.json_types import JsonObject

__all__ = ["BatchProvider", "Provider", "seconds"]


def seconds(walltime: str) -> int:
    """The number of seconds in "HH:MM:SS"."""
    hours, minutes, rest = map(int, walltime.split(":"))
    return 3600 * hours + 60 * minutes + rest


@dataclass(frozen=True, kw_only=True)
class Provider(Specification):
    """The keys that all providers have; raises `ValueError` where values do not go together.

    Attributes:
        parsl_class: Parsl's provider, as ``module:class``.
        commands: the programs that the client needs.
        remedies: for an error that names a command, what to do about it.
        devices_of: the GPUs of a worker are numbered among those of its "node", or of its "job".
    """

    workers: int | None = toml_fields.whole(None)  # on each node
    threads: int = toml_fields.whole(1)  # of each worker
    device: str | None = toml_fields.device()
    gpus: int = toml_fields.whole(0, least=0)  # on each node; one worker each
    min_blocks: int = toml_fields.whole(0, least=0)
    init_blocks: int | None = toml_fields.whole(None, least=0)
    max_blocks: int = toml_fields.whole(1)
    idle_seconds: float = toml_fields.number(120.0, least=0)  # after which idle blocks are ended
    worker_init: tuple[str, ...] = toml_fields.lines()  # shell, in the script of each job
    prefix: str | None = toml_fields.text(None)  # shell: begins the workers' command, such as "apptainer exec hfx.sif"
    address: str | None = toml_fields.host(None)  # to which the workers connect
    interface: str | None = toml_fields.word(None)  # the network interface of that address, instead of it
    ports: tuple[int, int] | None = toml_fields.ports()
    run_dir: str | None = toml_fields.text(None)  # job scripts and logs; the workers must see it
    lost_after: int = toml_fields.whole(60, least=2)  # seconds without a heartbeat
    poll_seconds: float = toml_fields.number(10.0, least=0.1)  # between queries of the queue
    encrypted: bool = toml_fields.switch(True)

    parsl_class: ClassVar[str]
    commands: ClassVar[tuple[str, ...]] = ()
    remedies: ClassVar[Mapping[str, str]] = {}
    devices_of: ClassVar[str] = "node"

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
    def settings(self) -> Settings:
        """The settings that replace those of each task."""
        return Settings(threads=self.threads, device="cuda" if self.gpus else "cpu")

    @property
    def poll_interval(self) -> float:
        """Seconds between two queries of the queue."""
        return self.poll_seconds

    @property
    def nodes_per_block(self) -> int:
        """The number of nodes of one job."""
        return 1

    @property
    def workers_per_node(self) -> int:
        """The number of workers on each node."""
        return self.workers or self.gpus or 1

    @property
    def start_blocks(self) -> int:
        """The number of blocks at the start."""
        return max(self.min_blocks, 1) if self.init_blocks is None else self.init_blocks

    def most_workers(self, cores: int) -> int:
        """The number of workers of all blocks."""
        return self.workers_per_node * self.nodes_per_block * self.max_blocks

    def first_workers(self, cores: int) -> int:
        """The number of workers of the blocks that start first."""
        return self.workers_per_node * self.nodes_per_block * max(1, self.start_blocks)

    def setup(self) -> str:
        """The lines of a job's script before the command that starts the workers."""
        own = self.worker_init or path_of_this_python()
        return "\n".join((*exports(), *self.devices(), *own))

    def devices(self) -> tuple[str, ...]:
        """The lines of the script that make each worker use one GPU."""
        return (f"export HFX_DEVICES={self.devices_of}",) if self.gpus else ()

    def blocks(self) -> JsonObject:
        """The arguments that all of Parsl's providers have."""
        return {
            "init_blocks": self.start_blocks,
            "min_blocks": self.min_blocks,
            "max_blocks": self.max_blocks,
            "nodes_per_block": self.nodes_per_block,
            "worker_init": self.setup(),
        }

    def arguments(self) -> JsonObject:
        """The arguments of Parsl's provider; ``launcher`` is the launcher's name."""
        return self.blocks()

    def drain_period(self) -> int | None:
        """Seconds after which a block accepts no more tasks, so that its end interrupts none; None: no limit."""
        return None

    @property
    def cores_of_node(self) -> int:
        """The number of cores that the workers of a node use."""
        return self.workers_per_node * self.threads


@dataclass(frozen=True, kw_only=True)
class BatchProvider(Provider):
    """The keys that the providers of batch systems have."""

    devices_of: ClassVar[str] = "job"
    walltime: str = toml_fields.walltime("01:00:00")
    cores: int | None = toml_fields.whole(None)  # of each node; default: the cores that the workers use
    memory_gb: int | None = toml_fields.whole(None)  # of each node
    warning_seconds: int = toml_fields.whole(120)  # before the walltime's end, from when on workers accept no tasks
    submit: str | None = toml_fields.choice(None, "driver-job", "one-job", "here")  # how `hfx submit` runs the driver
    submit_walltime: str | None = toml_fields.walltime(None)  # of the driver's job
    submit_directives: tuple[str, ...] = toml_fields.lines()  # for the driver's job, instead of directives

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
        """Up to `warning_seconds` before the walltime ends; at least half of the walltime."""
        total = seconds(self.walltime)
        return max(total - self.warning_seconds, total // 2, 1)

    @property
    def submit_as(self) -> str:
        """How ``hfx submit`` runs the driver: "driver-job", "one-job" or "here".

        If one job on one node holds all workers, they run in the driver's own job: it waits in the queue only once, no
        job submits other jobs (many sites forbid that on compute nodes), and no worker connects over the network. More
        workers run in jobs of their own, which start and end with the tasks; the driver's job then is a small one.
        """
        return self.submit or ("one-job" if self.nodes_per_block * self.max_blocks == 1 else "driver-job")

    @property
    def driver_walltime(self) -> str:
        """The walltime of the driver's job; by default that of the workers' jobs."""
        return self.submit_walltime or self.walltime
