"""The globus engine: workers of a Globus Compute endpoint, reached through Globus' web service.

The SDK is imported when the first task is submitted. It transports text: requests and answers are those of
`hfx.functions.wire_text`, and nothing is unpickled. Submitted tasks are recorded in the user's state folder until they are
answered; if a client is killed, the next one with the same tasks collects their answers.
"""

from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from hfx.endpoints.globus.specification import Globus
from hfx.endpoints.globus.task_thread import Task, TaskThread
from hfx.endpoints.specification import Endpoint
from hfx.endpoints.tasks import packed
from hfx.errors import EndpointError, TooLargeError
from hfx.functions import wire, wire_text

__all__ = ["KINDS", "Globus", "GlobusExecutor", "executor", "state_folder"]


KINDS = {"": Globus}

P = ParamSpec("P")
T = TypeVar("T")


def state_folder() -> Path:
    """The folder for the records of submitted tasks and for the ids of registered functions."""
    from platformdirs import user_state_path

    return user_state_path("hfx", appauthor=False) / "globus"


class GlobusExecutor(Executor):
    """A `concurrent.futures.Executor` for functions of one JSON task; the service is first contacted with the first task."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._packer = wire.Packer()
        self._thread = TaskThread(endpoint, state_folder())
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn(task)``; raises `EndpointError`: the endpoint cannot be used, or `fn` not imported."""
        if self._closed:
            raise RuntimeError("this executor is shut down: no more tasks")
        request = wire_text.encoded(packed(self._packer, fn, args, self._endpoint.settings))
        future: Future[T] = Future()
        if len(request) > wire_text.LIMIT:
            future.set_running_or_notify_cancel()
            future.set_exception(
                TooLargeError(
                    f"{self._endpoint}: its task is {len(request) / 1e6:.1f} MB, "
                    f"and the service takes {wire_text.LIMIT / 1e6:.1f}"
                )
            )
            return future
        self._thread.put(Task(cast("Future[object]", future), request, wire_text.digest(request)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks; without `wait`, the next client collects the results of submitted tasks."""
        if wait:
            wait_for([task.future for task in list(self._thread.open)])
        self._closed = True
        self._thread.close(done=wait)
        for task in list(self._thread.open):
            task.future.cancel()
            if not task.future.done():
                task.future.set_exception(CancelledError())


def executor(endpoint: Endpoint, cores: int) -> GlobusExecutor:
    """A new executor of the globus engine; raises `EndpointError` where the SDK is not installed."""
    from importlib.util import find_spec

    if find_spec("globus_compute_sdk") is None:
        raise EndpointError(f"{endpoint}: it needs a package that is not here: pip install globus-compute-sdk")
    return GlobusExecutor(endpoint)
