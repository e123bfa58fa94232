"""The picture of values against one axis: the observed and expected values, the bands, the level, and the limits of the axes.

Values below the axis are not drawn at its end, where they would read as that number: lines leave the picture there, and an arrow
points to each value.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import NDArray

from hfx.driver.plane.axes import NUMBERED
from hfx.driver.plane.points import Points, along_axis
from hfx.driver.plot.artists import Handles
from hfx.driver.plot.axis.labels import equation_label
from hfx.driver.plot.axis.numbers import number_axis
from hfx.driver.plot.axis.spans import log_span, span, x_limits
from hfx.driver.plot.styles import LineStyle, Style
from hfx.driver.questions.base import Surface
from hfx.driver.questions.texts.picture_texts import literal

__all__ = ["BELOW", "band_ends", "draw_profile", "is_logarithmic", "limits", "numbers"]

Array = NDArray[np.float64]
Curve = tuple[Artist, ...]

_SHOWN = 500.0  # times smaller than the level are the smallest values on a logarithmic axis
_SMALLEST_OF_ONE = 1e-100  # the end of the axis of a single hypothesis at the latest
_DECADES = 10  # numbers along a logarithmic axis
_ZERO = 1e-300  # in place of zero on a logarithmic axis
BELOW = "points-below"  # begins the ids of the arrows for values below the axis
_BEHIND = 3.5  # the order of the arrows: values at the end of the axis, and lines, are drawn over them
_SINGLE = 0.06  # of the axis' width: the band of a single hypothesis


def is_logarithmic(points: Points) -> bool:
    """Whether values are shown on a logarithmic axis: those that are compared with a level and never negative."""
    return points.surface.level is not None and bool((points.values >= 0).all())


def draw_profile(ax: Axes, points: Points, style: Style) -> Handles:
    """Draw the values against the one axis, with the level; the legend's handles and labels."""
    surface, logarithmic = points.surface, is_logarithmic(points)
    along, values = along_axis(points)
    values = np.maximum(values, _ZERO) if logarithmic else values
    if logarithmic:
        ax.set_yscale("log")
    bands = list(_draw_bands(ax, along, values, surface, style, points.axes.logx))
    observed = _draw_curve(ax, points, (along, values[:, 0]), style.observed, surface.curves[0], 6)
    median = None
    if surface.median is not None:
        column = values[:, surface.column(surface.median)]
        median = _draw_curve(ax, points, (along, column), style.expected, surface.median, 5)
    handles: Handles = []
    if len(along) and not (median is None and surface.level is None):
        handles += _handles(observed, median, bands)
    if surface.level is not None:
        level = ax.axhline(surface.level, color="black", linewidth=1, zorder=3)
        level.set_gid("level")
        handles.append((level, equation_label(surface.name, surface.level)))
    return [*handles, *_draw_below(ax, points, style), *_draw_failed(ax, points)]


def _draw_curve(ax: Axes, points: Points, line: tuple[Array, Array], style: LineStyle, which: str, zorder: float) -> Curve:
    """Draw one curve and its points; both, for the legend."""
    (drawn,) = ax.plot(*line, **style, zorder=zorder)
    drawn.set_gid(f"curve-{which}-0")
    at = points.values[:, points.surface.column(which)]
    at = np.maximum(at, _ZERO) if is_logarithmic(points) else at
    (dots,) = ax.plot(points.places[:, 0], at, color=style["color"], linestyle="none", marker="o", markersize=4, zorder=zorder)
    dots.set_gid(f"points-{which}")
    return drawn, dots


def _draw_bands(ax: Axes, along: Array, values: Array, surface: Surface, style: Style, logarithmic: bool) -> Iterator[Artist]:
    """Fill the bands, the innermost first, each behind the one within it; of a single hypothesis bars."""
    along, values = band_ends(along, values, logarithmic)
    for number, (color, curves) in enumerate(zip(style.bands, surface.bands, strict=False)):
        low, high = (values[:, surface.column(curve)] for curve in curves)
        drawn = ax.fill_between(along, low, high, color=color, linewidth=0, zorder=0.9 - 0.1 * number)
        drawn.set_gid(f"band-{number}")
        yield drawn


def band_ends(along: Array, values: Array, logarithmic: bool = False) -> tuple[Array, Array]:
    """The places and values [n, c] between which bands are filled: those of the points; of a single one the sides of a bar.

    ``logarithmic``: whether the axis of the places is.
    """
    if len(along) != 1:
        return along, values
    if logarithmic:
        half = 0.5 * _SINGLE * float(np.ptp(np.log(log_span(along))))
        return along[0] * np.exp([-half, half]), np.repeat(values, 2, axis=0)
    half = 0.5 * _SINGLE * float(np.ptp(span(along)))
    return np.array([along[0] - half, along[0] + half]), np.repeat(values, 2, axis=0)


def _handles(observed: Curve, median: Curve | None, bands: Sequence[Artist]) -> Handles:
    expected: Handles = [] if median is None else [(median, "Expected")]
    edges = [(band, rf"Expected $\pm {sigma}\,\sigma$") for sigma, band in enumerate(bands, 1)]
    return [(observed, "Observed"), *expected, *edges]


def _draw_below(ax: Axes, points: Points, style: Style) -> Iterator[tuple[Artist, str]]:
    """Arrows at the bottom for observed and median values below the axis."""
    below = _below(points)
    colours = (style.observed["color"], style.expected["color"])
    drawn = None
    for curve, colour, size in zip(_main_curves(points.surface), colours, (9.0, 6.5), strict=False):
        out = below[:, points.surface.column(curve)]
        if out.any():
            at = ax.get_xaxis_transform()
            arrows = {"marker": "v", "linestyle": "none", "color": colour, "markersize": size, "zorder": _BEHIND}
            (drawn,) = ax.plot(points.places[out, 0], np.full(out.sum(), 0.018), transform=at, **arrows)  # type: ignore[arg-type]
            drawn.set_gid(f"{BELOW}-{curve}")
    if drawn is not None:
        yield drawn, "Value below the axis"


def _draw_failed(ax: Axes, points: Points) -> Iterator[tuple[Artist, str]]:
    """Crosses at the bottom for hypotheses without a usable result."""
    if len(points.failed):
        crosses = {"marker": "x", "linestyle": "none", "color": "black", "markersize": 5.5, "zorder": 7}
        at = ax.get_xaxis_transform()
        (drawn,) = ax.plot(points.failed[:, 0], np.full(len(points.failed), 0.05), transform=at, **crosses)  # type: ignore[arg-type]
        drawn.set_gid("points-failed")
        yield drawn, "No result"


def _main_curves(surface: Surface) -> tuple[str, ...]:
    return tuple(dict.fromkeys((surface.curves[0], surface.median or surface.curves[0])))


def _below(points: Points) -> NDArray[np.bool_]:
    """Whether each value [n, c] is below a logarithmic axis."""
    return np.asarray(points.values < _bottom(points) if is_logarithmic(points) else np.zeros_like(points.values, dtype=bool))


def _bottom(points: Points) -> float:
    """The lower end of a logarithmic axis: below the smallest value, but not far below the level."""
    level = points.surface.level
    assert level is not None
    smallest = float(np.min(_shown_values(points), initial=level / 2.5))
    return max(smallest / 2, level / _SHOWN if len(points.values) > 1 else _SMALLEST_OF_ONE)


def numbers(points: Points) -> str:
    """The values of a single hypothesis, as a line of text."""
    curves = {curve: points.values[0, points.surface.column(curve)] for curve in _main_curves(points.surface)}
    return f"{points.surface.name}: {', '.join(f'{value:.3g} {curve}' for curve, value in curves.items())}"


def limits(ax: Axes, points: Points, covered: float) -> None:
    """Set limits that contain the values against the one axis, and leave the fraction ``covered`` of the height free above."""
    places = np.concatenate([points.places, points.failed])
    x_limits(ax, places[:, 0])
    number_axis(ax.xaxis)
    if len(places) == 1:
        ax.xaxis.set_major_locator(FixedLocator(places[:1, 0].tolist()))
        ax.xaxis.set_minor_locator(NullLocator())
        if points.axes.x == NUMBERED and points.names:
            ax.xaxis.set_major_formatter(FixedFormatter([literal(points.names[0])]))
    free = 1.0 - min(covered + 0.04, 0.6)
    shown = _shown_values(points)
    if not is_logarithmic(points):
        low, high = span(shown) if shown.size else (0.0, 1.0)
        ax.set_ylim(low, low + (high - low) / free)
        return
    bottom, largest = _bottom(points), float(np.max(shown, initial=1.0))
    ax.set_ylim(bottom, bottom * (1.3 * largest / bottom) ** (1 / free))
    # No ticks where the legend is, above the values.
    decades = 10.0 ** np.arange(np.ceil(np.log10(bottom)), np.floor(np.log10(largest)) + 1)
    step = 1 + len(decades) // (_DECADES + 1)
    ax.yaxis.set_major_locator(FixedLocator(decades[::-step].tolist()))
    if step > 1:
        ax.yaxis.set_minor_locator(NullLocator())
        return
    ax.yaxis.set_minor_locator(FixedLocator(np.outer(decades / 10, np.arange(2, 10)).ravel().tolist()))


def _shown_values(points: Points) -> Array:
    """The values of the observed curve, the median and the bands."""
    surface = points.surface
    curves = dict.fromkeys((*_main_curves(surface), *(curve for band in surface.bands for curve in band)))
    return points.values[:, [surface.column(curve) for curve in curves]]
