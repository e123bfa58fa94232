"""``hfx endpoint check``: every worker of an endpoint answers, and what will not work is said with its remedy."""

import platform
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import asdict, dataclass, field
from typing import Any

from hfx import endpoints
from hfx.endpoints import Endpoint
from hfx.errors import EndpointError

__all__ = ["Check", "Worker", "check", "judge", "report"]

# While not all workers have answered each answer keeps its worker busy, so that the next task goes to another.
_HOLD = 0.4
_ROUNDS = 12
_CLOCK = 5.0  # seconds that two clocks may differ without a word

# What is lacking where a device cannot be used, and what to do.
_REMEDIES = {
    "device": "ask for as many GPUs as there are workers (gpus, gres)",
    "torch": "install torch there",
    "build": "install torch built for CUDA there",
    "driver": "ask for nodes with GPUs (gpus, gres) whose driver is new enough for that torch",
}


@dataclass(frozen=True)
class Worker:
    """A worker's handshake; `round_trip` and `clock` (its time minus ours) in seconds, of its fastest answer."""

    told: Mapping[str, Any]
    round_trip: float
    clock: float

    @property
    def name(self) -> str:
        """Host and process."""
        return f"{self.told['host']}:{self.told['pid']}"


@dataclass(frozen=True)
class Check:
    """The workers that answered of those `expected`, what makes them unusable, and what is only worth a word."""

    endpoint: str
    expected: int
    workers: tuple[Worker, ...]
    problems: tuple[str, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())

    def public(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "usable": not self.problems}


def check(endpoint: Endpoint, cores: int, seconds: float = 300.0) -> Check:
    """Shake hands with the workers of an endpoint, for at most `seconds`.

    Raises `EndpointError` where the endpoint cannot be used or no worker answers in time.
    """
    expected = _expected(endpoint, cores)
    with endpoints.connect(str(endpoint.file or endpoint.name), cores) as pool:
        found = _greet(pool, expected, time.monotonic() + seconds)
        if not found:
            # Nobody is there to wait for.
            pool.shutdown(wait=False, cancel_futures=True)
            raise EndpointError(
                f"{endpoint}: no worker answered within {seconds:g} s; its jobs may be queueing: look there, or give "
                f"them longer with --wait"
            )
    workers = tuple(sorted(found, key=lambda worker: worker.name))
    problems, remarks = judge(workers, endpoint, expected)
    return Check(endpoint.name, expected, workers, problems, remarks)


def _expected(endpoint: Endpoint, cores: int) -> int:
    return endpoint.spec.first_workers(cores)


def _greet(pool: Executor, expected: int, deadline: float) -> list[Worker]:
    found: dict[str, Worker] = {}
    for number in range(_ROUNDS):
        for worker in _round(pool, expected, _HOLD if len(found) < expected else 0.0, deadline):
            known = found.get(worker.name)
            # The first answer's way holds the start of the worker; a later one's is the round trip.
            if known is None or worker.round_trip < known.round_trip:
                found[worker.name] = worker
        if time.monotonic() > deadline or (number and len(found) >= expected):
            break
    return list(found.values())


def _round(pool: Executor, count: int, hold: float, deadline: float) -> Iterator[Worker]:
    from hfx.functions.handshake import run

    arrived: dict[Future[Any], float] = {}
    sent: dict[Future[Any], float] = {}
    for _ in range(count):
        now = time.time()
        # Nobody shall answer with what he said before.
        future = pool.submit(run, {"seconds": hold, "asked": secrets.token_hex(8)})
        sent[future] = now
        future.add_done_callback(lambda done: arrived.setdefault(done, time.time()))
    done, _ = wait_for(sent, timeout=max(0.0, deadline - time.monotonic()))
    for future in done:
        told = future.result()
        back = arrived.get(future, time.time())
        way = max(0.0, back - sent[future] - told["held"])
        yield Worker(told, way, told["time"] + told["held"] / 2 - (sent[future] + back) / 2)


def judge(workers: Sequence[Worker], endpoint: Endpoint, expected: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What makes an endpoint unusable, and what is only worth a word: a sentence each, with its remedy."""
    from hfx.functions.jobs.cls import NUMERICS
    from hfx.version import __version__

    problems, remarks = [], []
    if len(workers) < expected:
        remarks.append(f"{len(workers)} of {expected} workers answered: the others may come later, or the node has fewer cores")
    for worker in workers:
        told, name = worker.told, worker.name
        if told["numerics"] != NUMERICS:
            problems.append(f"{name}: hfx {told['hfx']} there computes other numbers; install {__version__}, as here")
        elif told["hfx"] != __version__:
            remarks.append(f"{name}: hfx is {told['hfx']} there and {__version__} here; install the same")
        missing = _missing(told)
        if missing:
            problems.append(
                f"{name}: no {', '.join(missing)} there; {told['executable']} -m pip install {' '.join(missing)}, "
                f"or name another Python"
            )
        elif told["device_error"] is not None:
            remedy = _REMEDIES[told["device_lacks"]]
            problems.append(f"{name}: no {told['device']} there: {told['device_error']}; {remedy}, or give device = 'cpu'")
        if told["python"].split(".")[:2] != platform.python_version().split(".")[:2]:
            remarks.append(
                f"{name}: Python is {told['python']} there and {platform.python_version()} here; it works: only JSON travels. "
                f"If something is odd, give workers this Python in worker_init"
            )
        if abs(worker.clock) > _CLOCK + worker.round_trip:
            remarks.append(f"{name}: its clock is {worker.clock:+.0f} s off ours; times in the run's folder will be")
        if not endpoint.spec.in_this_process and not told["single"]:
            remarks.append(f"{name}: OMP_NUM_THREADS is not 1 there: libraries may take more cores; set it in worker_init")
    return tuple(problems), (*remarks, *_crowded(workers, endpoint))


def _missing(told: Mapping[str, Any]) -> list[str]:
    """What its fits need and it has not: torch on another device than the CPU alone."""
    needless = {"torch"} if told["device"] == "cpu" else set()
    return [package for package, version in told["packages"].items() if version is None and package not in needless]


def _crowded(workers: Sequence[Worker], endpoint: Endpoint) -> Iterator[str]:
    """Hosts with more threads than cores."""
    threads = int(endpoint.settings.get("threads", 1))
    for host in sorted({worker.told["host"] for worker in workers}):
        there = [worker for worker in workers if worker.told["host"] == host]
        cores = max(worker.told["cores"] for worker in there)
        if len(there) * threads > cores and not endpoint.spec.in_this_process:
            yield f"{host}: {len(there)} workers of {threads} threads on {cores} cores; set workers = {max(1, cores // threads)}"


def report(found: Check) -> str:
    """The check as text: a line a worker, then the sentences."""
    header = ("worker", "python", "hfx", "numpy", "numba", "torch", "cores", "devices", "round trip", "clock")
    rows = [header, *(_row(worker) for worker in found.workers)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"cannot be used: {sentence}" for sentence in found.problems]
    lines += [f"note: {sentence}" for sentence in found.remarks]
    if not found.problems:
        lines.append(f"endpoint {found.endpoint} can be used: {len(found.workers)} of {found.expected} workers answered")
    return "\n".join(lines)


def _row(worker: Worker) -> tuple[str, ...]:
    told = worker.told
    packages = told["packages"]
    versions = (str(packages[name] or "absent") for name in ("numpy", "numba", "torch"))
    devices = ", ".join(told["devices"]) or "none"
    if told["device"] != "cpu":
        devices += f" (CUDA {told['cuda']['torch'] or '-'}, driver {told['cuda']['driver'] or '-'})"
    way, clock = f"{1000 * worker.round_trip:.1f} ms", f"{1000 * worker.clock:+.0f} ms"
    return (worker.name, told["python"], told["hfx"], *versions, str(told["cores"]), devices, way, clock)
