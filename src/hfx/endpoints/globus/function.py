"""The function that Globus Compute runs: plain source that imports hfx and calls it, registered once for each hash."""

import hashlib
import inspect
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from globus_compute_sdk.serialize import ComputeSerializer

    from hfx.endpoints.globus.service import Service

__all__ = ["Registration", "hfx_perform", "serializer"]


def hfx_perform(request: str) -> str:
    """Run a request of hfx, and answer; hfx must be installed where the endpoint's workers run."""
    from hfx.functions import wire_text

    return wire_text.perform(request)


def serializer() -> "ComputeSerializer":
    """Source out, JSON both ways: nothing else is taken from the service."""
    from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

    return ComputeSerializer(PureSourceTextInspect, JSONData, allowed_deserializer_types=[PureSourceTextInspect, JSONData])


class Registration:
    """The function's id with a service; kept in a file of `folder`, so that one registration serves all runs."""

    def __init__(self, service: "Service", folder: Path, group: str | None) -> None:
        self._service, self._group = service, group
        told = [service.address, str(service.app.client_id), _identity(service.app), group, inspect.getsource(hfx_perform)]
        self._file = folder / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}.json"

    def id(self) -> str:
        """The id; registers where that was not done yet."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self._file.read_text(encoding="utf-8"))["function"])
        made = self._service.register(self.content())
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"function": made, "group": self._group, "service": self._service.address}), encoding="utf-8")
        part.replace(self._file)
        return made

    def content(self) -> dict[str, Any]:
        """What the service gets of the function."""
        from globus_compute_sdk.sdk.client import FunctionRegistrationData

        made = FunctionRegistrationData(function=hfx_perform, group=self._group, serializer=serializer())
        return dict(made.to_dict())  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """The service does not know the id (any more)."""
        self._file.unlink(missing_ok=True)


def _identity(app: Any) -> str | None:
    """Whose tokens the app holds, as far as it says."""
    with suppress(Exception):
        held = app.token_storage.get_token_data_by_resource_server()
        return next((token.identity_id for token in held.values() if token.identity_id), None)
    return None
