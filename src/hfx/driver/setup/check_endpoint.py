"""The check of an endpoint, ``hfx endpoint check``: its workers answer, and each problem is reported with its remedy."""

import platform
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import TypedDict, cast

from hfx import endpoints
from hfx.endpoints import Endpoint
from hfx.errors import EndpointError
from hfx.version import __version__

__all__ = [
    "Check",
    "CheckDocument",
    "CudaVersions",
    "Handshake",
    "Worker",
    "WorkerDocument",
    "check",
    "problems_and_remarks",
    "report",
]

# Until all workers have answered, each answer keeps its worker busy for this time (seconds): the next task then goes to another.
_BUSY_SECONDS = 0.4
_ROUNDS = 12
_CLOCK_TOLERANCE = 5.0  # seconds that two clocks may differ without a remark

# The remedy for each reason why a device cannot be used.
_REMEDIES = {
    "device": "ask for as many GPUs as there are workers (gpus, gres)",
    "torch": "install torch there",
    "build": "install torch built for CUDA there",
    "driver": "ask for nodes with GPUs (gpus, gres) whose driver is new enough for that torch",
}


class CudaVersions(TypedDict):
    """The CUDA version that torch was built for, and the version of NVIDIA's driver; None where there is none."""

    torch: str | None
    driver: str | None


class Handshake(TypedDict):
    """A worker's answer, as `hfx.functions.handshake` describes it."""

    host: str
    pid: int
    python: str
    executable: str
    hfx: str
    numerics: int
    packages: dict[str, str | None]
    cores: int
    single: bool
    device: str
    devices: list[str]
    cuda: CudaVersions
    device_lacks: str | None
    device_error: str | None
    visible: str | None
    time: float
    held: float


@dataclass(frozen=True)
class Worker:
    """A worker's fastest answer.

    `round_trip`: seconds between task and answer, without the worker's own; `clock`: the worker's time minus ours, in seconds.
    """

    handshake: Handshake
    round_trip: float
    clock: float

    @property
    def name(self) -> str:
        """Host and process number."""
        return f"{self.handshake['host']}:{self.handshake['pid']}"


class WorkerDocument(TypedDict):
    """A worker in the output of ``hfx endpoint check --json``."""

    told: Handshake
    round_trip: float
    clock: float


class CheckDocument(TypedDict):
    """The output of ``hfx endpoint check --json``."""

    endpoint: str
    expected: int
    workers: tuple[WorkerDocument, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    usable: bool


@dataclass(frozen=True)
class Check:
    """The result of a check: the workers that answered.

    `expected`: the number of workers that should answer; `problems` make the endpoint unusable, `remarks` do not.
    """

    endpoint: str
    expected: int
    workers: tuple[Worker, ...]
    problems: tuple[str, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())

    def document(self) -> CheckDocument:
        """The result as ``hfx endpoint check --json`` prints it."""
        return {
            "endpoint": self.endpoint,
            "expected": self.expected,
            "workers": tuple({"told": w.handshake, "round_trip": w.round_trip, "clock": w.clock} for w in self.workers),
            "problems": self.problems,
            "remarks": self.remarks,
            "usable": not self.problems,
        }


def check(endpoint: Endpoint, cores: int, seconds: float = 300.0) -> Check:
    """Exchange handshakes with the workers of an endpoint, for at most `seconds`; `cores`: those that this process may use.

    Raises `EndpointError` if the endpoint cannot be used or no worker answers in time.
    """
    expected = _expected(endpoint, cores)
    with endpoints.connect(str(endpoint.file or endpoint.name), cores) as pool:
        found = _collect(pool, expected, time.monotonic() + seconds)
        if not found:
            pool.shutdown(wait=False, cancel_futures=True)  # do not wait for workers that do not answer
            raise EndpointError(
                f"{endpoint}: no worker answered within {seconds:g} s; its jobs may still wait in the queue of the batch "
                f"system: check there, or wait longer with --wait SECONDS"
            )
    workers = tuple(sorted(found, key=lambda worker: worker.name))
    problems, remarks = problems_and_remarks(workers, endpoint, expected)
    return Check(endpoint.name, expected, workers, problems, remarks)


def _expected(endpoint: Endpoint, cores: int) -> int:
    return endpoint.spec.first_workers(cores)


def _collect(pool: Executor, expected: int, deadline: float) -> list[Worker]:
    found: dict[str, Worker] = {}
    for number in range(_ROUNDS):
        for worker in _round(pool, expected, _BUSY_SECONDS if len(found) < expected else 0.0, deadline):
            known = found.get(worker.name)
            # The time of the first answer includes the start of the worker; that of a later one is the round trip.
            if known is None or worker.round_trip < known.round_trip:
                found[worker.name] = worker
        if time.monotonic() > deadline or (number and len(found) >= expected):
            break
    return list(found.values())


def _round(pool: Executor, count: int, busy: float, deadline: float) -> Iterator[Worker]:
    from hfx.functions.handshake import run

    arrived: dict[Future[Handshake], float] = {}
    sent: dict[Future[Handshake], float] = {}
    for _ in range(count):
        now = time.time()
        # The random text makes each task unique, so that no service answers with an earlier result.
        future = cast("Future[Handshake]", pool.submit(run, {"seconds": busy, "asked": secrets.token_hex(8)}))
        sent[future] = now
        future.add_done_callback(lambda done: arrived.setdefault(done, time.time()))
    done, _ = wait_for(sent, timeout=max(0.0, deadline - time.monotonic()))
    for future in done:
        handshake = future.result()
        back = arrived.get(future, time.time())
        round_trip = max(0.0, back - sent[future] - handshake["held"])
        yield Worker(handshake, round_trip, handshake["time"] + handshake["held"] / 2 - (sent[future] + back) / 2)


def problems_and_remarks(workers: Sequence[Worker], endpoint: Endpoint, expected: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The problems that make an endpoint unusable, and the remarks on what still works: a sentence each, with its remedy."""
    problems = [problem for worker in workers for problem in _problems(worker)]
    remarks = [remark for worker in workers for remark in _remarks(worker, endpoint)]
    if len(workers) < expected:
        late = "the others may start later, or the node has fewer cores than the endpoint file asks for"
        remarks.insert(0, f"{len(workers)} of {expected} workers answered: {late}")
    return tuple(problems), (*remarks, *_overloaded_hosts(workers, endpoint))


def _problems(worker: Worker) -> Iterator[str]:
    from hfx.functions.catalogue import NUMERICS

    answer, name = worker.handshake, worker.name
    if answer["numerics"] != NUMERICS:
        other = f"hfx {answer['hfx']} there computes other numbers than {__version__} here"
        yield f"{name}: {other}; install {__version__} there"
    missing = _missing(answer)
    if missing:
        command = f"{answer['executable']} -m pip install {' '.join(missing)}"
        lacking = f"its Python lacks {', '.join(missing)}"
        yield f"{name}: {lacking}; run '{command}' there, or set another Python in the endpoint file"
    elif answer["device_error"] is not None:
        remedy = f"{_REMEDIES[str(answer['device_lacks'])]}, or set device = 'cpu' in the endpoint file"
        yield f"{name}: no {answer['device']} there: {answer['device_error']}; {remedy}"


def _remarks(worker: Worker, endpoint: Endpoint) -> Iterator[str]:
    from hfx.functions.catalogue import NUMERICS

    answer, name, python = worker.handshake, worker.name, platform.python_version()
    if answer["numerics"] == NUMERICS and answer["hfx"] != __version__:
        yield f"{name}: hfx is {answer['hfx']} there and {__version__} here; install the same version"
    if answer["python"].split(".")[:2] != python.split(".")[:2]:
        remedy = "this works, because tasks are sent as JSON. If something fails, set this Python in worker_init"
        yield f"{name}: Python is {answer['python']} there and {python} here; {remedy}"
    if abs(worker.clock) > _CLOCK_TOLERANCE + worker.round_trip:
        yield f"{name}: its clock differs by {worker.clock:+.0f} s from this machine's; so do its times in the run's folder"
    if not endpoint.spec.in_this_process and not answer["single"]:
        yield f"{name}: OMP_NUM_THREADS is not 1 there, so libraries may use more cores than intended; set it in worker_init"


def _missing(handshake: Handshake) -> list[str]:
    """The packages that the worker's fits need and that are not installed. On the CPU they do not need torch."""
    unneeded = {"torch"} if handshake["device"] == "cpu" else set()
    return [package for package, version in handshake["packages"].items() if version is None and package not in unneeded]


def _overloaded_hosts(workers: Sequence[Worker], endpoint: Endpoint) -> Iterator[str]:
    """A sentence for each host with more threads than cores."""
    threads = int(endpoint.settings.get("threads", 1))
    for host in sorted({worker.handshake["host"] for worker in workers}):
        there = [worker for worker in workers if worker.handshake["host"] == host]
        cores = max(worker.handshake["cores"] for worker in there)
        if len(there) * threads > cores and not endpoint.spec.in_this_process:
            yield (
                f"{host}: {len(there)} workers of {threads} threads on {cores} cores; "
                f"set workers = {max(1, cores // threads)} in the endpoint file"
            )


def report(found: Check) -> str:
    """The result as text: a table with a line for each worker, then the problems and remarks."""
    header = ("worker", "python", "hfx", "numpy", "numba", "torch", "cores", "devices", "round trip", "clock")
    rows = [header, *(_row(worker) for worker in found.workers)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"problem: {sentence}" for sentence in found.problems]
    lines += [f"note: {sentence}" for sentence in found.remarks]
    if not found.problems:
        lines.append(f"endpoint {found.endpoint} can be used: {len(found.workers)} of {found.expected} workers answered")
    return "\n".join(lines)


def _row(worker: Worker) -> tuple[str, ...]:
    answer = worker.handshake
    packages = answer["packages"]
    versions = (str(packages[name] or "none") for name in ("numpy", "numba", "torch"))
    devices = ", ".join(answer["devices"]) or "none"
    if answer["device"] != "cpu":
        devices += f" (CUDA {answer['cuda']['torch'] or '-'}, driver {answer['cuda']['driver'] or '-'})"
    round_trip, clock = f"{1000 * worker.round_trip:.1f} ms", f"{1000 * worker.clock:+.0f} ms"
    return (worker.name, answer["python"], answer["hfx"], *versions, str(answer["cores"]), devices, round_trip, clock)
