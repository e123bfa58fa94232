"""The content of a task as a worker reads it: typed, and checked before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

import msgspec

from hfx.errors import InputError
from hfx.functions.prepared_hypotheses import TaskUnit
from hfx.json_types import JsonObject, JsonValue

__all__ = ["TaskContent", "converted", "read_task"]

_Type = TypeVar("_Type")


@dataclass(frozen=True, kw_only=True)
class TaskContent:
    """A task, as `hfx.functions.task` describes it; ``background`` is the very object of the task, which others may share."""

    background: JsonObject
    hypotheses: list[TaskUnit]
    options: dict[str, Any]
    inputs: dict[str, Any] | None = None
    threads: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    device: Annotated[str, msgspec.Meta(pattern=r"^(cpu|cuda(:[0-9]{1,3})?)?$")] | None = None


def read_task(task: Mapping[str, JsonValue]) -> TaskContent:
    """The content of a task. Raises `InputError` where it is not one of this hfx's."""
    background = task.get("background")
    if not isinstance(background, dict):
        raise _other("it has no background workspace")
    content = converted({**task, "background": {}}, TaskContent)
    return replace(content, background=background)


def converted(content: object, kind: type[_Type]) -> _Type:
    """A part of a task as values of a type. Raises `InputError` where it is not of that type."""
    try:
        return msgspec.convert(content, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _other(str(error)) from None


def _other(why: str) -> InputError:
    return InputError(f"the task is none of this hfx's ({why}); install the same hfx for client and workers")
