"""A question that hfx does not know, as an installed package brings it (`tests/plugin`), is worked on and shown like any
other."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from hfx import load_run, open_pallet
from hfx.driver import api
from hfx.driver.questions import catalogue
from hfx.driver.questions.base import Context, Records, Round, Unit
from hfx.driver.questions.options import ScanOptions
from hfx.driver.results import ScanResult
from hfx.driver.run.events import Event, Finished, Kept
from hfx.driver.scan.regions import ready_regions
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.progress import Lines
from hfx.driver.views.state import RunState
from hfx.errors import InputError, OptionError, RunFolderError
from hfx.functions.options import JobOptions, setting
from hfx.json_types import JsonObject
from tests.driver import fakes

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "tests" / "plugin"
POINTS = fakes.grid(5, 4)


def expected(m1: float, m2: float) -> float:
    (operation,) = fakes.signal(m1, m2)
    return float(sum(operation["value"]["data"]))


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", POINTS)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), str(PLUGIN)]), **more}


def command(*words: str | Path, **more: str) -> str:
    """What the command prints; it must succeed."""
    line = [sys.executable, "-m", "hfx", *map(str, words)]
    done = subprocess.run(line, env=environment(**more), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(pallet: Path, output: Path, **options: Any) -> ScanResult:
    return api.ask("signal_events", pallet, output=output, context=RunContext(say=lambda _: None, batch=6), **options)


def names() -> list[str]:
    return [f"sig_{m1}_{m2}" for m1, m2 in POINTS]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_no_line_of_hfx_knows_it() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert "signal_events" not in path.read_text()


def test_shards_of_two_rounds_are_added_up(pallet: Path, tmp_path: Path) -> None:
    result = ask(pallet, tmp_path / "run", parts=3)
    assert result.complete
    assert {r.name: r["events"] for r in result} == {
        f"sig_{m1}_{m2}": pytest.approx(expected(m1, m2), rel=1e-12) for m1, m2 in POINTS
    }
    stored = lines(tmp_path / "run")
    assert len(stored) == len({line["key"] for line in stored}) == 3 * len(POINTS)
    assert {(line["step"], line["shard"]) for line in stored} == {("first half", 0), ("others", 1), ("others", 2)}
    assert {(line["job"], line["version"]) for line in stored} == {("signal_events", 1)}
    first = {line["name"]: line["part_events"] for line in stored if line["step"] == "first half"}
    assert all(line["before"] == first[line["name"]] for line in stored if line["step"] == "others")
    assert load_run(tmp_path / "run").content == result.content
    scan = json.loads((tmp_path / "run" / "scan.json").read_text())
    assert (scan["question"], scan["options"]["parts"]) == ("signal_events", 3)


def test_a_hypothesis_without_an_answer_is_a_failure(pallet: Path, tmp_path: Path) -> None:
    fakes.write_pallet(pallet, POINTS, broken=("sig_300_40",))
    result = ask(pallet, tmp_path / "run")
    assert [failure["name"] for failure in result.failures] == ["sig_300_40"]
    assert len(result) == len(POINTS) - 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda prepared, inputs: [{"part_events": float("nan")} for _ in prepared.units], "gave nan for 'part_events'"),
        (lambda prepared, inputs: [], "gave 0 answers for 1 units; correct the job"),
    ],
)
def test_what_a_job_may_not_answer(
    pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    from toy_question import job

    monkeypatch.setattr(job, "JOB", replace(job.JOB, answer=answer))
    context = RunContext(say=lambda _: None, batch=1)
    try:
        result = api.ask("signal_events", pallet, output=tmp_path / "run", only="sig_200_0", context=context)
        (told,) = (failure["reason"] for failure in result.failures)
    except InputError as error:
        told = str(error)
    assert f"the job 'signal_events' {words}" in told


def test_an_unknown_question_names_those_there_are() -> None:
    with pytest.raises(OptionError, match="no question is called 'nonsense' here; known are: cls"):
        catalogue.kind("nonsense")


SCAN = """
import sys
from hfx.driver import api
from hfx.driver.run.events import Event, Finished, Kept
from hfx.driver.scan.run_context import RunContext
api.ask("signal_events", sys.argv[1], output=sys.argv[2], threads=1, context=RunContext(batch=2))
"""


FEW = 10.0
RARE = [name for name, (m1, m2) in zip(names(), POINTS, strict=True) if 0.2 * expected(m1, m2) < FEW]


@pytest.mark.parametrize("units", [5, 50])
def test_a_killed_run_goes_on_where_it_was(pallet: Path, tmp_path: Path, units: int) -> None:
    """Killed in the first and in the second round: what is stored is not worked on again, but by the last round, which is for
    that."""
    log, run = tmp_path / "log", tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", SCAN, pallet, run], env=environment(TOY_QUESTION_LOG=str(log)))
    deadline = time.monotonic() + 120
    while not (log.exists() and len(log.read_text().splitlines()) >= units):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stored = {json.loads(line)["key"] for line in (run / "results.jsonl").read_bytes().split(b"\n") if line.endswith(b"}")}
    before = len(log.read_text().splitlines())
    assert 0 < len(stored) < 4 * len(POINTS)
    subprocess.run([sys.executable, "-c", SCAN, pallet, run], env=environment(TOY_QUESTION_LOG=str(log)), check=True)
    again = log.read_text().splitlines()[before:]
    assert sorted(again[len(again) - len(RARE) :]) == sorted(f"{name}/0" for name in RARE)
    assert not stored & set(again[: -len(RARE)])
    assert len(again) == 4 * len(POINTS) - len(stored) + len(RARE)
    whole = ask(pallet, tmp_path / "whole")
    assert {r.name: r["events"] for r in load_run(run)} == {r.name: r["events"] for r in whole}


def test_another_option_is_another_run(pallet: Path, tmp_path: Path) -> None:
    ask(pallet, tmp_path / "run")
    with pytest.raises(RunFolderError, match="--parts is 4 there and 3 here"):
        ask(pallet, tmp_path / "run", parts=3)
    with pytest.raises(RunFolderError, match="the question is signal_events there and the default here"):
        api.scan(pallet, output=tmp_path / "run", context=RunContext(say=lambda _: None, function=fakes.run))


def test_another_version_of_the_job_is_another_run(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(pallet, tmp_path / "run")
    from toy_question import job

    monkeypatch.setattr(job, "JOB", replace(job.JOB, version=2))
    with pytest.raises(RunFolderError, match="the version of the job is 1 there and 2 here"):
        ask(pallet, tmp_path / "run")


def test_parts_are_counted_as_parts(pallet: Path, tmp_path: Path) -> None:
    """Six units in a task are three hypotheses: by the plan, the progress, and the status."""
    run = tmp_path / "run"
    plan = command("signal-events", pallet, "-o", run, "--plan")
    assert "20 of 20 selected, 0 of their 40 parts done already" in plan
    assert "with at most 20 parts each" in plan
    heard: list[Event] = []
    context = RunContext(say=lambda _: None, listener=heard.append, batch=6)
    api.ask("signal_events", pallet, output=run, context=context)
    stream = io.StringIO()
    display, seen = Lines(stream), []
    for event in heard:
        display.listen(event)
        seen.append(str(display.progress.current))
    assert "hfx: 40 parts of 20 hypotheses to do (in 7 tasks)\n" in stream.getvalue()
    assert any(text.startswith("fitted") for text in seen) is False
    done = [text.split(" parts")[0] for text in seen]
    assert {"first half: 40 of 40", "others, round 1: 40 of 40", f"once more: {len(RARE)} of {len(RARE)}"} <= set(done)
    (status,) = json.loads(command("status", run, "--json"))
    assert (status["done"], status["total"], status["failures"], status["step"]) == (40, 40, 0, "once more")
    plan = command("signal-events", pallet, "-o", run, "--plan")
    assert "20 of 20 selected, 40 of their 40 parts done already" in plan
    assert "none: all of them are done" in plan


def test_a_hypothesis_with_a_lost_part_has_no_result(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other parts are kept, and make no result: in no file and in no view. The run goes on with the lost part alone."""
    run, heard = tmp_path / "run", list[Event]()
    monkeypatch.setenv("TOY_QUESTION_LOST", "sig_300_40/1 sig_300_40/0 sig_400_80/2")
    context = RunContext(say=lambda _: None, listener=heard.append, batch=6)
    result = api.ask("signal_events", pallet, output=run, context=context)
    assert [failure["name"] for failure in result.failures] == ["sig_300_40", "sig_400_80"]
    assert {r.name for r in result} == set(names()) - {"sig_300_40", "sig_400_80"}
    state, feed = RunState(), Feed(run)
    for event in heard:
        state.apply(event)
    feed.poll()
    for shown in (state, feed.state):
        failed = {name for name, status in shown.statuses.items() if status.name == "FAILED"}
        assert failed == {"sig_300_40", "sig_400_80"}
        assert not failed & set(shown.results)
    (status,) = json.loads(command("status", run, "--json"))
    assert (status["done"], status["total"], status["failures"]) == (38, 40, 2)
    monkeypatch.delenv("TOY_QUESTION_LOST")
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_QUESTION_LOG", str(log))
    again = ask(pallet, run)
    assert again.complete
    whole = ask(pallet, tmp_path / "whole")
    assert {r.name: r["events"] for r in again} == {r.name: r["events"] for r in whole}
    others = [key for key in log.read_text().splitlines() if not key.endswith("/0")]
    assert sorted(others[:4]) == ["sig_300_40/1", "sig_300_40/2", "sig_300_40/3", "sig_400_80/2"]


def test_what_is_not_selected_stays_if_it_is_whole(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed after its first round goes on with a part of the hypotheses, and then with all: no half result
    at any time, and no round is left out."""
    run, log = tmp_path / "run", tmp_path / "log"
    monkeypatch.setenv("TOY_QUESTION_LOST", " ".join(f"{name}/{part}" for name in names() for part in (2, 3)))
    assert len(ask(pallet, run).failures) == len(POINTS)
    monkeypatch.delenv("TOY_QUESTION_LOST")
    some = ask(pallet, run, only="sig_200_*")
    assert {r.name for r in some} == {name for name in names() if name.startswith("sig_200_")}
    assert some.complete
    feed = Feed(run)
    feed.poll()
    assert set(feed.names) == set(feed.cells) == {r.name for r in some}
    whole = ask(pallet, run)
    assert {r.name: r["events"] for r in whole} == {r.name: r["events"] for r in ask(pallet, tmp_path / "whole")}
    monkeypatch.setenv("TOY_QUESTION_LOG", str(log))
    assert list(ask(pallet, run, only="sig_200_*")) == list(whole)
    assert not log.exists()


def test_an_option_that_decides_rounds_is_not_passed_over(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that workers do not get, and so is no part of a run's identity: the same run goes on with more rounds."""
    from toy_question.question import SignalEvents

    rounds = SignalEvents.rounds

    def more(self: SignalEvents, context: Context) -> Generator[Round, Records, None]:
        yield from rounds(self, context)
        if self.options.again:
            yield Round([Unit(f"{name}/0", name, 0) for name in names()], "last", again=True, keep=lambda _: False)

    monkeypatch.setattr(SignalEvents, "rounds", more)
    ask(pallet, tmp_path / "run")
    monkeypatch.setenv("TOY_QUESTION_LOG", str(tmp_path / "log"))
    ask(pallet, tmp_path / "run", again=True)
    assert sorted((tmp_path / "log").read_text().splitlines()[-len(POINTS) :]) == sorted(f"{name}/0" for name in names())


def test_a_round_sees_the_records_of_what_was_asked_so_far(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of one step, as of more and more shards: a resumed run goes through the same ones."""
    from toy_question.question import SignalEvents

    seen: list[set[str]] = []

    def rounds(self: SignalEvents, context: Context) -> Generator[Round, Records, None]:
        for part in range(4):
            records = yield Round([Unit(f"{h.name}/{part}", h.name, part) for h in context.selected], "parts", part + 1)
            seen.append(set(records))

    monkeypatch.setattr(SignalEvents, "rounds", rounds)
    ask(pallet, tmp_path / "run")
    assert [len(keys) for keys in seen] == [20, 40, 60, 80]
    once, seen[:] = list(seen), []
    ask(pallet, tmp_path / "run")
    assert seen == once


def test_a_record_of_the_whole_counts_beside_its_parts(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first unit's key may be the hypothesis itself: all views sum as the scan does."""
    from toy_question import question

    def unit(name: str, part: int) -> Unit:
        return Unit(f"{name}/{part}" if part else name, name, part)

    monkeypatch.setattr(question, "_unit", unit)
    heard: list[Event] = []
    context = RunContext(say=lambda _: None, listener=heard.append, batch=6)
    result = api.ask("signal_events", pallet, output=tmp_path / "run", context=context)
    state, feed = RunState(), Feed(tmp_path / "run")
    for event in heard:
        state.apply(event)
    feed.poll()
    wanted = {f"sig_{m1}_{m2}": pytest.approx(expected(m1, m2), rel=1e-12) for m1, m2 in POINTS}
    assert {r.name: r["events"] for r in result} == wanted
    for shown in (state, feed.state):
        assert {name: brief.numbers[0] for name, brief in shown.results.items()} == wanted


def test_a_record_that_looks_like_a_result_is_still_answered_by_the_question(
    pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toy_question.question import SignalEvents

    def scaled(self: SignalEvents, records: Sequence[JsonObject]) -> JsonObject:
        (record,) = records
        return {**record, "events": 10.0 * cast(float, record["part_events"]), "bins": 1}

    def rounds(self: SignalEvents, context: Context) -> Generator[Round, Records, None]:
        yield Round([Unit(h.name, h.name, 0) for h in context.selected])

    monkeypatch.setattr(SignalEvents, "answer", scaled)
    monkeypatch.setattr(SignalEvents, "rounds", rounds)
    monkeypatch.setattr(SignalEvents, "stored", lambda self, record: {**record, "events": record["part_events"], "bins": 0})
    result = ask(pallet, tmp_path / "run", parts=1)
    feed = Feed(tmp_path / "run")
    feed.poll()
    assert {name: cells[0] for name, cells in feed.cells.items()} == {r.name: r["events"] for r in result}


def test_options_that_every_question_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from toy_question.question import SignalEvents

    @dataclass(frozen=True, kw_only=True)
    class Clashing(JobOptions):
        title: str = setting("", "A title.")

    monkeypatch.setattr(SignalEvents, "options_type", classmethod(lambda cls: Clashing))
    with pytest.raises(OptionError, match="Clashing has an option 'title', as every question has; give it another name"):
        ScanOptions.of({}, "signal_events")


def test_a_finished_run_is_not_worked_on_again(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by its last round either, which would work on units again that have their records."""
    first = ask(pallet, tmp_path / "run")
    monkeypatch.setenv("TOY_QUESTION_LOG", str(tmp_path / "log"))
    assert ask(pallet, tmp_path / "run").content["results"] == first.content["results"]
    assert not (tmp_path / "log").exists()


def _one_part_a_round(self: Any, context: Context) -> Generator[Round, Records, None]:
    for part in range(self.options.parts):
        yield Round([Unit(f"{h.name}/{part}", h.name, part) for h in context.selected], "parts", part + 1)


def fakes_run(run: Path, other: Path) -> Path:
    """The folder of a run, going on, without its results."""
    shutil.copytree(run, other)
    (other / "results.jsonl").write_bytes(b"")
    head = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**head, "state": "running", "host": "elsewhere"}))
    return other


def test_work_does_not_grow_with_the_square_of_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views are told of results while parts come in: of some of them."""
    from toy_question.question import SignalEvents

    read, answer = list[int](), SignalEvents.answer

    def counted(self: SignalEvents, records: Sequence[JsonObject]) -> JsonObject:
        read.append(len(records))
        return answer(self, records)

    monkeypatch.setattr(SignalEvents, "answer", counted)
    parts = 150
    one = fakes.write_pallet(tmp_path / "toy", [(300, 40)])
    with monkeypatch.context() as many:
        many.setattr(SignalEvents, "rounds", _one_part_a_round)
        api.ask("signal_events", one, output=tmp_path / "many", parts=parts, context=RunContext(say=lambda _: None))
    assert parts <= sum(read) < 15 * parts
    for run in ("run", "run"):  # the second time all is kept
        read.clear()
        api.ask("signal_events", one, output=tmp_path / run, parts=parts, context=RunContext(say=lambda _: None, batch=1))
        assert parts <= sum(read) < 15 * parts
    read.clear()
    feed = Feed(tmp_path / "run")
    feed.poll()
    assert parts <= sum(read) < 15 * parts
    lines = (tmp_path / "run" / "results.jsonl").read_bytes().splitlines(keepends=True)
    growing = fakes_run(tmp_path / "run", tmp_path / "growing")
    feed = Feed(growing)
    monkeypatch.setattr(Feed, "going_on", True)
    read.clear()
    for line in lines:  # one for each look at it
        with (growing / "results.jsonl").open("ab") as file:
            file.write(line)
        feed.poll()
    assert sum(read) < 15 * parts
    assert feed.state.results["sig_300_40"].numbers == (pytest.approx(expected(300, 40)),)


def test_regions_are_not_compared_without_an_expected_value(pallet: Path, tmp_path: Path) -> None:
    regions = {name: open_pallet(str(pallet)) for name in ("A", "B")}
    options = ScanOptions.of({"region": "all", "output": tmp_path / "run"}, "signal_events")
    with pytest.raises(
        OptionError, match="signal_events has no expected value by which regions could be compared; give one of A, B"
    ):
        ready_regions(regions, options)


def test_it_is_shown_like_any_other(pallet: Path, tmp_path: Path) -> None:
    """In the closing table, as CSV, as a picture with its contour, and by `hfx status`."""
    run = tmp_path / "run"
    result = ask(pallet, run)
    text = "\n".join(f"{name} {value}" for name, value in closing_table(result))
    total = sum(expected(m1, m2) for m1, m2 in POINTS)
    assert f"signal {total:.4g} events in all" in text
    assert "CLs" not in text
    assert "1007.1727" not in text
    (row, *_) = csv.DictReader(io.StringIO(command("export", run, "--csv")))
    assert list(row) == ["name", "m1", "m2", "events", "bins"]
    assert float(row["events"]) == pytest.approx(expected(*POINTS[0]))
    curves = result.contours["curves"]
    assert {(curve["which"], curve["level"]) for curve in curves} == {("expected", 10.0)}
    for curve in curves:
        for m1, m2 in curve["points"]:
            assert expected(m1, m2) == pytest.approx(10.0, rel=0.3)  # between the points, some way apart
    command("plot", run, "-o", tmp_path / "again.png")
    assert (tmp_path / "again.png").stat().st_size > 1000
    status = command("status", run)
    assert "finished" in status
    assert f"{len(POINTS)}" in status


def closing_table(result: ScanResult) -> list[tuple[str, str]]:
    from hfx.driver.views import summary

    return summary.rows(result.content, result.folder)


def test_it_has_a_command_and_a_page(pallet: Path, tmp_path: Path) -> None:
    """The options are its own; the page's rows hold its numbers, and name its columns."""
    out = command("signal-events", pallet, "-o", tmp_path / "run", "--parts", "3")
    few = sum(expected(*point) < 10.0 for point in POINTS)
    assert f"result          {few} of {len(POINTS)} hypotheses are excluded (expected signal events < 10)\n" in out
    help_text = command("signal-events", "--help")
    assert "--parts" in help_text
    assert "--test-stat" not in help_text
    feed = Feed(tmp_path / "run")
    feed.poll()
    assert feed.columns == [("events", "signal events"), ("bins", "bins")]
    assert {name: cells[0] for name, cells in feed.cells.items()} == {
        f"sig_{m1}_{m2}": pytest.approx(expected(m1, m2), rel=1e-12) for m1, m2 in POINTS
    }
    excluded = [name for name, status in feed.state.statuses.items() if status.name == "EXCLUDED"]
    assert len(excluded) == sum(expected(*point) < 10.0 for point in POINTS)


def test_a_view_of_its_events_shows_no_exclusion(pallet: Path, tmp_path: Path) -> None:
    heard: list[Mapping[str, Any]] = []
    api.ask(
        "signal_events",
        pallet,
        output=tmp_path / "run",
        context=RunContext(say=lambda _: None, listener=lambda event: heard.append(msgspec.structs.asdict(event))),
    )
    planned = [event for event in heard if "tasks" in event and "points" in event]
    assert [event["question"] for event in planned] == ["signal_events"] * 3
    assert {event["level"] for event in planned} == {10.0}


def test_events_tell_the_sum_of_the_parts_so_far(pallet: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    context = RunContext(say=lambda _: None, listener=heard.append)
    result = api.ask("signal_events", pallet, output=tmp_path / "run", context=context)
    last = {brief[0]: brief[1] for event in heard if isinstance(event, Finished) for brief in event.results}
    assert last == {r.name: r["events"] for r in result}
    again: list[Event] = []
    context = RunContext(say=lambda _: None, listener=again.append)
    api.ask("signal_events", pallet, output=tmp_path / "run", where="m1>=0", context=context)
    kept = {brief[0]: brief[1] for event in again if isinstance(event, Kept) for brief in event.results}
    assert kept == last
