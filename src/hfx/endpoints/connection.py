"""Connections to endpoints: one or several endpoints, resolved once, as an executor for a scan's tasks."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module

from hfx.endpoints.specification import ENGINES, Endpoint, resolve

__all__ = ["Endpoints", "Spec"]

# A name, the path of a TOML file, several of them, or None: the threads of this process.
Spec = str | Sequence[str] | None

# Seconds that the jobs and processes of endpoints have to end, once their results are not wanted any more.
_PATIENCE = 12.0


def _ignore(sentence: str) -> None:
    pass


@dataclass(frozen=True)
class Endpoints:
    """The endpoints that share the tasks of a scan, with their files read and checked.

    Make it once for a scan with `of`, and pass it on: nothing else reads the files.
    """

    members: tuple[Endpoint, ...]

    @classmethod
    def of(cls, spec: Spec = None) -> "Endpoints":
        """The endpoints of `spec`, each of them once.

        Raises:
            EndpointError: there is no such endpoint, or its file cannot be used.
        """
        given = [spec] if spec is None or isinstance(spec, str) else list(dict.fromkeys(spec))
        return cls(tuple(resolve(one) for one in given or [None]))

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __str__(self) -> str:
        return " and ".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The endpoints' names."""
        return tuple(endpoint.name for endpoint in self.members)

    @property
    def on_this_machine(self) -> bool:
        """Whether all workers run on this machine."""
        return all(endpoint.spec.on_this_machine for endpoint in self.members)

    @property
    def have_child_workers(self) -> bool:
        """Whether workers of any endpoint are threads or child processes of this process, and use its compiled kernels."""
        return any(endpoint.spec.workers_are_children for endpoint in self.members)

    def workers(self, cores: int) -> int:
        """The largest number of tasks at a time; `cores`: those that this process may use."""
        return sum(endpoint.workers(cores) for endpoint in self.members)

    def devices(self, default: str) -> tuple[str, ...]:
        """The device of each endpoint's workers; `default`: the scan's, where an endpoint sets none."""
        return tuple(endpoint.settings.get("device", default) for endpoint in self.members)

    def devices_of_this_machine(self, default: str) -> tuple[str, ...]:
        """The devices that this machine must have: those of workers that are threads or child processes of this process."""
        return Endpoints(tuple(one for one in self.members if one.spec.workers_are_children)).devices(default)

    @property
    def most_bytes(self) -> int | None:
        """The largest task that all endpoints accept, in bytes as sent; None: no limit."""
        return min((one.most_bytes for one in self.members if one.most_bytes is not None), default=None)

    @contextmanager
    def connect(self, workers: int = 1, *, say: Callable[[str], None] = _ignore) -> Iterator[Executor]:
        """An executor for tasks; with several endpoints, each takes the next task when one of its workers is free.

        Workers start when there are tasks for them, and end with the ``with`` block. If an exception leaves the block,
        running tasks are abandoned and queued ones cancelled; otherwise all tasks are waited for. A further Ctrl-C does not
        interrupt the end of jobs and processes, which is waited for no longer than 12 s.

        Args:
            workers: the cores that an engine of this machine may use, where its file does not set `workers`.
            say: called with sentences for the user.
        """
        pool = self._executor(workers, say)
        try:
            yield pool
            ending = _shutdown(pool, wait=True)
            ending.start()
            ending.join()
        except BaseException:
            # Do not wait for running tasks: their results would not be used.
            _abandon(pool, _PATIENCE)
            raise

    def _executor(self, workers: int, say: Callable[[str], None]) -> Executor:
        if len(self.members) == 1:
            return _executor(self.members[0], workers)
        from hfx.endpoints.several import Member, SharedExecutor

        return SharedExecutor([Member(e.name, _executor(e, workers), e.workers(workers)) for e in self.members], say)


def _shutdown(pool: Executor, *, wait: bool) -> threading.Thread:
    """A thread that shuts an executor down: Ctrl-C interrupts the main thread alone, and no job is left in its queue."""
    return threading.Thread(target=pool.shutdown, kwargs={"wait": wait, "cancel_futures": not wait}, daemon=True)


def _abandon(pool: Executor, seconds: float) -> None:
    """Shut an executor down without its running tasks, also through Ctrl-C; after `seconds` it is left to itself."""
    ending, deadline = _shutdown(pool, wait=False), time.monotonic() + seconds
    with suppress(KeyboardInterrupt):
        ending.start()
    while ending.is_alive() and time.monotonic() < deadline:
        with suppress(KeyboardInterrupt):
            ending.join(max(0.0, deadline - time.monotonic()))


def _executor(endpoint: Endpoint, cores: int) -> Executor:
    executor: Executor = import_module(ENGINES[endpoint.engine]).executor(endpoint, cores)
    return executor
