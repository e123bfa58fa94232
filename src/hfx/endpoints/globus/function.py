"""The function that Globus Compute runs: source code that imports hfx and calls it, registered once for each version."""

import hashlib
import inspect
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hfx.json_types import JsonObject

if TYPE_CHECKING:
    from globus_compute_sdk.serialize import ComputeSerializer
    from globus_sdk import GlobusApp

    from hfx.endpoints.globus.service import Service

__all__ = ["Registration", "hfx_perform", "serializer"]


def hfx_perform(request: str) -> str:
    """Run a request of hfx and return its answer; hfx must be installed where the endpoint's workers run."""
    from hfx.functions import wire_text

    return wire_text.perform(request)


def serializer() -> "ComputeSerializer":
    """The serializer: functions as source code, arguments and results as JSON; it accepts nothing else from the service."""
    from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

    return ComputeSerializer(PureSourceTextInspect, JSONData, allowed_deserializer_types=[PureSourceTextInspect, JSONData])


class Registration:
    """The registration of the function with a service; its id is kept in a file of `folder`, for all runs."""

    def __init__(self, service: "Service", folder: Path, group: str | None) -> None:
        self._service, self._group = service, group
        content = [service.address, str(service.app.client_id), _identity(service.app), group, inspect.getsource(hfx_perform)]
        self._file = folder / f"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]}.json"

    def id(self) -> str:
        """The function's id; the first call registers the function."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self._file.read_text(encoding="utf-8"))["function"])
        made = self._service.register(self.content())
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"function": made, "group": self._group, "service": self._service.address}), encoding="utf-8")
        part.replace(self._file)
        return made

    def content(self) -> JsonObject:
        """The function as the service stores it."""
        from globus_compute_sdk.sdk.client import FunctionRegistrationData

        made = FunctionRegistrationData(function=hfx_perform, group=self._group, serializer=serializer())
        content: JsonObject = made.to_dict()  # type: ignore[no-untyped-call]
        return content

    def forget(self) -> None:
        """Remove the id, which the service does not know any more."""
        self._file.unlink(missing_ok=True)


def _identity(app: "GlobusApp") -> str | None:
    """The identity to which the app's tokens belong; None where it is not known."""
    with suppress(Exception):
        tokens = app.token_storage.get_token_data_by_resource_server()
        return next((token.identity_id for token in tokens.values() if token.identity_id), None)
    return None
