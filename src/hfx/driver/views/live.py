"""The view of a scan that was started from Python with ``live=True``: in the notebook's cell, or on the terminal."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from hfx.driver.plot.request import styled
from hfx.driver.run.events import Event, Listener
from hfx.driver.run.file_types import ScanContent
from hfx.driver.views.notebook import CellView
from hfx.driver.views.progress import Display, display

__all__ = ["Shown", "View", "in_notebook"]


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class View:
    """The display of a scan: made where it is to be seen (in a notebook the cell), then used where the scan runs.

    `options` are those of the scan; the display uses those of the picture.
    """

    def __init__(self, options: Mapping[str, object]) -> None:
        self._style = styled(options)
        only, where = (None if options.get(name) is None else str(options[name]) for name in ("only", "where"))
        self._cell = CellView(self._style, only=only, where=where) if in_notebook() else None

    @contextmanager
    def shown(self, listener: Listener | None = None) -> Iterator["Shown"]:
        """The display, open for the block; `listener` hears the same events."""
        if self._cell is None:
            with display(x=self._style.x, y=self._style.y, logx=self._style.logx, logy=self._style.logy) as found:
                yield Shown(found, listener)
            return
        both = Shown(self._cell, listener)
        try:
            yield both
        except BaseException as error:
            self._cell.close(f"stopped: {error or type(error).__name__}")
            raise
        self._cell.close("finished", both.scan)


@dataclass
class Shown:
    """A display, and a listener that hears the same events; `scan`: the content of the scan, once it has finished."""

    display: Display
    listener: Listener | None
    scan: ScanContent | None = None

    def finish(self, scan: ScanContent) -> None:
        """Note the scan that has finished: the cell ends with its picture, of a combination with that of all regions."""
        self.scan = scan

    def say(self, sentence: str) -> None:
        self.display.say(sentence)

    def listen(self, event: Event) -> None:
        self.display.listen(event)
        if self.listener is not None:
            self.listener(event)

    def fetched(self, done: int, total: int | None) -> None:
        self.display.fetched(done, total)
