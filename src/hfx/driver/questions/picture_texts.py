"""A check of the texts of a picture (titles, axis titles, names in the legend), before anything is fitted or drawn."""

import re

from hfx.errors import OptionError

__all__ = ["check"]

_LONGEST = 60  # characters of a reason: longer ones list everything that matplotlib knows


def check(option: str, text: str | None) -> None:
    """Raise `OptionError` for LaTeX between $ signs that matplotlib cannot draw; `option` is named in the error."""
    if text is None or "$" not in text:
        return
    from matplotlib.cbook import is_math_text
    from matplotlib.mathtext import MathTextParser

    try:
        for line in text.split("\n"):
            if is_math_text(line):
                MathTextParser("path").parse(line)
    except ValueError as error:
        raise OptionError(f"{option} '{text}' contains LaTeX that cannot be drawn: {_reason(str(error))}; correct it") from None


def _reason(error: str) -> str:
    """The reason in an error of matplotlib: the text, a mark below the place, "NameOfException: reason, found X (at char N)"."""
    lines = error.strip("\n").split("\n")
    reason = lines[-1].partition(": ")[2].partition(", found")[0]
    place = re.search(r"\(at char (\d+)\)", lines[-1])
    if place and (not reason or len(reason) > _LONGEST):
        return f"there is an error at the end of '{lines[0][: int(place[1])]}'"
    if reason == "Expected end_group":
        return "a '{' is not closed"
    return f"{reason[:1].lower()}{reason[1:]}" if reason else "it cannot be read"
