"""The picture of a scan, as the field draws exclusion contours.

Drawn through matplotlib's object interface: no pyplot, no global state.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hfx.driver.plane import contour
from hfx.driver.plane.points import Field
from hfx.driver.plane.published import Published
from hfx.driver.plot import artists, decorations
from hfx.driver.plot.axis_labels import axis_label
from hfx.driver.plot.styles import Style, applied, style_called

__all__ = ["FORMATS", "draw", "draw_axes", "new_figure", "save", "theory_curves"]

FORMATS = ("pdf", "png", "svg")


def draw(
    scan: Mapping[str, Any],
    stem: Path,
    *,
    style: str | None = None,
    metadata: Mapping[str, str] | None = None,
    formats: Sequence[str] = ("pdf", "png"),
    **shown: Any,
) -> list[Path]:
    """Draw `scan`, the content of scan.json, to `stem`.pdf, `stem`.png, ...; the paths written, in order.

    `style`: hfx, atlas or cms; `metadata` (digest, version, command, ...) goes into the files; `shown` is what
    `draw_axes` takes. OptionError: an expression that cannot be read, a style that is not known.
    """
    look = style_called(style)
    with applied(look):
        figure = new_figure(look)
        draw_axes(scan, figure.subplots(), style=style, **shown)
        return save(figure, stem, formats, metadata or {})


def new_figure(style: Style) -> Figure:
    """An empty figure, away from pyplot."""
    figure = Figure(figsize=style.size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, stem: Path, formats: Sequence[str], metadata: Mapping[str, str]) -> list[Path]:
    """Write the figure as `stem`.pdf, ...; the paths in order."""
    decorations.lay_out(figure)
    figure.set_layout_engine("none")  # once is enough for all formats
    paths = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        figure.savefig(path, format=kind, dpi=200, metadata=_file_metadata(kind, metadata))
        paths.append(path)
    return paths


def draw_axes(
    scan: Mapping[str, Any],
    ax: Axes,
    *,
    x: str | None = None,
    y: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    forbidden: str | None = None,
    interpolation: str | None = None,
    style: str | None = None,
    uncertainty: bool = False,
    published: Sequence[Published] = (),
    plane: contour.Plane | None = None,
) -> None:
    """Draw `scan` into `ax`, for a figure of one's own.

    `x`, `y`: axis expressions; `forbidden`: a comparison such as "y>x-125"; `uncertainty`: that of the interpolation,
    faintly; `published`: contours of others; `plane`: that of the scan with these options, if it is there already.
    """
    look = style_called(style)
    plane = plane or contour.plane(scan, x=x, y=y, forbidden=forbidden, interpolation=interpolation)
    field = plane.field
    if field.y is None:
        handles = artists.profile(ax, field, look)
    else:
        curves = [*plane.contours["curves"], *theory_curves(scan, field.x, field.y)]
        doubt = plane.uncertain() if uncertainty else ()
        handles = artists.plane(ax, artists.Drawing(field, curves, plane.band() if look.band else (), doubt), look)
        handles += artists.published_lines(ax, published)
    decorations.ticks(ax, look)
    ax.set_xlabel(axis_label(field.x) if xlabel is None else xlabel, loc="right", fontsize=look.labels)
    ax.set_ylabel(axis_label(field.y or "CLs") if ylabel is None else ylabel, loc="top", fontsize=look.labels)
    header = decorations.header(ax, scan, title, look)
    taken = decorations.legend(ax, handles, _sentences(field), look)
    lowest = None if field.y else float(np.min(field.cls[:, [0, 2, 3, 4]], initial=0.02))
    places = [field.points, field.failed, *(line for one in published for line in one.lines if field.y)]
    decorations.limits(ax, np.concatenate(places), taken, lowest)
    decorations.fit(header, ax)
    if forbidden and field.y is not None:
        decorations.forbidden_region(ax, field.x, field.y, forbidden)


def theory_curves(scan: Mapping[str, Any], x: str | None = None, y: str | None = None) -> list[dict[str, Any]]:
    """The curves of `scan` that come from other scans, with the signal's cross section up and down.

    With axes: none where they were made over others, for they belong to that plane alone.
    """
    contours = scan.get("contours") or {}
    if any(axis not in (None, contours.get(name, axis)) for name, axis in (("x", x), ("y", y))):
        return []
    return [curve for curve in contours.get("curves", ()) if str(curve["which"]).startswith("theory")]


def _sentences(field: Field) -> str:
    """The legend's title: the level, why a line is missing, where one is, and what is drawn together."""
    starts = ("All points", "No point", "There is", "No hypothesis")
    short = [note.split(":")[0].rstrip(".") for note in field.notes if note.startswith(starts)]
    if field.hidden:
        short.append(f"Several values of {', '.join(field.hidden)} drawn together")
    return "\n".join(short if field.y is None else ["All limits at 95% CL", *short])


def _file_metadata(kind: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """`metadata` in the fields that a file format has; no dates, so that equal pictures are equal files."""
    line = "; ".join(f"{key}: {value}" for key, value in metadata.items())
    if kind == "png":
        return {"Software": "hfx", "Description": line, **metadata}
    if kind == "pdf":
        return {"Creator": "hfx", "Keywords": line, "CreationDate": None}
    if kind == "svg":
        return {"Creator": "hfx", "Description": line, "Date": None}
    return {}
