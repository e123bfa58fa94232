"""Texts of a picture (titles, axis titles, names in the legend): checked before anything is fitted, and made drawable.

Every text of a user or of a pallet comes into a picture through `drawable`, if it may contain LaTeX, or through `literal`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.questions.texts.latex_names import translated, untranslated
from hfx.errors import OptionError, PalletError
from hfx.pallets.formats import label_titles
from hfx.pallets.formats.label_titles import LabelTitle

__all__ = ["check", "check_label_titles", "drawable", "label_titles_in", "literal", "plain", "plainly_drawn"]

_LONGEST = 60  # characters of a reason: longer ones list everything that matplotlib knows
_MOST_BRACES = 200
_UNKNOWN = "unknown symbol"


def literal(text: str) -> str:
    """A text without mathematics: its $ signs are drawn."""
    return text.replace("$", r"\$")


def drawable(text: str) -> str:
    """A text with LaTeX between $ signs as matplotlib can draw it; without its LaTeX where it cannot.

    Names of particles as of hepnames are known (see `latex_names`).
    """
    found = translated(text)
    return found if _fault(found) is None else plain(text)


def plain(text: str) -> str:
    """A text without its LaTeX: characters or words for their commands, apart from other words, and no braces."""
    words = re.sub(r"\\([A-Za-z]+)", lambda word: f"\0{_character(word[0])}\0", text)
    bare = re.sub(r"(?<!\\)[${}]|\\(?=[${}])", "", words)
    apart = re.sub(r"(?<=\w)\0+(?=\w)", " ", bare).replace("\0", "")
    return apart.replace("\\", "").replace("$", r"\$")


def _character(command: str) -> str:
    r"""The character of a command, as an arrow for ``\to``; its name where matplotlib knows none."""
    from matplotlib.mathtext import get_unicode_index

    try:
        return chr(get_unicode_index(command))
    except ValueError:
        return command[1:]


def plainly_drawn(texts: Mapping[str, str | None]) -> Iterator[str]:
    """A sentence for each text, by its option, that is drawn without its LaTeX."""
    for option, text in texts.items():
        if text is not None and (fault := _fault_of(text)):
            yield f"{option} '{text}' is drawn as '{plain(text)}', without its LaTeX: {fault}"


def check(option: str, text: str | None) -> None:
    """Raise `OptionError` for malformed LaTeX between $ signs; `option` is named in the error. Unknown words of LaTeX are none:
    see `drawable`."""
    if text is not None and (fault := _fault_of(text)) and not fault.startswith(_UNKNOWN):
        raise OptionError(f"{option} '{text}' contains LaTeX that cannot be drawn: {fault}; correct it")


def _fault_of(text: str) -> str | None:
    """Why a text of a user cannot be drawn, in the words of the user; None where it can."""
    fault = _fault(translated(text))
    return None if fault is None else untranslated(fault, text)


def _fault(text: str) -> str | None:
    """Why matplotlib cannot draw a text; None where it can."""
    if "$" not in text:
        return None
    from matplotlib.cbook import is_math_text
    from matplotlib.mathtext import MathTextParser

    if text.count("{") > _MOST_BRACES:  # nested ones overflow the stack of the parser
        return f"it has more than {_MOST_BRACES} braces"
    try:
        with DRAWING:
            for line in filter(is_math_text, text.split("\n")):
                MathTextParser("path").parse(line)
    except (ValueError, RecursionError) as error:
        return _reason(str(error))
    return None


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
