"""The planes of a run's picture: one, or a few side by side where the hypotheses lie in a few planes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hfx.driver.plane import contour, panels
from hfx.driver.plane.axes import in_force, selected
from hfx.driver.plane.contour import Plane, theory_curves
from hfx.driver.plane.points import PlotData
from hfx.driver.plane.selection import Selection, caption_of, of_scan
from hfx.driver.plane.surface.interpolation import MOST_POINTS
from hfx.driver.plot.axis.labels import Titles, condition_label
from hfx.driver.plot.request import PictureOptions
from hfx.driver.questions.base import listed
from hfx.driver.run.file_types import Contours, Curve, PanelContours, ScanContent, of_plane
from hfx.errors import OptionError

if TYPE_CHECKING:
    from hfx.driver.plane.axes import Values

__all__ = ["PanelOptions", "PanelPlane", "RunPlanes", "caption", "in_planes", "panels_of", "plane_of", "plane_over"]

_NAMED = 5  # hypotheses in no panel that a note names


@dataclass(frozen=True)
class PanelOptions:
    """One of several planes: the condition of its hypotheses, the title of its panel, and its options."""

    where: str
    title: str
    options: PictureOptions


@dataclass(frozen=True)
class PanelPlane(PanelOptions):
    """One of several planes, and the plane itself."""

    plane: Plane


@dataclass(frozen=True)
class RunPlanes:
    """The planes of a picture. ``single`` is the only one; None where there are ``panels``. ``notes`` are about all panels.

    ``where``: the condition that selects the hypotheses of the picture, if it is not that of the run.
    """

    options: PictureOptions
    single: Plane | None = None
    panels: tuple[PanelPlane, ...] = ()
    notes: tuple[str, ...] = ()
    where: str | None = None

    def one(self, what: str, option: str = "--where ") -> Plane:
        """The only plane. Raises `OptionError`, which begins with ``what``, where there are several.

        ``option``: the beginning of the option that selects one: "where=" in Python.
        """
        if self.single is None:
            choices = " or ".join(f"{option}'{panel.where}'" for panel in self.panels)
            raise OptionError(f"{what}: its hypotheses lie in {len(self.panels)} planes; choose one with {choices}")
        return self.single

    def contours(self, theory: Sequence[Curve] = ()) -> Contours:
        """The content of contour.json. ``theory``: curves with the signal's cross section up and down, of all planes."""
        if self.single is not None:
            return {**self.single.contours, "curves": [*self.single.contours["curves"], *map(_without_where, theory)]}
        parts = [_panel_contours(panel, theory) for panel in self.panels]
        return {
            "x": parts[0]["x"],
            "y": parts[0]["y"],
            "choice": self._choice(),
            **_scales(parts[0]),
            "interpolation": parts[0]["interpolation"],
            "curves": [],
            "panels": list(parts),
            "notes": list(self.notes),
        }

    def theory(self, contours: Contours) -> list[Curve]:
        """The theory curves in the content of a contour.json that belong to these planes."""
        if self.single is not None:
            x, y = self.single.contours["x"], self.single.contours["y"]
            return theory_curves(of_plane(contours, self.where), x, y)
        stored = {(one["where"], one["x"], one["y"]): one for one in contours.get("panels", ())}
        found: list[Curve] = []
        for panel in self.panels:
            axes = panel.plane.contours
            kept = theory_curves(stored.get((panel.where, axes["x"], axes["y"]), {}))
            found += [{**curve, "where": panel.where} for curve in kept]
        return found

    def _choice(self) -> str:
        named = [
            f"{panel.where.replace('==', ' = ')} ({_points(panel.plane)} points, {panel.plane.contours['y']} against "
            f"{panel.plane.contours['x']})"
            for panel in self.panels
        ]
        return f"The hypotheses lie in {len(named)} planes, and each is drawn in a panel of its own: {'; '.join(named)}."


def _scales(contours: Contours) -> Contours:
    """The entries of a contour.json that say which axes are logarithmic."""
    found: Contours = {}
    if contours.get("logx"):
        found["logx"] = True
    if contours.get("logy"):
        found["logy"] = True
    return found


def _points(plane: Plane) -> int:
    return len(plane.points.places) + len(plane.points.failed)


def _panel_contours(panel: PanelPlane, theory: Sequence[Curve]) -> PanelContours:
    mine = [_without_where(curve) for curve in theory if curve.get("where") == panel.where]
    contours = panel.plane.contours
    return {"where": panel.where, "title": panel.title, **contours, "curves": [*contours["curves"], *mine]}


def _without_where(curve: Curve) -> Curve:
    return {"which": curve["which"], "level": curve["level"], "points": curve["points"]}


def in_planes(data: PlotData, scan: ScanContent, options: PictureOptions, where: str | None = None) -> RunPlanes:
    """The planes of the hypotheses of ``data``, the data of ``scan``, that fulfil ``where``.

    Raises `OptionError` for an expression that cannot be read, and for a condition that no hypothesis fulfils.
    """
    chosen = panels.part(data, where, every_text=True)
    if where and not (chosen.results or chosen.failures):
        raise OptionError(f"--where '{where}' selects no hypothesis of this run; 'hfx export RUN --csv' lists their labels")
    titles = scan["pallet"].get("label_titles")
    found = panels_of(chosen.labels, chosen.rows(), options, titles) if data.surface.level is not None else ()
    if not found:
        return RunPlanes(options, plane_of(chosen, options), where=where)
    several = [PanelPlane(p.where, p.title, p.options, plane_of(panels.part(chosen, p.where), p.options)) for p in found]
    return RunPlanes(options, None, tuple(several), tuple(_left_out(chosen, found)), where)


def panels_of(
    labels: Sequence[str], values: "Values", options: PictureOptions, titles: Titles | None = None
) -> tuple[PanelOptions, ...]:
    """The panels of hypotheses with these ``values`` [n, labels]; none where they are one picture."""
    found = panels.find(labels, values, options.x, options.y)
    return tuple(PanelOptions(one.where, condition_label(one.where, titles), _options(options, one, found[0])) for one in found)


def plane_of(data: PlotData, options: PictureOptions) -> Plane:
    """The scan in the plane of its axes: its curves, and all else that its picture is drawn from. ``data``: of all hypotheses."""
    x, y = in_force(data.labels, data.values(), options.x, options.y)
    return plane_over(x, y, data, options)


def plane_over(x: str | None, y: str | None, data: PlotData, options: PictureOptions, awaited: int = 0) -> Plane:
    """The same over axes that are chosen already, also of a part of the hypotheses, as while a scan runs.

    ``awaited``: how many are to come; where all will be too many for a curved surface, it is linear from the first on.
    """
    linear = awaited and len(data.results) + awaited > MOST_POINTS
    return contour.plane(
        data,
        x=x,
        y=y,
        logx=options.logx,
        logy=options.logy,
        forbidden=options.forbidden,
        interpolation="linear" if linear else options.interpolation,
    )


def _options(options: PictureOptions, panel: panels.Panel, first: panels.Panel) -> PictureOptions:
    """The options of a panel: texts, scales and forbidden region are those of the first panel's axes."""
    return replace(
        options,
        x=panel.x,
        y=panel.y,
        xlabel=options.xlabel if panel.x == first.x else None,
        ylabel=options.ylabel if panel.y == first.y else None,
        logx=options.logx and panel.x == first.x,
        logy=options.logy and panel.y == first.y,
        forbidden=options.forbidden if (panel.x, panel.y) == (first.x, first.y) else None,
    )


def _left_out(data: PlotData, found: Sequence[PanelOptions]) -> list[str]:
    """A sentence that names the hypotheses in no panel."""
    values = data.rows()
    shown = sum(selected(data.labels, values, panel.where).astype(int) for panel in found)
    names = [*(result.name for result in data.results), *(failure["name"] for failure in data.failures)]
    missing = [name for name, count in zip(names, shown, strict=True) if not count]  # type: ignore[arg-type]
    if not missing:
        return []
    one = len(missing) == 1
    subject, is_not = ("1 hypothesis lies", "is not") if one else (f"{len(missing)} hypotheses lie", "are not")
    return [f"{subject} in none of these planes and {is_not} drawn: {listed(missing, _NAMED)}."]


def caption(scan: ScanContent, data: PlotData, where: str | None) -> str:
    """The line for a picture that says which part of the pallet it shows; empty where it shows all."""
    if not where:
        return caption_of(scan)
    run, shown = of_scan(scan), panels.part(data, where)
    count, total = len(shown.results) + len(shown.failures), len(data.results) + len(data.failures)
    if run is None or run.is_whole:
        return "" if count == total else Selection(count, total, None, where, count).caption()
    # Of a run that also contains points of earlier scans, the selection of the last one says nothing.
    own = run.where if run.selected == run.shown else None
    conditions = " and ".join(dict.fromkeys(one for one in (own, where) if one))
    return Selection(count, run.total, run.only if run.selected == run.shown else None, conditions, count).caption()
