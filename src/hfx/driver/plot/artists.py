"""The lines, areas and points of a picture, drawn from data that is prepared elsewhere; each gives its legend entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from hfx.driver.plane.points import LEVEL, WHICH, Field
from hfx.driver.plane.published import Published
from hfx.driver.plot.styles import Style

__all__ = ["Drawing", "area", "lines", "plane", "profile", "published_lines"]

Array = NDArray[np.float64]
Handles = list[tuple[Any, str]]

_POINT = "#6b6b6b"
_SINGLE: dict[str, Any] = {"marker": "D", "markersize": 8, "linestyle": "none"}
_POINTS: dict[str, Any] = {"markersize": 3.2, "markeredgecolor": _POINT, "markeredgewidth": 0.8}
_PUBLISHED = {
    "observed": {"color": "#444444", "linewidth": 1.3, "linestyle": "-"},
    "expected": {"color": "#444444", "linewidth": 1.3, "linestyle": (0, (3, 2))},
}


@dataclass(frozen=True)
class Drawing:
    """What is drawn of one run over two axes: curves as contour.json has them, rings, points.

    `band`: rings of the expected band; `uncertain`: rings of where the observed line may lie, none: not asked for.
    """

    field: Field
    curves: Sequence[Mapping[str, Any]]
    band: Sequence[Array] = ()
    uncertain: Sequence[Array] = ()

    def lines(self, which: str) -> list[Array]:
        """The curves of that name; "theory" names both of that band."""
        return [np.array(curve["points"]) for curve in self.curves if _named(str(curve["which"]), which)]


def _named(name: str, wanted: str) -> bool:
    return name == wanted or (wanted == "theory" and name.startswith("theory-"))


def plane(ax: Axes, drawing: Drawing, style: Style) -> Handles:
    """Band, lines and points of a run; the legend's handles and labels."""
    handles: Handles = []
    observed = lines(ax, drawing.lines("observed"), style.observed | {"zorder": 6})
    theory = lines(ax, drawing.lines("theory"), style.theory | {"zorder": 6})
    expected = lines(ax, drawing.lines("expected"), style.expected | {"zorder": 5})
    edges = None
    if style.band is None:
        edge = style.expected | {"linewidth": 0.5 * style.expected["linewidth"], "zorder": 5}
        edges = lines(ax, [*drawing.lines("expected-1"), *drawing.lines("expected+1")], edge)
    band = area(ax, drawing.band, {"facecolor": style.band, "edgecolor": style.band}, 1) if style.band else None
    doubt = area(ax, drawing.uncertain, {"facecolor": style.observed["color"], "alpha": 0.18, "linewidth": 0}, 2.2)
    if observed:
        handles.append(((doubt, observed) if doubt else observed, "Observed limit"))
    if theory:
        handles.append((theory, "Observed, signal theory band"))
    if expected:
        shown = next((other for other in (band, edges) if other is not None), None)
        if shown is None:
            handles.append((expected, "Expected limit"))
        elif band:
            handles.append(((band, expected), r"Expected limit ($\pm 1\,\sigma$)"))
        else:
            handles += [(expected, "Expected limit"), (edges, r"Expected $\pm 1\,\sigma$")]
    elif band or edges:
        handles.append((band or edges, r"Expected $\pm 1\,\sigma$"))
    return handles + _points(ax, drawing.field)


def lines(ax: Axes, some: Sequence[Array], look: Mapping[str, Any]) -> Line2D | None:
    """Draw lines in one look; the last of them, for the legend."""
    drawn: Line2D | None = None
    for points in some:
        single = _SINGLE if len(points) == 1 else {}
        (drawn,) = ax.plot(points[:, 0], points[:, 1], **(dict(look) | single))
    return drawn


def published_lines(ax: Axes, published: Sequence[Published]) -> Handles:
    """Thin grey lines of what others published."""
    handles: Handles = []
    for one in published:
        drawn = lines(ax, one.lines, _PUBLISHED[one.which] | {"zorder": 5.5})
        handles.append((drawn, f"Published, {one.which}"))
    return handles


def area(ax: Axes, rings: Sequence[Array], look: Mapping[str, Any], zorder: float) -> Patch | None:
    """One filled area within rings, whose holes turn the other way; a patch for the legend."""
    if not rings:
        return None
    path = Path.make_compound_path(*(Path(np.r_[ring, ring[:1]], closed=True) for ring in rings))
    ax.add_patch(PathPatch(path, **({"linewidth": 0.4} | dict(look)), zorder=zorder))
    return Patch(**({"linewidth": 0} | dict(look)))


def _points(ax: Axes, field: Field) -> Handles:
    excluded = field.cls[:, WHICH.index("observed")] < LEVEL
    kinds = (
        (field.points[excluded], {"marker": "o", "markerfacecolor": _POINT}, "Excluded (observed)"),
        (field.points[~excluded], {"marker": "o", "markerfacecolor": "white"}, "Not excluded (observed)"),
        (field.failed, {"marker": "x", "markersize": 5.5, "markeredgecolor": "black"}, "No result"),
    )
    handles: Handles = []
    for points, look, label in kinds:
        if len(points):
            (dots,) = ax.plot(*points.T, linestyle="none", zorder=4, clip_on=False, **(_POINTS | look))
            handles.append((dots, label))
    return handles


def profile(ax: Axes, field: Field, style: Style) -> Handles:
    """CLs against the one axis, on a logarithmic scale, with the level; the legend's handles and labels."""
    along = field.points[:, 0]
    cls = np.maximum(field.cls, 1e-6)
    look: dict[str, Any] = {"marker": "o", "markersize": 4}
    width = 8 if len(along) == 1 else 0
    bands = []
    for sigma, color in enumerate(style.bands, 1):
        low, high = cls[:, 3 - sigma], cls[:, 3 + sigma]
        bands.append((ax.fill_between(along, low, high, color=color, linewidth=width, zorder=1 - 0.1 * sigma), sigma))
    (observed,) = ax.plot(along, cls[:, 0], **style.observed, zorder=6, **look)
    (expected,) = ax.plot(along, cls[:, 3], **style.expected, zorder=5, **look)
    level = ax.axhline(LEVEL, color="black", linewidth=1, zorder=3)
    ax.set_yscale("log")
    handles: Handles = [(level, r"$\mathrm{CL}_{\mathrm{s}} = 0.05$")]
    if not len(along):
        return handles
    if len(bands) == 1:
        return [(observed, "Observed"), ((bands[0][0], expected), r"Expected ($\pm 1\,\sigma$)"), *handles]
    named = [(band, rf"Expected $\pm {sigma}\,\sigma$") for band, sigma in bands]
    return [(observed, "Observed"), (expected, "Expected"), *named, *handles]
