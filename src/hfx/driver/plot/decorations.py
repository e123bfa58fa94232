"""Decorations of a picture's axes: ticks, header, legend, limits, and the kinematically forbidden region."""

import textwrap
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import AutoMinorLocator, FixedLocator
from numpy.typing import NDArray

from hfx.driver.plane.forbidden import forbidden_margin
from hfx.driver.plane.points import Points
from hfx.driver.plot.artists import Handles, is_logarithmic
from hfx.driver.plot.axis_labels import relation_label
from hfx.driver.plot.axis_numbers import number_axis
from hfx.driver.plot.styles import Style
from hfx.driver.questions.base import Surface
from hfx.driver.run.file_types import PalletBlock

__all__ = [
    "fit_width",
    "forbidden_region",
    "header",
    "lay_out",
    "legend",
    "legend_line",
    "plane_limits",
    "profile_limits",
    "ticks",
]

Array = NDArray[np.float64]

_FORBIDDEN_FACE, _FORBIDDEN_LINE = "#ececec", "#8c8c8c"


def lay_out(figure: Figure) -> None:
    """Place the axes in the figure, so that sizes of texts in pixels are known."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def ticks(ax: Axes, style: Style) -> None:
    """Ticks on all four sides, with minor ones between."""
    ax.tick_params(which="both", direction="in", top=True, right=True, labelsize=style.ticks, width=style.frame)
    ax.tick_params(which="major", length=style.major)
    ax.tick_params(which="minor", length=style.major / 2)
    for spine in ax.spines.values():
        spine.set_linewidth(style.frame)
    ax.xaxis.set_minor_locator(AutoMinorLocator())
    if ax.get_yscale() == "linear":
        ax.yaxis.set_minor_locator(AutoMinorLocator())


def header(ax: Axes, pallet: PalletBlock, title: str | None, style: Style, surface: Surface) -> Text:
    """The pallet's name and description above the axes, or the given title; ``surface``: by which regions are compared."""
    if title is None:
        parts = [str(part or "").strip() for part in (pallet.get("name"), pallet.get("region"), pallet.get("description"))]
        if pallet.get("regions"):
            # The description is that of one region's patches.
            value = f"expected {surface.name}" if surface.median else surface.name
            parts[1:] = [f"region with the smallest {value}, of {', '.join(pallet['regions'])}"]
        title = ": ".join(_shortened(part, 86 - len(parts[0])) for part in dict.fromkeys(parts) if part)
        title = title.replace("$", r"\$")
    return ax.set_title(title, loc="left", fontsize=style.text, pad=8)


def fit_width(text: Text, ax: Axes) -> None:
    """Make ``text`` small enough for the axes' width; the figure has been laid out."""
    shrink = ax.bbox.width / max(text.get_window_extent().width, 1.0)
    if shrink < 1.0:
        text.set_fontsize(0.955 * shrink * float(text.get_fontsize()))  # hinting makes small letters wider than their size says


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: max(length - 1, 1)].rsplit(" ", 1)[0] + " ..."


def legend_line(text: str) -> str:
    """A user's text in a legend's title: wrapped, at most three lines, without mathematics."""
    return "\n".join(textwrap.wrap(text, 72, max_lines=3, placeholder=" ...")).replace("$", r"\$")


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


def plane_limits(ax: Axes, places: Array, covered: float) -> None:
    """Limits that contain all ``places`` [k, 2] and leave the fraction ``covered`` of the height free above them."""
    ax.set_xlim(_span(places[:, 0]) if len(places) else (0.0, 1.0))
    low, high = _span(places[:, 1]) if len(places) else (0.0, 1.0)
    ax.set_ylim(low, low + (high - low) / _free(covered))
    number_axis(ax.xaxis)
    number_axis(ax.yaxis)


def profile_limits(ax: Axes, points: Points, covered: float) -> None:
    """Limits that contain the values against the one axis, and leave the fraction ``covered`` of the height free above them."""
    places = np.concatenate([points.places, points.failed])
    ax.set_xlim(_span(places[:, 0]) if len(places) else (0.0, 1.0))
    number_axis(ax.xaxis)
    surface, shown = points.surface, _shown_values(points)
    if not is_logarithmic(points) or surface.level is None:
        low, high = _span(shown) if shown.size else (0.0, 1.0)
        ax.set_ylim(low, low + (high - low) / _free(covered))
        return
    bottom = max(float(np.min(shown, initial=surface.level / 2.5)) / 2, 5e-7)
    largest = float(np.max(shown, initial=1.0))
    ax.set_ylim(bottom, bottom * (1.3 * largest / bottom) ** (1 / _free(covered)))
    # No ticks where the legend is, above the values.
    decades = 10.0 ** np.arange(np.ceil(np.log10(bottom)), np.floor(np.log10(largest)) + 1)
    ax.yaxis.set_major_locator(FixedLocator(decades.tolist()))
    ax.yaxis.set_minor_locator(FixedLocator(np.outer(decades / 10, np.arange(2, 10)).ravel().tolist()))


def _shown_values(points: Points) -> Array:
    """The values of the observed curve, the median and the innermost band."""
    surface = points.surface
    median = (surface.median,) if surface.median else ()
    curves = dict.fromkeys((surface.curves[0], *median, *(curve for band in surface.bands[:1] for curve in band)))
    return points.values[:, [surface.column(curve) for curve in curves]]


def _free(covered: float) -> float:
    """The fraction of the height below the legend."""
    return 1.0 - min(covered + 0.04, 0.6)


def _span(values: Array) -> tuple[float, float]:
    """The range of ``values`` with a margin; a range that starts near zero starts at zero."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = 0.5 * abs(low) or 1.0
        return low - room, high + room
    margin = 0.04 * (high - low)
    near_zero = 0 <= low <= margin
    return (0.0 if near_zero else low - margin), high + margin


def forbidden_region(ax: Axes, x: str, y: str, forbidden: str) -> None:
    """Draw the region that a comparison describes, hatched in grey, with its border and the comparison written along it."""
    margin = forbidden_margin(forbidden, x, y)
    shown = (*ax.get_xlim(), *ax.get_ylim())
    grid_x, grid_y = np.meshgrid(np.linspace(*shown[:2], 301), np.linspace(*shown[2:], 301))
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
        text = relation_label(forbidden, x, y)
        _write_along(ax, max(segments, key=len), text, margin)


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
