"""The picture of the page: the SVG that hfx draws for files, its points and lines taken out for the browser to fill in.

The browser sets the ``d`` attributes of ``curve-WHICH``, ``band-K`` and of the points, from data and the transformation.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane import axes as plane_axes
from hfx.driver.plane import contour, panels
from hfx.driver.plane.awaited import Awaited, so_far
from hfx.driver.plane.axes import Axes
from hfx.driver.plane.points import PlotData, Points, along_axis
from hfx.driver.plane.selection import Selection
from hfx.driver.plot import run_planes
from hfx.driver.plot.profile import BELOW, band_ends
from hfx.driver.plot.request import PictureOptions, styled
from hfx.driver.plot.svg import SvgPicture, svg
from hfx.driver.questions.base import Surface
from hfx.driver.questions.conditions import all_of
from hfx.driver.questions.texts.picture_texts import literal
from hfx.driver.questions.texts.picture_title import picture_title
from hfx.driver.run.file_types import Curve, Failure, PalletBlock
from hfx.driver.views.page.messages import ContourContent, CurveLine, Line, PlaneContent, SvgContent
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.state import RunState
from hfx.driver.views.summary import is_detail
from hfx.errors import OptionError
from hfx.json_types import JsonObject, LabelValue

__all__ = ["Layout", "Snapshot", "draw_contour", "draw_svg", "lay_out"]

Array = NDArray[np.float64]

_DIGITS = 7  # significant digits that go to the browser: more than a screen shows
# The elements that the browser fills in, and those behind them, through which the page is seen.
_FILLED_IN = re.compile(r"(curve-(?!theory).+)-(\d+)|band-\d+|points-.+")
_BACKGROUNDS = ("patch_1", "axes")

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


@dataclass(frozen=True)
class Layout:
    """The axes and the selection of a plane: `places` [n, 2] of all hypotheses on the axes, `chosen` [n] is the selection.

    `options` are those of the picture: texts and forbidden region hold for the run's own axes alone.
    """

    axes: Axes
    where: str | None
    places: Array
    chosen: NDArray[np.bool_]
    options: PictureOptions
    content: PlaneContent


@dataclass(frozen=True)
class Snapshot:
    """The hypotheses of a selection at one moment: their results and failures, their `places` [n, 2] on the axes, and whether
    they have a usable result, and whether one is awaited [n]."""

    data: PlotData
    places: Array
    usable: NDArray[np.bool_]
    awaited: NDArray[np.bool_]

    @classmethod
    def of(cls, layout: Layout, names: Sequence[str], state: RunState, labels: Sequence[str], surface: Surface) -> "Snapshot":
        """The selected hypotheses with their results so far."""
        chosen = [name for name, inside in zip(names, layout.chosen, strict=True) if inside]
        results = [state.results[name] for name in chosen if name in state.results]
        failures: list[Failure] = [
            {"name": name, "values": list(state.points[name]), "reason": state.reasons.get(name, "")}
            for name in chosen
            if name in state.reasons
        ]
        usable = np.array([name in state.results and state.results[name].converged for name in chosen], dtype=bool)
        awaited = np.array([state.statuses[name].open for name in chosen], dtype=bool)
        return cls(PlotData(tuple(labels), results, failures, surface), layout.places[layout.chosen], usable, awaited)


def lay_out(
    points: Sequence[Sequence[LabelValue]], labels: Sequence[str], options: JsonObject, request: PlaneRequest, surface: Surface
) -> Layout:
    """The plane of hypotheses with these values.

    Raises `OptionError` for an expression that cannot be read, and for a condition that no hypothesis fulfils.
    """
    x, y = request.x or _text(options.get("x")), request.y or _text(options.get("y"))
    values = plane_axes.label_values(labels, points)
    chosen = plane_axes.selected(labels, points, request.where, every_text=True)
    if not chosen.any():
        raise OptionError(f"--where '{request.where}': no hypothesis fulfils this; give another condition, or none")
    planes, where = panels.find(labels, points, x, y), request.where
    # What is selected may lie in several planes itself: then one of these is shown, as files draw them in panels.
    if within := panels.find(labels, [row for row, inside in zip(points, chosen, strict=True) if inside], x, y):
        planes = tuple(replace(plane, where=all_of(list(filter(None, (where, plane.where)))) or "") for plane in within)
        where = planes[0].where
        chosen = plane_axes.selected(labels, points, where)
    rows = [row for row, inside in zip(points, chosen, strict=True) if inside]
    in_force = plane_axes.in_force(labels, rows, x, y)
    axes = plane_axes.choose(labels, rows, *in_force, quantity=surface.name)
    own = plane_axes.choose(labels, values[chosen], _text(options.get("x")), _text(options.get("y")))
    places = plane_axes.places(axes, labels, values)
    chosen &= np.isfinite(places).all(axis=1)
    picture = styled({**options, "x": own.x, "y": own.y}, {"x": axes.x, "y": axes.y})
    content: PlaneContent = {
        "x": axes.x,
        "y": axes.y,
        "where": where,
        "choice": axes.choice,
        "hidden": list(plane_axes.hidden(axes, labels, values[chosen])),
        "axes": plane_axes.offered(labels, values),
        "slices": plane_axes.slices(labels, points),
        "planes": [{"where": plane.where, "x": plane.x, "y": plane.y, "points": plane.points} for plane in planes],
        "at": [[_short(a), _short(b)] if inside else None for (a, b), inside in zip(places.tolist(), chosen, strict=True)],
    }
    return Layout(axes, where, places, chosen, picture, content)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def draw_contour(layout: Layout, snapshot: Snapshot) -> tuple[ContourContent, contour.Plane]:
    """The curves of the results so far, interpolated as those of files, and the plane that they belong to.

    A segment is open where hypotheses are awaited, see `Awaited`.
    """
    plane = run_planes.plane_over(layout.axes.x, layout.axes.y, snapshot.data, layout.options, int(snapshot.awaited.sum()))
    near = Awaited(plane, snapshot.places[snapshot.awaited])
    if snapshot.awaited.any():
        plane = so_far(plane)
    if layout.axes.y is None:
        curves, bands = _profile(plane.points, near)
        open_bands: list[list[Line]] = [[] for _ in bands]
    else:
        curves, (bands, open_bands) = _curves(plane, near), _bands(plane, near)
    content: ContourContent = {
        "curves": curves,
        "bands": bands,
        "open_bands": open_bands,
        "notes": [note for note in plane.contours["notes"] if not is_detail(note)],
        "details": [note for note in plane.contours["notes"] if is_detail(note)],
        "made_of": sum(result.converged for result in snapshot.data.results),
        "of": len(snapshot.awaited),
        "awaited": int(snapshot.awaited.sum()),
    }
    return content, plane


def _curves(plane: contour.Plane, near: Awaited) -> list[CurveLine]:
    return [
        {"which": curve["which"], "points": _rounded(curve["points"]), "open": near.segments(curve["points"]).tolist()}
        for curve in plane.contours["curves"]
    ]


def _bands(plane: contour.Plane, near: Awaited) -> tuple[list[list[Line]], list[list[Line]]]:
    """The rings around the innermost band, where results are complete and where some are missing."""
    settled, waiting = near.split(plane.band_polygons())
    return [_rounded_rings(plane.rings(settled))], [_rounded_rings(plane.rings(waiting))]


def _profile(points: Points, near: Awaited) -> tuple[list[CurveLine], list[list[Line]]]:
    """The values against the one axis: a line for each curve, and a ring around each band; of a single hypothesis bars."""
    surface, (along, values) = points.surface, along_axis(points)
    lines = {curve: np.column_stack([along, values[:, i]]) for i, curve in enumerate(surface.curves)}
    curves: list[CurveLine] = [
        {"which": curve, "points": _rounded(line), "open": near.segments(line).tolist()} for curve, line in lines.items()
    ]
    ends, values = band_ends(along, values, points.axes.logx)
    edges = {curve: np.column_stack([ends, values[:, i]]) for i, curve in enumerate(surface.curves)}
    bands = [[_rounded(np.concatenate([edges[low], edges[high][::-1]]))] for low, high in surface.bands]
    return curves, bands


def draw_svg(
    layout: Layout,
    snapshot: Snapshot,
    plane: contour.Plane,
    pallet: PalletBlock,
    theory: Sequence[Curve],
    part: Selection | None = None,
) -> SvgContent:
    """The picture for the page: axes, texts, legend and forbidden region; the elements of lines and bands are empty.

    ``part``: the part of the pallet that the run contains, if that is not all of it.
    """
    options = layout.options
    plane = replace(plane, points=_representative(plane.points, snapshot))
    room = snapshot.places[snapshot.awaited]
    if layout.where:
        title = options.title or literal(picture_title(pallet, snapshot.data.surface))
        options = replace(options, title=f"{title} · {literal(layout.where)}")
    picture = svg(
        snapshot.data, options, pallet=pallet, theory=theory, plane=plane, part=part.caption() if part else "", room=room
    )
    return {
        "text": _for_the_page(picture, keep_points=snapshot.data.surface.level is None),
        "transform": list(picture.transform),
        "logarithmic": picture.logarithmic,
        "logarithmic_x": picture.logarithmic_x,
        "names_below": f'id="{BELOW}-' in picture.text,
        "width": picture.width,
        "height": picture.height,
    }


def _representative(points: Points, snapshot: Snapshot) -> Points:
    """Few points with which the axes' limits and the legend are those of all; along one axis also of those that are to come.

    The browser draws the points; where it does not, because the points have the colours of their values, all are kept.
    """
    profile = points.axes.y is None
    missing = snapshot.places[~snapshot.usable & (profile | ~snapshot.awaited)]
    missing = missing[_extremes(missing)]
    points = replace(points, failed=missing, failed_indices=np.arange(len(missing)))
    if profile or points.surface.level is None:
        return points
    excluded = points.excluded()
    kinds = [int(np.argmax(kind)) for kind in (excluded, ~excluded) if kind.any()]
    kept = np.array(sorted({*kinds, *_extremes(points.places)}), dtype=np.intp)
    return replace(points, places=points.places[kept], values=points.values[kept], indices=points.indices[kept])


def _extremes(places: Array) -> list[int]:
    """The positions of the places that are farthest out along each axis."""
    if not len(places):
        return []
    return sorted({*places.argmin(axis=0).tolist(), *places.argmax(axis=0).tolist()})


def _for_the_page(picture: SvgPicture, *, keep_points: bool) -> str:
    """The SVG text with empty elements for lines and bands, without points, and without style sheets or attributes.

    The page's policy forbids styles in attributes: they become attributes of their own.
    """
    root = ElementTree.fromstring(picture.text)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    _take_out(root, keep_points)
    for element in root.iter():
        for entry in (element.attrib.pop("style", "") or "").split(";"):
            name, _, value = entry.partition(":")
            if value:
                element.set(name.strip(), value.strip())
    return ElementTree.tostring(root, encoding="unicode")


def _take_out(parent: ElementTree.Element, keep_points: bool) -> None:
    """Take the points, lines and bands out of an element; the legend, whose lines have the same ids, keeps them without ids."""
    for child in list(parent):
        gid = child.get("id", "")
        if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
            parent.remove(child)
        elif gid.startswith("legend"):
            for element in child.iter():
                if _FILLED_IN.fullmatch(element.get("id", "")):
                    del element.attrib["id"]
        elif found := _FILLED_IN.fullmatch(gid):
            _empty(parent, child, found[1], found[2], keep_points)
        else:
            if gid in _BACKGROUNDS:
                for element in child.iter():
                    if element.get("style"):
                        element.set("style", "fill: none")
            _take_out(child, keep_points)


def _empty(parent: ElementTree.Element, child: ElementTree.Element, curve: str | None, part: str | None, keep: bool) -> None:
    """Replace the first part of a curve, or a band, by an empty path of its style; remove the rest, and the points."""
    gid: str = curve or child.get("id") or ""
    position = list(parent).index(child)
    if gid.startswith("points-") and keep:
        return
    parent.remove(child)
    for shapes in child.iter(f"{{{_SVG}}}defs"):
        parent.insert(position, shapes)  # the legend has the same markers
    if gid.startswith("points-") or part not in (None, "0"):
        return
    styles = [element.get("style", "") for element in child.iter() if element.get("style")]
    clips = [element.get("clip-path", "") for element in child.iter() if element.get("clip-path")]
    path = ElementTree.Element(f"{{{_SVG}}}path", {"id": gid, "d": "", "style": styles[0] if styles else ""})
    group = ElementTree.Element(f"{{{_SVG}}}g", {"clip-path": clips[0]} if clips else {})
    group.append(path)
    parent.insert(position, group)


def _rounded_rings(rings: Iterable[Array]) -> list[Line]:
    return [_rounded(ring) for ring in rings]


def _rounded(points: Line | Array) -> Line:
    return [[_short(a), _short(b)] for a, b in (points.tolist() if isinstance(points, np.ndarray) else points)]


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
