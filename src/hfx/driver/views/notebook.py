"""A notebook's view of a scan: the contour drawn in the cell and updated in place, with nothing but matplotlib.

It only listens to events, and draws in a thread of its own, which rests ten times as long as it draws.
"""

import io
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import escape
from typing import Any, cast

from hfx.driver.run.contents import ScanContent
from hfx.driver.run.events import Event
from hfx.driver.views.plane_map import axes
from hfx.driver.views.state import Scene, State
from hfx.errors import HfxError

__all__ = ["Cell", "content", "picture"]

_REST = 10.0  # times as long as a picture took
_LEAST = 0.5  # seconds between pictures
_DPI = 100


class Cell:
    """Shows a scan in the cell that makes it; `style` is that of `ScanResult.plot`.

    `display(object) -> update(object)` shows one and gives the function that replaces it; IPython's own by default.
    """

    def __init__(self, style: Mapping[str, Any], display: Callable[[Any], Callable[[Any], None]] | None = None) -> None:
        self._style = dict(style)
        self._scene, self._guard, self._change = Scene(), threading.Lock(), threading.Event()
        self._notes: list[str] = []
        self._head = "opening the pallet"
        show = display or _ipython
        self._text, self._image = show(self._html()), show(_Nothing())
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name="hfx-cell", daemon=True)
        self._thread.start()

    def say(self, sentence: str) -> None:
        """Write a sentence beneath the progress."""
        with self._guard:
            self._notes.append(sentence)
        self._change.set()

    def listen(self, event: Event) -> None:
        """Take in an event."""
        with self._guard:
            self._scene.add(event)
        self._change.set()

    def fetched(self, done: int, total: int | None) -> None:
        """How far a download is."""
        of = f" of {total // 1000}" if total else ""
        self._head = "opening the pallet" if done == total else f"fetching: {done // 1000}{of} kB"
        self._change.set()

    def close(self, last: str) -> None:
        """Draw the last state, with a last word, and end."""
        self._ended = True
        self._notes.append(last)
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
            text, scan = self._html(), content(self._scene)
            missing = [(name, self._scene.points[name]) for name, s in self._scene.states.items() if s in _TO_COME]
        # A frontend that has gone, or a state that cannot be drawn yet, must not end the scan.
        with suppress(Exception):
            self._text(text)
            if scan["results"]:
                self._image(_Image(picture(scan, missing, self._style)))

    def _html(self) -> "_Html":
        scene = self._scene
        head = self._head if not scene.points else _progress(scene)
        return _Html("<br>".join(escape(line) for line in (f"hfx: {head}", *self._notes[-5:])))


_TO_COME = (State.WAITING, State.RUNNING)


def _progress(scene: Scene) -> str:
    states = list(scene.states.values())
    excluded, failed, open_ = states.count(State.EXCLUDED), len(scene.reasons), sum(s in _TO_COME for s in states)
    parts = [str(scene.count), f"{excluded} excluded", f"{open_} to come", f"{failed} failed"]
    return "; ".join(part for part in parts if not part.startswith("0 "))


def content(scene: Scene) -> dict[str, Any]:
    """What events have told so far, in the form of scan.json, as far as a picture needs it."""
    results = [
        {"name": name, "values": list(scene.points[name]), "CLs_obs": observed, "CLs_exp": list(band), "status": status}
        for name, observed, band, status, _ in scene.results.values()
        if name in scene.points
    ]
    failures = [
        {"name": name, "values": list(scene.points[name]), "reason": reason}
        for name, reason in scene.reasons.items()
        if name in scene.points
    ]
    return {"pallet": {"labels": list(scene.labels)}, "options": {}, "results": results, "failures": failures, "contours": {}}


def picture(scan: Mapping[str, Any], missing: list[tuple[str, tuple[float, ...]]], style: Mapping[str, Any]) -> bytes:
    """The contour of the results so far as PNG; hypotheses that are to come are small grey dots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from hfx.driver.plot import figure as plot
    from hfx.driver.plot import scan_picture
    from hfx.driver.plot.request import PictureOptions
    from hfx.driver.plot.run_data import plot_data

    figure = Figure(figsize=(7.0, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    with suppress(HfxError):  # too few results for what is asked
        options = PictureOptions(**{"interpolation": "linear", **style})  # the quickest: it is drawn again and again
        plot.draw_axes(plot.Picture(scan_picture.plane(plot_data(cast(ScanContent, scan)), options), options, scan["pallet"]), ax)
    if missing:
        rows = [*(values for _, values in missing), *(record["values"] for record in scan["results"])]
        _, up, place = axes(scan["pallet"]["labels"], rows, style.get("x"), style.get("y"))
        if up:
            ax.plot(*zip(*(place(values) for _, values in missing), strict=True), ".", color="0.75", markersize=3, zorder=1)
    file = io.BytesIO()
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
    def __init__(self, png: bytes) -> None:
        self.png = png

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return "the contour so far"


class _Nothing:
    """What stands where the picture will be."""

    def _repr_html_(self) -> str:
        return ""

    def __repr__(self) -> str:
        return ""


def _ipython(shown: Any) -> Callable[[Any], None]:
    from IPython.display import display

    handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
    update: Callable[[Any], None] = handle.update
    return update
