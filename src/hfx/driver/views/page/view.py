"""One run as the page shows it: its feed, and the planes that browsers look at, each with its picture."""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hfx.driver.run.file_types import Contours, Curve, of_plane
from hfx.driver.run.folder import read_json
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.messages import ContourContent, SvgContent
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.state import Status
from hfx.errors import HfxError, OptionError

if TYPE_CHECKING:
    from hfx.driver.views.page.picture import Layout, Snapshot

__all__ = ["Picture", "View"]

# The share of a core that contours may take while fits run on this machine, and while they run elsewhere; and the least and the
# most seconds between two contours.
_SHARE, _SHARE_ELSEWHERE = 0.04, 0.1
_LEAST, _MOST = 0.7, 60.0
_AFTER_AN_ERROR = 10.0

DrawnState = tuple[int, int, int, bool]
"""The version of the hypotheses, the numbers of results and of failures, and whether the run goes on."""


class Picture:
    """A plane that browsers look at, and its picture so far; the versions count the changes of each part."""

    def __init__(self, request: PlaneRequest) -> None:
        self.request, self.watchers = request, 0
        self.layout: Layout | None = None
        self.error = ""
        self.contour: ContourContent | None = None
        self.svg: SvgContent | None = None
        self.version = self.layout_version = self.svg_version = 0
        self._laid_out: object = None
        self._drawn: DrawnState | None = None
        self._legend: object = None
        self._due = 0.0

    def lay_out(self, feed: Feed) -> None:
        """Choose the axes and places of the feed's hypotheses, if these changed; the caller holds the lock."""
        now = feed.generation, len(feed.names), feed.label_names, feed.options
        if now == self._laid_out or feed.surface is None:
            return
        self._laid_out = now
        from hfx.driver.views.page.picture import lay_out  # numpy and scipy: the page is there before they are

        points = [feed.state.points[name] for name in feed.names]
        try:
            self.layout = lay_out(points, feed.label_names, feed.options, self.request, feed.surface) if points else None
            self.error = ""
        except OptionError as error:
            self.layout, self.error = None, str(error)
        self.contour = self.svg = self._drawn = self._legend = None
        self.version += 1
        self.layout_version = self.svg_version = self.version

    def wants(self, feed: Feed) -> bool:
        """Whether there are results that the picture does not show yet, and it may be drawn now."""
        if self.layout is None or self._state(feed) == self._drawn or not feed.up_to_date:
            return False
        return not feed.going_on or (self.svg is None and not self.error) or self._complete(feed) or time.monotonic() >= self._due

    def _complete(self, feed: Feed) -> bool:
        """Whether no result is awaited any more, while the picture still lacks some: this is drawn at once."""
        awaited = sum(count for status, count in feed.state.counts.items() if status.open)
        return self.contour is not None and self.contour["awaited"] > 0 and not awaited

    def draw(self, feed: Feed, guard: threading.Condition) -> None:
        """Draw the contour, and the picture around it if that changes, outside the lock."""
        from hfx.driver.plane import selection
        from hfx.driver.views.page.picture import Snapshot, draw_contour, draw_svg

        with guard:
            layout, state, surface = self.layout, self._state(feed), feed.surface
            if layout is None or surface is None or len(layout.chosen) != len(feed.names):
                return
            snapshot = Snapshot.of(layout, feed.names, feed.state, feed.label_names, surface)
        began = time.thread_time()
        try:
            content, plane = draw_contour(layout, snapshot)
            spent = time.thread_time() - began if snapshot.data.results else 0.0  # the first picture loads modules
            legend = self._legend_of(snapshot, content, feed)
            if legend != self._legend:
                with guard:
                    points = [feed.state.points[name] for name in feed.names]
                    part = selection.of_hypotheses(feed.names, points, feed.pallet, feed.options)
                svg = draw_svg(layout, snapshot, plane, feed.pallet, [] if feed.going_on else _theory(feed, layout), part)
                if surface.level is None:  # it is drawn again with every result
                    spent = time.thread_time() - began
        except Exception as error:  # a label that cannot be drawn, say, must not end the page
            with guard:
                kind = "" if isinstance(error, HfxError) else f"{type(error).__name__}: "
                self.error, self._drawn = f"the picture could not be drawn ({kind}{error})", state
                self.version += 1
            self._due = time.monotonic() + _AFTER_AN_ERROR
            return
        with guard:
            if self.layout is not layout:
                return  # it was laid out again meanwhile
            self.version += 1
            if legend != self._legend:
                self.svg, self._legend, self.svg_version = svg, legend, self.version
            self.contour, self._drawn, self.error = content, state, ""
            guard.notify_all()
        pause = spent / (_SHARE if feed.here else _SHARE_ELSEWHERE)
        # The first results are drawn at once.
        self._due = time.monotonic() + min(max(_LEAST, pause), _MOST) if snapshot.data.results else 0.0

    @staticmethod
    def _state(feed: Feed) -> DrawnState:
        return feed.generation, feed.results, feed.failed, feed.going_on

    @staticmethod
    def _legend_of(snapshot: "Snapshot", content: ContourContent, feed: Feed) -> object:
        """The parts of the picture that the browser cannot change: a change of them has the picture drawn again."""
        surface = snapshot.data.surface
        curves = frozenset(curve["which"] for curve in content["curves"]) & {surface.curves[0], surface.median}
        kinds = frozenset(feed.state.status_of(result) for result in snapshot.data.results) & {Status.EXCLUDED, Status.ALLOWED}
        complete = content["made_of"] == content["of"]
        numbers = content["made_of"] if surface.level is None else 0  # colours of values are drawn with the picture
        missing = bool((~snapshot.usable & ~snapshot.awaited).any())
        return curves, bool(content["bands"] and content["bands"][0]), kinds, missing, complete, numbers, feed.going_on


def _theory(feed: Feed, layout: "Layout") -> list[Curve]:
    """The curves with the signal's cross section up and down that a finished run has."""
    from hfx.driver.plane.contour import theory_curves

    with suppress(OSError, HfxError):
        found = cast("Contours | None", read_json(feed.folder, "contour.json"))
        if found and layout.axes.y is not None:
            return theory_curves(of_plane(found, layout.where), layout.axes.x, layout.axes.y)
    return []


class View:
    """A run's folder, by name: "" for the folder itself, a region's name for a folder beneath."""

    def __init__(self, name: str, folder: Path, guard: threading.Condition) -> None:
        self.name, self.feed, self._guard = name, Feed(folder), guard
        self.pictures: dict[PlaneRequest, Picture] = {}

    def poll(self, *, check_driver: bool = False) -> bool:
        """Read the folder; return whether there is anything new."""
        with self._guard:
            new = self.feed.poll(check_driver=check_driver)
            for picture in self.pictures.values():
                picture.lay_out(self.feed)
            if new:
                self._guard.notify_all()
        return new

    def draw(self) -> None:
        """Draw the pictures that are due."""
        with self._guard:
            wanted = [picture for picture in self.pictures.values() if picture.wants(self.feed)]
        for picture in wanted:
            picture.draw(self.feed, self._guard)

    def watch(self, request: PlaneRequest) -> Picture:
        """The picture of a plane that one more browser looks at; the caller holds the lock."""
        picture = self.pictures.setdefault(request, Picture(request))
        picture.watchers += 1
        picture.lay_out(self.feed)
        return picture

    def leave(self, picture: Picture) -> None:
        """A browser looks at it no more; the caller holds the lock."""
        picture.watchers -= 1
        if not picture.watchers:
            self.pictures.pop(picture.request, None)
