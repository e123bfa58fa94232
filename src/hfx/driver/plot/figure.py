"""The picture of a scan: its exclusion contour over two axes, or its values against one.

It is drawn through matplotlib's object interface: no pyplot, no global state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hfx.driver.plane.contour import Plane
from hfx.driver.plane.points import Points
from hfx.driver.plane.published import Published
from hfx.driver.plot import artists, decorations
from hfx.driver.plot.axis_labels import axis_label
from hfx.driver.plot.request import PictureOptions
from hfx.driver.plot.styles import Style, applied, style_called
from hfx.driver.run.file_types import Curve, PalletBlock

__all__ = ["Picture", "draw", "draw_axes", "new_figure", "save"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """The content of a picture, and how it is drawn.

    ``plane``: the scan's points, surface and curves over the axes of ``options``. ``theory``: curves with the signal's cross
    section up and down; ``published``: contours of others. ``style``: hfx, atlas or cms. ``uncertainty``: that of the
    interpolation is drawn too, faintly. ``part``: a line that says which part of the pallet is drawn, if it is not all of it.
    ``room``: places [k, 2] that a plane's axes contain although nothing is drawn there yet.
    """

    plane: Plane
    options: PictureOptions = field(default_factory=PictureOptions)
    pallet: PalletBlock = field(default_factory=lambda: PalletBlock())
    theory: Sequence[Curve] = ()
    published: Sequence[Published] = ()
    style: str | None = None
    uncertainty: bool = False
    part: str = ""
    room: Array = field(default_factory=lambda: np.zeros((0, 2)))


def draw(
    picture: Picture, stem: Path, *, metadata: Mapping[str, str] | None = None, formats: Sequence[str] = ("pdf", "png")
) -> list[Path]:
    """Draw a picture to ``stem``.pdf, ``stem``.png, ...; the paths written, in order.

    ``metadata`` (digest, version, command, ...) goes into the files. Raises `OptionError` for an expression that cannot be read
    and for a style that is not known.
    """
    style = style_called(picture.style)
    with applied(style):
        figure = new_figure(style)
        draw_axes(picture, figure.subplots())
        return save(figure, stem, formats, metadata or {})


def new_figure(style: Style) -> Figure:
    """An empty figure, apart from pyplot."""
    figure = Figure(figsize=style.size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, stem: Path, formats: Sequence[str], metadata: Mapping[str, str]) -> list[Path]:
    """Write the figure as ``stem``.pdf, ...; the paths in order."""
    decorations.lay_out(figure)
    figure.set_layout_engine("none")  # once is enough for all formats
    paths = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        figure.savefig(path, format=kind, dpi=200, metadata=_file_metadata(kind, metadata))
        paths.append(path)
    return paths


def draw_axes(picture: Picture, ax: Axes) -> None:
    """Draw a picture into ``ax``, for a figure of one's own."""
    style, options, points = style_called(picture.style), picture.options, picture.plane.points
    x, y = points.axes.x, points.axes.y
    ax.patch.set_gid("axes")
    handles = artists.draw_profile(ax, points, style) if y is None else _draw_plane(ax, picture, style)
    decorations.ticks(ax, style)
    name = axis_label(points.surface.name if y is None else y)
    ax.set_xlabel(axis_label(x) if options.xlabel is None else options.xlabel, loc="right", fontsize=style.labels)
    ax.set_ylabel(name if options.ylabel is None else options.ylabel, loc="top", fontsize=style.labels)
    header = decorations.header(ax, picture.pallet, options.title, style, points.surface)
    covered = decorations.legend(ax, handles, _legend_title(points, picture.part), style)
    if y is None:
        decorations.profile_limits(ax, points, covered)
    else:
        lines = [line for one in picture.published for line in one.lines]
        decorations.plane_limits(ax, np.concatenate([points.places, points.failed, *lines, picture.room]), covered)
    decorations.fit_width(header, ax)
    if options.forbidden and y is not None:
        decorations.forbidden_region(ax, x, y, options.forbidden)


def _draw_plane(ax: Axes, picture: Picture, style: Style) -> artists.Handles:
    plane = picture.plane
    curves = [*plane.contours["curves"], *picture.theory]
    band = plane.band() if style.band else ()
    uncertain = plane.uncertain() if picture.uncertainty else ()
    handles = artists.draw_plane(ax, artists.Drawing(plane.points, curves, band, uncertain), style)
    return handles + artists.draw_published(ax, picture.published)


def _legend_title(points: Points, part: str) -> str:
    """The criterion of exclusion, the signal if it is not the pallet's, the part of the pallet, why a line is missing, and which
    labels' values are drawn together."""
    starts = ("All points", "No point", "There is", "No hypothesis")
    sentences = [note.split(":")[0].rstrip(".") for note in points.notes if note.startswith(starts)]
    if points.hidden:
        sentences.append(f"Several values of {', '.join(points.hidden)} drawn together")
    criterion = points.surface.statement if points.axes.y is not None and points.surface.level is not None else ""
    return "\n".join(filter(None, (criterion, points.surface.remark, decorations.legend_line(part), *sentences)))


def _file_metadata(kind: str, metadata: Mapping[str, str]) -> dict[str, str | None]:
    """``metadata`` in the fields that a file format has; no dates, so that equal pictures are equal files."""
    line = "; ".join(f"{key}: {value}" for key, value in metadata.items())
    if kind == "png":
        return {"Software": "hfx", "Description": line, **metadata}
    if kind == "pdf":
        return {"Creator": "hfx", "Keywords": line, "CreationDate": None}
    if kind == "svg":
        return {"Creator": "hfx", "Description": line, "Date": None}
    return {}
