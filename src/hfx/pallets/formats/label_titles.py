r"""Names of labels in pictures, from a small file: ``labels.yaml`` in a pallet, or ``NAME.labels.yaml`` beside an archive NAME.

The file maps labels to LaTeX (without $ signs) and a unit, as ``mst: {latex: 'm(\tilde{\tau})', unit: GeV}``; JSON will do.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypedDict

from hfx.errors import PalletError
from hfx.pallets.formats.yaml_text import nested_too_deeply
from hfx.printable import has_unprintable

if TYPE_CHECKING:
    from yaml import Node

__all__ = ["LabelTitle", "beside", "is_titles_file", "of_members", "read"]

_NAMES = tuple(f"labels.{ending}" for ending in ("yaml", "yml", "json"))
_KEYS = ("latex", "unit")
_MOST_TEXT = 100_000  # characters; YAML is read at that number a second
_EXAMPLE = "mst: {latex: 'm(\\tilde{\\tau})', unit: GeV}"


class LabelTitle(TypedDict, total=False):
    """The name of a label in pictures: LaTeX without $ signs, and a unit."""

    latex: str
    unit: str


def is_titles_file(name: str) -> bool:
    """Whether a file is one of names of labels, by its own name."""
    return PurePosixPath(name).name.lower() in _NAMES


def of_members(names: Iterable[str], background: str) -> str | None:
    """The file of names that holds for a background: the one in its folder, or else in the nearest folder above."""
    above = PurePosixPath(background).parents
    found = {PurePosixPath(name).parent: name for name in names if is_titles_file(name)}
    return next((found[folder] for folder in above if folder in found), None)


def beside(archive: Path, name: str) -> Path | None:
    """The file of names beside an archive or a single file, which is called as the pallet ``name`` is."""
    if not archive.is_file():
        return None
    files = (archive.with_name(f"{name}.{own}") for own in _NAMES)
    return next((file for file in files if file.is_file()), None)


def read(text: str, file: str) -> dict[str, LabelTitle]:
    """The names of labels in a file's text. Raises `PalletError`, which names the file and the line, for any other content."""
    import yaml

    if len(text) > _MOST_TEXT:
        raise _refused(file, None, f"it is longer than {_MOST_TEXT:,} characters; write for example {_EXAMPLE}")
    if has_unprintable(text, lines=True):
        raise _refused(file, None, "it holds control characters; write the names without")
    try:
        if nested_too_deeply(text):
            raise RecursionError
        node = yaml.compose(text.replace("\t", " ") if file.lower().endswith(".json") else text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "it is not YAML"
        raise _refused(file, None if mark is None else mark.line, f"{reason}; write for example {_EXAMPLE}") from None
    except RecursionError:
        raise _refused(file, None, f"it is nested too deeply; write for example {_EXAMPLE}") from None
    return {} if node is None else dict(_titles(node, file))


def _titles(node: "Node", file: str) -> Iterator[tuple[str, LabelTitle]]:
    for label, value in _pairs(node, file, "labels"):
        title: dict[str, str] = {}
        for key, entry in _pairs(value, file, f"'latex' and 'unit' of {label}"):
            if key not in _KEYS:
                raise _refused(file, entry.start_mark.line, f"{label} has an entry '{key}'; its entries are latex and unit")
            if not isinstance(entry.value, str):
                raise _refused(file, entry.start_mark.line, f"{key} of {label} is not a text; write for example {_EXAMPLE}")
            title[key] = entry.value.strip().strip("$") if key == "latex" else entry.value.strip()
        yield label, LabelTitle(**title)  # type: ignore[typeddict-item]


def _pairs(node: "Node", file: str, what: str) -> Iterator[tuple[str, "Node"]]:
    """The entries of a mapping; raises `PalletError` for any other node."""
    from yaml import MappingNode, ScalarNode

    if not isinstance(node, MappingNode):
        raise _refused(file, node.start_mark.line, f"there is no mapping of {what}; write for example {_EXAMPLE}")
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise _refused(file, key.start_mark.line, f"a name is not a text; write for example {_EXAMPLE}")
        yield str(key.value), value


def _refused(file: str, line: int | None, reason: str) -> PalletError:
    return PalletError(f"{file}{'' if line is None else f', line {line + 1}'}: {reason}")
