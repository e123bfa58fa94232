"""The globus engine: workers of a Globus Compute endpoint, reached through Globus' web service.

The SDK is imported when the first task is submitted. It moves text: the request and the answer are hfx's own wire, and
nothing is unpickled. What was submitted is kept in the user's state folder until it is answered: a client that was killed
collects it when it comes again with the same tasks.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.globus.task_thread import Traffic, Work
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError, TooLargeError
from hfx.functions import wire, wire_text

__all__ = ["KINDS", "Globus", "GlobusExecutor", "executor", "state_folder"]


@dataclass(frozen=True, kw_only=True)
class Globus:
    """A Globus Compute endpoint; how many workers it has is its own affair, `workers` is what the plan counts on."""

    endpoint_id: str | None = toml_fields.identifier()
    user_endpoint_config: Mapping[str, Any] = toml_fields.table()  # the values of the endpoint's template
    workers: int = toml_fields.whole(8)
    threads: int = toml_fields.whole(1)  # of each worker
    device: str | None = toml_fields.device()
    identity: str | None = toml_fields.text(None)  # that must be logged in: its id, or a user's name
    group: str | None = toml_fields.identifier()  # the Globus group that the function is shared with
    function_id: str | None = toml_fields.identifier()  # one that was registered already, by a member of the group
    retries: int = toml_fields.whole(3, least=0)  # of a task that the service lost
    lost_after: float | None = toml_fields.number(None, least=1)  # seconds after which a task without an answer is lost
    patience: float = toml_fields.number(600.0, least=1)  # seconds that the service or the endpoint may be away
    poll_seconds: float = toml_fields.number(4.0, least=0.5)  # between looks at results, at most

    # What fits through the service in one task, and what base85 makes of the wire's bytes.
    most_bytes: ClassVar[int] = wire_text.LIMIT
    sent_of_packed: ClassVar[float] = 1.25

    def __post_init__(self) -> None:
        if self.endpoint_id is None:
            raise ValueError("it does not say its endpoint_id, as 'globus-compute-endpoint list' shows it where it lives")

    @property
    def settings(self) -> dict[str, Any]:
        """What stands in the place of a task's own."""
        return {"threads": self.threads, **({"device": self.device} if self.device else {})}

    def most_workers(self, cores: int) -> int:
        """Workers, as far as we are told."""
        return self.workers

    def key(self, service: str) -> str:
        """What names the place of its tasks: the service, the endpoint and how its template is filled in."""
        told = json.dumps([service, self.endpoint_id, dict(self.user_endpoint_config)], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


KINDS = {"": Globus}


def state_folder() -> Path:
    """Where tasks under way and ids of functions are kept."""
    from platformdirs import user_state_path

    return user_state_path("hfx", appauthor=False) / "globus"


class GlobusExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; the service is asked with the first of them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._packer = wire.Packer()
        self._traffic = Traffic(endpoint, state_folder())
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue ``fn(task)``; raises `EndpointError`: the endpoint cannot be used, or `fn` not imported."""
        (task,) = args
        if self._closed:
            raise RuntimeError("this executor is shut down: no more tasks")
        request = wire_text.encoded(self._packer.request(fn, task, **self._endpoint.settings))
        future: Future[Any] = Future()
        if len(request) > wire_text.LIMIT:
            future.set_running_or_notify_cancel()
            future.set_exception(
                TooLargeError(
                    f"{self._endpoint}: its task is {len(request) / 1e6:.1f} MB, "
                    f"and the service takes {wire_text.LIMIT / 1e6:.1f}"
                )
            )
            return future
        self._traffic.put(Work(future, request, wire_text.digest(request)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; without `wait`, those under way are left to be collected by the next client."""
        if wait:
            _wait([work.future for work in list(self._traffic.open)])
        self._closed = True
        self._traffic.close(done=wait)
        for work in list(self._traffic.open):
            work.future.cancel()
            if not work.future.done():
                work.future.set_exception(CancelledError())


def _wait(futures: list[Future[Any]]) -> None:
    wait(futures)


def executor(endpoint: Endpoint, cores: int) -> GlobusExecutor:
    """A new globus engine; nothing is asked yet. Raises `EndpointError` where the SDK is not installed."""
    from importlib.util import find_spec

    if find_spec("globus_compute_sdk") is None:
        raise EndpointError(f"{endpoint}: it needs a package that is not here: pip install globus-compute-sdk")
    return GlobusExecutor(endpoint)
