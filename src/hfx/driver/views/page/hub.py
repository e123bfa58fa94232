"""The views of a run, its own folder's and those of its regions: read and drawn once for any number of browsers."""

import importlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hfx.driver.run.folder import safe_name
from hfx.driver.views.page.messages import ViewTitle
from hfx.driver.views.page.view import View

__all__ = ["Hub"]

_PAUSE = 0.2  # seconds between two looks at the folder

_WHOLE_RUN = ""


class Hub:
    """The views of a run. Hold `guard` to read them; it is notified of changes. `folder` None: it is not known yet.

    `ends_with_scan`: whether nobody can look at the page any more when the scan has ended, which the page says.
    """

    def __init__(self, folder: Path | None = None, *, ends_with_scan: bool = False) -> None:
        self.ends_with_scan = ends_with_scan
        self.guard = threading.Condition()
        self.views: dict[str, View] = {}
        self.ended = ""
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._keep_reading, self._keep_drawing)]
        if folder is not None:
            self.open(folder)

    def open(self, folder: Path) -> None:
        """Begin to read a folder; later folders are ignored, for those of regions lie beneath the first."""
        with self.guard:
            if _WHOLE_RUN not in self.views:
                self.views[_WHOLE_RUN] = View(_WHOLE_RUN, folder, self.guard)
        self._read()

    def start(self) -> None:
        """Read and draw from now on, in two threads."""
        for thread in self._threads:
            thread.start()

    def end(self, why: str, patience: float = 0.0) -> None:
        """Read and draw a last time; every browser gets `why`, and nothing more.

        `patience`: the seconds to wait until a driver that was killed is known to be gone.
        """
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        limit = time.monotonic() + patience
        while self._read(check_driver=True) or (self._going_on and time.monotonic() < limit):
            time.sleep(0.02)
        self._draw()
        with self.guard:
            self.ended = why
            self.guard.notify_all()

    def view(self, name: str | None) -> View | None:
        """A view by name; None: the one to show first. The caller holds the lock."""
        return self.views.get(self.current if name is None else name)

    @property
    def current(self) -> str:
        """The name of the view to show first: all regions together once there are results, before that the latest region."""
        whole = self.views.get(_WHOLE_RUN)
        if whole is None or whole.feed.names:
            return _WHOLE_RUN
        begun = [view for name, view in list(self.views.items()) if name != _WHOLE_RUN and view.feed.run]
        return begun[-1].name if begun else _WHOLE_RUN

    @property
    def folder(self) -> str | None:
        """The run's folder, once it is known."""
        return next((str(view.feed.folder) for view in self.views.values()), None)

    def titles(self) -> list[ViewTitle]:
        """The views to choose from, where there are several; the caller holds the lock."""
        if len(self.views) < 2:
            return []
        return [{"name": name, "state": v.feed.run_state, "rows": len(v.feed.names)} for name, v in self.views.items()]

    def _keep_reading(self) -> None:
        self._repeat(self._read)

    def _keep_drawing(self) -> None:
        # It takes a second or more to load: before there is anything to draw, and while the page is there already.
        importlib.import_module("hfx.driver.views.page.picture")
        self._repeat(self._draw)

    def _repeat(self, work: Callable[[], object]) -> None:
        while not self._over.wait(_PAUSE):
            work()

    @property
    def _going_on(self) -> bool:
        return any(view.feed.run and view.feed.going_on for view in self.views.values())

    def _read(self, *, check_driver: bool = False) -> bool:
        new = [view.poll(check_driver=check_driver) for view in list(self.views.values())]
        self._find_regions()
        return any(new)

    def _find_regions(self) -> None:
        whole = self.views.get(_WHOLE_RUN)
        if whole is None:
            return
        for region in whole.feed.pallet.get("regions") or ():
            name, folder = str(region), whole.feed.folder / safe_name(str(region))
            if name not in self.views and (folder / "run.json").is_file():
                with self.guard:
                    self.views[name] = View(name, folder, self.guard)
                    self.guard.notify_all()

    def _draw(self) -> None:
        for view in list(self.views.values()):
            view.draw()
