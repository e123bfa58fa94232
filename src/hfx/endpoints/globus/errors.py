"""Errors of failed tasks: the traceback that an endpoint reports, as one of hfx's errors with its remedy."""

import re

from hfx.errors import EndpointError, HfxError, NodeLostError, TooLargeError, WorkerLostError

__all__ = ["translated"]

_HOST = re.compile(r"(?:on host |hostname:? ?|host )'?([\w.-]+)'?")
_LAST = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Lost|Exceeded|Pool|Failed|Exit|Warning))\b:? ?(.*)$")


def translated(text: str, where: str) -> HfxError:
    """The error for a task's exception, given as the `text` from the service; `where`: the endpoint."""
    kind, message = _last_error(text)
    if kind == "ManagerLost":
        return NodeLostError(f"{where}: its node{_host(message)} was lost (job ended, node down or unreachable)")
    if kind == "WorkerLost":
        return WorkerLostError(f"{where}: the worker that fitted it died{_host(message)} (out of memory?)")
    if kind == "BrokenProcessPool":
        return EndpointError(
            f"{where}: its pool of processes broke, and takes no more tasks; restart the endpoint, and run again"
        )
    if kind == "MaxResultSizeExceeded":
        return TooLargeError(f"{where}: its answer is too large for the service ({message})")
    if kind == "ModuleNotFoundError":
        return EndpointError(f"{where}: on its workers: {message}; install hfx there, or activate it in worker_init")
    if kind in ("DeserializationError", "SerializationError", "SerdeError"):
        return EndpointError(
            f"{where}: its workers cannot read or write JSON tasks ({message}); "
            f"update globus-compute-endpoint there, and allow PureSourceTextInspect and JSONData"
        )
    return EndpointError(f"{where}: it cannot run tasks: {kind + ': ' if kind else ''}{message}; its logs are where it lives")


def _host(message: str) -> str:
    found = _HOST.search(message)
    return f" on {found.group(1)}" if found else ""


def _last_error(text: str) -> tuple[str, str]:
    """The type and the text of the last error of a traceback; ("", the last line) where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        match = _LAST.match(line)
        if match:
            return match.group(1), match.group(2)
    return "", lines[-1] if lines else "it said nothing"
