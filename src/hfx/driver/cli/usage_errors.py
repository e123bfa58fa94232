"""Errors in a command line (an unknown option, a missing argument) as one line of text, with the nearest correct name."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import typer

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


def one_line(error: Exception) -> str:
    """The text of an error of usage, with the nearest correct name for a misspelt one; `error` is a `UsageError`."""
    usage = cast(_ClickError, error)
    near = _nearest(usage)
    text = " ".join(usage.message.split()).rstrip(".")
    hint = f"; did you mean {near}?" if near else ""
    command = usage.ctx.command_path if usage.ctx is not None else "hfx"
    reason = _reason(usage, text)
    return f"{reason[:1].lower()}{reason[1:]}{hint or f'; {command} --help lists the commands and options'}"


def _reason(error: _ClickError, text: str) -> str:
    """The message; for a bad value the formatted one, because only that names the option."""
    if isinstance(error, typer.BadParameter) or not text:
        return " ".join(error.format_message().split()).rstrip(".")
    return text.split(" Did you mean")[0].rstrip(".")


def _nearest(error: _ClickError) -> str | None:
    if error.ctx is None:
        return None
    misspelt: str | None = getattr(error, "option_name", None)
    if misspelt is not None and type(error).__name__ == "NoSuchOption":
        known = [opt for p in error.ctx.command.get_params(error.ctx) for opt in (*p.opts, *p.secondary_opts)]
        return _closest(misspelt, [name for name in known if name.startswith("--")])
    commands: Mapping[str, _Command] | None = getattr(error.ctx.command, "commands", None)
    words = error.message.split("'")
    if commands and "No such command" in error.message and len(words) > 1:
        return _closest(words[1], list(commands))
    return None


def _closest(name: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.5)), None)
