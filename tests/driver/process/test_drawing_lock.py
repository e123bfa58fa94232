"""Whoever draws holds the lock: matplotlib's parser of formulas is one for all threads."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from hfx.driver.plot import scan_picture
from hfx.driver.plot.overlay import overlay
from hfx.driver.plot.redraw import redraw
from hfx.driver.plot.request import PictureOptions, PictureRequest
from hfx.driver.plot.run_data import loaded
from hfx.driver.plot.svg import svg
from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.questions.texts import picture_texts
from hfx.driver.views import notebook
from tests.driver.plane.test_contour import data_of
from tests.driver.plot.test_overlay import quiet, run_of

OPTIONS = PictureOptions(xlabel="$m_1$")


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [run_of(tmp_path / name, limit) for name, limit in (("a", 300), ("b", 400))]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each formula that was parsed whether another thread could have begun to draw then."""
    found: list[bool] = []
    parse = MathTextParser.parse

    def noted(self: Any, *given: Any, **named: Any) -> Any:
        other = threading.Thread(target=lambda: found.append(_taken()))
        other.start()
        other.join()
        return parse(self, *given, **named)

    monkeypatch.setattr(MathTextParser, "parse", noted)
    return found


def _taken() -> bool:
    free = DRAWING.acquire(blocking=False)
    if free:
        DRAWING.release()
    return free


DRAWN: dict[str, Callable[[list[Path], Path], object]] = {
    "files": lambda runs, to: redraw(runs[0], to, PictureRequest(formats=("png",)), quiet),
    "overlay": lambda runs, to: overlay(runs, to / "both.png", PictureRequest(), quiet),
    "page": lambda runs, to: svg(data_of(loaded(runs[0])), OPTIONS),
    "cell": lambda runs, to: notebook.picture(data_of(loaded(runs[0])), [], OPTIONS),
    "last picture of the cell": lambda runs, to: notebook.final_picture(loaded(runs[0])),
    "axes": lambda runs, to: scan_picture.draw_into(loaded(runs[0]), Figure().subplots(), None, {"xlabel": "$m_1$"}),
    "text": lambda runs, to: picture_texts.check("--title", "$m_1$"),
}


@pytest.mark.parametrize("how", DRAWN)
def test_no_two_threads_draw_at_a_time(how: str, runs: list[Path], tmp_path: Path, parsed: list[bool]) -> None:
    DRAWN[how](runs, tmp_path)
    assert parsed
    assert not any(parsed)
    assert _taken()  # and it is free again
