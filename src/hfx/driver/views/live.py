"""``live=True``: a scan from Python is watched in the notebook's cell, or on the terminal, while it runs."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hfx.driver.run.events import Event, Listener
from hfx.driver.views.notebook import Cell
from hfx.driver.views.progress import display

if TYPE_CHECKING:
    from hfx.driver.scan.context import RunContext

__all__ = ["View", "in_notebook"]

_STYLE = ("x", "y", "xlabel", "ylabel", "title", "forbidden")


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class View:
    """What shows a scan: made where it is to be seen (in a notebook the cell), then used where the scan runs."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._style = {name: options[name] for name in _STYLE if options.get(name) is not None}
        self._cell = Cell(self._style) if in_notebook() else None

    @contextmanager
    def watching(self, setting: "RunContext") -> "Iterator[RunContext]":
        """The setting whose events are shown too."""
        with ExitStack() as stack:
            if self._cell is None:
                shown: Any = stack.enter_context(display(x=self._style.get("x"), y=self._style.get("y")))
            else:
                shown = self._cell
            try:
                yield replace(setting, say=shown.say, progress=shown.fetched, listener=_both(shown.listen, setting.listener))
            except BaseException as error:
                self._close(f"stopped: {error or type(error).__name__}")
                raise
            self._close("finished")

    def _close(self, word: str) -> None:
        if self._cell is not None:
            self._cell.close(word)


def _both(one: Listener, two: Listener | None) -> Listener:
    def listen(event: Event) -> None:
        one(event)
        if two is not None:
            two(event)

    return listen
