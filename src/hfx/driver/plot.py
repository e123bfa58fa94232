"""The picture of a scan, as the field draws exclusion contours.

Drawn through matplotlib's object interface: no pyplot, no global state.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import AutoMinorLocator, FixedLocator
from numpy.typing import NDArray

from hfx.driver import contour, surfaces
from hfx.driver.axis_labels import axis_label, relation_label

__all__ = ["draw", "draw_axes", "theory_curves"]

Array = NDArray[np.float64]

OBSERVED = "#8b0000"
EXPECTED = "#2f4b7c"
BAND = "#ffe34d"
_POINT = "#6b6b6b"
_SINGLE: dict[str, Any] = {"marker": "D", "markersize": 8, "linestyle": "none"}
_POINTS: dict[str, Any] = {"markersize": 3.2, "markeredgecolor": _POINT, "markeredgewidth": 0.8}
_FORBIDDEN_FACE, _FORBIDDEN_LINE = "#ececec", "#8c8c8c"
_LINES: dict[str, dict[str, Any]] = {
    "observed": {"color": OBSERVED, "linewidth": 2.4, "linestyle": "-", "zorder": 6},
    "theory": {"color": OBSERVED, "linewidth": 1.1, "linestyle": (0, (1, 1.2)), "zorder": 6},
    "expected": {"color": EXPECTED, "linewidth": 1.7, "linestyle": (0, (5, 2.5)), "zorder": 5},
}


def draw(
    scan: Mapping[str, Any],
    stem: Path,
    *,
    x: str | None = None,
    y: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    forbidden: str | None = None,
    metadata: Mapping[str, str] | None = None,
    formats: Sequence[str] = ("pdf", "png"),
) -> list[Path]:
    """Draw `scan`, the content of scan.json, to `stem`.pdf, `stem`.png, ...; the paths written, in order.

    `x`, `y`: axis expressions; `forbidden`: a comparison such as "y>x-125"; `metadata` (digest, version,
    command, ...) goes into the files. OptionError: an expression that cannot be read.
    """
    figure = Figure(figsize=(7.0, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    draw_axes(scan, figure.subplots(), x=x, y=y, xlabel=xlabel, ylabel=ylabel, title=title, forbidden=forbidden)
    _lay_out(figure)
    figure.set_layout_engine("none")  # once is enough for all formats
    paths = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        figure.savefig(path, format=kind, dpi=200, metadata=_file_metadata(kind, metadata or {}))
        paths.append(path)
    return paths


def _lay_out(figure: Figure) -> None:
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


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
) -> None:
    """Draw `scan` into `ax`, for a figure of one's own; the options are those of `draw`."""
    field = contour.collect(scan, x=x, y=y)
    if field.y is None:
        handles = _profile(ax, field)
    else:
        curves = contour.contours(scan, x=x, y=y, forbidden=forbidden)["curves"]
        handles = _plane(ax, field, [*curves, *theory_curves(scan, field.x, field.y)])
    _style(ax)
    ax.set_xlabel(axis_label(field.x) if xlabel is None else xlabel, loc="right", fontsize=14)
    ax.set_ylabel(axis_label(field.y or "CLs") if ylabel is None else ylabel, loc="top", fontsize=14)
    header = _header(ax, scan, title)
    _limits(ax, field, _legend(ax, handles, _sentences(field)))
    _fit(header, ax)
    if forbidden and field.y is not None:
        _forbidden_region(ax, field, forbidden)


def theory_curves(scan: Mapping[str, Any], x: str | None = None, y: str | None = None) -> list[dict[str, Any]]:
    """The curves of `scan` that come from other scans, with the signal's cross section up and down.

    With axes: none where they were made over others, for they belong to that plane alone.
    """
    contours = scan.get("contours") or {}
    if any(axis not in (None, contours.get(name, axis)) for name, axis in (("x", x), ("y", y))):
        return []
    return [curve for curve in contours.get("curves", ()) if str(curve["which"]).startswith("theory")]


def _plane(ax: Axes, field: contour.Field, curves: Sequence[Mapping[str, Any]]) -> list[tuple[Any, str]]:
    """Band, lines and points of a picture over two axes; the legend's handles and labels."""
    handles: list[tuple[Any, str]] = []
    lines = {which: _draw_lines(ax, curves, which) for which in _LINES}
    if lines["observed"]:
        handles.append((lines["observed"], "Observed limit"))
    if lines["theory"]:
        handles.append((lines["theory"], "Observed, signal theory band"))
    band = _draw_band(ax, field)
    if lines["expected"]:
        with_band = ((band, lines["expected"]), r"Expected limit ($\pm 1\,\sigma$)")
        handles.append(with_band if band else (lines["expected"], "Expected limit"))
    elif band:
        handles.append((band, r"Expected $\pm 1\,\sigma$"))
    return handles + _draw_points(ax, field)


def _draw_lines(ax: Axes, curves: Sequence[Mapping[str, Any]], which: str) -> Line2D | None:
    drawn: Line2D | None = None
    for curve in curves:
        if curve["which"] == which or (which == "theory" and str(curve["which"]).startswith("theory-")):
            points = np.array(curve["points"])
            look = _LINES[which] | (_SINGLE if len(points) == 1 else {})
            (drawn,) = ax.plot(points[:, 0], points[:, 1], **look)
    return drawn


def _draw_band(ax: Axes, field: contour.Field) -> Patch | None:
    """Yellow where the -1 sigma surface is above the level and the +1 sigma one is not."""
    if field.mesh is None:
        return None
    z = contour.significance(field.cls)
    upper, lower = (z[:, contour.WHICH.index(which)] for which in ("expected-1", "expected+1"))
    polygons = surfaces.between(field.mesh, upper, lower, float(contour.significance(contour.LEVEL)))
    if not polygons:
        return None
    # Edges of the same colour close the hairlines between neighbouring tiles.
    ax.add_collection(PolyCollection(polygons, facecolors=BAND, edgecolors=BAND, linewidths=0.4, zorder=1))
    return Patch(facecolor=BAND, edgecolor="none")


def _draw_points(ax: Axes, field: contour.Field) -> list[tuple[Any, str]]:
    excluded = field.cls[:, contour.WHICH.index("observed")] < contour.LEVEL
    kinds = (
        (field.points[excluded], {"marker": "o", "markerfacecolor": _POINT}, "Excluded (observed)"),
        (field.points[~excluded], {"marker": "o", "markerfacecolor": "white"}, "Not excluded (observed)"),
        (field.failed, {"marker": "x", "markersize": 5.5, "markeredgecolor": "black"}, "No result"),
    )
    handles: list[tuple[Any, str]] = []
    for points, style, label in kinds:
        if len(points):
            (dots,) = ax.plot(*points.T, linestyle="none", zorder=4, clip_on=False, **(_POINTS | style))
            handles.append((dots, label))
    return handles


def _profile(ax: Axes, field: contour.Field) -> list[tuple[Any, str]]:
    """CLs against the one axis, on a logarithmic scale, with the level; the legend's handles and labels."""
    along = field.points[:, 0]
    cls = np.maximum(field.cls, 1e-6)
    look: dict[str, Any] = {"marker": "o", "markersize": 4}
    width = 8 if len(along) == 1 else 0
    band = ax.fill_between(along, cls[:, 2], cls[:, 4], color=BAND, linewidth=width, zorder=1)
    (observed,) = ax.plot(along, cls[:, 0], **_LINES["observed"], **look)
    (expected,) = ax.plot(along, cls[:, 3], **_LINES["expected"], **look)
    level = ax.axhline(contour.LEVEL, color="black", linewidth=1, zorder=3)
    ax.set_yscale("log")
    handles: list[tuple[Any, str]] = [(level, r"$\mathrm{CL}_{\mathrm{s}} = 0.05$")]
    if len(along):
        handles = [(observed, "Observed"), ((band, expected), r"Expected ($\pm 1\,\sigma$)"), *handles]
    return handles


def _style(ax: Axes) -> None:
    ax.tick_params(which="both", direction="in", top=True, right=True, labelsize=12)
    ax.tick_params(which="major", length=7)
    ax.tick_params(which="minor", length=3.5)
    ax.xaxis.set_minor_locator(AutoMinorLocator())
    if ax.get_yscale() == "linear":
        ax.yaxis.set_minor_locator(AutoMinorLocator())


def _header(ax: Axes, scan: Mapping[str, Any], title: str | None) -> Text:
    """The pallet's name and description above the axes, or the given title."""
    pallet = scan.get("pallet", {})
    if title is None:
        parts = [str(pallet.get(key) or "").strip() for key in ("name", "region", "description")]
        if pallet.get("regions"):
            # The description is that of one region's patches.
            parts[1:] = [f"best expected of {', '.join(map(str, pallet['regions']))}"]
        title = ": ".join(_shortened(part, 86 - len(parts[0])) for part in dict.fromkeys(parts) if part)
        title = title.replace("$", r"\$")
    return ax.set_title(title, loc="left", fontsize=11, pad=8)


def _fit(text: Text, ax: Axes) -> None:
    """Make `text` small enough for the axes' width; the figure has been laid out."""
    shrink = ax.bbox.width / max(text.get_window_extent().width, 1.0)
    if shrink < 1.0:
        text.set_fontsize(10.5 * shrink)  # not 11: hinting makes small letters wider than their size says


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: max(length - 1, 1)].rsplit(" ", 1)[0] + " ..."


def _sentences(field: contour.Field) -> str:
    """The legend's title: the level, why a line is missing, where one is, and what is drawn together."""
    starts = ("All points", "No point", "There is", "No hypothesis")
    short = [note.split(":")[0].rstrip(".") for note in field.notes if note.startswith(starts)]
    if field.hidden:
        short.append(f"Several values of {', '.join(field.hidden)} drawn together")
    return "\n".join(short if field.y is None else ["All limits at 95% CL", *short])


def _legend(ax: Axes, handles: Sequence[tuple[Any, str]], title: str) -> float:
    """Draw the legend across the top; the fraction of the axes' height that it takes."""
    legend = ax.legend(
        [handle for handle, _ in handles],
        [label for _, label in handles],
        title=title or None,
        loc="upper left",
        ncols=2,
        fontsize=11,
        title_fontsize=11,
        alignment="left",
        frameon=True,
        fancybox=False,
        framealpha=1.0,
        edgecolor="none",
        borderaxespad=0.35,
        handlelength=2.4,
        columnspacing=1.6,
    )
    legend.set_zorder(9)
    figure = ax.get_figure(root=True)
    assert figure is not None
    _lay_out(figure)
    return float(legend.get_window_extent().height / ax.bbox.height)


def _limits(ax: Axes, field: contour.Field, legend: float) -> None:
    """Limits that hold every point and leave the legend's height free above them."""
    places = np.r_[field.points, field.failed]
    low, high = _span(places[:, 0]) if len(places) else (0.0, 1.0)
    ax.set_xlim(low, high)
    free = 1.0 - min(legend + 0.04, 0.6)
    if field.y is not None:
        low, high = _span(places[:, 1]) if len(places) else (0.0, 1.0)
        ax.set_ylim(low, low + (high - low) / free)
        return
    bottom = float(max(np.min(field.cls[:, [0, 2, 3, 4]], initial=0.02) / 2, 5e-7))
    ax.set_ylim(bottom, bottom * (1.3 / bottom) ** (1 / free))
    # Above 1, where the legend is, there is no CLs.
    decades = 10.0 ** np.arange(np.ceil(np.log10(bottom)), 1)
    ax.yaxis.set_major_locator(FixedLocator(decades.tolist()))
    ax.yaxis.set_minor_locator(FixedLocator(np.outer(decades / 10, np.arange(2, 10)).ravel().tolist()))


def _span(values: Array) -> tuple[float, float]:
    """Range of `values` with a margin; a range that starts near zero starts at zero."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = 0.5 * abs(low) or 1.0
        return low - room, high + room
    margin = 0.04 * (high - low)
    near_zero = 0 <= low <= margin
    return (0.0 if near_zero else low - margin), high + margin


def _forbidden_region(ax: Axes, field: contour.Field, forbidden: str) -> None:
    """Grey hatched region with its line, and the comparison written along it."""
    assert field.y is not None
    margin = contour.forbidden_margin(forbidden, field.x, field.y)
    limits = (*ax.get_xlim(), *ax.get_ylim())
    grid_x, grid_y = np.meshgrid(np.linspace(*limits[:2], 301), np.linspace(*limits[2:], 301))
    values = margin(grid_x, grid_y)
    if not (values > 0).any():
        return
    region = ax.contourf(grid_x, grid_y, values, levels=[0.0, np.inf], colors=[_FORBIDDEN_FACE], hatches=["///"], zorder=2)
    region.set(edgecolor="#d5d5d5", linewidth=0.0)
    border: dict[str, Any] = {"colors": [_FORBIDDEN_LINE], "linewidths": 1.2, "zorder": 2.5}
    line = ax.contour(grid_x, grid_y, values, levels=[0.0], **border)
    segments = [np.asarray(part) for part in line.allsegs[0] if len(part) > 1]
    ax.set(xlim=limits[:2], ylim=limits[2:])
    if segments:
        text = relation_label(forbidden, field.x, field.y)
        _along(ax, max(segments, key=len), text, margin)


def _along(ax: Axes, line: Array, text: str, margin: Any) -> None:
    """Write `text` along `line`, on the side where `margin` is positive, below the legend."""
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
