"""A notebook's view of a scan: the contour, drawn in the cell and updated in place, with nothing but matplotlib.

It only listens to events, and draws in a thread of its own, which rests ten times as long as it draws.
"""

import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Protocol, cast

from hfx.driver.plot.request import PictureOptions, styled
from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.questions.catalogue import of_run
from hfx.driver.run.events import Event
from hfx.driver.run.file_types import Failure, ScanContent
from hfx.driver.views import verdict
from hfx.driver.views.state import RunState, Status
from hfx.errors import HfxError
from hfx.json_types import LabelValue

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hfx.driver.plane.awaited import Awaited
    from hfx.driver.plane.contour import Plane
    from hfx.driver.plane.points import PlotData
    from hfx.driver.plot.figure import Picture

__all__ = ["CellView", "Shown", "final_picture", "picture", "plane_so_far", "plot_data"]

_REST = 10.0  # times as long as a picture took
_LEAST = 0.5  # seconds between pictures
_DPI = 100
_PASSING = ("region ", "compiling ")  # beginnings of sentences about progress, which a finished scan does not need


class Shown(Protocol):
    """An object that IPython can show."""

    def __repr__(self) -> str: ...


class CellView:
    """Shows a scan in the cell that makes it.

    `only` and `where` are the scan's options of these names, which the picture states.
    `show(object) -> update(object)` shows one and returns the function that replaces it; IPython's own by default.
    """

    def __init__(
        self,
        options: PictureOptions,
        show: Callable[[Shown], Callable[[Shown], None]] | None = None,
        *,
        only: str | None = None,
        where: str | None = None,
    ) -> None:
        self._options, self._only, self._where = options, only, where
        self._state, self._guard, self._change = RunState(), threading.Lock(), threading.Event()
        self._notes: list[str] = []
        self._head, self._verdict = "opening the pallet", ""
        show = show or _ipython
        self._text, self._image = show(self._html()), show(_Nothing())
        self._scan: ScanContent | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name="hfx-cell", daemon=True)
        self._thread.start()

    def say(self, sentence: str) -> None:
        """Write a sentence beneath the progress."""
        with self._guard:
            self._notes.append(sentence)
        self._change.set()

    def listen(self, event: Event) -> None:
        """Update the state by an event."""
        with self._guard:
            self._state.apply(event)
        self._change.set()

    def fetched(self, done: int, total: int | None) -> None:
        """Show the progress of a download."""
        of = f" of {total // 1000}" if total else ""
        self._head = "opening the pallet" if done == total else f"fetching: {done // 1000}{of} kB"
        self._change.set()

    def close(self, last: str, scan: ScanContent | None = None) -> None:
        """Draw the last state, with a last word, and end; a finished scan ends with its verdict and its folder's picture."""
        with self._guard:
            self._scan, self._ended = scan, True
            if scan is None:
                self._notes.append(last)
            else:
                self._verdict = f"{last}: {verdict.of_scan(scan)}"
                self._notes = [note for note in self._notes if not note.startswith(_PASSING)]
        self._change.set()
        self._thread.join()

    def _serve(self) -> None:
        ended = False
        while not ended:
            self._change.wait()
            self._change.clear()
            ended = self._ended
            begun = time.monotonic()
            self._draw()
            if not ended:
                self._pause(max(_LEAST, _REST * (time.monotonic() - begun)))

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._ended and time.monotonic() < deadline:
            time.sleep(0.05)

    def _draw(self) -> None:
        with self._guard:
            text, state = self._html(), self._state
            data = plot_data(state)
            missing = [state.points[name] for name, status in state.statuses.items() if status.open]
        # A frontend that has gone, or a state that cannot be drawn yet, must not end the scan.
        with suppress(Exception):
            self._text(text)
            if self._scan is not None and data is not None:
                self._image(_Image(final_picture(self._scan), "the contour"))
            elif data is not None and data.results:
                part = self._part(len(state.points)) if self._only or self._where else ""
                self._image(_Image(picture(data, missing, self._options, part), "the contour so far"))

    def _part(self, hypotheses: int) -> str:
        from hfx.driver.plane.selection import Selection

        return Selection(hypotheses, None, self._only, self._where, hypotheses).caption()

    def _html(self) -> "_Html":
        head = self._verdict or (_progress(self._state) if self._state.points else self._head)
        return _Html("<br>".join(escape(line) for line in (f"hfx: {head}", *self._notes[-5:])))


def _progress(state: RunState) -> str:
    counts = state.counts
    missing = sum(count for status, count in counts.items() if status.open)
    parts = [f"{counts[Status.EXCLUDED]} excluded", f"{missing} not fitted yet"]
    changes = ["dotted lines may still change"] if missing and state.results else []
    known = [part for part in parts if not part.startswith("0 ")]
    return "; ".join([str(state.progress.current), *known, *state.earlier_failures(), *changes])


def plot_data(state: RunState) -> "PlotData | None":
    """The results so far, as a picture needs them; None where the question has nothing to draw."""
    from hfx.driver.plane.points import PlotData

    surface = of_run({"question": state.question}).surface
    if surface is None:
        return None
    results = [result for result in state.results.values() if state.points[result.name]]
    failures: list[Failure] = [
        {"name": name, "values": list(state.points[name]), "reason": reason}
        for name, reason in state.reasons.items()
        if name in state.points
    ]
    return PlotData(state.labels, results, failures, surface)


def plane_so_far(data: "PlotData", missing: Sequence[tuple[LabelValue, ...]], options: PictureOptions) -> "tuple[Plane, Awaited]":
    """The results so far over the axes of all hypotheses, and where results are awaited: those of the values ``missing``.

    Raises `OptionError` for axes that cannot be drawn.
    """
    from hfx.driver.plane import awaited, axes
    from hfx.driver.plot import run_planes

    rows = [*data.rows(), *missing]
    in_force = axes.in_force(data.labels, rows, options.x, options.y)
    chosen = axes.choose(data.labels, rows, *in_force, quantity=data.surface.name)
    plane = run_planes.plane_over(chosen.x, chosen.y, data, options, len(missing))
    near = awaited.Awaited(plane, axes.places(chosen, data.labels, missing))
    return (awaited.so_far(plane) if missing else plane), near


def picture(data: "PlotData", missing: Sequence[tuple[LabelValue, ...]], options: PictureOptions, part: str = "") -> bytes:
    """The contour of the results so far as PNG; hypotheses that are to come are small grey dots. ``part``: as of `Picture`."""
    from hfx.driver.plot import figure
    from hfx.driver.plot.awaited_parts import draw_faintly
    from hfx.driver.plot.styles import style_called

    try:
        parts = list(_parts(data, missing, options, part))
    except HfxError:  # too few results for these axes
        return _png(figure.new_figure(style_called(None)))
    canvas = figure.new_figure(style_called(None), len(parts))
    with DRAWING:
        axes = figure.fill(canvas, [drawn for drawn, _ in parts])
        for ax, (drawn, awaited) in zip(axes, parts, strict=True):
            draw_faintly(ax, drawn.plane, awaited)
            if len(drawn.room) and drawn.options.y is not None:
                ax.plot(*drawn.room.T, ".", color="0.75", markersize=3, zorder=1)
    return _png(canvas)


def _parts(
    data: "PlotData", missing: Sequence[tuple[LabelValue, ...]], options: PictureOptions, part: str
) -> "Iterator[tuple[Picture, Awaited]]":
    """The pictures of the results so far, one for each plane of all hypotheses, and where results are awaited in it."""
    from hfx.driver.plane import axes, panels
    from hfx.driver.plot import run_planes
    from hfx.driver.plot.figure import Picture

    found = run_planes.panels_of(data.labels, [*data.rows(), *missing], options)
    several: list[tuple[str | None, str | None, PictureOptions]] = [(one.where, one.title, one.options) for one in found]
    for where, title, own in several or [(None, None, options)]:
        inside = axes.selected(data.labels, missing, where).tolist()
        waiting = [row for row, chosen in zip(missing, inside, strict=True) if chosen]
        plane, awaited = plane_so_far(panels.part(data, where), waiting, own)
        x, y = plane.points.axes.x, plane.points.axes.y
        places = axes.places(plane.points.axes, data.labels, waiting)
        yield Picture(plane, replace(own, x=x, y=y), part=part, panel=title, room=places), awaited


def final_picture(scan: ScanContent) -> bytes:
    """The picture of a scan that has finished, as PNG: that of its run's folder."""
    from hfx.driver.plane.selection import caption_of
    from hfx.driver.plot import figure, run_planes, scan_picture
    from hfx.driver.plot.run_data import plot_data
    from hfx.driver.plot.styles import style_called

    planes = run_planes.in_planes(plot_data(scan), scan, styled(scan["options"]))
    drawn = scan_picture.pictures(scan, planes, caption_of(scan))
    canvas = figure.new_figure(style_called(None), len(drawn))
    with DRAWING:
        figure.fill(canvas, drawn)
    return _png(canvas)


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    with DRAWING:
        figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


class _Html:
    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text.replace("<br>", "\n")


class _Image:
    def __init__(self, png: bytes, text: str) -> None:
        self.png, self.text = png, text

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return self.text


class _Nothing:
    """An empty place, for the picture that is to come."""

    def _repr_html_(self) -> str:
        return ""

    def __repr__(self) -> str:
        return ""


def _ipython(shown: Shown) -> Callable[[Shown], None]:
    from IPython.display import display

    handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
    return cast("Callable[[Shown], None]", handle.update)
