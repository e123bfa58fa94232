"""Decorations of a picture's axes: ticks, header, legend, limits, and the kinematically forbidden region."""

import textwrap
from collections.abc import Callable
from typing import cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import AutoMinorLocator
from numpy.typing import NDArray

from hfx.driver.plane.axes import Axes as PlaneAxes
from hfx.driver.plane.forbidden import forbidden_margin
from hfx.driver.plot.artists import Handles
from hfx.driver.plot.axis.labels import Titles, relation_label
from hfx.driver.plot.axis.numbers import number_axis
from hfx.driver.plot.axis.spans import log_span, span, x_limits
from hfx.driver.plot.styles import Style
from hfx.driver.questions.base import Surface
from hfx.driver.questions.texts.picture_texts import drawable, literal
from hfx.driver.questions.texts.picture_title import picture_title
from hfx.driver.run.file_types import PalletBlock

__all__ = [
    "add_entry",
    "fit_width",
    "forbidden_region",
    "header",
    "header_text",
    "lay_out",
    "legend",
    "legend_line",
    "plane_limits",
    "scales",
    "shared_legend",
    "ticks",
]

Array = NDArray[np.float64]

_ENTRY = 0.21  # inches of a legend's entry, for each point of the letters' size
_FORBIDDEN_FACE, _FORBIDDEN_LINE = "#ececec", "#8c8c8c"


def lay_out(figure: Figure) -> None:
    """Place the axes in the figure, so that sizes of texts in pixels are known."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def scales(ax: Axes, axes: PlaneAxes) -> None:
    """Make the axes logarithmic that are to be so; before anything is drawn."""
    if axes.logx:
        ax.set_xscale("log")
    if axes.logy and axes.y is not None:
        ax.set_yscale("log")


def ticks(ax: Axes, style: Style) -> None:
    """Ticks on all four sides, with minor ones between."""
    ax.tick_params(which="both", direction="in", top=True, right=True, labelsize=style.ticks, width=style.frame)
    ax.tick_params(which="major", length=style.major)
    ax.tick_params(which="minor", length=style.major / 2)
    for spine in ax.spines.values():
        spine.set_linewidth(style.frame)
    if ax.get_xscale() == "linear":
        ax.xaxis.set_minor_locator(AutoMinorLocator())
    if ax.get_yscale() == "linear":
        ax.yaxis.set_minor_locator(AutoMinorLocator())


def header(ax: Axes, pallet: PalletBlock, title: str | None, style: Style, surface: Surface) -> Text:
    """The analysis' name above the axes, or the given title; ``surface``: by which regions are compared."""
    return ax.set_title(header_text(pallet, title, surface), loc="left", fontsize=style.text, pad=8)


def header_text(pallet: PalletBlock, title: str | None, surface: Surface) -> str:
    """The text of the header: the title that is given, or the analysis' name."""
    return literal(picture_title(pallet, surface)) if title is None else drawable(title)


def fit_width(text: Text, ax: Axes) -> None:
    """Make ``text`` small enough for the axes' width; the figure has been laid out."""
    shrink = ax.bbox.width / max(text.get_window_extent().width, 1.0)
    if shrink < 1.0:
        text.set_fontsize(0.955 * shrink * float(text.get_fontsize()))  # hinting makes small letters wider than their size says


def legend_line(text: str) -> str:
    """A user's text in a legend's title: wrapped, at most three lines, without mathematics."""
    return literal("\n".join(textwrap.wrap(text, 72, max_lines=3, placeholder=" ...")))


def legend(ax: Axes, handles: Handles, title: str, style: Style) -> float:
    """Draw the legend across the top; the fraction of the axes' height that it covers."""
    if not handles and not title:
        return 0.0
    drawn = ax.legend(
        [handle for handle, _ in handles],
        [label for _, label in handles],
        title=title or None,
        loc="upper left",
        ncols=2,
        fontsize=style.text,
        title_fontsize=style.text,
        alignment="left",
        frameon=True,
        fancybox=False,
        framealpha=1.0,
        edgecolor="none",
        borderaxespad=0.35,
        handlelength=2.4,
        columnspacing=1.6,
    )
    drawn.entries = handles  # type: ignore[attr-defined]  # for `add_entry`: matplotlib keeps one artist of each
    drawn.set_zorder(9)
    figure = ax.get_figure(root=True)
    assert figure is not None
    lay_out(figure)
    wide = drawn.get_window_extent().width / ax.bbox.width
    if wide > 0.97:
        for text in (*drawn.get_texts(), drawn.get_title()):
            text.set_fontsize(style.text * 0.97 / wide)
        lay_out(figure)
    return float(drawn.get_window_extent().height / ax.bbox.height)


def add_entry(ax: Axes, artist: Artist, style: Style) -> None:
    """Add an artist, under its label, to the legend that `legend` drew into ``ax``; nothing where there is no such legend."""
    drawn = ax.get_legend()
    entries: Handles | None = getattr(drawn, "entries", None)
    if drawn is None or entries is None:
        return
    before = drawn.get_window_extent().height / ax.bbox.height
    covered = legend(ax, [*entries, (artist, str(artist.get_label()))], drawn.get_title().get_text(), style)
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    top = low + (high - low) * max(1.0, _free(before) / _free(covered))
    ax.set_ylim(top=float(scale.inverted().transform(np.array([top]))[0]))


def shared_legend(figure: Figure | SubFigure, handles: Handles, title: str, style: Style) -> None:
    """Draw the legend of several panels above them, in as many columns as fit."""
    width = figure.bbox.width / figure.get_figure(root=True).get_dpi()
    columns = max(1, min(len(handles), int(width / (_ENTRY * style.text))))
    figure.legend(
        cast("list[Artist]", [handle for handle, _ in handles]),  # a tuple of artists is one entry
        [label for _, label in handles],
        title=title or None,
        loc="outside upper left",
        ncols=columns,
        fontsize=style.text,
        title_fontsize=style.text,
        alignment="left",
        frameon=False,
        borderaxespad=0.35,
        handlelength=2.4,
        columnspacing=1.6,
    )


def plane_limits(ax: Axes, places: Array, covered: float) -> None:
    """Limits that contain all ``places`` [k, 2] and leave the fraction ``covered`` of the height free above them."""
    x_limits(ax, places[:, 0])
    if ax.get_yscale() == "log":
        low, high = np.log(log_span(places[:, 1]))
        ax.set_ylim(np.exp(low), np.exp(low + (high - low) / _free(covered)))
    else:
        low, high = span(places[:, 1]) if len(places) else (0.0, 1.0)
        ax.set_ylim(low, low + (high - low) / _free(covered))
    number_axis(ax.xaxis)
    number_axis(ax.yaxis)


def _free(covered: float) -> float:
    """The fraction of the height below the legend."""
    return 1.0 - min(covered + 0.04, 0.6)


def forbidden_region(ax: Axes, x: str, y: str, forbidden: str, titles: Titles | None = None) -> None:
    """Draw the region that a comparison describes, hatched in grey, with its border and the comparison written along it."""
    margin = forbidden_margin(forbidden, x, y)
    shown = (*ax.get_xlim(), *ax.get_ylim())
    grid_x, grid_y = np.meshgrid(_steps(ax.get_xscale(), *shown[:2]), _steps(ax.get_yscale(), *shown[2:]))
    values = margin(grid_x, grid_y)
    if not (values > 0).any():
        return
    region = ax.contourf(grid_x, grid_y, values, levels=[0.0, np.inf], colors=[_FORBIDDEN_FACE], hatches=["///"], zorder=2)
    region.set(edgecolor="#d5d5d5", linewidth=0.0)
    region.set_gid("forbidden")
    line = ax.contour(grid_x, grid_y, values, levels=[0.0], colors=[_FORBIDDEN_LINE], linewidths=1.2, zorder=2.5)
    segments = [np.asarray(part) for part in line.allsegs[0] if len(part) > 1]
    ax.set(xlim=shown[:2], ylim=shown[2:])
    if segments:
        text = drawable(relation_label(forbidden, x, y, titles))
        _write_along(ax, max(segments, key=len), text, margin)


def _steps(scale: str, low: float, high: float) -> Array:
    return np.geomspace(low, high, 301) if scale == "log" else np.linspace(low, high, 301)


def _write_along(ax: Axes, line: Array, text: str, margin: Callable[[Array, Array], Array]) -> None:
    """Write ``text`` along ``line``, on the side where ``margin`` is positive, below the legend."""
    pixels = ax.transData.transform(line)
    below = pixels[:, 1] < ax.bbox.y0 + 0.62 * ax.bbox.height
    pixels = pixels[below] if below.sum() > 1 else pixels
    pixels = pixels[np.argsort(pixels[:, 0], kind="stable")]
    start, end = pixels[0], pixels[-1]
    direction = (end - start) / np.hypot(*(end - start))
    normal = np.array([-direction[1], direction[0]])
    middle = (start + end) / 2
    at, there = ax.transData.inverted().transform(np.array([middle, middle + 5 * normal]))
    side = 1 if margin(there[:1], there[1:])[0] > 0 else -1
    angle = float(np.degrees(np.arctan2(direction[1], direction[0])))
    ax.annotate(
        text,
        (float(at[0]), float(at[1])),
        xytext=(12.0 * side * normal[0], 12.0 * side * normal[1]),
        textcoords="offset points",
        rotation=angle,
        rotation_mode="anchor",
        ha="center",
        va="center",
        fontsize=10,
        color="#4a4a4a",
        zorder=3,
        path_effects=[withStroke(linewidth=3, foreground=_FORBIDDEN_FACE)],
    )
