"""What is watched: a run's folder and those of its regions, read and drawn for any number of browsers."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hfx.driver.run.folder import safe_name
from hfx.driver.views.page.view import View

__all__ = ["Hub"]

# Seconds between two looks at the folder.
_PACE = 0.2

_COMBINED = ""


class Hub:
    """The views of a run; `guard` is held to read them, and told of every change. `folder` None: it is not known yet."""

    def __init__(self, folder: Path | None = None) -> None:
        self.guard = threading.Condition()
        self.views: dict[str, View] = {}
        self.ended = ""
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(f,), daemon=True) for f in (self._read, self._draw)]
        if folder is not None:
            self.open(folder)

    def open(self, folder: Path) -> None:
        """The folder is known now."""
        with self.guard:
            if _COMBINED not in self.views:
                self.views[_COMBINED] = View(_COMBINED, folder, self.guard)
        self._read()

    def start(self) -> None:
        """Read and draw from now on."""
        for thread in self._threads:
            thread.start()

    def end(self, why: str, patience: float = 0.0) -> None:
        """Read and draw a last time; every browser is told `why`, and gets nothing more.

        `patience`: seconds that a driver may take to be seen to have gone, where it has.
        """
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        limit = time.monotonic() + patience
        while self._read(closely=True) or (self._going_on and time.monotonic() < limit):
            time.sleep(0.02)
        self._draw()
        with self.guard:
            self.ended = why
            self.guard.notify_all()

    def view(self, name: str | None) -> View | None:
        """A view by name; None: the one to show first; the caller holds the lock."""
        return self.views.get(self.current if name is None else name)

    @property
    def current(self) -> str:
        """The name of the view to show first: all regions together once they are, before that the one under way."""
        whole = self.views.get(_COMBINED)
        if whole is None or whole.feed.rows:
            return _COMBINED
        begun = [view for name, view in self.views.items() if name != _COMBINED and view.feed.run]
        return begun[-1].name if begun else _COMBINED

    def content(self) -> dict[str, Any]:
        """The views to choose from, as they go to the browser; the caller holds the lock."""
        listed = [{"name": name, "state": view.feed.state, "rows": len(view.feed.rows)} for name, view in self.views.items()]
        folder = next((str(view.feed.folder) for view in self.views.values()), None)
        return {"current": self.current, "folder": folder, "views": listed if len(listed) > 1 else []}

    def _repeat(self, work: Callable[[], bool]) -> None:
        while not self._over.wait(_PACE):
            work()

    @property
    def _going_on(self) -> bool:
        return any(view.feed.run and view.feed.going_on for view in self.views.values())

    def _read(self, *, closely: bool = False) -> bool:
        new = [view.poll(closely=closely) for view in list(self.views.values())]
        self._find_regions()
        return any(new)

    def _find_regions(self) -> None:
        whole = self.views.get(_COMBINED)
        if whole is None:
            return
        for region in whole.feed.run.get("pallet", {}).get("regions") or ():
            name, folder = str(region), whole.feed.folder / safe_name(str(region))
            if name not in self.views and (folder / "run.json").is_file():
                with self.guard:
                    self.views[name] = View(name, folder, self.guard)
                    self.guard.notify_all()

    def _draw(self) -> bool:
        for view in list(self.views.values()):
            view.draw()
        return False
