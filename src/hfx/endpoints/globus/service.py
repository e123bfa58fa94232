"""The web service of Globus Compute, through the SDK's clients: limited request rate, retries, and errors with remedies.

The service accepts 20 requests in 10 seconds from a user. It may refuse (429), fail (500) or be unreachable for a while. A
request that may have been received is not repeated if that could run a task twice: see `MaybeDone`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hfx.errors import EndpointError, TooLargeError
from hfx.json_types import JsonObject

if TYPE_CHECKING:
    from globus_sdk import GlobusAPIError, GlobusHTTPResponse

__all__ = ["Closed", "MaybeDone", "Service", "UnknownFunction"]

# The number of requests in a window of seconds: fewer than the service's 20 in 10, since the user may run other programs.
_REQUESTS, _WINDOW = 16, 10.0
_LONGEST = 30.0  # the longest time between two tries, in seconds


class Closed(Exception):  # noqa: N818 - not an error: the client was closed
    """The client was closed while it waited."""


class MaybeDone(Exception):  # noqa: N818 - not an error yet: the service is queried for the effect
    """A request failed, and it is not known whether the service acted upon it."""


class UnknownFunction(Exception):  # noqa: N818 - not an error yet: it is registered again
    """The service does not know the function any more, or this user may not use it."""


class Service:
    """The requests that an endpoint's tasks need. `patience`: seconds for which the service may be unreachable.

    All methods raise `EndpointError` where it stays unreachable or refuses, and `Closed` once `closing` is set.
    """

    def __init__(self, where: str, endpoint: str, patience: float, closing: threading.Event, identity: str | None = None) -> None:
        from globus_sdk import ComputeClientV2, ComputeClientV3
        from globus_sdk.transport import RetryConfig
        from globus_sdk.transport.default_retry_checks import check_expired_authorization

        from hfx.endpoints.globus import auth

        for package in ("globus_sdk", "globus_compute_sdk"):  # their errors arrive as exceptions too
            logging.getLogger(package).addHandler(logging.NullHandler())

        class Once:
            """A client that repeats a request only after an expired token; `Service` decides about all other retries."""

            def _register_standard_retry_checks(self, retry_config: RetryConfig) -> None:
                retry_config.checks.register_check(check_expired_authorization)

        class V2(Once, ComputeClientV2):
            """The client for tasks, groups and endpoints."""

        class V3(Once, ComputeClientV3):
            """The client for functions and submissions."""

        self._where, self._endpoint, self._patience, self._closing = where, endpoint, patience, closing
        self._requests: deque[float] = deque(maxlen=_REQUESTS)  # the times of the last ones
        self.app = auth.app(identity)

        def once() -> RetryConfig:
            return RetryConfig(max_retries=1, backoff=lambda _: 0.0)

        self._v2, self._v3 = V2(app=self.app, retry_config=once()), V3(app=self.app, retry_config=once())

    @property
    def address(self) -> str:
        """The URL of the service."""
        return str(self._v3.base_url)

    def register(self, function: JsonObject) -> str:
        """Register a function, and return its id."""
        return str(self._request(lambda: self._v3.register_function(function))["function_uuid"])

    def submit(self, batch: JsonObject) -> JsonObject:
        """Submit a batch of tasks; raises `MaybeDone`, `UnknownFunction`, and `TooLargeError` for a batch over the limit."""
        return self._request(lambda: self._v3.submit(self._endpoint, batch), repeat=False)

    def tasks(self, ids: Iterable[str]) -> dict[str, JsonObject]:
        """The state of each task by id: its status, and its result or exception once it has ended."""
        results = self._request(lambda: self._v2.get_task_batch(list(ids)))["results"]
        states = results.items() if isinstance(results, dict) else ()
        return {id_: state for id_, state in states if isinstance(state, dict)}

    def group(self, group: str) -> set[str]:
        """The ids of a group's tasks."""
        tasks = self._request(lambda: self._v2.get_task_group(group)).get("tasks")
        return {str(task["id"]) for task in tasks if isinstance(task, dict)} if isinstance(tasks, list) else set()

    def check_online(self) -> None:
        """Raise `EndpointError` where the endpoint is unknown, not permitted or offline."""
        status = str(self._request(lambda: self._v2.get_endpoint_status(self._endpoint)).get("status", "unknown"))
        if status != "online":
            raise EndpointError(
                f"{self._where}: it is {status}; start it where it lives, with 'globus-compute-endpoint start', and run again"
            )

    def _request(self, send: "Callable[[], GlobusHTTPResponse]", repeat: bool = True) -> JsonObject:
        """The content of the service's answer; `repeat`: whether the request may be sent twice."""
        from globus_sdk import GlobusError

        begun, pause = time.monotonic(), 0.5
        while True:
            self._pace()
            try:
                content = send().data
            except GlobusError as error:
                wait = self._seconds_to_wait(error, repeat)
                last = error
            else:
                return content if isinstance(content, dict) else {}
            pause = min(2 * pause, _LONGEST)
            self.wait(wait or pause, begun, _text(last))

    def wait(self, seconds: float, begun: float, text: str) -> None:
        """Wait before another try; raises `EndpointError` if `patience` has run out since `begun` (monotonic)."""
        if time.monotonic() + seconds - begun > self._patience:
            raise EndpointError(
                f"{self._where}: Globus Compute has not been of use for {time.monotonic() - begun:.0f} s ({text}); "
                f"run the same command again later: what was submitted is collected"
            )
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Closed` once the client is closed."""
        if self._closing.wait(seconds):
            raise Closed

    def _pace(self) -> None:
        """Wait until another request is within the service's rate limit."""
        if self._closing.is_set():
            raise Closed
        if len(self._requests) == _REQUESTS:
            self.sleep(max(0.0, self._requests[0] + _WINDOW - time.monotonic()))
        self._requests.append(time.monotonic())

    def _seconds_to_wait(self, error: Exception, repeat: bool) -> float | None:
        """Seconds to wait before another try, None for the default; raises where another try would not help."""
        from globus_sdk import AuthAPIError, GlobusAPIError, NetworkError

        if isinstance(error, GlobusAPIError) and error.http_status == 429:
            return _retry_after(error)  # refused before anything was done
        if isinstance(error, NetworkError) or (isinstance(error, GlobusAPIError) and error.http_status >= 500):
            if not repeat:
                raise MaybeDone(_text(error)) from None
            return _retry_after(error) if isinstance(error, GlobusAPIError) else None
        if isinstance(error, AuthAPIError) or (isinstance(error, GlobusAPIError) and error.http_status == 401):
            raise EndpointError(
                f"{self._where}: Globus does not accept the login ({_text(error)}); log in again with 'hfx login'"
            ) from None
        if isinstance(error, GlobusAPIError):
            raise self._refusal(error) from None
        raise EndpointError(f"{self._where}: no login to Globus can be used ({_text(error)}); type 'hfx login'") from None

    def _refusal(self, error: "GlobusAPIError") -> Exception:
        text = _text(error)
        if error.http_status == 413 or "too large" in text.lower() or "size" in str(error.code).lower():
            return TooLargeError(f"{self._where}: the service refused the request for its size ({text})")
        if "function" in f"{error.code} {text}".lower():
            return UnknownFunction(text)
        if error.http_status == 404:
            return EndpointError(
                f"{self._where}: Globus Compute knows no endpoint {self._endpoint}; "
                f"'globus-compute-endpoint list' where it lives shows its id for endpoint_id"
            )
        if error.http_status == 403:
            return EndpointError(
                f"{self._where}: you may not use it ({text}); ask its owner, or log in with another identity ('hfx whoami')"
            )
        return EndpointError(f"{self._where}: Globus Compute refuses: {text}; correct the endpoint file")


def _text(error: Exception) -> str:
    """The text of an error on one line, with its HTTP status."""
    content = getattr(error, "raw_json", None)
    text = (
        str(content["reason"])
        if isinstance(content, dict) and content.get("reason")
        else str(getattr(error, "message", "") or error)
    )
    status = getattr(error, "http_status", None)
    line = next(iter(text.splitlines()), "") or type(error).__name__
    return f"{status}: {line}" if status is not None else line


def _retry_after(error: "GlobusAPIError") -> float | None:
    try:
        return max(0.0, float(error.headers["Retry-After"])) if error.headers else None
    except (KeyError, ValueError):
        return None
