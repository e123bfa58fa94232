"""Commands that refuse what typer takes silently, an option of one value that is given twice and empty values, and whose help
texts have sections."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from hfx.driver.cli import help_sections
from hfx.errors import OptionError

__all__ = ["make_strict"]

# The options that may be empty: texts of a picture.
_TEXTS = ("title", "xlabel", "ylabel")


class _Strict(TyperCommand):
    """A command that checks the words of its command line before they become values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given, _, order = self.make_parser(ctx).parse_args(args=list(args))
        if not any(param.is_eager and param.name in given for param in order):
            for problem in (*_repeated(order), *_empty(order, given)):
                raise OptionError(problem)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        help_sections.write(formatter, help_sections.parameters_of(self, ctx))


class _Group(TyperGroup):
    """A group that lists its commands in sections, and names the command that explains one of them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        help_sections.write(formatter, [*help_sections.commands_of(self, ctx), *help_sections.parameters_of(self, ctx)])
        formatter.write_paragraph()
        formatter.write_text(f"'{ctx.command_path} COMMAND --help' explains a command and its options.")


def _repeated(order: Sequence[Any]) -> Iterator[str]:
    for param in order:
        switch = getattr(param, "is_flag", False) and not param.secondary_opts
        if param.param_type_name == "option" and not param.multiple and not switch and order.count(param) > 1:
            yield f"{_flag(param)} is given {order.count(param)} times, but has one value; give it once"


def _empty(order: Sequence[Any], given: dict[str, Any]) -> Iterator[str]:
    for param in order:
        value = given.get(param.name)
        if "" in (value if isinstance(value, list | tuple) else (value,)) and param.name not in _TEXTS:
            name = _flag(param) if param.param_type_name == "option" else (param.metavar or param.name.upper())
            yield f"{name} '' is empty; write a value"


def _flag(param: Any) -> str:
    """The option's long name, as "--where"."""
    return str(max(param.opts, key=len))


def make_strict(app: typer.Typer) -> None:
    """Make the commands of a group, and of the groups in it, such commands; all have help in sections."""
    app.info.cls = _Group
    for command in app.registered_commands:
        command.cls = _Strict
    for group in app.registered_groups:
        if group.typer_instance is not None:
            make_strict(group.typer_instance)
