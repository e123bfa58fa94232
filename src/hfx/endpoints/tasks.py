"""Tasks as requests of the wire: the packed call of a function with one JSON task."""

from collections.abc import Callable, Sequence
from typing import cast

from hfx.endpoints.specification import Settings
from hfx.functions import wire
from hfx.json_types import JsonObject, JsonValue

__all__ = ["packed"]


def packed(packer: wire.Packer, fn: Callable[..., object], args: Sequence[object], settings: Settings) -> bytes:
    """The request for ``fn(task)`` with the one task in `args`, whose settings are replaced by those of the endpoint.

    Raises:
        EndpointError: workers cannot import the function.
    """
    (task,) = args
    return packer.request(cast(Callable[..., JsonValue], fn), cast(JsonObject, task), **settings)
