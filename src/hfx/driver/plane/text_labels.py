"""Labels whose values are texts, such as a topology: their values, and their comparisons in ``--where``."""

import ast
import difflib
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.json_types import LabelValue

__all__ = ["TextComparisons", "Texts", "columns", "compared", "quoted", "values_of"]

Texts = NDArray[np.object_]

_MOST = 20  # values that an error lists


def columns(labels: Sequence[str], rows: Sequence[Sequence[LabelValue]]) -> dict[str, Texts]:
    """The values [n] of each label that has texts; None where a hypothesis has none."""
    found = {}
    for i, label in enumerate(labels):
        column = [row[i] if i < len(row) and isinstance(row[i], str) else None for row in rows]
        if any(value is not None for value in column):
            found[label] = np.array(column, dtype=object)
    return found


def values_of(texts: Mapping[str, Texts]) -> dict[str, list[str]]:
    """The different values of each label, sorted."""
    return {label: sorted({text for text in column if text is not None}) for label, column in texts.items()}


def quoted(text: str) -> str:
    """A text as expressions have it."""
    return f"'{text}'" if '"' in text else f'"{text}"'


def compared(values: object, text: str, equal: bool) -> NDArray[np.bool_]:
    """Whether texts are, or are not, this one; neither where there is none."""
    found = np.asarray(values, dtype=object)
    known, same = found != np.array(None), found == np.array(text, dtype=object)
    return np.asarray(np.logical_and(known, same if equal else np.logical_not(same)), dtype=bool)


class TextComparisons:
    """The comparisons of labels with texts in an expression, of which nothing else may hold texts.

    ``names``: the label behind each name; ``texts``: the values of labels that have texts, all of them if ``every_text``.
    ``allowed``: after `check` the
    identities of the texts in these comparisons.
    """

    def __init__(
        self, names: Mapping[str, str], texts: Mapping[str, Collection[str]], text: str, option: str, every_text: bool = True
    ) -> None:
        self._names, self._texts, self._text, self._option, self._every = names, texts, text, option, every_text
        self.allowed: set[int] = set()

    def check(self, tree: ast.expr) -> None:
        """Raise `OptionError` for texts elsewhere, for a comparison with anything else than a text, and for an unknown text."""
        labels: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True):
                    self._check_link(op, left, right, labels)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and id(node) not in labels and (label := self._label(node)) is not None:
                raise self._refused(f"the values of {label} are texts", label)

    def _check_link(self, op: ast.cmpop, left: ast.expr, right: ast.expr, labels: set[int]) -> None:
        label, side, other = self._label(left), left, right
        if label is None:
            label, side, other = self._label(right), right, left
        if label is None and not self._every and isinstance(op, ast.Eq | ast.NotEq):
            self.allowed |= {id(one) for one in (left, right) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            return
        if label is None:
            if text := next((one for one in (left, right) if isinstance(one, ast.Constant) and isinstance(one.value, str)), None):
                raise self._numbers(left, right, text.value)
            return
        if not (isinstance(other, ast.Constant) and isinstance(other.value, str) and isinstance(op, ast.Eq | ast.NotEq)):
            raise self._refused(f"the values of {label} are texts", label)
        if self._every and other.value not in self._texts[label]:
            raise self._unknown(other.value, label)
        labels.add(id(side))
        self.allowed.add(id(other))

    def _label(self, node: ast.expr) -> str | None:
        """The label behind a name, if its values are texts."""
        label = self._names.get(node.id) if isinstance(node, ast.Name) else None
        return label if label in self._texts else None

    def _refused(self, why: str, label: str | None) -> OptionError:
        if label is None:
            return OptionError(f"{self._option} '{self._text}': {why}; no label has texts here")
        written = label if label.isidentifier() else f"`{label}`"
        example = f"{written} == {quoted(sorted(self._texts[label])[0])}"
        remedy = f"compare it with one of them, in quotes and with == or !=, for example {example}"
        return OptionError(f"{self._option} '{self._text}': {why}; {remedy}{self._values(label)}")

    def _numbers(self, left: ast.expr, right: ast.expr, text: object) -> OptionError:
        """The error for a text that is compared with what has numbers, which is named where it is a label."""
        named = [self._names[node.id] for node in (left, right) if isinstance(node, ast.Name) and node.id in self._names]
        why = f"the values of {named[0]} are numbers" if named else f"{text!r} is a text, and is compared with what has numbers"
        if not self._texts:
            return self._refused(why, None)
        label = next(iter(self._texts))
        return OptionError(f"{self._option} '{self._text}': {why}; the label {label} has texts{self._values(label)}")

    def _unknown(self, text: str, label: str) -> OptionError:
        near = difflib.get_close_matches(text, sorted(self._texts[label]), n=1)
        hint = f" (did you mean {quoted(near[0])}?)" if near else ""
        return OptionError(f"{self._option} '{self._text}': no hypothesis has {label} {quoted(text)}{hint}{self._values(label)}")

    def _values(self, label: str) -> str:
        values = sorted(self._texts[label])
        more = f", and {len(values) - _MOST} more" if len(values) > _MOST else ""
        return f"; its values: {', '.join(map(quoted, values[:_MOST]))}{more}"
