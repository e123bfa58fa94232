"""Options of jobs: one definition for the wire, a run's files and identity, the command line and Python."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from hfx.errors import InputError, OptionError
from hfx.json_types import JsonValue

__all__ = ["JobOptions", "OptionField", "flag", "setting"]

OptionField = dataclasses.Field[Any]
"""A field made by `setting`."""

Value = TypeVar("Value")
Self = TypeVar("Self", bound="JobOptions")


def setting(
    default: Value,
    help: str,  # noqa: A002 - as argparse and typer name it
    *,
    wire: bool = True,
    rounds: bool = True,
    words: str = "",
    choices: tuple[Value, ...] = (),
) -> Value:
    """A field of options: its default, its help text, whether a worker needs it (``wire``), whether the rounds of work depend on
    it (``rounds``), and its values where there are few.

    ``words`` names the option where two runs are compared ("the measurement"); by default its flag does.
    """
    metadata = {"help": help, "wire": wire, "rounds": rounds, "words": words, "choices": choices}
    made: Value = dataclasses.field(default=default, metadata=metadata)
    return made


def flag(name: str) -> str:
    """The option's name on the command line."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """The options that every job has: how its likelihoods are made of the pallet. Sub-classes add their own, by `setting`.

    Raises `OptionError` for a value that is not one of an option's choices, or not a finite number.
    """

    signal_scale: float = setting(
        1.0, "Factor on the expected yield of every signal, for example 1.1 for a cross section that is larger by 10 %."
    )
    normsys: int = setting(
        4,
        "Interpolation code of normalisation uncertainties (normsys): 1 (exponential), or 4 (polynomial within one standard "
        "deviation, exponential beyond).",
        choices=(1, 4),
    )
    histosys: str = setting(
        "4p",
        "Interpolation code of shape uncertainties (histosys): 0 (piecewise linear), 2 (quadratic) or 4p (polynomial); 2 and "
        "4p are linear beyond one standard deviation.",
        choices=("0", "2", "4p"),
    )
    measurement: str | None = setting(
        None, "Name of the measurement in the workspace that is used. Default: the first.", words="the measurement"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "histosys", str(self.histosys))
        for entry in fields(self):
            self._check(entry, getattr(self, entry.name))
        if self.signal_scale <= 0:
            raise OptionError(f"--signal-scale {self.signal_scale:g}: give a number above 0")

    def _check(self, entry: OptionField, value: object) -> None:
        choices = entry.metadata.get("choices")
        if choices and value not in choices:
            raise OptionError(f"{flag(entry.name)} '{value}' is not one of {', '.join(map(str, choices))}")
        if isinstance(entry.default, float) and not (isinstance(value, int | float) and math.isfinite(value)):
            raise OptionError(f"{flag(entry.name)} '{value}' is not a finite number")

    @classmethod
    def entries(cls) -> tuple[OptionField, ...]:
        """The options' fields."""
        return fields(cls)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The options' names."""
        return tuple(entry.name for entry in fields(cls))

    def content(self) -> dict[str, JsonValue]:
        """All options by name, as run.json holds them."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    def wire(self) -> dict[str, JsonValue]:
        """The options that workers need: those that decide the numbers, and so whether two runs are of the same scan."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.metadata["wire"]}

    def of_rounds(self) -> dict[str, JsonValue]:
        """The options that decide which rounds of work there are, beside those of `wire`."""
        own = [entry.name for entry in fields(self) if entry.metadata["rounds"] and not entry.metadata["wire"]]
        return {name: getattr(self, name) for name in own}

    @classmethod
    def read(cls: type[Self], content: Mapping[str, JsonValue]) -> Self:
        """The options of a task; raises `InputError` for one that this version does not know."""
        known = {entry.name for entry in fields(cls)}
        unknown = [name for name in content if name not in known]
        if unknown:
            raise InputError(
                f"the task has an option {unknown[0]!r} that this worker does not know; install the client's hfx there"
            )
        values: Mapping[str, Any] = content
        return cls(**values)
