"""Styles of pictures: hfx's own, and ones like those of the two large experiments, with the fonts of mplhep.

The styles are like the experiments' and are no labels: no picture of hfx says that it is one of theirs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypedDict

import matplotlib

from hfx.errors import OptionError

__all__ = ["OVERLAID", "STYLES", "LineStyle", "Style", "applied", "style_called"]

OVERLAID = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Colours of overlaid runs, told apart by colour-blind people: M. Okabe and K. Ito, Color Universal Design (2008)."""

_DASHES = (0, (5, 2.5))
_DOTS = (0, (1, 1.2))


class LineStyle(TypedDict):
    """The style of a line, as matplotlib's arguments: its width in points, its dashes as (offset, lengths)."""

    color: str
    linewidth: float
    linestyle: Literal["-"] | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Style:
    """Sizes in points, colours, and the styles of lines.

    ``size``: of the figure, in inches. ``text``, ``labels``, ``ticks``: of letters. ``major``: the length of major ticks;
    ``frame``: the width of the axes' frame. ``band``: the colour of the band in the plane; None: its two edges are drawn.
    ``bands``: the colours of the bands about the median where values are drawn against one axis, the innermost first.
    """

    name: str
    size: tuple[float, float]
    text: float
    labels: float
    ticks: float
    major: float
    frame: float
    band: str | None
    bands: tuple[str, ...]
    observed: LineStyle
    expected: LineStyle
    theory: LineStyle


STYLES = {
    "hfx": Style(
        name="hfx",
        size=(7.0, 5.6),
        text=11,
        labels=14,
        ticks=12,
        major=7,
        frame=0.8,
        band="#ffe34d",
        bands=("#2ca02c", "#ffe34d"),
        observed={"color": "#8b0000", "linewidth": 2.4, "linestyle": "-"},
        expected={"color": "#2f4b7c", "linewidth": 1.7, "linestyle": _DASHES},
        theory={"color": "#8b0000", "linewidth": 1.1, "linestyle": _DOTS},
    ),
    "atlas": Style(
        name="atlas",
        size=(8.0, 6.0),
        text=12.5,
        labels=17,
        ticks=14,
        major=10,
        frame=1.0,
        band="#ffe34d",
        bands=("#2ca02c", "#ffe34d"),
        observed={"color": "#8b0000", "linewidth": 2.6, "linestyle": "-"},
        expected={"color": "#1f3c88", "linewidth": 2.0, "linestyle": _DASHES},
        theory={"color": "#8b0000", "linewidth": 1.3, "linestyle": _DOTS},
    ),
    "cms": Style(
        name="cms",
        size=(8.0, 7.2),
        text=13,
        labels=19,
        ticks=16,
        major=10,
        frame=1.8,
        band=None,
        bands=("#607641", "#f5bb54"),
        observed={"color": "#000000", "linewidth": 3.0, "linestyle": "-"},
        expected={"color": "#bd1f01", "linewidth": 2.6, "linestyle": _DASHES},
        theory={"color": "#000000", "linewidth": 1.2, "linestyle": _DOTS},
    ),
}


def style_called(name: str | None) -> Style:
    """The style of a name. Raises `OptionError`."""
    if name is not None and name not in STYLES:
        raise OptionError(f"--style '{name}' is not one of {', '.join(STYLES)}")
    return STYLES[name or "hfx"]


@contextmanager
def applied(style: Style) -> Iterator[None]:
    """A context in which figures are made in this style; afterwards matplotlib's settings are as they were."""
    if style.name == "hfx":
        yield
        return
    import mplhep

    # Its fonts alone: its sizes are those of a histogram, and a legend with points needs others.
    settings = getattr(mplhep.style, style.name.upper())
    fonts = {key: value for key, value in settings.items() if key.startswith(("font.family", "font.sans", "mathtext."))}
    with matplotlib.rc_context({**fonts, "mathtext.default": "regular"}):
        yield
