"""Help texts in sections: options and commands under the titles of their ``rich_help_panel``.

They are plain text: the frames that typer draws around sections with rich leave half of a terminal of 80 columns to the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperGroup

__all__ = ["COMMANDS", "Section", "SectionedCommand", "SectionedGroup", "commands_of", "parameters_of"]

COMMANDS = ("Scan and look", "Scans without this terminal", "Pallets", "Where scans run", "Set-up")
"""The sections of the commands, in their order."""

_ARGUMENTS, _OPTIONS = "Arguments", "Options"

# The sections of arguments and options in their order; others follow, and those of options without a title come last.
_PARAMETERS = (
    _ARGUMENTS,
    "Which hypotheses",
    "What is computed",
    "The search for minima",
    "Where it runs",
    "The picture",
    "The page",
    "Output",
)


class Section(NamedTuple):
    """A section of a help text: its title, and rows of a name and its explanation."""

    title: str
    rows: Sequence[tuple[str, str]]


def parameters_of(command: Any, context: Any) -> list[Section]:
    """The arguments and options of a command by section."""
    found: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            untitled = _ARGUMENTS if parameter.param_type_name == "argument" else _OPTIONS
            found.setdefault(getattr(parameter, "rich_help_panel", None) or untitled, []).append(record)
    last = found.pop(_OPTIONS, None)
    return [*_ordered(found, _PARAMETERS), *([Section(_OPTIONS, last)] if last else [])]


def commands_of(group: Any, context: Any) -> list[Section]:
    """The commands of a group by section, each with its first sentence."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not command.hidden:
            title = getattr(command, "rich_help_panel", None) or "Commands"
            found.setdefault(title, []).append((name, " ".join((command.help or "").split("\n\n")[0].split())))
    return _ordered(found, COMMANDS)


def _ordered(found: Mapping[str, Sequence[tuple[str, str]]], titles: Sequence[str]) -> list[Section]:
    """Sections in the order of their titles; those with other titles follow."""
    return [Section(title, found[title]) for title in dict.fromkeys((*titles, *found)) if title in found]


def _write(formatter: Any, sections: Sequence[Section]) -> None:
    width = max((len(name) for section in sections for name, _ in section.rows), default=0)
    for section in sections:
        with formatter.section(section.title):
            formatter.write_dl(list(_aligned(section.rows, width)), col_max=_WIDEST)


_WIDEST = 24  # of the column of names; a longer name has a line of its own


def _aligned(rows: Sequence[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    """Rows whose explanations begin in the same column in all sections."""
    for name, text in rows:
        yield f"{name:<{min(width, _WIDEST)}}", text


class SectionedCommand(TyperCommand):
    """A command with its options in sections."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the arguments and options."""
        _write(formatter, parameters_of(self, ctx))


class SectionedGroup(TyperGroup):
    """A group with its commands in sections, and the command that explains one of them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the commands, and then the options."""
        _write(formatter, [*commands_of(self, ctx), *parameters_of(self, ctx)])
        formatter.write_paragraph()
        formatter.write_text(f"'{ctx.command_path} COMMAND --help' explains a command and its options.")
