"""Options of jobs: one definition for the wire, the run's files, the identity of a run, the command line and Python."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar, cast

from hfx.json_types import JsonValue

__all__ = ["JobOptions", "setting", "settings"]

Value = TypeVar("Value")


def setting(default: Value, help: str, *, wire: bool = True, words: str = "") -> Value:  # noqa: A002 - as argparse and typer have it
    """A field of options: its default, its help text, and whether a worker needs it.

    ``words`` says what the option is where two runs are compared ("the measurement"); by default its flag.
    """
    return cast(Value, field(default=default, metadata={"help": help, "wire": wire, "words": words}))


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """Base of the options of a job. Every field is made by `setting`; those with ``wire`` decide the numbers."""

    def wire(self) -> dict[str, JsonValue]:
        """The part that goes to workers and that identifies a run's results."""
        return {entry.name: getattr(self, entry.name) for entry in settings(type(self)) if entry.metadata["wire"]}


def settings(options: type[JobOptions]) -> tuple[Field[Any], ...]:
    """The fields of options, in order."""
    return fields(options)
