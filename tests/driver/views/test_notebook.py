"""A scan watched in a notebook: what the cell shows while it runs and when it has ended."""

import base64
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from hfx.driver.plane.points import PlotData
from hfx.driver.plot.request import PictureOptions
from hfx.driver.questions.base import Brief
from hfx.driver.questions.exclusion import SURFACE
from hfx.driver.run.events import Failed, Finished, Planned, Submitted
from hfx.driver.views.live import View, in_notebook
from hfx.driver.views.notebook import CellView, _parts, picture, plot_data
from hfx.driver.views.state import RunState

ROOT = Path(__file__).resolve().parents[3]
POINTS = tuple((f"sig_{x}_{y}", (float(x), float(y))) for x in (300, 600, 900, 1200) for y in (0, 200, 400))
PLANNED = Planned(0.0, "local", 0, 3, 12, 0, POINTS, ("m1", "m2"), level=0.05)


def finished(count: int) -> Finished:
    results = tuple(
        (name, 0.01 if x < 800 else 0.5, (0.001, 0.005, 0.02 if x < 900 else 0.3, 0.1, 0.2), "converged", "here:1")
        for name, (x, _) in POINTS[:count]
    )
    return Finished(9.0, "local-0", "local", tuple(r[0] for r in results), count, 1.0, results)


class Shown:
    """In place of IPython's display: what was shown, in order, at each place."""

    def __init__(self) -> None:
        self.places: list[list[Any]] = []
        self.changed = threading.Condition()

    def __call__(self, first: Any) -> Callable[[Any], None]:
        place = [first]
        self.places.append(place)

        def update(shown: Any) -> None:
            with self.changed:
                place.append(shown)
                self.changed.notify_all()

        return update

    def wait(self, done: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(done, 60)

    @property
    def text(self) -> str:
        return str(self.places[0][-1]._repr_html_())

    @property
    def pictures(self) -> list[bytes]:
        return [shown._repr_png_() for shown in self.places[1][1:]]


def test_the_picture_changes_while_the_scan_runs() -> None:
    shown = Shown()
    cell = CellView(PictureOptions(title="toy"), shown)
    assert "opening the pallet" in shown.text
    cell.listen(PLANNED)
    shown.wait(lambda: "12 not fitted yet" in shown.text)
    assert shown.pictures == []
    cell.listen(finished(6))
    shown.wait(lambda: len(shown.pictures) == 1)
    assert "6 excluded; 6 not fitted yet; dotted lines may still change" in shown.text
    cell.listen(Submitted(1.0, "local-0", 1, ("sig_1200_400",)))
    cell.listen(Failed(1.0, "local-0", "sig_1200_400", "no such number"))
    cell.listen(finished(11))
    cell.close("finished")
    assert "1 failed" in shown.text
    assert "not fitted yet" not in shown.text
    assert "dotted" not in shown.text
    assert shown.text.endswith("finished")
    first, last = shown.pictures[0], shown.pictures[-1]
    assert first != last
    assert Image.open(io.BytesIO(last)).size == (700, 560)


def test_a_frontend_that_has_gone_does_not_end_the_scan() -> None:
    def broken(first: Any) -> Callable[[Any], None]:
        def update(shown: Any) -> None:
            raise OSError("the kernel's socket is closed")

        return update

    cell = CellView(PictureOptions(), broken)
    cell.listen(PLANNED)
    cell.listen(finished(12))
    cell.close("finished")


def test_events_give_the_data_of_a_picture() -> None:
    state = RunState()
    for event in (PLANNED, finished(2), Failed(1.0, "local-0", "sig_1200_0", "why")):
        state.apply(event)
    found = plot_data(state)
    assert found is not None
    assert found.labels == ("m1", "m2")
    assert [result.name for result in found.results] == ["sig_300_0", "sig_300_200"]
    assert found.results[0].numbers == (0.01, 0.001, 0.005, 0.02, 0.1, 0.2)
    assert found.failures == [{"name": "sig_1200_0", "values": [1200.0, 0.0], "reason": "why"}]


def test_outside_a_notebook_it_is_the_terminal_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    heard: list[Any] = []
    with View({"x": "m1"}).shown(heard.append) as shown:
        shown.listen(PLANNED)
    assert heard == [PLANNED]
    assert "12 hypotheses to fit (in 3 tasks)" in capsys.readouterr().err


CELLS = (
    "from tests.driver import fakes\nfrom pathlib import Path\nfrom hfx import scan, start_scan\n"
    "from hfx.driver.scan.run_context import RunContext\npallet = fakes.write_pallet(Path('toy'), fakes.grid(8, 5))\n"
    "slow = RunContext(function=fakes.slow_run, batch=4, say=lambda _: None)",
    "result = scan(pallet, output='watched', live=True, context=slow, title='watched')",
    "handle = start_scan(pallet, output='background', live=True, context=slow)",
    "print(len(handle.result()))",
    "handle = start_scan(pallet, output='cancelled', live=True, context=slow, mu=0.5)\nhandle.cancel()",
    "from concurrent.futures import CancelledError\ntry:\n    handle.result()\nexcept CancelledError:\n    print('cancelled')",
)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    paths = [str(ROOT), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    client.execute(cwd=str(tmp_path_factory.mktemp("cells")), env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    return notebook


def shown_in(cell: Any) -> tuple[str, list[bytes]]:
    """The text of a cell's first output, and its pictures."""
    data = [output["data"] for output in cell.outputs if "data" in output]
    return data[0].get("text/html", ""), [base64.b64decode(d["image/png"]) for d in data if "image/png" in d]


@pytest.mark.parametrize("cell", [1, 2])
def test_a_real_kernel_draws_in_the_cell(executed: Any, cell: int) -> None:
    """Also where the cell has ended and the scan runs on."""
    text, pictures = shown_in(executed.cells[cell])
    verdict = "17 of 40 hypotheses are excluded at 95 % confidence level (CLs &lt; 0.05); expected (median): 17"
    assert text == f"hfx: finished: {verdict}"
    alternatives = [
        output["data"]["text/plain"] for output in executed.cells[cell].outputs if "image/png" in output.get("data", {})
    ]
    assert alternatives == ["the contour"]
    (picture,) = pictures
    assert Image.open(io.BytesIO(picture)).size == (700, 560)
    if os.environ.get("HFX_TEST_PICTURES"):
        Path(os.environ["HFX_TEST_PICTURES"], f"cell-{cell}.png").write_bytes(picture)


def test_the_kernel_stays_free_and_a_scan_can_be_cancelled(executed: Any) -> None:
    assert executed.cells[3].outputs[0]["text"] == "40\n"
    assert executed.cells[5].outputs[0]["text"] == "cancelled\n"
    text, _ = shown_in(executed.cells[4])
    assert "stopped: the scan was asked to stop" in text


def test_the_cell_draws_which_part_of_the_pallet_is_scanned() -> None:
    shown = Shown()
    view = CellView(PictureOptions(), shown, where="m1>0")
    for event in (PLANNED, finished(12)):
        view.listen(event)
    view.close("finished")
    state = RunState()
    for event in (PLANNED, finished(12)):
        state.apply(event)
    data = plot_data(state)
    assert data is not None
    drawn = shown.places[1][-1]._repr_png_()
    assert drawn == picture(data, [], PictureOptions(), "Only 12 hypotheses: m1>0")
    assert drawn != picture(data, [], PictureOptions())


@pytest.mark.parametrize("fitted", [7, 25])
def test_planes_are_panels_while_a_scan_runs(fitted: int) -> None:
    """As in the picture that the cell ends with; also where nothing of the second plane has been fitted yet."""
    rows = [(x, y, 60.0) for x in (300.0, 500.0, 700.0, 900.0) for y in (100.0, 200.0, 300.0, 400.0)]
    rows += [(x, y, y - 130.0) for x in (300.0, 500.0, 700.0, 900.0) for y in (150.0, 250.0, 350.0, 450.0)]
    numbers = [0.01 if row[0] < 600 else 0.5 for row in rows]
    results = [
        Brief(name=f"h{i}", values=row, status="converged", numbers=6 * (number,))
        for i, (row, number) in enumerate(zip(rows, numbers, strict=True))
    ]
    data = PlotData(("a", "b", "c"), results[:fitted], [], SURFACE)
    parts = list(_parts(data, rows[fitted:], PictureOptions(), ""))
    assert [drawn.panel for drawn, _ in parts] == ["c = 60", "b-c = 130"]
    assert [len(drawn.plane.points.places) for drawn, _ in parts] == [min(fitted, 16), max(fitted - 16, 0)]
    assert [len(drawn.room) for drawn, _ in parts] == [16 - min(fitted, 16), 16 - max(fitted - 16, 0)]
    image = Image.open(io.BytesIO(picture(data, rows[fitted:], PictureOptions())))
    assert image.size == (1260, 560)
