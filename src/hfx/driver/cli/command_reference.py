"""The reference of all commands as Markdown, for the documentation, made from the same definitions as their help texts."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from hfx.driver.cli.help_sections import Section, commands_of, parameters_of
from hfx.driver.cli.main import app

__all__ = ["reference"]

# Names of options, and what help texts have in single quotes: shown as code.
_CODE = re.compile(r"(?<![\w'`])(?:'([^']+)'(?!\w)|(--?[a-z][\w-]*))")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#|$~])")


def reference() -> str:
    """Markdown with a heading for each command, its help text, its arguments and its options."""
    return "\n".join(_of_group(typer.main.get_command(app), None, "hfx")) + "\n"


def _of_group(group: Any, parent: Any, name: str) -> Iterator[str]:
    context = group.make_context(name, [], parent=parent, resilient_parsing=True)
    for section in parameters_of(group, context):
        yield from _of_section(section)
    for section in commands_of(group, context):
        if parent is None:
            yield f"## {section.title}\n"
        for word, _ in section.rows:
            command = group.get_command(context, word)
            if hasattr(command, "commands"):
                yield from _of_group(command, context, word)
            else:
                yield from _of_command(command, context, word)


def _of_command(command: Any, parent: Any, name: str) -> Iterator[str]:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    yield f"### {context.command_path}\n"
    yield from (f"{_marked(' '.join(part.split()))}\n" for part in (command.help or "").split("\n\n"))
    for section in parameters_of(command, context):
        yield from _of_section(section)


def _of_section(section: Section) -> Iterator[str]:
    rows = [row for row in section.rows if "--help" not in row[0]]
    if rows:
        yield f"**{section.title}**\n"
    for name, text in rows:
        yield f"`{name}`\n: {_marked(' '.join(text.split()))}\n"


def _marked(text: str) -> str:
    """Plain text as Markdown: code where it is code, and no punctuation that Markdown would read."""
    found, position = "", 0
    for code in _CODE.finditer(text):
        found += _PUNCTUATION.sub(r"\\\1", text[position : code.start()]) + f"`{code[1] or code[2]}`"
        position = code.end()
    return found + _PUNCTUATION.sub(r"\\\1", text[position:])
