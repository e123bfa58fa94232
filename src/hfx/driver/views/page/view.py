"""One run as the page shows it: its feed, and the planes that browsers look at, each with its contour."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.request import Asked
from hfx.errors import OptionError

if TYPE_CHECKING:
    from hfx.driver.views.page.plane_layout import Plane

__all__ = ["Picture", "View"]

# The share of a core that contours may take, while the scan's fits want it and where they are elsewhere; and the least seconds
# between two.
_SHARE, _SHARE_ELSEWHERE = 0.005, 0.05
_LEAST = 0.7


class Picture:
    """A plane that somebody looks at, and its contour so far; `version` counts their changes."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.watchers = asked, 0
        self.plane: Plane | None = None
        self.error = ""
        self.contour: dict[str, Any] | None = None
        self.version = self.plane_version = 0
        self._of: object = None
        self._drawn = (-1, -1, -1, True)
        self._due = 0.0

    def lay_out(self, feed: Feed) -> None:
        """The plane of the feed's rows, if they are others than before; the caller holds the lock."""
        options = feed.run.get("options", {})
        of = feed.generation, len(feed.rows), feed.label_names, options
        if of == self._of:
            return
        self._of = of
        from hfx.driver.views.page import plane_layout  # numpy and scipy: the page is there before they are

        try:
            self.plane, self.error = plane_layout.laid_out(feed.rows, feed.label_names, options, self.asked), ""
        except OptionError as error:
            self.plane, self.error, self.contour = None, str(error), None
        self.version += 1
        self.plane_version = self.version

    def wants(self, feed: Feed) -> bool:
        """Whether there are results that the contour does not show yet, and it may be drawn now."""
        if self.plane is None or self._state(feed) == self._drawn or not feed.results:
            return False
        return not feed.going_on or time.monotonic() >= self._due

    def draw(self, feed: Feed, guard: threading.Condition) -> None:
        """Draw the contour anew, outside the lock, and note what that took."""
        from hfx.driver.views.page import plane_layout

        began = time.thread_time()
        with guard:
            plane, state, table, labels = self.plane, self._state(feed), list(feed.rows), feed.label_names
            interpolation = "linear" if feed.going_on else feed.run.get("options", {}).get("interpolation")
        if plane is None or len(plane.chosen) != len(table):
            return
        contour = {**plane_layout.drawn(plane, table, labels, interpolation), "time": time.time()}
        with guard:
            self.contour, self._drawn = contour, state
            self.version += 1
            guard.notify_all()
        share = _SHARE if feed.here else _SHARE_ELSEWHERE
        self._due = time.monotonic() + max(_LEAST, (time.thread_time() - began) / share)

    @staticmethod
    def _state(feed: Feed) -> tuple[int, int, int, bool]:
        """What a contour depends on: the results, how many are awaited no more, and whether it is to be quick."""
        return feed.generation, feed.results, feed.failed, feed.going_on


class View:
    """A run's folder, by name: "" for the folder itself, a region's name for one beneath."""

    def __init__(self, name: str, folder: Path, guard: threading.Condition) -> None:
        self.name, self.feed, self._guard = name, Feed(folder), guard
        self.pictures: dict[Asked, Picture] = {}

    def poll(self, *, closely: bool = False) -> bool:
        """Read the folder; whether anything is new."""
        with self._guard:
            new = self.feed.poll(closely=closely)
            for picture in self.pictures.values():
                picture.lay_out(self.feed)
            if new:
                self._guard.notify_all()
        return new

    def draw(self) -> None:
        """Draw the contours that are due."""
        with self._guard:
            wanted = [picture for picture in self.pictures.values() if picture.wants(self.feed)]
        for picture in wanted:
            picture.draw(self.feed, self._guard)

    def watch(self, asked: Asked) -> Picture:
        """Somebody looks at a plane; the caller holds the lock."""
        picture = self.pictures.setdefault(asked, Picture(asked))
        picture.watchers += 1
        picture.lay_out(self.feed)
        return picture

    def leave(self, picture: Picture) -> None:
        """Somebody looks away; the caller holds the lock."""
        picture.watchers -= 1
        if not picture.watchers:
            self.pictures.pop(picture.asked, None)
