"""The terminal's view: what events make of it, as text, in small and large terminals."""

import io
import os
import pty
from pathlib import Path

import pytest
from rich.console import Console

from hfx.driver.api import scan
from hfx.driver.run.events import Event, Failed, Finished, Kept, Planned, Retried, Started, Submitted
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views.board import LEAST, Board
from hfx.driver.views.plane_map import PlaneMap
from hfx.driver.views.progress import Bar, Lasting, Lines, display
from hfx.driver.views.state import RunState, Status
from hfx.hf_core.reasons import NO_PARAMETER, NO_YIELDS
from tests.driver import fakes

POINTS = tuple((f"sig_{x}_{y}", (float(x), 60.0, float(y))) for x in (300, 600, 900) for y in (0, 200, 400))
PLANNED = Planned(0.0, "local", 0, 3, 8, 1, POINTS, ("m1", "same", "m2"), level=0.05)


def brief(name: str, cls: float | None, status: str = "converged", worker: str = "n1.example.org:7") -> tuple:  # type: ignore[type-arg]
    return (name, cls, (cls,) * 5, status, worker)


def finished(task: str, *results: tuple) -> Finished:  # type: ignore[type-arg]
    return Finished(9.0, task, "local", tuple(r[0] for r in results), len(results), 1.0, results)


def reduced(*events: Event) -> RunState:
    found = RunState()
    for event in events:
        found.apply(event)
    return found


def test_states_follow_the_events() -> None:
    found = reduced(PLANNED, Kept(0.0, (brief("sig_300_0", 0.01),)))
    assert found.statuses["sig_300_0"] is Status.EXCLUDED
    assert found.statuses["sig_300_200"] is Status.PLANNED
    found.apply(Submitted(1.0, "local-0", 2, ("sig_300_200", "sig_300_400")))
    assert found.statuses["sig_300_200"] is Status.SUBMITTED
    found.apply(Started(2.0, "local-0"))
    assert {found.statuses[name] for name in ("sig_300_200", "sig_300_400")} == {Status.RUNNING}
    found.apply(finished("local-0", brief("sig_300_200", 0.2), brief("sig_300_400", 0.2, "fixed: not converged")))
    assert found.statuses["sig_300_200"] is Status.ALLOWED
    assert found.statuses["sig_300_400"] is Status.NOT_CONVERGED
    assert found.workers["n1.example.org:7"].done == 2
    assert not found.running


def test_a_lost_task_waits_again_and_a_failure_stays() -> None:
    names = ("sig_600_0", "sig_600_200")
    found = reduced(PLANNED, Submitted(1.0, "local-1", 2, names), Started(1.0, "local-1"), Retried(2.0, "local-1", 2, "lost"))
    assert {found.statuses[name] for name in names} == {Status.PLANNED}
    assert not found.running
    found.apply(Failed(3.0, "local-1", "sig_600_0", "no such number"))
    assert found.statuses["sig_600_0"] is Status.FAILED
    assert found.reasons == {"sig_600_0": "no such number"}


def test_an_exchange_that_fails_leaves_the_local_result() -> None:
    found = reduced(PLANNED, finished("local-0", brief("sig_300_0", 0.01)), Failed(3.0, "exchange-1-0", "sig_300_0", "lost"))
    assert found.statuses["sig_300_0"] is Status.EXCLUDED
    assert found.reasons == {}


def test_a_question_without_a_level_has_hypotheses_that_are_done() -> None:
    planned = Planned(0.0, "local", 0, 1, 9, 0, POINTS, ("m1", "same", "m2"))
    found = reduced(planned, finished("local-0", brief("sig_300_0", 0.01), brief("sig_300_200", None, "did not converge")))
    assert found.statuses["sig_300_0"] is Status.DONE
    assert found.statuses["sig_300_200"] is Status.NOT_CONVERGED
    assert (found.counts[Status.DONE], found.counts[Status.PLANNED]) == (1, 7)
    assert found.unusable == {"sig_300_200": "did not converge"}


def test_the_map_has_the_plane_s_directions() -> None:
    plane = PlaneMap({name: (values[0], values[2]) for name, values in POINTS}, 5, 3)
    plane.show("sig_300_0", Status.EXCLUDED)
    plane.show("sig_900_400", Status.FAILED)
    plane.show("sig_600_200", Status.RUNNING)
    plane.show("sig_600_200", Status.ALLOWED)
    assert ["".join(glyph for glyph, _ in row) for row in plane.rows()] == ["    ✕", "  ○  ", "●    "]


def test_a_character_shared_by_both_sides_says_so() -> None:
    plane = PlaneMap({"a": (0.0, 0.0), "b": (0.1, 0.0), "c": (100.0, 1.0)}, 4, 1)
    plane.show("a", Status.EXCLUDED)
    plane.show("b", Status.ALLOWED)
    assert plane.rows()[0][0][0] == "◐"
    plane.show("b", Status.EXCLUDED)
    assert plane.rows()[0][0][0] == "●"
    plane.show("b", Status.FAILED)
    assert plane.rows()[0][0][0] == "✕"


def drawn(board: Board, width: int, height: int) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False
    )
    console.print(board)
    return console.file.getvalue().rstrip("\n").split("\n")  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), LEAST])
def test_the_board_fits_its_terminal(width: int, height: int) -> None:
    board = Board(lambda text: None)
    board.listen(PLANNED)
    for number in range(60):
        name, cls = POINTS[number % 9][0], (0.001, 0.6)[number % 2]
        board.listen(
            finished(f"local-{number}", brief(name, cls, worker=f"a-long-host-name-{number}.cluster.example.org:{number}"))
        )
    lines = drawn(board, width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "60 workers, 0 tasks running" in text
    assert "more" in text
    assert "sig_900_400" in text
    assert all(glyph in text for glyph in "●○")
    assert "m2  0 to 400" in text
    assert " m1 " in text


def test_what_goes_wrong_is_said_above_the_board() -> None:
    said: list[str] = []
    board = Board(lambda text: said.append(str(text)))
    board.listen(Failed(1.0, "local-0", "sig_300_0", "no such number"))
    board.listen(Retried(1.0, "local-0", 2, "its worker died"))
    assert said == [
        "hfx: sig_300_0 failed: no such number",
        "hfx: task local-0 was lost (its worker died): its hypotheses are tried again",
    ]


def test_a_scan_feeds_the_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that a view shows comes with the events, in a first run and in one that goes on."""
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(), broken=("sig_300_40",))
    kept = 0
    for where in ("m1<500", None):
        found = RunState()
        context = RunContext(say=lambda _: None, listener=found.apply, function=fakes.run)
        result = scan(pallet, output=tmp_path / "run", where=where, context=context)
        states = {point.name: Status.EXCLUDED if point.CLs_obs < 0.05 else Status.ALLOWED for point in result}
        assert found.statuses == {**states, "sig_300_40": Status.FAILED}
        assert found.labels == ("m1", "m2")
        assert sum(worker.done for worker in found.workers.values()) == len(states) - kept
        kept = len(states)


def test_a_picture_looks_at_what_changed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 hypotheses too."""
    points = tuple((f"h{i}", (float(i % 100), float(i // 100))) for i in range(10_000))
    board = Board(lambda text: None)
    board.listen(Planned(0.0, "local", 0, 1, 10_000, 0, points, ("a", "b")))
    drawn(board, 80, 24)
    shown: list[str] = []
    monkeypatch.setattr(PlaneMap, "show", lambda self, name, state: shown.append(name))
    for number in range(20):
        board.listen(finished("local-0", brief(f"h{number % 10}", 0.01)))
    drawn(board, 80, 24)
    assert sorted(shown) == [f"h{number}" for number in range(10)]


def test_a_terminal_has_a_board_and_a_pipe_has_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(slave, "w") as terminal:
        for lines, columns, kind in ((24, 80, Board), (10, 80, Bar), (24, 40, Bar)):
            monkeypatch.setenv("LINES", str(lines))
            monkeypatch.setenv("COLUMNS", str(columns))
            with display(stream=terminal) as shown:
                assert isinstance(shown, Lasting)
                assert isinstance(shown.shown, kind)
    os.close(master)
    with display(stream=io.StringIO()) as piped:
        assert isinstance(piped, Lasting)
        assert isinstance(piped.shown, Lines)


def test_a_very_narrow_terminal_has_lines_and_a_full_disk_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(slave, "w") as terminal:
        for columns in (1, 20):
            monkeypatch.setenv("COLUMNS", str(columns))
            with display(stream=terminal) as shown:
                assert isinstance(shown, Lasting)
                assert isinstance(shown.shown, Lines)
    os.close(master)
    null = os.open(os.devnull, os.O_WRONLY)
    with Path("/dev/full").open("w") as full:
        with display(stream=full) as shown:
            shown.say("x" * 100_000)
            shown.listen(PLANNED)
        os.dup2(null, full.fileno())  # what is held back goes there
    os.close(null)


def test_the_legend_has_what_is_on_the_map() -> None:
    board = Board(lambda text: None)
    crowded = (("a", (100.0, 0.0)), ("b", (100.1, 0.0)), ("c", (900.0, 400.0)), ("d", (900.0, 0.0)))
    board.listen(Planned(0.0, "local", 0, 1, 4, 0, crowded, ("m1", "m2"), level=0.05))
    board.listen(finished("local-0", brief("a", 0.01), brief("b", 0.6)))
    legend = drawn(board, 80, 24)[-1]
    assert "◐ excluded and not excluded" in legend
    assert "· not fitted yet" in legend
    assert "failed" not in legend
    board.listen(finished("local-0", brief("b", 0.01), brief("c", 0.6), brief("d", 0.6)))
    assert drawn(board, 80, 24)[-1].strip() == "● excluded  ○ not excluded"
    assert "◐" not in "\n".join(drawn(board, 80, 24))


def test_one_label_that_varies_is_the_map_s_axis() -> None:
    board = Board(lambda text: None, x="m1", y="m2")
    row = tuple((f"h{m}", (float(m), 60.0)) for m in (300, 600, 900))
    board.listen(Planned(0.0, "local", 0, 1, 3, 0, row, ("m1", "m2"), level=0.05))
    text = "\n".join(drawn(board, 80, 24))
    assert "m2" not in text
    assert " m1 " in text


def test_a_hypothesis_without_a_signal_is_not_called_a_failure() -> None:
    """Of one region it is none where another has a signal."""
    stream = io.StringIO()
    lines = Lines(stream)
    lines.listen(Failed(1.0, "local-0", "a", NO_PARAMETER))
    lines.listen(Failed(1.0, "local-0", "b", "the patch does not apply"))
    bare = "a has no signal here and is left out (its patch adds none)"
    assert stream.getvalue() == f"hfx: {bare}\nhfx: b failed: the patch does not apply\n"
    said: list[str] = []
    board = Board(lambda text: said.append(str(text)))
    board.listen(PLANNED)
    board.listen(Failed(1.0, "local-0", "sig_300_0", NO_YIELDS))
    assert said == ["hfx: sig_300_0 has no signal here and is left out (its yields are zero in every bin)"]
    head, *_, legend = drawn(board, 80, 24)
    assert "1 without a signal" in head
    assert "failed" not in head
    assert "∅ no signal" in legend
    board.listen(Planned(2.0, "exchange", 1, 1, 8, 0))
    assert "1 without a signal" in drawn(board, 80, 24)[0]  # also later


def test_the_board_counts_failures_once() -> None:
    board = Board(lambda text: None)
    board.listen(PLANNED)
    board.listen(Failed(1.0, "local-0", "sig_300_0", "the patch does not apply"))
    assert drawn(board, 80, 24)[0].count("1 failed") == 1
    board.listen(Planned(2.0, "exchange", 1, 1, 8, 0))
    assert drawn(board, 80, 24)[0].count("1 failed") == 1


def test_one_worker_and_one_task_are_singular() -> None:
    board = Board(lambda text: None)
    board.listen(PLANNED)
    board.listen(finished("local-0", brief("sig_300_0", 0.01)))
    board.listen(Submitted(1.0, "local-1", 1, ("sig_300_200",)))
    board.listen(Started(1.0, "local-1"))
    text = "\n".join(drawn(board, 120, 24))
    assert "1 worker, 1 task running" in text
    assert " 1 done" in text
    board.listen(finished("exchange-1-0", brief("sig_300_0", 0.02)))  # improved, not one more
    assert " 1 done" in "\n".join(drawn(board, 120, 24))
