"""Several runs in one picture: a colour for each run, its observed limit solid, its expected one dashed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from hfx.driver.plane.contour import Plane
from hfx.driver.plane.published import Published
from hfx.driver.plot import artists, decorations, figure, scan_picture
from hfx.driver.plot.axis.labels import axis_label
from hfx.driver.plot.measure import measured, read_published
from hfx.driver.plot.request import PictureRequest, check_uncertainty, styled, target
from hfx.driver.plot.run_data import loaded, plot_data
from hfx.driver.plot.run_planes import caption, in_planes
from hfx.driver.plot.styles import OVERLAID, LineStyle, Style, applied, style_called
from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.questions.base import Surface
from hfx.driver.questions.texts.picture_texts import drawable, literal, plainly_drawn
from hfx.driver.run import durable_files
from hfx.driver.run.file_types import Curve, ScanContent
from hfx.errors import OptionError
from hfx.version import __version__

__all__ = ["Layer", "draw_layers", "layers", "overlay"]

Array = NDArray[np.float64]

_KEY_COLOUR = "#555555"  # of the legend's entries for kinds of lines, which hold for all runs


@dataclass(frozen=True)
class Layer:
    """One run of an overlay: its label, its plane, its curves with those of its theory band, and a line that says which part
    of the pallet it shows. ``remark``: what its legend entry adds, LaTeX: the tested signal, where the runs differ in it.
    ``is_named``: the label is a text of the user, which may contain LaTeX."""

    label: str
    run: Path
    scan: ScanContent
    plane: Plane
    curves: Sequence[Curve]
    part: str = ""
    remark: str = ""
    is_named: bool = False

    @property
    def entry(self) -> str:
        """Its text in the legend."""
        label = drawable(self.label) if self.is_named else literal(self.label)
        return f"{label} ({self.remark})" if self.remark else label

    def lines(self, which: str) -> list[Array]:
        """Its curves of that name, [k, 2] each."""
        return [np.array(curve["points"]) for curve in self.curves if curve["which"] == which]


def layers(runs: Sequence[Path], request: PictureRequest) -> list[Layer]:
    """The runs to overlay. Raises `OptionError` for a run without a contour over two axes, and for a wrong number of labels."""
    if request.labels and len(request.labels) != len(runs):
        times = "once" if len(request.labels) == 1 else f"{len(request.labels)} times"
        raise OptionError(f"--label is given {times} for {len(runs)} runs: give one for each, in order")
    labels = request.labels or _distinct_names([run.resolve() for run in runs])
    if twice := [label for label, count in Counter(labels).items() if count > 1]:
        why = "the same run is given twice" if not request.labels else f"--label {twice[0]} is given twice"
        raise OptionError(f"{why}: the legend could not tell the runs apart; give each run once, and each a label of its own")
    found = [_layer(run, label, request) for run, label in zip(runs, labels, strict=True)]
    remarks = [layer.plane.points.surface.remark for layer in found]
    if request.labels or len(set(remarks)) == 1:
        return found
    return [replace(layer, remark=remark) for layer, remark in zip(found, remarks, strict=True)]


def _distinct_names(runs: Sequence[Path]) -> tuple[str, ...]:
    """The ends of the runs' paths, as short as tells them apart: their names, or "A/1Lbb" and "B/1Lbb"."""
    most = max(len(run.parts) for run in runs)
    for length in range(1, most + 1):
        names = tuple(str(Path(*run.parts[-length:])) for run in runs)
        if len(set(names)) == len(names):
            return names
    return tuple(run.name for run in runs)


def _layer(run: Path, label: str, request: PictureRequest) -> Layer:
    scan = loaded(run)
    options = styled(scan["options"], request.changed)
    check_uncertainty(run, options, request.uncertainty)
    data = plot_data(scan)
    planes = in_planes(data, scan, options, request.where)
    plane = planes.one(f"{run} cannot be overlaid")
    if plane.points.axes.y is None:
        count = len(scan["results"]) + len(scan["failures"])
        why = "it has a single hypothesis" if count == 1 else "its hypotheses differ in one label"
        remedy = "draw it alone" if count == 1 else "draw it alone, or give --x and --y"
        raise OptionError(f"{run} has no plane to overlay: {why}; {remedy}")
    if plane.points.surface.level is None:
        raise OptionError(f"{run} has no contour to overlay: {plane.points.surface.name} has no level; draw it alone")
    if plane.points.hidden:
        raise OptionError(f"{run} has no lines to overlay: {_mixed(plane)}")
    curves = [*plane.contours["curves"], *planes.theory(scan["contours"])]
    part = caption(scan, data, request.where)
    return Layer(label, run, scan, plane, curves, part, is_named=bool(request.labels))


def _mixed(plane: Plane) -> str:
    """The note that names the slices of a plane that shows several."""
    return next(note for note in plane.contours["notes"] if note.startswith("Points with different"))


def overlay(runs: Sequence[Path], output: Path, request: PictureRequest, say: Callable[[str], None]) -> list[Path]:
    """Draw several runs into one picture, ``output``: a file or a folder; the files written.

    Beside the picture stands a JSON file of the curves: {"hfx", "x", "y", "overlaid": [contours of each run with its
    "label" and "run"]}. Raises `OptionError` as `layers`, for runs over different axes or of different quantities, and for a
    published contour that cannot be read.
    """
    if request.regions:
        raise OptionError("--regions draws which region answers where in one run; give one run, or leave it out")
    several = layers(runs, request)
    axes = {(layer.plane.points.axes.x, layer.plane.points.axes.y) for layer in several}
    if len(axes) > 1:
        named = "; ".join(f"{layer.run} over {layer.plane.contours['x']} and {layer.plane.contours['y']}" for layer in several)
        raise OptionError(f"the runs are drawn over different axes ({named}): give --x and --y")
    if len({(layer.plane.points.axes.logx, layer.plane.points.axes.logy) for layer in several}) > 1:
        raise OptionError("some of the runs are drawn over logarithmic axes: give --logx or --no-logx, and --logy or --no-logy")
    quantities = dict.fromkeys(layer.plane.points.surface.name for layer in several)
    if len(quantities) > 1:
        raise OptionError(f"the runs are of different quantities ({', '.join(quantities)}): draw each alone")
    published = read_published(request.published)
    texts = {f"--{name}": str(text) for name, text in request.changed.items() if name in ("title", "xlabel", "ylabel")}
    for sentence in plainly_drawn({**texts, **{f"--label {i}": label for i, label in enumerate(request.labels, 1)}}):
        say(sentence)
    stem, formats = target(output, "contour", request.formats)
    content = _content(several, published, say)
    durable_files.make_folder(stem.parent)
    with durable_files.explained(stem.parent):
        numbers = stem.with_name(f"{stem.name}.json")
        durable_files.write_whole(numbers, durable_files.dump(content, indent=1) + "\n")
        return [*_draw(several, published, stem, formats, request), numbers]


def _content(several: Sequence[Layer], published: Sequence[Published], say: Callable[[str], None]) -> Mapping[str, object]:
    """The content of the JSON file beside the picture."""
    overlaid = []
    for layer in several:
        one: dict[str, object] = {
            "label": layer.label,
            "run": str(layer.run),
            **layer.plane.contours,
            "curves": list(layer.curves),
        }
        if published:
            one["published"] = measured(layer.plane, published, say, layer.label)
        overlaid.append(one)
    contours = several[0].plane.contours
    return {"hfx": __version__, "x": contours["x"], "y": contours["y"], "overlaid": overlaid}


def _draw(
    several: Sequence[Layer], published: Sequence[Published], stem: Path, formats: Sequence[str], request: PictureRequest
) -> list[Path]:
    style = style_called(request.style)
    with DRAWING, applied(style):
        picture = figure.new_figure(style)
        draw_layers(picture.subplots(), several, published, style, request)
        return figure.save(picture, stem, formats, _metadata(several))


def _metadata(several: Sequence[Layer]) -> dict[str, str]:
    """The entries of a picture's file, each with the values of all runs."""
    command = f"hfx plot {' '.join(str(one.run) for one in several)}"
    parts = [scan_picture.metadata(layer.scan, command) for layer in several]
    return {key: " ".join(dict.fromkeys(part[key] for part in parts)) for key in parts[0]}


def draw_layers(
    ax: Axes, several: Sequence[Layer], published: Sequence[Published], style: Style, request: PictureRequest
) -> None:
    """Draw the overlay into ``ax``."""
    changed, axes = request.changed, several[0].plane.points.axes
    surface, titles = several[0].plane.points.surface, request.label_titles or several[0].scan["pallet"].get("label_titles")
    assert axes.y is not None
    decorations.scales(ax, axes)
    handles: artists.Handles = []
    for i, layer in enumerate(several):
        # Thinner from one to the next: of curves that coincide, all are seen.
        width = 1.4 - 0.7 * i / max(len(several) - 1, 1)
        handles.append(_draw_layer(ax, layer, style, OVERLAID[i % len(OVERLAID)], width, request))
    handles += _key(several, style, surface)
    if request.uncertainty:
        handles.append((Patch(facecolor=_KEY_COLOUR, alpha=0.18), "Interpolation uncertainty"))
    handles += artists.draw_published(ax, published)
    decorations.ticks(ax, style)
    texts = {name: str(value) for name, value in changed.items()}
    ax.set_xlabel(drawable(texts.get("xlabel", axis_label(axes.x, titles))), loc="right", fontsize=style.labels)
    ax.set_ylabel(drawable(texts.get("ylabel", axis_label(axes.y, titles))), loc="top", fontsize=style.labels)
    header = decorations.header(ax, {}, texts.get("title", ""), style, surface)
    title = "\n".join(filter(None, (surface.statement, *_parts(several))))
    covered = decorations.legend(ax, handles, title, style)
    places = [np.r_[layer.plane.points.places, layer.plane.points.failed] for layer in several]
    decorations.plane_limits(ax, np.concatenate([*places, *(line for one in published for line in one.lines)]), covered)
    decorations.fit_width(header, ax)
    if "forbidden" in changed:
        decorations.forbidden_region(ax, axes.x, axes.y, texts["forbidden"])


def _parts(several: Sequence[Layer]) -> Iterator[str]:
    """A line for each run that contains only a part of its pallet."""
    for layer in several:
        if layer.part:
            yield f"{literal(layer.label)}: {decorations.legend_line(layer.part[:1].lower() + layer.part[1:])}"


def _draw_layer(ax: Axes, layer: Layer, style: Style, color: str, width: float, request: PictureRequest) -> tuple[Line2D, str]:
    """Draw one run; its entry in the legend."""
    surface = layer.plane.points.surface
    if request.uncertainty:
        artists.draw_area(ax, layer.plane.uncertain(), color, 2.2, alpha=0.18)
    for which in _kinds(surface):
        lines = [(None, line) for line in layer.lines(which)]
        line_style = _line_style(style, surface, which, color, width)
        artists.draw_lines(ax, lines, line_style, 6 if which == surface.curves[0] else 5)
    return Line2D([], [], **_line_style(style, surface, surface.curves[0], color, width)), layer.entry


def _key(several: Sequence[Layer], style: Style, surface: Surface) -> artists.Handles:
    """The legend's entries for the kinds of lines that are drawn."""
    drawn = {curve["which"] for layer in several for curve in layer.curves}
    return [
        (Line2D([], [], **_line_style(style, surface, which, _KEY_COLOUR)), label)
        for which, label in _kinds(surface).items()
        if which in drawn and label
    ]


def _kinds(surface: Surface) -> dict[str, str]:
    """The curves of an overlay, and their names in its legend; both theory curves have one entry."""
    median = {surface.median: "Expected"} if surface.median else {}
    return {surface.curves[0]: "Observed", **median, "theory-up": "Observed, signal theory band", "theory-down": ""}


def _line_style(style: Style, surface: Surface, which: str, color: str, width: float = 1.0) -> LineStyle:
    kind = {surface.curves[0]: style.observed, surface.median: style.expected}.get(which, style.theory)
    return {**kind, "color": color, "linewidth": width * kind["linewidth"]}
