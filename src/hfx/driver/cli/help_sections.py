"""Help texts in sections: options and commands under the titles of their ``rich_help_panel``.

They are plain text: the frames that typer draws around sections with rich leave half of a terminal of 80 columns to the text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

__all__ = [
    "COMMANDS",
    "PARAMETERS",
    "Command",
    "Formatter",
    "Group",
    "Parameter",
    "Section",
    "commands_of",
    "parameters_of",
    "write",
]

Rows = Sequence[tuple[str, str]]


class Parameter(Protocol):
    """The attributes of click's arguments and options that are read here; the functions get a context of click."""

    param_type_name: str

    @property
    def get_help_record(self) -> Callable[..., tuple[str, str] | None]: ...


class Command(Protocol):
    """The attributes of click's commands that are read here."""

    help: str | None
    hidden: bool

    @property
    def get_params(self) -> Callable[..., Sequence[Parameter]]: ...


class Group(Command, Protocol):
    """The attributes of click's groups that are read here."""

    @property
    def list_commands(self) -> Callable[..., Sequence[str]]: ...
    @property
    def get_command(self) -> Callable[..., Command | None]: ...


class Formatter(Protocol):
    """The methods of click's formatters that are called here."""

    def section(self, name: str, /) -> AbstractContextManager[None]: ...
    def write_dl(self, rows: Rows, /, col_max: int = ...) -> None: ...


COMMANDS = ("Scan and look", "Scans without this terminal", "Pallets", "Where scans run", "Set-up")
"""The sections of the commands, in their order."""

_ARGUMENTS, _OPTIONS = "Arguments", "Options"

PARAMETERS = (
    _ARGUMENTS,
    "Which hypotheses",
    "What is computed",
    "The search for minima",
    "Where it runs",
    "The picture",
    "The page",
    "Output",
)
"""The sections of arguments and options, in their order; others follow, and options without a title come last."""


class Section(NamedTuple):
    """A section of a help text: its title, and rows of a name and its explanation."""

    title: str
    rows: Rows


def parameters_of(command: Command, context: object) -> list[Section]:
    """The arguments and options of a command by section."""
    found: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            untitled = _ARGUMENTS if parameter.param_type_name == "argument" else _OPTIONS
            found.setdefault(getattr(parameter, "rich_help_panel", None) or untitled, []).append(record)
    last = found.pop(_OPTIONS, None)
    return [*_ordered(found, PARAMETERS), *([Section(_OPTIONS, last)] if last else [])]


def commands_of(group: Group, context: object) -> list[Section]:
    """The commands of a group by section, each with its first sentence."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            title = getattr(command, "rich_help_panel", None) or "Commands"
            found.setdefault(title, []).append((name, " ".join((command.help or "").split("\n\n")[0].split())))
    return _ordered(found, COMMANDS)


def _ordered(found: Mapping[str, Rows], titles: Sequence[str]) -> list[Section]:
    """Sections in the order of their titles; those with other titles follow."""
    return [Section(title, found[title]) for title in dict.fromkeys((*titles, *found)) if title in found]


def write(formatter: Formatter, sections: Sequence[Section]) -> None:
    """Write sections, with the explanations of all of them in one column."""
    width = max((len(name) for section in sections for name, _ in section.rows), default=0)
    for section in sections:
        with formatter.section(section.title):
            formatter.write_dl(list(_aligned(section.rows, width)), col_max=_WIDEST)


_WIDEST = 24  # of the column of names; a longer name has a line of its own


def _aligned(rows: Rows, width: int) -> Iterator[tuple[str, str]]:
    """Rows whose explanations begin in the same column in all sections."""
    for name, text in rows:
        yield f"{name:<{min(width, _WIDEST)}}", text
