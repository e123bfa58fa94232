"""Options of jobs: one definition for the wire, a run's files and identity, the command line and Python."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hfx.errors import InputError, OptionError
from hfx.json_types import JsonValue
from hfx.pallets.workspaces.model_choice import ModelChoice

__all__ = ["JobOptions", "OptionField", "check_types", "flag", "setting"]

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
    panel: str = "",
) -> Value:
    """A field of options: its default, its help text, whether a worker needs it (``wire``), whether the rounds of work depend on
    it (``rounds``), and its values where there are few.

    ``words`` names the option where two runs are compared ("the measurement"); by default its flag does. ``panel`` is the title
    of the section of ``--help`` and of the list of commands that the option stands in.
    """
    metadata = {"help": help, "wire": wire, "rounds": rounds, "words": words, "choices": choices, "panel": panel}
    made: Value = dataclasses.field(default=default, metadata=metadata)
    return made


def flag(name: str) -> str:
    """The option's name on the command line."""
    return "--" + name.replace("_", "-")


def check_types(options: object, entries: Iterable[OptionField]) -> None:
    """Raise `OptionError` for the first option whose value is not of the type of its field. On a command line none is."""
    hints = get_type_hints(type(options))
    for entry in entries:
        value = getattr(options, entry.name)
        if not _fits(value, hints[entry.name]):
            raise OptionError(
                f"{entry.name}={value!r:.60}: the option {entry.name} ({flag(entry.name)}) takes {_words(hints[entry.name])}, "
                f"not a value of type {type(value).__name__}"
            )


def _fits(value: object, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str)  # choices are checked by their own table
    if origin is not None:
        return isinstance(value, origin) and not isinstance(value, str) and all(_fits(one, parts[0]) for one in value)
    if hint in (int, float):
        return isinstance(value, int if hint is int else (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint)


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "True or False", type(None): "None", Path: "a path"}


def _words(hint: Any) -> str:
    """The type of an option for readers, as "text or None"."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_words, get_args(hint))))
    return "text" if origin is Literal else "a list of texts" if origin is not None else _WORDS.get(hint, str(hint))


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """The options that every job has: how its likelihoods are made of the pallet. Sub-classes add their own, by `setting`.

    Raises `OptionError` for a value that is not one of an option's choices, or not a finite number.
    """

    signal_scale: float = setting(
        1.0,
        "Factor on the expected yield of every signal, for example 1.1 for a cross section that is larger by 10 %.",
        panel="What is computed",
    )
    normsys: int = setting(
        4,
        "Interpolation code of normalisation uncertainties (normsys): 1 (exponential), or 4 (polynomial within one standard "
        "deviation, exponential beyond).",
        choices=(1, 4),
        panel="What is computed",
    )
    histosys: str = setting(
        "4p",
        "Interpolation code of shape uncertainties (histosys): 0 (piecewise linear), 2 (quadratic) or 4p (polynomial); 2 and "
        "4p are linear beyond one standard deviation.",
        choices=("0", "2", "4p"),
        panel="What is computed",
    )
    measurement: str | None = setting(
        None,
        "Name of the measurement in the workspace that is used. Default: the first.",
        words="the measurement",
        panel="What is computed",
    )
    poi: str | None = setting(
        None,
        "Name of another parameter of interest: a normfactor, which then is the signal strength that --mu tests, and whose "
        "samples are the signal. The one of the measurement becomes a parameter like others. Default: that of the measurement.",
        panel="What is computed",
    )
    drop_channel: tuple[str, ...] | None = setting(
        None,
        "Name of a channel, for example a validation region, that is left out of background and signals before anything is "
        "fitted. Give the option several times to leave out several. Default: none.",
        panel="What is computed",
    )

    def __post_init__(self) -> None:
        if isinstance(self.histosys, int):
            object.__setattr__(self, "histosys", str(self.histosys))
        object.__setattr__(self, "drop_channel", _names(self.drop_channel))
        check_types(self, fields(self))
        for entry in fields(self):
            self._check(entry, getattr(self, entry.name))
        if self.signal_scale <= 0:
            raise OptionError(f"--signal-scale {self.signal_scale:g}: give a number above 0")
        for name in (*(self.drop_channel or ()), *(() if self.poi is None else (self.poi,))):
            if not name:
                raise OptionError("--drop-channel and --poi take a name, not an empty text")

    @property
    def model_choice(self) -> ModelChoice:
        """The model that is made of each workspace."""
        return ModelChoice(self.measurement, self.poi, self.drop_channel or ())

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
        return {entry.name: _json(getattr(self, entry.name)) for entry in fields(self)}

    def wire(self) -> dict[str, JsonValue]:
        """The options that workers need: those that decide the numbers, and so whether two runs are of the same scan."""
        return {entry.name: _json(getattr(self, entry.name)) for entry in fields(self) if entry.metadata["wire"]}

    def of_rounds(self) -> dict[str, JsonValue]:
        """The options that decide which rounds of work there are, beside those of `wire`."""
        own = [entry.name for entry in fields(self) if entry.metadata["rounds"] and not entry.metadata["wire"]]
        return {name: _json(getattr(self, name)) for name in own}

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


def _names(value: object) -> object:
    """Several names in one order, each once, and None for none; one name as such; anything else unchanged, to be checked by its
    type."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return tuple(sorted(set(value))) or None
    return value


def _json(value: Any) -> JsonValue:
    """The value of an option as JSON has it."""
    return list(value) if isinstance(value, tuple) else value
