"""A check of the texts of a picture (titles, axis titles, names in the legend), before anything is fitted or drawn."""

import re
from collections.abc import Mapping
from pathlib import Path

from hfx.driver.process.drawing_lock import DRAWING
from hfx.errors import OptionError, PalletError
from hfx.pallets.formats import label_titles
from hfx.pallets.formats.label_titles import LabelTitle

__all__ = ["check", "check_label_titles", "label_titles_in"]

_LONGEST = 60  # characters of a reason: longer ones list everything that matplotlib knows


def check(option: str, text: str | None) -> None:
    """Raise `OptionError` for LaTeX between $ signs that matplotlib cannot draw; `option` is named in the error."""
    if text is None or "$" not in text:
        return
    from matplotlib.cbook import is_math_text
    from matplotlib.mathtext import MathTextParser

    try:
        with DRAWING:
            for line in filter(is_math_text, text.split("\n")):
                MathTextParser("path").parse(line)
    except ValueError as error:
        raise OptionError(f"{option} '{text}' contains LaTeX that cannot be drawn: {_reason(str(error))}; correct it") from None


def check_label_titles(where: str, titles: Mapping[str, LabelTitle]) -> None:
    """Raise `OptionError` for LaTeX of a label that matplotlib cannot draw; ``where`` names its file."""
    for label, title in titles.items():
        check(f"{where}: the LaTeX of {label},", f"${title.get('latex', '')}$" if title.get("latex") else None)


def label_titles_in(file: Path) -> dict[str, LabelTitle]:
    """The names of labels in a file of the user. Raises `OptionError`, which names the file and the line at fault."""
    try:
        found = label_titles.read(file.read_text(encoding="utf-8-sig"), str(file))
    except OSError as error:
        raise OptionError(f"--label-titles {file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise OptionError(f"--label-titles {file} is not UTF-8 text; save it as such") from None
    except PalletError as error:
        raise OptionError(f"--label-titles {error}") from None
    check_label_titles(f"--label-titles {file}", found)
    return found


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
