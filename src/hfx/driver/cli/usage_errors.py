"""Errors of usage (an unknown option, a missing argument) as one line, with the nearest right name."""

import difflib
from typing import Any

import typer

__all__ = ["UsageError", "one_line"]

# Of click's own errors typer exports this one alone; its ancestor is the base of all that a user can cause.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]


def one_line(error: Any) -> str:
    """What was wrong and, where a name was misspelt, the nearest right one."""
    context = getattr(error, "ctx", None)
    near = _nearest(error, context)
    text = " ".join(str(error.message).split()).rstrip(".")
    hint = f"; did you mean {near}?" if near else ""
    command = context.command_path if context is not None else "hfx"
    return f"{_lowered(_reason(error, text))}{hint or f'; {command} --help lists what there is'}"


def _reason(error: Any, text: str) -> str:
    """A bad value's message names no option by itself; `format_message` does."""
    if isinstance(error, typer.BadParameter) or not text:
        return " ".join(str(error.format_message()).split()).rstrip(".")
    return text.split(" Did you mean")[0].rstrip(".")


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _nearest(error: Any, context: Any) -> str | None:
    misspelt = getattr(error, "option_name", None)
    if context is None:
        return None
    if misspelt is not None and type(error).__name__ == "NoSuchOption":
        known = [opt for p in context.command.get_params(context) for opt in (*p.opts, *p.secondary_opts)]
        return _closest(misspelt, [name for name in known if name.startswith("--")])
    commands = getattr(context.command, "commands", None)
    words = str(error.message).split("'")
    if commands and "No such command" in str(error.message) and len(words) > 1:
        return _closest(words[1], list(commands))
    return None


def _closest(name: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.5)), None)
