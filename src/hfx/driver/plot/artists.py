"""Artists of a picture: the lines, areas and points that are drawn into matplotlib's axes, with their legend entries.

Each artist has an id (``gid``), under which it is found in an SVG file: ``curve-WHICH-K``, ``band-K``, ``points-KIND``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from hfx.driver.plane.points import Points
from hfx.driver.plane.published import Published
from hfx.driver.plot.axis.labels import axis_label
from hfx.driver.plot.styles import OVERLAID, LineStyle, Style
from hfx.driver.questions.texts.picture_texts import drawable, literal
from hfx.driver.run.file_types import Curve

__all__ = [
    "Drawing",
    "Handles",
    "PointGroup",
    "draw_area",
    "draw_lines",
    "draw_plane",
    "draw_published",
    "point_groups",
]

Array = NDArray[np.float64]
Handles = list[tuple[Artist | tuple[Artist, ...], str]]

_POINT = "#6b6b6b"
_MARKERS = ("o", "s", "^", "D")  # of regions of one colour
_DASHES = (0.0, (3.0, 2.0))
_PUBLISHED: dict[str, LineStyle] = {
    "observed": {"color": "#444444", "linewidth": 1.3, "linestyle": "-"},
    "expected": {"color": "#444444", "linewidth": 1.3, "linestyle": _DASHES},
}
_GREYS = ("#444444", "#8c8c8c", "#111111", "#b5b5b5")  # of several published contours of one kind


@dataclass(frozen=True)
class Drawing:
    """The content of a picture over two axes: curves as in contour.json, rings around areas, points.

    ``band``: rings of the innermost band; ``uncertain``: rings of where the observed line may lie, if that is drawn.
    """

    points: Points
    curves: Sequence[Curve]
    band: Sequence[Array] = ()
    uncertain: Sequence[Array] = ()

    def lines(self, *which: str) -> list[tuple[str, Array]]:
        """The ids and lines [k, 2] of the curves with these names."""
        counts: Counter[str] = Counter()
        found = []
        for curve in self.curves:
            if curve["which"] in which:
                found.append((f"curve-{curve['which']}-{counts[curve['which']]}", np.array(curve["points"])))
                counts[curve["which"]] += 1
        return found


@dataclass(frozen=True)
class PointGroup:
    """Points that are drawn alike: their places [n, 2] and their positions in the results and failures of `PlotData`."""

    gid: str
    label: str
    places: Array
    indices: NDArray[np.intp]
    marker: str = "o"
    size: float = 3.2
    face: str = _POINT
    edge: str = _POINT


def point_groups(points: Points) -> list[PointGroup]:
    """The points by what is drawn for them: excluded, not excluded, without a result."""
    observed, excluded = points.surface.curves[0], points.excluded()
    groups = [
        PointGroup("points-excluded", f"Excluded ({observed})", points.places[excluded], points.indices[excluded]),
        PointGroup(
            "points-allowed", f"Not excluded ({observed})", points.places[~excluded], points.indices[~excluded], face="white"
        ),
    ]
    if points.surface.level is None:
        groups = [PointGroup("points-values", "", points.places, points.indices)]
    failed = PointGroup("points-failed", "No result", points.failed, points.failed_indices, marker="x", size=5.5, edge="black")
    return [group for group in (*groups, failed) if len(group.places)]


def draw_plane(ax: Axes, drawing: Drawing, style: Style, *, regions: bool = False) -> Handles:
    """Draw the band, lines and points of a scan; the legend's handles and labels.

    ``regions``: the points have the colours of the regions that their values are taken from.
    """
    surface = drawing.points.surface
    observed = draw_lines(ax, drawing.lines(surface.curves[0]), style.observed, 6)
    theory = draw_lines(ax, drawing.lines("theory-up", "theory-down"), style.theory, 6)
    median = draw_lines(ax, drawing.lines(surface.median), style.expected, 6.5) if surface.median else None
    edges = None
    if style.band is None and surface.bands:
        thin: LineStyle = {**style.expected, "linewidth": 0.5 * style.expected["linewidth"]}
        edges = draw_lines(ax, [line for curve in surface.bands[0] for line in drawing.lines(curve)], thin, 5)
    band = draw_area(ax, drawing.band, style.band, 1, gid="band-0") if style.band else None
    uncertain = draw_area(ax, drawing.uncertain, style.observed["color"], 2.2, alpha=0.18, gid="uncertainty")
    handles: Handles = []
    if observed:
        handles.append((observed, "Observed limit"))
    if uncertain:
        handles.append((uncertain, "Interpolation uncertainty"))
    if theory:
        handles.append((theory, "Observed, signal theory band"))
    handles += _expected_handles(median, band, edges)
    return handles + (_draw_regions(ax, drawing.points) if regions else _draw_points(ax, drawing.points, style))


def _expected_handles(median: Artist | None, band: Artist | None, edges: Artist | None) -> Handles:
    """The legend entries of the median and of its band, an area or two lines."""
    if median is None:
        shown = band or edges
        return [(shown, r"Expected $\pm 1\,\sigma$")] if shown else []
    if band is not None:
        return [((band, median), r"Expected limit ($\pm 1\,\sigma$)")]
    entries: Handles = [(median, "Expected limit")]
    return entries if edges is None else [*entries, (edges, r"Expected $\pm 1\,\sigma$")]


def draw_lines(ax: Axes, lines: Sequence[tuple[str | None, Array]], style: LineStyle, zorder: float) -> Line2D | None:
    """Draw lines [k, 2], each with its id, in one style; the last of them, for the legend. A single point is a diamond."""
    drawn: Line2D | None = None
    for gid, line in lines:
        if len(line) == 1:
            color, width = style["color"], style["linewidth"]
            (drawn,) = ax.plot(*line.T, color=color, linewidth=width, marker="D", markersize=8, linestyle="none", zorder=zorder)
        else:
            (drawn,) = ax.plot(*line.T, zorder=zorder, **style)
        drawn.set_gid(gid)
    return drawn


def draw_published(ax: Axes, published: Sequence[Published]) -> Handles:
    """Draw published contours as thin grey lines, which their files' names tell apart where there are several of one kind; the
    legend's handles and labels."""
    handles: Handles = []
    for i, one in enumerate(published):
        before = sum(other.which == one.which for other in published[:i])
        alone = sum(other.which == one.which for other in published) == 1
        style: LineStyle = {**_PUBLISHED[one.which], "color": _GREYS[before % len(_GREYS)]}
        drawn = draw_lines(ax, [(None, line) for line in one.lines], style, 5.5)
        if drawn is not None:
            label = f"Published, {one.which}" if alone else f"Published, {one.which}: {Path(one.file).stem}"
            handles.append((drawn, literal(label)))
    return handles


def draw_area(
    ax: Axes, rings: Sequence[Array], color: str, zorder: float, *, alpha: float | None = None, gid: str | None = None
) -> Patch | None:
    """Fill the area within rings, whose holes turn the other way; a patch for the legend. A translucent area has no edge."""
    if not rings:
        return None
    path = Outline.make_compound_path(*(Outline(np.r_[ring, ring[:1]], closed=True) for ring in rings))
    edge, width = (color, 0.4) if alpha is None else (None, 0.0)
    patch = PathPatch(path, facecolor=color, edgecolor=edge, linewidth=width, alpha=alpha, zorder=zorder)
    patch.set_gid(gid)
    ax.add_patch(patch)
    return Patch(facecolor=color, edgecolor=edge, linewidth=0, alpha=alpha)


def _draw_points(ax: Axes, points: Points, style: Style) -> Handles:
    """Draw the hypotheses; without a level in the colours of their values, with a colour bar."""
    handles: Handles = []
    for group in point_groups(points):
        if group.gid == "points-values":
            _draw_colours(ax, group, points, style)
            continue
        handles.append((_draw_group(ax, group), group.label))
    return handles


def _draw_group(ax: Axes, group: PointGroup) -> Line2D:
    (dots,) = ax.plot(
        *group.places.T,
        linestyle="none",
        zorder=4,
        clip_on=False,
        marker=group.marker,
        markersize=group.size,
        markerfacecolor=group.face,
        markeredgecolor=group.edge,
        markeredgewidth=0.8,
    )
    dots.set_gid(group.gid)
    return dots


def _draw_regions(ax: Axes, points: Points) -> Handles:
    """Draw the points in the colours of their regions; an entry for each region, and those for filled and hollow points."""
    handles: Handles = []
    for number, region in enumerate(sorted(set(points.answers))):
        colour, marker = OVERLAID[number % len(OVERLAID)], _MARKERS[number // len(OVERLAID) % len(_MARKERS)]
        for group in _of_region(points, number, region):
            _draw_group(
                ax, replace(group, marker=marker, size=5.0, edge=colour, face=colour if group.face == _POINT else "white")
            )
        entry = Line2D([], [], linestyle="none", marker=marker, color=colour, markersize=6)
        handles.append((entry, literal(f"Best expected: {region}")))
    for group in point_groups(points):
        kind = "points-failed" if group.gid == "points-failed" else None
        dots = _draw_group(ax, group if kind else replace(group, places=group.places[:0], size=5.0))
        handles.append((dots, group.label))
    return handles


def _of_region(points: Points, number: int, region: str) -> list[PointGroup]:
    """The points of one region, excluded and not excluded."""
    own = np.array(points.answers) == region
    inside = replace(points, places=points.places[own], values=points.values[own], indices=points.indices[own])
    groups = [group for group in point_groups(inside) if group.gid != "points-failed"]
    return [replace(group, gid=f"{group.gid}-region-{number}") for group in groups]


def _draw_colours(ax: Axes, group: PointGroup, points: Points, style: Style) -> None:
    x, y = group.places.T
    dots = ax.scatter(x, y, c=points.values[:, 0], s=30, edgecolors=_POINT, linewidths=0.5, zorder=4, clip_on=False)
    dots.set_gid(group.gid)
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(dots, ax=ax)
    bar.set_label(drawable(axis_label(points.surface.name)), fontsize=style.labels)
    bar.ax.tick_params(labelsize=style.ticks)
