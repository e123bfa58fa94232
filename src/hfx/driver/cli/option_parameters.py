"""The options of a run on the command line, made from their one definition: names, types, defaults and help texts."""

import inspect
import operator
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_type_hints

import typer

from hfx.driver.plot.request import PictureOptions
from hfx.driver.questions.catalogue import kind
from hfx.driver.questions.options import ScanOptions
from hfx.functions.options import JobOptions

__all__ = ["OptionValue", "accepting", "of_picture", "parameters"]

OptionValue = None | bool | int | float | str | Path | list[str]
"""The value of an option on the command line."""

# Options whose type on the command line is not that of the field, and those with other flags than their names.
_TYPES: dict[str, object] = {
    "output": Path | None,
    "endpoint": list[str] | None,
    "where": list[str] | None,
    "theory_band": str | None,
    "labels": str | None,
    "drop_channel": list[str] | None,
    "label_titles": Path | None,
    "minima": str,
}
_OF_PICTURE: dict[str, object] = {"logx": bool | None, "logy": bool | None}  # None: as in the scan
_FLAGS = {"output": ("-o", "--output"), "verify": ("--verify/--no-verify",)}


def _annotated(hint: object, option: object) -> object:
    """``Annotated[hint, option]``, for types that are known when the program runs."""
    made: object = operator.getitem(cast(Any, Annotated), (hint, option))
    return made


def _metavar(hint: object) -> str | None:
    """The word for the value in the help; None for a flag, which has no value."""
    kinds = {*get_args(hint), hint}
    if bool in kinds:
        return None
    return "NUMBER" if kinds & {int, float} else "PATH" if Path in kinds else "TEXT"


def parameters(question: str) -> list[inspect.Parameter]:
    """The parameters of a command that asks a question: the options that all questions have, and its own."""
    own = kind(question).options_type()
    ScanOptions.check_names(own)
    return [*_parameters(ScanOptions, "output"), *_parameters(own), *_parameters(ScanOptions)[1:]]


def of_picture() -> list[inspect.Parameter]:
    """The parameters of a command that draws a run again: the options of its picture, which by default are those of the scan."""
    names = {*(option.name for option in fields(PictureOptions)), "label_titles"}
    return [
        _parameter(
            entry.name,
            {**_TYPES, **_OF_PICTURE}.get(entry.name, str | None),
            f"{_without_default(entry.metadata['help'])} {_OF_SCAN}",
            None,
        )
        for entry in ScanOptions.entries()
        if entry.name in names
    ]


_OF_SCAN = "Default: as in the scan."


def _without_default(text: str) -> str:
    """A help text without its last sentence, if that says the default."""
    return text.partition(" Default: ")[0]


Command = Callable[..., int]


def accepting(argument: inspect.Parameter, options: Sequence[inspect.Parameter]) -> Callable[[Command], Command]:
    """A decorator that makes a command with an argument, with `options`, and with the own options of the decorated function.

    That function gets the argument under its name, the values of `options` as the mapping `given`, and its own options by name.
    """

    def made(wrapped: Command) -> Command:
        own = [p for name, p in inspect.signature(wrapped).parameters.items() if name not in (argument.name, "given")]
        passed_on = [argument.name, *(p.name for p in own)]

        def run(**values: OptionValue) -> int:
            arguments = {name: values.pop(name) for name in passed_on}
            return wrapped(given=values, **arguments)

        every = [argument, *options, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own)]
        run.__name__, run.__doc__ = wrapped.__name__, wrapped.__doc__
        run.__signature__ = inspect.Signature(every, return_annotation=int)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in every}
        return run

    return made


def _parameters(options: type[ScanOptions] | type[JobOptions], only: str = "") -> list[inspect.Parameter]:
    hints = get_type_hints(options)
    return [
        _parameter(
            entry.name,
            _TYPES.get(entry.name, hints[entry.name]),
            entry.metadata["help"],
            entry.default,
            entry.metadata["panel"] or None,
        )
        for entry in options.entries()
        if only in ("", entry.name)
    ]


def _parameter(name: str, hint: object, text: str, default: object, panel: str | None = None) -> inspect.Parameter:
    option = typer.Option(*_FLAGS.get(name, ()), help=text, metavar=_metavar(hint), rich_help_panel=panel)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_annotated(hint, option))
