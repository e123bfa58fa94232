"""Words of the errors of expressions: what is wrong with a text, and what to write, with the pallet's own labels."""

import ast
import difflib
import re
from collections.abc import Sequence

__all__ = ["kind", "naming_row", "required", "unknown", "unreadable"]


def kind(is_condition: bool) -> str:
    """The kind of an expression, in words."""
    return "a comparison" if is_condition else "a number, not a comparison"


def required(condition: bool | None, option: str, labels: Sequence[str]) -> str:
    """The remedy, with an example on these labels. ``condition``: True where a comparison is required, False where a number is,
    None where both will do."""
    number = _arithmetic(labels)
    comparison = "y>x-125" if option == "--forbidden" else f"{number}==130"
    if condition is None:
        return f"write arithmetic on labels, for example '{number}', or a comparison, for example '{comparison}'"
    return (
        f"write a comparison, for example '{comparison}'" if condition else f"write arithmetic on labels, for example '{number}'"
    )


def _arithmetic(labels: Sequence[str]) -> str:
    """An example on these labels, where they read as names."""
    named = [label for label in labels if label.isidentifier()]
    return "-".join(named[:2]) if named else "m1-m2"


def unreadable(text: str, option: str, condition: bool | None, labels: Sequence[str]) -> str:
    """The error of a text that is no expression."""
    what = {True: "a comparison", False: "arithmetic on labels", None: "an expression"}[condition]
    if condition is not False and (corrected := _with_equality(text)):
        return f"{option} '{text}' cannot be read as {what}; did you mean '{corrected}'?"
    hint = " ('==' tests for equality)" if re.search(_ONE_EQUALS, text) else ""
    known = f"; labels: {', '.join(labels)}" if labels else ""
    return f"{option} '{text}' cannot be read as {what}{hint}; {required(condition, option, labels)}{known}"


_ONE_EQUALS = r"(?<![=<>!])=(?!=)"


def _with_equality(text: str) -> str:
    """The text with == in place of =, if it can be read then; empty else."""
    corrected = re.sub(_ONE_EQUALS, "==", text)
    try:
        ast.parse(re.sub("`[^`]*`", "label", corrected).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return corrected if corrected != text else ""


def unknown(name: str, labels: Sequence[str], text: str, option: str) -> str:
    """The error of a name that is no label."""
    near = difflib.get_close_matches(name, labels, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    if not labels:
        return f"{option} '{text}': this pallet has no labels, so there is none called '{name}'; give names with --labels"
    return f"{option} '{text}': no label is called '{name}'{hint}; labels: {', '.join(labels)}{_naming(labels)}"


def _naming(labels: Sequence[str]) -> str:
    """Advice on labels that hfx has made, where the patches name none."""
    return f" (--labels gives them the names of your search, for example {_example(labels)})" if _are_made(labels) else ""


def _are_made(labels: Sequence[str]) -> bool:
    """Whether these labels are those that hfx makes, x1, x2, ..., where the patches name none."""
    return bool(labels) and list(labels) == [f"x{i + 1}" for i in range(len(labels))]


def naming_row(labels: Sequence[str]) -> str:
    """Advice on such labels, for a table; empty for others."""
    if not _are_made(labels):
        return ""
    which = "x1 is the number" if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]} are the numbers"
    return f"{which} in the names of the patches; {_example(labels)}, added to the same command, names them"


def _example(labels: Sequence[str]) -> str:
    return f"--labels {','.join(f'm{i + 1}' for i in range(len(labels)))}"
