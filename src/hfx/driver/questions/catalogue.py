"""The questions that can be asked.

A question is a line in `QUESTIONS`. Others come with installed packages that name them as entry points of the group
``hfx.questions``: the name of the question, and the place of its class.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from hfx.driver.questions.base import AnyQuestion
from hfx.driver.run.file_types import RunContent, ScanContent
from hfx.errors import OptionError
from hfx.json_types import JsonValue

__all__ = ["DEFAULT", "GROUP", "QUESTIONS", "command_of", "kind", "name_of", "of_run"]

GROUP = "hfx.questions"

QUESTIONS: dict[str, str] = {
    "cls": "hfx.driver.questions.cls:Cls",
}

DEFAULT = "cls"
"""The question of ``hfx scan``, and of runs that were made before there were several."""


def kind(name: str) -> type[AnyQuestion]:
    """The class of the question of this name; raises `OptionError` where this installation does not know it."""
    place = QUESTIONS.get(name)
    if place is not None:
        module, _, attribute = place.partition(":")
        return cast(type[AnyQuestion], getattr(import_module(module), attribute))
    for point in entry_points(group=GROUP, name=name):
        return cast(type[AnyQuestion], point.load())
    known = ", ".join([*QUESTIONS, *sorted(point.name for point in entry_points(group=GROUP))])
    raise OptionError(f"no question is called '{name}' here; known are: {known}; install the package that defines it")


def command_of(word: str) -> str | None:
    """The name of the question that an installed package brings and whose command this word is; None: there is none."""
    name = word.replace("-", "_")
    return next((point.name for point in entry_points(group=GROUP, name=name)), None)


def name_of(content: RunContent | ScanContent) -> str:
    """The name of the question of a run."""
    return str(content.get("question") or DEFAULT)


def of_run(content: RunContent | ScanContent) -> AnyQuestion:
    """The question of a run, with its options, from the content of run.json or scan.json."""
    asked = kind(name_of(content))
    options = cast(Mapping[str, JsonValue], content.get("options") or {})
    own = asked.options_type()
    return asked(own.read({name: value for name, value in options.items() if name in own.names()}))
