"""The picture of an overlay: a colour for each run, its observed limit solid, its expected one dashed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hfx.driver.plane.published import Published
from hfx.driver.plot import artists, decorations
from hfx.driver.plot import figure as plot
from hfx.driver.plot.axis_labels import axis_label
from hfx.driver.plot.overlay import Layer
from hfx.driver.plot.redraw import Wanted
from hfx.driver.plot.styles import OVERLAID, Style, applied, style_called

__all__ = ["draw", "draw_layers"]

_KEY = "#555555"
_KINDS = {"observed": "Observed", "expected": "Expected", "theory-up": "Observed, signal theory band"}


def draw(
    layers: Sequence[Layer],
    published: Sequence[Published],
    stem: Path,
    formats: Sequence[str],
    wanted: Wanted,
    metadata: Mapping[str, str],
) -> list[Path]:
    """Draw the overlay to `stem`.pdf, ...; the paths written."""
    look = style_called(wanted.style)
    with applied(look):
        figure = plot.new_figure(look)
        draw_layers(figure.subplots(), layers, published, look, wanted)
        return plot.save(figure, stem, formats, metadata)


def draw_layers(ax: Axes, layers: Sequence[Layer], published: Sequence[Published], look: Style, wanted: Wanted) -> None:
    """Draw the overlay into `ax`."""
    shown = wanted.changed
    handles: list[tuple[Any, str]] = []
    for i, layer in enumerate(layers):
        # Thinner from one to the next: of curves that coincide, all are seen.
        width = 1.4 - 0.7 * i / max(len(layers) - 1, 1)
        handles.append(_layer(ax, layer, look, OVERLAID[i % len(OVERLAID)], width, wanted))
    there = {str(curve["which"]) for layer in layers for curve in layer.curves}
    handles += [(Line2D([], [], **_look(look, which, _KEY)), label) for which, label in _KINDS.items() if which in there]
    handles += artists.published_lines(ax, published)
    x, y = layers[0].plane.field.x, layers[0].plane.field.y
    assert y is not None
    decorations.ticks(ax, look)
    ax.set_xlabel(shown.get("xlabel", axis_label(x)), loc="right", fontsize=look.labels)
    ax.set_ylabel(shown.get("ylabel", axis_label(y)), loc="top", fontsize=look.labels)
    header = decorations.header(ax, {}, shown.get("title", ""), look)
    taken = decorations.legend(ax, handles, "All limits at 95% CL", look)
    places = [np.r_[layer.plane.field.points, layer.plane.field.failed] for layer in layers]
    decorations.limits(ax, np.concatenate([*places, *(line for one in published for line in one.lines)]), taken)
    decorations.fit(header, ax)
    if "forbidden" in shown:
        decorations.forbidden_region(ax, x, y, shown["forbidden"])


def _layer(ax: Axes, layer: Layer, look: Style, color: str, width: float, wanted: Wanted) -> tuple[Any, str]:
    """Draw one run; its entry in the legend."""
    if wanted.uncertainty:
        artists.area(ax, layer.plane.uncertain(), {"facecolor": color, "alpha": 0.18, "linewidth": 0}, 2.2)
    for which in ("observed", "expected", "theory-up", "theory-down"):
        artists.lines(ax, layer.lines(which), _look(look, which, color, width) | {"zorder": 6 if which == "observed" else 5})
    return Line2D([], [], **_look(look, "observed", color, width)), layer.label


def _look(look: Style, which: str, color: str, width: float = 1.0) -> dict[str, Any]:
    kind = {"observed": look.observed, "expected": look.expected}.get(which, look.theory)
    return {**kind, "color": color, "linewidth": width * kind["linewidth"]}
