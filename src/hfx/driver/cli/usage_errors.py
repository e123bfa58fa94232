"""Errors in a command line (an unknown option, a missing argument) as one line of text, with the nearest correct name."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import typer

from hfx.driver.questions import foreign_words

__all__ = ["UsageError", "one_line"]

# typer exports only this one of click's errors; the base class of all errors of usage is its ancestor.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]


class _Parameter(Protocol):
    opts: Sequence[str]
    secondary_opts: Sequence[str]


class _Command(Protocol):
    def get_params(self, context: "_Context") -> Sequence[_Parameter]: ...


class _Context(Protocol):
    command: _Command
    command_path: str


class _ClickError(Protocol):
    """The attributes of click's errors of usage that are read here."""

    message: str
    ctx: _Context | None

    def format_message(self) -> str: ...


# Options that another command has, by the command that has not.
_OF_ANOTHER: Mapping[tuple[str, str | None], str] = {
    ("hfx plot", "--only"): (
        "hfx plot selects hypotheses by their labels, with --where; by their names: hfx scan PALLET --only ... -o NEW"
    ),
    ("hfx submit", "--live"): "hfx submit shows no page; 'hfx watch RUN' shows the run as one, as often as you like",
    ("hfx attach", "--live"): "hfx attach shows no page; 'hfx watch RUN' shows the run as one",
    ("hfx submit", "--quiet"): "hfx submit returns at once and prints little; leave --quiet out",
}


def one_line(error: Exception) -> str:
    """The text of an error of usage, with the nearest correct name for a misspelt one; `error` is a `UsageError`."""
    usage = cast(_ClickError, error)
    if (special := _OF_ANOTHER.get((_command(usage), getattr(usage, "option_name", None)))) is not None:
        return special
    near = None if (foreign := _foreign(usage)) else _nearest(usage)
    text = " ".join(usage.message.split()).rstrip(".")
    reason = _reason(usage, text)
    return f"{reason[:1].lower()}{reason[1:]}; {foreign or (f'did you mean {near}?' if near else _help(usage))}"


def _foreign(error: _ClickError) -> str | None:
    """The answer to an option or command that other tools have: its name here. None for a word that is none of theirs."""
    option, command = _unknown_option(error), _unknown_command(error)
    if option is not None:
        return foreign_words.of_option(option)
    return None if command is None or _command(error) != "hfx" else foreign_words.of_command(command)


def _unknown_option(error: _ClickError) -> str | None:
    return getattr(error, "option_name", None) if type(error).__name__ == "NoSuchOption" else None


def _unknown_command(error: _ClickError) -> str | None:
    words = error.message.split("'")
    return words[1] if "No such command" in error.message and len(words) > 1 else None


def _command(error: _ClickError) -> str:
    return "" if error.ctx is None else error.ctx.command_path


def _help(error: _ClickError) -> str:
    """The command that lists the correct names; an option without its value does not know its command."""
    if error.ctx is None:
        return "write it alone" if "not take a value" in error.message else "write a value after it"
    if isinstance(error, typer.BadParameter) and error.message:
        return f"'{error.ctx.command_path} --help' explains the option"
    listed = "commands" if getattr(error.ctx.command, "commands", None) else "arguments"
    return f"'{error.ctx.command_path} --help' lists the {listed} and options"


def _reason(error: _ClickError, text: str) -> str:
    """The message; for a bad value the option, the value and what it should be."""
    if not isinstance(error, typer.BadParameter) and text:
        text = text.split(" Did you mean")[0].rstrip(".")
        return re.sub(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"unexpected argument: \1", text)
    option = next((name for name in getattr(getattr(error, "param", None), "opts", ()) if name.startswith("--")), None)
    for pattern, words in _BAD_VALUES:
        if option and (found := pattern.search(text)):
            return f"{option} {_value(error, text)}{found.expand(words)}"
    return " ".join(error.format_message().split()).rstrip(".")


# The words for a bad value, of typer that checks by pydantic and of typer that checks by click; and those of hfx.
_BAD_VALUES = (
    (re.compile("valid (number|float)"), "is not a number"),
    (re.compile("valid integer"), "is not a whole number"),
    (re.compile(r"(?:than or equal to |in the range x>=)(\S+)"), r"is too small: give \1 or more"),
)


def _value(error: _ClickError, text: str) -> str:
    """The bad value in quotes, and a space; empty where the error does not tell it."""
    errors: Callable[[], Sequence[Mapping[str, object]]] | None = getattr(getattr(error, "__cause__", None), "errors", None)
    if errors is not None:
        return f"'{errors()[0].get('input')}' "
    found = re.match("'?(.+?)'? is not", text)
    return f"'{found[1]}' " if found else ""


# What one command calls so, and another so.
_EQUIVALENT = {"--plan": "--dry-run", "--dry-run": "--plan"}


def _nearest(error: _ClickError) -> str | None:
    if error.ctx is None:
        return None
    misspelt = _unknown_option(error)
    if misspelt is not None:
        known = [opt for p in error.ctx.command.get_params(error.ctx) for opt in (*p.opts, *p.secondary_opts)]
        if (same := _EQUIVALENT.get(misspelt)) in known:
            return same
        return _closest(misspelt, [name for name in known if name.startswith("--")])
    commands: Mapping[str, _Command] | None = getattr(error.ctx.command, "commands", None)
    command = _unknown_command(error)
    return _closest(command, list(commands)) if commands and command is not None else None


def _closest(name: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), None)
