"""The picture of a scan: its exclusion contour over two axes, or its values against one.

It is drawn through matplotlib's object interface: no pyplot, no global state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from hfx.driver.plane.contour import Plane
from hfx.driver.plane.points import Points
from hfx.driver.plane.published import Published
from hfx.driver.plot import artists, decorations, profile
from hfx.driver.plot.axis.labels import axis_label
from hfx.driver.plot.request import PictureOptions
from hfx.driver.plot.styles import Style, applied, style_called
from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.questions.texts.picture_texts import drawable, literal
from hfx.driver.run.file_types import Curve, PalletBlock

__all__ = ["Picture", "draw", "draw_axes", "fill", "new_figure", "save", "size_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """The content of a picture, and how it is drawn.

    ``plane``: the scan's points, surface and curves over the axes of ``options``. ``theory``: curves with the signal's cross
    section up and down; ``published``: contours of others. ``style``: hfx, atlas or cms. ``uncertainty``: that of the
    interpolation is drawn too, faintly. ``regions``: the points of a combination have the colours of the
    regions that answer. ``part``: a line that says which part of the pallet is drawn, if it is not all of it.
    ``panel``: the title of one of several panels side by side, whose header and legend are one for all.
    ``room``: places [k, 2] that a plane's axes contain although nothing is drawn there yet.
    """

    plane: Plane
    options: PictureOptions = field(default_factory=PictureOptions)
    pallet: PalletBlock = field(default_factory=lambda: PalletBlock())
    theory: Sequence[Curve] = ()
    published: Sequence[Published] = ()
    style: str | None = None
    uncertainty: bool = False
    regions: bool = False
    part: str = ""
    panel: str | None = None
    room: Array = field(default_factory=lambda: np.zeros((0, 2)))


def draw(
    picture: Picture | Sequence[Picture],
    stem: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    formats: Sequence[str] = ("pdf", "png"),
) -> list[Path]:
    """Draw a picture, or several as panels side by side, to ``stem``.pdf, ``stem``.png, ...; the paths written, in order.

    ``metadata`` (digest, version, command, ...) goes into the files. Raises `OptionError` for an expression that cannot be read
    and for a style that is not known.
    """
    several = [picture] if isinstance(picture, Picture) else list(picture)
    style = style_called(several[0].style)
    with DRAWING, applied(style):
        figure = new_figure(style, len(several))
        fill(figure, several)
        return save(figure, stem, formats, metadata or {})


def new_figure(style: Style, panels: int = 1) -> Figure:
    """An empty figure for so many panels, apart from pyplot."""
    figure = Figure(figsize=_size(style, panels), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def size_of(pictures: Sequence[Picture]) -> tuple[float, float]:
    """The size in inches of a figure for these panels."""
    return _size(style_called(pictures[0].style), len(pictures))


def _size(style: Style, panels: int) -> tuple[float, float]:
    width, height = style.size
    rows, columns = _grid(panels)
    return (width, height) if panels == 1 else (0.9 * width * columns, height * rows)


def _grid(panels: int) -> tuple[int, int]:
    """The rows and columns of panels: side by side, but four in a square."""
    return (2, 2) if panels == 4 else (1, panels)


def fill(figure: Figure | SubFigure, pictures: Sequence[Picture]) -> list[Axes]:
    """Draw pictures into an empty figure, side by side, with one header and one legend; their axes."""
    if len(pictures) == 1:
        draw_axes(pictures[0], ax := figure.subplots())
        return [ax]
    axes: list[Axes] = figure.subplots(*_grid(len(pictures)), squeeze=False).ravel().tolist()
    style, first = style_called(pictures[0].style), pictures[0]
    handles = [_draw_content(picture, ax, style) for picture, ax in zip(pictures, axes, strict=True)]
    entries = {label: (handle, label) for one in sorted(handles, key=len, reverse=True) for handle, label in one}
    decorations.shared_legend(figure, list(entries.values()), _shared_title(first), style)
    for picture, ax in zip(pictures, axes, strict=True):
        ax.set_title(drawable(picture.panel or ""), loc="left", fontsize=style.text, pad=6)
        sentences = _sentences(picture.plane)
        _limit(picture, ax, decorations.legend(ax, [], "\n".join(sentences), style))
    return axes


def _shared_title(picture: Picture) -> str:
    """The lines above several panels: header, criterion, and the part of the pallet."""
    points = picture.plane.points
    header = decorations.header_text(picture.pallet, picture.options.title, points.surface)
    return "\n".join(filter(None, (header, _criterion(points), points.surface.remark, decorations.legend_line(picture.part))))


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
    style, points = style_called(picture.style), picture.plane.points
    handles = _draw_content(picture, ax, style)
    header = decorations.header(ax, picture.pallet, picture.options.title, style, points.surface)
    lines = (_criterion(points), points.surface.remark, decorations.legend_line(picture.part), *_sentences(picture.plane))
    title = "\n".join(filter(None, lines))
    _limit(picture, ax, decorations.legend(ax, handles, title, style))
    decorations.fit_width(header, ax)


def _draw_content(picture: Picture, ax: Axes, style: Style) -> artists.Handles:
    """Draw lines, areas and points, ticks and the axes' labels; the legend's handles and labels."""
    options, points, titles = picture.options, picture.plane.points, picture.pallet.get("label_titles")
    x, y = points.axes.x, points.axes.y
    ax.patch.set_gid("axes")
    decorations.scales(ax, points.axes)
    handles = profile.draw_profile(ax, points, style) if y is None else _draw_plane(ax, picture, style)
    decorations.ticks(ax, style)
    name = axis_label(points.surface.name) if y is None else axis_label(y, titles)
    xlabel, ylabel = axis_label(x, titles) if options.xlabel is None else options.xlabel, options.ylabel
    ax.set_xlabel(drawable(xlabel), loc="right", fontsize=style.labels)
    ax.set_ylabel(drawable(name if ylabel is None else ylabel), loc="top", fontsize=style.labels)
    return handles


def _limit(picture: Picture, ax: Axes, covered: float) -> None:
    """Set limits below the legend, which covers a fraction of the axes, and draw what depends on limits."""
    points, forbidden = picture.plane.points, picture.options.forbidden
    if points.axes.y is None:
        profile.limits(ax, points, covered)
        return
    lines = [line for one in picture.published for line in one.lines]
    decorations.plane_limits(ax, np.concatenate([points.places, points.failed, *lines, picture.room]), covered)
    if forbidden:
        decorations.forbidden_region(ax, points.axes.x, points.axes.y, forbidden, picture.pallet.get("label_titles"))


def _draw_plane(ax: Axes, picture: Picture, style: Style) -> artists.Handles:
    plane = picture.plane
    curves = [*plane.contours["curves"], *picture.theory]
    band = plane.band() if style.band else ()
    uncertain = plane.uncertain() if picture.uncertainty else ()
    by_region = picture.regions and len(plane.points.answers) == len(plane.points.places)
    handles = artists.draw_plane(ax, artists.Drawing(plane.points, curves, band, uncertain), style, regions=by_region)
    return handles + artists.draw_published(ax, picture.published)


def _criterion(points: Points) -> str:
    """The criterion of exclusion that lines over two axes have."""
    return points.surface.statement if points.axes.y is not None and points.surface.level is not None else ""


def _sentences(plane: Plane) -> list[str]:
    """Sentences for the legend: why a line is missing, which labels' values are drawn together, and by how much is smoothed."""
    points = plane.points
    if points.axes.y is None and len(points.values) == 1:
        return [profile.numbers(points)]
    starts = ("All points", "No point", "There is", "No hypothesis", "Every point", "Some hypotheses")
    sentences = [note.split(":")[0].rstrip(".") for note in points.notes if note.startswith(starts)]
    if points.hidden:
        sentences.append(f"No line: the points differ in {' and '.join(points.hidden)}, too")
    if plane.interpolated is not None and plane.interpolated.scatter is not None:
        unit = f" {points.surface.unit}" if points.surface.unit else ""
        sentences.append(f"Smoothed: the points scatter by {plane.interpolated.scatter[0]:.2g}{unit} about the drawn surface")
    return list(map(literal, sentences))


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
