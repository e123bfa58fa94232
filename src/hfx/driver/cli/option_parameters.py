"""The options of a run on the command line, made from their one definition: names, types, defaults and help texts."""

import inspect
import operator
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_type_hints

import typer

from hfx.driver.questions.catalogue import kind
from hfx.driver.questions.options import ScanOptions
from hfx.functions.options import JobOptions

__all__ = ["OptionValue", "parameters"]

OptionValue = None | bool | int | float | str | Path | list[str]
"""The value of an option on the command line."""

# Options whose type on the command line is not that of the field, and those with other flags than their names.
_TYPES: dict[str, object] = {
    "output": Path | None,
    "endpoint": list[str] | None,
    "where": list[str] | None,
    "theory_band": str | None,
    "labels": str | None,
    "minima": str,
}
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


def _parameters(options: type[ScanOptions] | type[JobOptions], only: str = "") -> list[inspect.Parameter]:
    hints = get_type_hints(options)
    found = []
    for entry in options.entries():
        if only in ("", entry.name):
            hint = _TYPES.get(entry.name, hints[entry.name])
            option = typer.Option(
                *_FLAGS.get(entry.name, ()),
                help=entry.metadata["help"],
                metavar=_metavar(hint),
                rich_help_panel=entry.metadata["panel"] or None,
            )
            annotation = _annotated(hint, option)
            found.append(
                inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, default=entry.default, annotation=annotation)
            )
    return found
