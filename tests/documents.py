"""What a text of the documentation holds: its code and the commands that it tells people to type."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import typer

from hfx.driver.cli.main import app

__all__ = ["blocks", "changed_by_a_shell", "commands", "console", "parameters"]


def blocks(text: str, *languages: str) -> list[tuple[str, str]]:
    """Language and content of the code blocks in these languages, in their order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [(language, content) for language, content in found if language in languages]


def console(text: str) -> list[str]:
    """The lines of all shell blocks."""
    return [line for _, block in blocks(text, "console") for line in block.splitlines()]


def changed_by_a_shell(lines: list[str], folder: Path) -> list[str]:
    """The lines that bash does not read as the words that stand there, as it replaces variables and, when typed, "!".

    `folder` is an empty one, in which patterns match nothing.
    """
    return [line for line in lines if _words(line, folder) != shlex.split(line) or re.search(r'"[^"]*![^"]*"', line)]


def _words(line: str, folder: Path) -> list[str]:
    command = ["bash", "-c", rf"printf '%s\n' {line}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env={}).stdout.splitlines()


def commands(text: str, program: str) -> list[list[str]]:
    """The arguments of every call of `program`, in shell blocks and in the text."""
    words = [shlex.split(line) for line in console(text)]
    inline = [shlex.split(found) for found in re.findall(r"`((?:hfx|make) [^`\n]*)`", text)]
    return [line[1:] for line in words + inline if line[0] == program]


def parameters(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """The command that hfx would run, and its parameters; raises a usage error for what it does not know."""
    command, context, name, rest = typer.main.get_command(app), None, "hfx", arguments
    while True:
        context = command.make_context(name, list(rest), parent=context)
        if not hasattr(command, "resolve_command"):
            return context.command_path, context.params
        found, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        name = str(found)
