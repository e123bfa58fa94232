"""Single lines of a scan, drawn into a figure of one's own, without anything around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from hfx.driver.plane.contour import Plane
from hfx.driver.plane.points import Points, along_axis
from hfx.driver.plot import artists, decorations
from hfx.driver.plot.styles import LineStyle, Style, style_called
from hfx.driver.questions.texts.picture_texts import drawable
from hfx.driver.run.file_types import Curve
from hfx.errors import OptionError

__all__ = ["draw"]

Array = NDArray[np.float64]
_THINNER = 0.6  # of the width of the median's line: the edges of bands


def draw(
    ax: Axes,
    plane: Plane,
    theory: Sequence[Curve],
    *,
    which: str | Sequence[str] | None = None,
    label: str | None = None,
    color: str | None = None,
) -> None:
    """Draw curves of a scan into ``ax``, and nothing else: no titles, points, legend or limits of the axes.

    ``which``: the names of the curves, by default the observed one and the median. ``label``: for a legend, and an entry of the
    one that hfx drew into ``ax``; of several curves the names are added to it, but for the observed one. ``color``: of all
    curves; by default the next of the axes' colours where there is a ``label``, else those of hfx. Raises `OptionError` for a
    curve that the scan cannot have.
    """
    surface, style = plane.points.surface, style_called(None)
    main = dict.fromkeys((surface.curves[0], surface.median or surface.curves[0]))
    names = [which] if isinstance(which, str) else list(main if which is None else which)
    known = [*surface.curves, *dict.fromkeys(curve["which"] for curve in theory)]
    for name in names:
        if name not in known:
            raise OptionError(f"which='{name}' is no curve of this scan; it has {', '.join(known)}")
    if color is None and label is not None:
        color = _next_color(ax)
    for name in names:
        lines = list(_lines(plane.points, [*plane.contours["curves"], *theory], name))
        drawn = artists.draw_lines(ax, lines, _style(style, surface.curves[0], surface.median, name, color), 6)
        if drawn is not None:
            drawn.set_label(
                _labelled(name, None if label is None else drawable(label), alone=len(names) == 1 or name == surface.curves[0])
            )
            if label is not None:
                decorations.add_entry(ax, drawn, style)


def _labelled(name: str, label: str | None, alone: bool) -> str:
    """The legend's text for a curve."""
    return name if label is None else label if alone else f"{label}, {name}"


def _lines(points: Points, curves: Sequence[Curve], name: str) -> Iterator[tuple[str, Array]]:
    """The ids and lines [k, 2] of a curve; where there is one axis, its values along that."""
    if points.axes.y is None and name in points.surface.curves:
        along, values = along_axis(points)
        yield f"curve-{name}-0", np.column_stack([along, values[:, points.surface.column(name)]])
        return
    found = (np.array(curve["points"]) for curve in curves if curve["which"] == name)
    yield from ((f"curve-{name}-{number}", line) for number, line in enumerate(found))


def _style(style: Style, observed: str, median: str | None, name: str, color: str | None) -> LineStyle:
    if name == observed:
        chosen = style.observed
    elif name == median:
        chosen = style.expected
    elif name.startswith("theory"):
        chosen = style.theory
    else:
        chosen = {**style.expected, "linewidth": _THINNER * style.expected["linewidth"]}
    return chosen if color is None else {**chosen, "color": color}


def _next_color(ax: Axes) -> str:
    """The next of the colours that the axes draw lines in."""
    (probe,) = ax.plot([], [])
    probe.remove()
    return to_hex(probe.get_color())
