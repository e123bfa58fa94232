"""The web service of Globus Compute, through the SDK's own clients: paced, tried again within limits, errors as sentences.

The service takes 20 requests in 10 seconds from a user. It may refuse (429), fail (500) or be out of reach for a while; a
request that may have arrived is never simply repeated where that would run a task twice: see `MaybeDone`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hfx.errors import EndpointError, TooLargeError

if TYPE_CHECKING:
    from globus_sdk import GlobusAPIError, GlobusHTTPResponse

__all__ = ["Closed", "MaybeDone", "Service", "UnknownFunction"]

# Requests in a window of seconds; the service's limit is 20 in 10, and the user may run other programs.
_REQUESTS, _WINDOW = 16, 10.0
_LONGEST = 30.0  # seconds between two tries


class Closed(Exception):  # noqa: N818 - no error: the client was closed meanwhile
    """The client was closed while it waited."""


class MaybeDone(Exception):  # noqa: N818 - no error yet: the service is asked what became of it
    """A request failed in a way that does not tell whether the service acted upon it."""


class UnknownFunction(Exception):  # noqa: N818 - no error yet: it is registered again
    """The service does not know the function any more, or not for this user."""


class Service:
    """What an endpoint's tasks need of the service. `patience`: seconds for which it may be away.

    All methods raise `EndpointError` where it does not come back or refuses for good, `Closed` once `closing` is set.
    """

    def __init__(self, where: str, endpoint: str, patience: float, closing: threading.Event, identity: str | None = None) -> None:
        from globus_sdk import ComputeClientV2, ComputeClientV3
        from globus_sdk.transport import RetryConfig
        from globus_sdk.transport.default_retry_checks import check_expired_authorization

        from hfx.endpoints.globus import auth

        for package in ("globus_sdk", "globus_compute_sdk"):  # what they have to say comes as an exception too
            logging.getLogger(package).addHandler(logging.NullHandler())

        class Once:
            """Of the SDK's reasons to repeat a request, only the expired token: the others are ours to judge."""

            def _register_standard_retry_checks(self, retry_config: RetryConfig) -> None:
                retry_config.checks.register_check(check_expired_authorization)

        class V2(Once, ComputeClientV2):
            """Tasks, groups, endpoints."""

        class V3(Once, ComputeClientV3):
            """Functions, submission."""

        self._where, self._endpoint, self._patience, self._closing = where, endpoint, patience, closing
        self._asked: deque[float] = deque(maxlen=_REQUESTS)
        self.app = auth.app(identity)

        def once() -> RetryConfig:
            return RetryConfig(max_retries=1, backoff=lambda _: 0.0)

        self._v2, self._v3 = V2(app=self.app, retry_config=once()), V3(app=self.app, retry_config=once())

    @property
    def address(self) -> str:
        """Of the service."""
        return str(self._v3.base_url)

    def register(self, function: Mapping[str, Any]) -> str:
        """Register a function; its id."""
        return str(self._ask(lambda: self._v3.register_function(dict(function)))["function_uuid"])

    def submit(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Submit a batch of tasks; raises `MaybeDone`, `UnknownFunction`, and `TooLargeError` for a batch over the limit."""
        told: Mapping[str, Any] = self._ask(lambda: self._v3.submit(self._endpoint, dict(batch)), repeat=False)
        return told

    def tasks(self, ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """The service's word on each task: its status, and its result or exception once it is done."""
        told: Mapping[str, Mapping[str, Any]] = self._ask(lambda: self._v2.get_task_batch(list(ids)))["results"]
        return told

    def group(self, group: str) -> set[str]:
        """The ids of a group's tasks."""
        return {str(task["id"]) for task in self._ask(lambda: self._v2.get_task_group(group)).get("tasks", ())}

    def check_online(self) -> None:
        """Raise `EndpointError` where the endpoint is unknown, not permitted or offline."""
        status = str(self._ask(lambda: self._v2.get_endpoint_status(self._endpoint)).get("status", "unknown"))
        if status != "online":
            raise EndpointError(
                f"{self._where}: it is {status}; start it where it lives, with 'globus-compute-endpoint start', and run again"
            )

    def _ask(self, send: "Callable[[], GlobusHTTPResponse]", repeat: bool = True) -> Any:
        from globus_sdk import GlobusError

        begun, pause = time.monotonic(), 0.5
        while True:
            self._pace()
            try:
                return send().data
            except GlobusError as error:
                wait = self._judged(error, repeat)
                last = error
            pause = min(2 * pause, _LONGEST)
            self.wait(wait or pause, begun, _said(last))

    def wait(self, seconds: float, begun: float, said: str) -> None:
        """Wait for another try, unless all the tries since `begun` (monotonic) have taken our patience."""
        if time.monotonic() + seconds - begun > self._patience:
            raise EndpointError(
                f"{self._where}: Globus Compute has not been of use for {time.monotonic() - begun:.0f} s ({said}); "
                f"run the same command again later: what was submitted is collected"
            )
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the client is closed."""
        if self._closing.wait(seconds):
            raise Closed

    def _pace(self) -> None:
        """Wait until another request is within the service's limit."""
        if self._closing.is_set():
            raise Closed
        if len(self._asked) == _REQUESTS:
            self.sleep(max(0.0, self._asked[0] + _WINDOW - time.monotonic()))
        self._asked.append(time.monotonic())

    def _judged(self, error: Exception, repeat: bool) -> float | None:
        """Seconds to wait before another try, None for the usual; raises where there is no use in one."""
        from globus_sdk import AuthAPIError, GlobusAPIError, NetworkError

        if isinstance(error, GlobusAPIError) and error.http_status == 429:
            return _retry_after(error)  # refused before anything was done
        if isinstance(error, NetworkError) or (isinstance(error, GlobusAPIError) and error.http_status >= 500):
            if not repeat:
                raise MaybeDone(_said(error)) from None
            return _retry_after(error) if isinstance(error, GlobusAPIError) else None
        if isinstance(error, AuthAPIError) or (isinstance(error, GlobusAPIError) and error.http_status == 401):
            raise EndpointError(
                f"{self._where}: Globus does not accept the login ({_said(error)}); log in again with 'hfx login'"
            ) from None
        if isinstance(error, GlobusAPIError):
            raise self._refusal(error) from None
        raise EndpointError(f"{self._where}: no login to Globus can be used ({_said(error)}); type 'hfx login'") from None

    def _refusal(self, error: "GlobusAPIError") -> Exception:
        said = _said(error)
        if error.http_status == 413 or "too large" in said.lower() or "size" in str(error.code).lower():
            return TooLargeError(f"{self._where}: the service refused the request for its size ({said})")
        if "function" in f"{error.code} {said}".lower():
            return UnknownFunction(said)
        if error.http_status == 404:
            return EndpointError(
                f"{self._where}: Globus Compute knows no endpoint {self._endpoint}; "
                f"'globus-compute-endpoint list' where it lives shows its id for endpoint_id"
            )
        if error.http_status == 403:
            return EndpointError(
                f"{self._where}: you may not use it ({said}); ask its owner, or log in with another identity ('hfx whoami')"
            )
        return EndpointError(f"{self._where}: Globus Compute refuses: {said}; mend the endpoint's file")


def _said(error: Exception) -> str:
    """What an error says, on one line."""
    told = getattr(error, "raw_json", None)
    text = str(told["reason"]) if isinstance(told, dict) and told.get("reason") else str(getattr(error, "message", "") or error)
    status = getattr(error, "http_status", None)
    line = next(iter(text.splitlines()), "") or type(error).__name__
    return f"{status}: {line}" if status is not None else line


def _retry_after(error: "GlobusAPIError") -> float | None:
    try:
        return max(0.0, float(error.headers["Retry-After"])) if error.headers else None
    except (KeyError, ValueError):
        return None
