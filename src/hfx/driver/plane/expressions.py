"""Arithmetic and comparisons on labels: ``--where``, ``--x``, ``--y``, ``--forbidden``.

The text is parsed, never executed: numbers, labels, ``+ - * / // % **``, ``== != < <= > >=`` (also chained),
``and or not``, parentheses, and ``abs sqrt log exp min max``. A label that is no Python name is written
between backticks: `` `m(N2)` - mn1 ``. Two numbers are equal when they agree to 1e-9 (relative or absolute),
so that ``mn2-mn1==130`` holds for masses with decimals too. A label whose values are texts is compared with a text in quotes, by
``==`` and ``!=`` alone; within quotes every character stands for itself.
"""

import ast
import keyword
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane import expression_errors
from hfx.driver.plane.text_labels import TextComparisons, Texts, compared
from hfx.errors import OptionError
from hfx.json_types import LabelValue

__all__ = ["Expression", "parse"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_MAXIMUM_LENGTH = 1000
_TOLERANCE = 1e-9


def _equal(a: Any, b: Any) -> Any:
    return np.isclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE)


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.float_power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: np.logical_not,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda a, b: np.logical_not(_equal(a, b)),
    ast.Lt: lambda a, b: np.logical_and(a < b, np.logical_not(_equal(a, b))),
    ast.LtE: lambda a, b: np.logical_or(a < b, _equal(a, b)),
    ast.Gt: lambda a, b: np.logical_and(a > b, np.logical_not(_equal(a, b))),
    ast.GtE: lambda a, b: np.logical_or(a > b, _equal(a, b)),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "exp": np.exp,
    "min": lambda *values: reduce(np.minimum, values),
    "max": lambda *values: reduce(np.maximum, values),
}


@dataclass(frozen=True)
class Expression:
    """A parsed expression on labels.

    ``labels`` are the labels in it, in order of first use; ``is_condition``: whether it is a comparison (true or false) and
    not a number.
    """

    text: str
    labels: tuple[str, ...]
    is_condition: bool
    _tree: ast.expr
    _names: Mapping[str, str]

    def evaluate(self, values: Mapping[str, LabelValue | Array | Texts]) -> Array | Flags:
        """The values where the labels have these numbers or texts, or arrays of them, whose shape the answer has.

        A division by zero gives inf or nan, as numpy has it, without a warning.
        """
        with np.errstate(all="ignore"):
            return np.asarray(_value(self._tree, {name: values[label] for name, label in self._names.items()}))

    def number(self, values: Mapping[str, LabelValue]) -> float:
        """The value at one point, as a float."""
        return float(self.evaluate(values))

    def holds(self, values: Mapping[str, LabelValue]) -> bool:
        """Whether the condition holds at one point."""
        return bool(self.evaluate(values))


def parse(
    text: str,
    labels: Iterable[str],
    *,
    option: str,
    condition: bool | None = None,
    texts: Mapping[str, Collection[str]] | None = None,
    every_text: bool = True,
) -> Expression:
    """The expression ``text`` on ``labels``, given as the option ``option``, which errors name.

    ``texts``: the values of those labels that have texts; without ``every_text`` there may be others.

    ``condition``: True requires a comparison, False a number, None allows both. Raises `OptionError` for text that is neither,
    and for an unknown label, with the known ones.
    """
    known = tuple(labels)
    source, names = _as_python(text, known, option)
    tree = _syntax(source, text, option, condition, known)
    of_texts = TextComparisons(names, texts or {}, text, option, every_text)
    of_texts.check(tree)
    used = _check(tree, names, text, known, option, of_texts.allowed)
    is_condition = _is_condition(tree)
    if condition is not None and condition is not is_condition:
        part = _number_in(tree, names)
        subject = f"'{text}'" if part is None else f"'{text}': '{part}'"
        remedy = expression_errors.required(condition, option, known)
        raise OptionError(f"{option} {subject} is {expression_errors.kind(is_condition)}; {remedy}")
    return Expression(text, tuple(dict.fromkeys(used.values())), is_condition, tree, used)


def _as_python(text: str, labels: tuple[str, ...], option: str) -> tuple[str, dict[str, str]]:
    """The text with every label as a Python name, and the label behind each name."""
    if len(text) > _MAXIMUM_LENGTH:
        raise OptionError(f"{option} is longer than {_MAXIMUM_LENGTH} characters: write it shorter")
    names = {label: label for label in labels if label.isidentifier() and not keyword.iskeyword(label)}
    pieces = re.split(r"(`[^`]*`|\"[^\"]*\"|'[^']*')", text)
    for i in range(1, len(pieces), 2):
        quoted = pieces[i][1:-1]
        pieces[i] = _placeholder(quoted, labels, names) if pieces[i][0] == "`" else repr(quoted)
    for label in labels:
        if keyword.iskeyword(label) and label not in ("and", "or", "not"):
            placeholder = _placeholder(label, labels, names)
            pieces[::2] = [re.sub(rf"\b{label}\b", placeholder, piece) for piece in pieces[::2]]
    return "".join(pieces).strip(), names


def _placeholder(label: str, labels: tuple[str, ...], names: dict[str, str]) -> str:
    name = f"_label_{labels.index(label) if label in labels else 'unknown'}_"
    names[name] = label
    return name


def _syntax(source: str, text: str, option: str, condition: bool | None, labels: tuple[str, ...]) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise OptionError(expression_errors.unreadable(text, option, condition, labels)) from None


def _check(
    tree: ast.expr, names: Mapping[str, str], text: str, labels: tuple[str, ...], option: str, texts: Collection[int]
) -> dict[str, str]:
    """The names in an expression with their labels. Raises `OptionError` for what is unknown or not allowed.

    ``texts``: the identities of nodes that are texts where they may be.
    """
    used: dict[str, str] = {}
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in functions:
            label = names.get(node.id)
            if label not in labels:
                raise OptionError(expression_errors.unknown(label or node.id, labels, text, option))
            used[node.id] = label
        elif id(node) not in texts and not _allowed(node, functions):
            raise OptionError(
                f"{option} '{text}' contains something other than numbers, labels, arithmetic, comparisons, and/or/not, and the "
                f"functions {', '.join(sorted(_FUNCTIONS))}; write it with these alone"
            )
    return used


def _allowed(node: ast.AST, functions: set[int]) -> bool:
    if isinstance(node, ast.Constant):
        # True is an int too.
        return isinstance(node.value, int | float) and type(node.value) is not bool and _is_float(node.value)
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Name)
            and node.func.id in _FUNCTIONS
            and not node.keywords
            and _takes(node.func.id, len(node.args))
        )
    if isinstance(node, ast.Name):
        return id(node) in functions
    if isinstance(node, ast.operator | ast.unaryop | ast.cmpop):
        return type(node) in {*_BINARY, *_UNARY, *_COMPARE}
    kinds = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.And, ast.Or, ast.Load)
    return isinstance(node, kinds)


def _is_float(value: float) -> bool:
    """Whether a number fits into a float: an integer may have a thousand digits."""
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _takes(function: str, arguments: int) -> bool:
    return arguments >= 1 if function in ("min", "max") else arguments == 1


def _is_condition(tree: ast.expr) -> bool:
    """Whether it is a comparison, or made of comparisons alone: a number is no condition, beside another one neither."""
    if isinstance(tree, ast.BoolOp):
        return all(map(_is_condition, tree.values))
    return isinstance(tree, ast.Compare) or (isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not))


def _number_in(tree: ast.expr, names: Mapping[str, str]) -> str | None:
    """The first operand of "and" or "or" that is no comparison; None where the whole expression is no such combination."""
    if not isinstance(tree, ast.BoolOp):
        return None
    number = next((operand for operand in tree.values if not _is_condition(operand)), None)
    if number is None:
        return None
    return _number_in(number, names) or re.sub(r"\w+", lambda word: names.get(word[0], word[0]), ast.unparse(number))


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.Constant(value=value):
            # A float: the largest powers of integers would never end.
            return np.float64(value)  # type: ignore[arg-type]
        case ast.Name(id=name):
            found = np.asarray(values[name])
            return found[()] if found.dtype.kind in "UO" else np.asarray(found, dtype=np.float64)[()]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(op=unary, operand=operand):
            return _UNARY[type(unary)](_value(operand, values))
        case ast.BoolOp(op=boolean, values=operands):
            join = np.logical_and if isinstance(boolean, ast.And) else np.logical_or
            return reduce(join, [_value(operand, values) for operand in operands])
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*[_value(argument, values) for argument in arguments])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compare(left, ops, comparators, values)
    raise AssertionError(f"not checked: {ast.dump(node)}")


def _compare(left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr], values: Mapping[str, Any]) -> Any:
    sides = [_value(side, values) for side in (left, *comparators)]
    links = [_link(op, a, b) for op, a, b in zip(ops, sides[:-1], sides[1:], strict=True)]
    return reduce(np.logical_and, links)


def _link(op: ast.cmpop, a: Any, b: Any) -> Any:
    if isinstance(b, str):
        a, b = b, a
    return compared(b, a, isinstance(op, ast.Eq)) if isinstance(a, str) else _COMPARE[type(op)](a, b)
