"""The picture of a scan as SVG text whose elements have ids, so that a browser can find and restyle them.

The ids: ``axes``, the background of the axes' data area; ``point-I``, a hypothesis, where I is its position in the results of
`PlotData` followed by its failures; ``curve-WHICH-K``, the parts of each curve; ``band-K``, the shaded bands; ``forbidden``, the
kinematically forbidden region; ``uncertainty``; ``level``, the line of the level where values are drawn against one axis.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hfx.driver.plane import contour
from hfx.driver.plane.points import PlotData, Points
from hfx.driver.plot import artists, decorations
from hfx.driver.plot.figure import Picture, draw_axes, new_figure
from hfx.driver.plot.request import PictureOptions
from hfx.driver.plot.styles import applied, style_called
from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.run.file_types import Curve, PalletBlock

__all__ = ["SvgPicture", "svg"]

Array = NDArray[np.float64]

# Equal pictures are equal texts: matplotlib makes the ids of its own elements from this, and else from a random number.
_SALT = "hfx"


@dataclass(frozen=True)
class SvgPicture:
    """A picture as SVG, and the way from data to its coordinates.

    ``width`` and ``height``: of the SVG's view box. ``transform`` (a, b, c, d): a place (x, y) of the axes is at (a u + b,
    c v + d) in the view box, where u is x or, with ``logarithmic_x``, its decadic logarithm, and v is y or, with ``logarithmic``,
    its decadic logarithm.
    """

    text: str
    transform: tuple[float, float, float, float]
    width: float
    height: float
    logarithmic: bool = False
    logarithmic_x: bool = False


def svg(
    data: PlotData,
    options: PictureOptions | None = None,
    *,
    pallet: PalletBlock | None = None,
    theory: Sequence[Curve] = (),
    style: str | None = None,
    uncertainty: bool = False,
    plane: contour.Plane | None = None,
    part: str = "",
    room: Array | None = None,
) -> SvgPicture:
    """Draw the picture of ``data`` over the axes of ``options``.

    ``pallet``: what the header says; ``theory``: curves with the signal's cross section up and down; ``style``: hfx, atlas or
    cms; ``plane``: the plane of these data and options, if it has been made already; ``part`` and ``room``: as of
    `Picture`.

    Raises `OptionError` as `contour.plane`.
    """
    options = options or PictureOptions()
    if plane is None:
        plane = contour.plane(
            data,
            x=options.x,
            y=options.y,
            logx=options.logx,
            logy=options.logy,
            forbidden=options.forbidden,
            interpolation=options.interpolation or "linear",
        )
    picture = Picture(plane, options, pallet or {}, theory, style=style, uncertainty=uncertainty, part=part)
    if room is not None:
        picture = replace(picture, room=room)
    chosen = style_called(style)
    with DRAWING, applied(chosen), matplotlib.rc_context({"svg.hashsalt": _SALT}):
        figure = new_figure(chosen)
        ax = figure.subplots()
        draw_axes(picture, ax)
        decorations.lay_out(figure)
        figure.set_layout_engine("none")
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Creator": "hfx", "Date": None})
    width, height = (72.0 * float(inches) for inches in figure.get_size_inches())
    text = file.getvalue()
    text = _with_point_ids(text[text.index("<svg") :], dict(_points(plane.points)))
    logarithmic, logarithmic_x = ax.get_yscale() == "log", ax.get_xscale() == "log"
    return SvgPicture(text, _transform(ax, figure, height), width, height, logarithmic, logarithmic_x)


def _points(points: Points) -> Iterator[tuple[str, Sequence[int]]]:
    """The ids of elements that hold points, and the positions of their hypotheses, in the order in which they are drawn."""
    if points.axes.y is None:
        yield f"points-{points.surface.curves[0]}", points.indices.tolist()
        return
    for group in artists.point_groups(points):
        yield group.gid, group.indices.tolist()


def _transform(ax: Axes, figure: Figure, height: float) -> tuple[float, float, float, float]:
    """The factors and offsets from data to the view box, whose unit is a point and whose y axis runs downwards."""
    to_points = ax.transAxes - figure.dpi_scale_trans
    low, high = (72.0 * to_points.transform((corner, corner)) for corner in (0.0, 1.0))
    corners = np.array([ax.get_xlim(), ax.get_ylim()]).T
    (x_low, x_high), (y_low, y_high) = ax.transScale.transform(corners).T
    a, c = (high[0] - low[0]) / (x_high - x_low), -(high[1] - low[1]) / (y_high - y_low)
    return float(a), float(low[0] - a * x_low), float(c), float(height - low[1] - c * y_low)


def _with_point_ids(text: str, positions: Mapping[str, Sequence[int]]) -> str:
    """The text with an element around each point; matplotlib draws the points of an element one after another."""
    for gid, indices in positions.items():
        start = text.find(f'<g id="{gid}">')
        if start < 0:
            continue
        end = text.index("\n   </g>", start)
        parts = re.split(r"(<use [^>]*/>)", text[start:end])
        for part, index in zip(range(1, len(parts), 2), indices, strict=True):
            parts[part] = f'<g id="point-{index}">{parts[part]}</g>'
        text = text[:start] + "".join(parts) + text[end:]
    return text
