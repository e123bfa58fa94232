"""A scan, with a worker's function that needs no fits: files, resume, exchange, failures, stopping."""

import errno
import gc
import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from hfx.driver import api
from hfx.driver.api import scan
from hfx.driver.results import ScanResult, load_run
from hfx.driver.run.events import Event, Finished, Planned, Retried, Started
from hfx.driver.run.follow import progress
from hfx.driver.run.journal import ScanInterrupted
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views.progress import display
from hfx.errors import NodeLostError, OptionError, PalletError, RunFolderError, SpecificationError, TooLargeError, WorkerLostError
from tests.driver import fakes

Scan = Callable[..., ScanResult]


def draw_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No matplotlib: pictures have tests of their own."""
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_quickly(monkeypatch)


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", fakes.grid(5, 4))


@pytest.fixture
def run_scan(pallet: Path, tmp_path: Path) -> Scan:
    def run(
        worker: Callable[[Mapping[str, Any]], dict[str, Any]] = fakes.run,
        *,
        output: Path = tmp_path / "run",
        batch: int = 6,
        listener: Callable[[Event], None] | None = None,
        **options: Any,
    ) -> ScanResult:
        context = RunContext(say=lambda _: None, function=worker, batch=batch, listener=listener)
        return scan(pallet, output=output, context=context, **options)

    return run


def lines(folder: Path, step: str | None = None) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [line for line in read if step in (None, line["step"].split()[0])]


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def test_the_files_of_a_run(run_scan: Scan, pallet: Path, tmp_path: Path) -> None:
    result = run_scan()
    folder = tmp_path / "run"
    assert {p.name for p in folder.iterdir()} == {
        "run.json",
        "results.jsonl",
        "events.jsonl",
        "scan.json",
        "contour.json",
        "contour.pdf",
        "contour.png",
    }
    content = read(folder, "scan.json")
    assert set(content) == {"hfx", "question", "pallet", "options", "results", "failures", "contours", "conclusions"}
    assert len(content["results"]) == len(result) == 20
    assert content == result.content == load_run(folder).content
    assert content["pallet"]["labels"] == ["m1", "m2"]
    assert content["contours"]["curves"]
    assert read(folder, "contour.json") == content["contours"]
    assert not {"solutions", "step"} & set(content["results"][0])
    head = read(folder, "run.json")
    assert head["state"] == "finished"
    assert head["command"] == f"hfx scan {pallet} -o {folder}"
    assert {"hfx", "python", "torch", "platform", "pallet", "options", "endpoint", "started"} <= set(head)


def test_run_json_is_there_from_the_first_moment(run_scan: Scan, tmp_path: Path) -> None:
    states = []

    def look(task: Mapping[str, Any]) -> dict[str, Any]:
        states.append(read(tmp_path / "run", "run.json")["state"])
        return fakes.run(task)

    run_scan(look)
    assert set(states) == {"running"}


def test_results_are_on_the_disk_as_tasks_finish(run_scan: Scan, tmp_path: Path) -> None:
    seen = []

    def listen(event: Event) -> None:
        if isinstance(event, Finished) and event.step == "local":
            seen.append(len(lines(tmp_path / "run")))

    run_scan(listener=listen)
    assert seen == [5, 10, 15, 20]


def test_the_exchange_writes_one_more_line_for_what_it_improves_or_draws(run_scan: Scan, tmp_path: Path) -> None:
    result = run_scan()
    local, changed = lines(tmp_path / "run", "local"), lines(tmp_path / "run", "exchange")
    assert sorted(line["name"] for line in local) == sorted(r.name for r in result)
    deepest = max(map(fakes.depth_of, local))
    last = {line["name"]: line for line in [*local, *changed]}
    assert set(map(fakes.depth_of, last.values())) == {deepest}
    # The first round, which also draws, writes all of them down; later ones what they improve.
    before = {line["name"]: fakes.depth_of(line) for line in local}
    assert sorted(line["name"] for line in changed) == sorted(before)
    assert {line["name"] for line in changed if line["solutions"]["changed"]} == {n for n, one in before.items() if one < deepest}
    assert {r.fits["bkg"]["twice_nll"] for r in result} == {100.0 - deepest}


def test_an_exchange_that_was_killed_goes_on_where_it_was(run_scan: Scan, tmp_path: Path) -> None:
    """The records of a round that are there are taken, whatever the tasks are now; those of another set of hypotheses are not."""
    whole = run_scan(output=tmp_path / "whole")
    calls: list[list[str]] = []

    def killed(task: Mapping[str, Any]) -> dict[str, Any]:
        if "inputs" in task:
            calls.append([h["name"] for h in task["hypotheses"]])
            if len(calls) == 3:
                raise KeyboardInterrupt
        return fakes.run(task)

    with pytest.raises(KeyboardInterrupt):
        run_scan(killed, batch=2, threads=1)
    there = {line["name"] for line in lines(tmp_path / "run", "exchange")}
    assert len(there) == 4
    calls.clear()
    calls.append([])
    assert list(run_scan(killed, batch=30, threads=1)) == list(whole)
    assert sorted(calls[1]) == sorted({r.name for r in whole} - there)
    # Another set begins anew, and the first one's rounds are still there.
    narrow = tmp_path / "narrow"
    run_scan(output=narrow, only="sig_[2345]*")
    calls.clear()
    run_scan(killed, output=narrow, batch=30, threads=1)
    assert len(calls[0]) == 20


def test_the_collector_leaves_the_pallet_alone_meanwhile(run_scan: Scan) -> None:
    frozen = []

    def look(task: Mapping[str, Any]) -> dict[str, Any]:
        frozen.append(gc.get_freeze_count())
        return fakes.run(task)

    run_scan(look)
    assert min(frozen) > 0
    assert gc.get_freeze_count() == 0


def test_one_start_means_no_exchange(run_scan: Scan, tmp_path: Path) -> None:
    run_scan(starts=1)
    assert not lines(tmp_path / "run", "exchange")


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_results_do_not_depend_on_the_batch(run_scan: Scan, tmp_path: Path, batch: int) -> None:
    assert list(run_scan()) == list(run_scan(output=tmp_path / "other", batch=batch))


def test_a_selection_that_grows_ends_as_the_whole_scan(run_scan: Scan, tmp_path: Path) -> None:
    calls: list[str] = []

    def count(task: Mapping[str, Any]) -> dict[str, Any]:
        if "inputs" not in task:
            calls.extend(h["name"] for h in task["hypotheses"])
        return fakes.run(task)

    part = run_scan(count, where="m1>=400")
    assert len(part) == 12
    grown = run_scan(count)
    whole = run_scan(output=tmp_path / "whole")
    assert list(grown) == list(whole)
    assert len(calls) == len(set(calls)) == 20
    # A narrower selection afterwards forgets nothing.
    assert list(run_scan(count, only="*_200_*")) == list(whole)
    assert load_run(tmp_path / "run").content["results"] == whole.content["results"]


def test_the_last_lines_are_those_of_the_set_that_is_there(run_scan: Scan, tmp_path: Path) -> None:
    """An exchange over another set may have left lines that this set's does not give."""
    run_scan(only="sig_[23]*")
    path = tmp_path / "run" / "results.jsonl"
    odd = lines(tmp_path / "run", "local")[0]
    odd = {**odd, "step": "exchange", "CLs_obs": 0.987}
    path.write_text(path.read_text() + json.dumps(odd) + "\n")
    result = run_scan()
    assert list(result) == list(run_scan(output=tmp_path / "whole"))
    last = {line["name"]: line["fits"] for line in lines(tmp_path / "run")}
    assert last == {r.name: r.fits for r in result}


def test_a_finished_scan_is_not_fitted_again(run_scan: Scan, tmp_path: Path) -> None:
    first = run_scan()
    before = (tmp_path / "run" / "results.jsonl").read_bytes()
    assert list(run_scan(lambda task: pytest.fail("fitted again"))) == list(first)
    assert (tmp_path / "run" / "results.jsonl").read_bytes() == before
    assert len(read(tmp_path / "run", "run.json")["resumed"]) == 1


def test_what_may_differ_on_resume(run_scan: Scan, tmp_path: Path) -> None:
    run_scan()
    refuse = lambda task: pytest.fail("fitted again")  # noqa: E731
    run_scan(refuse, threads=1, endpoint="inline", x="m1", y="m1-m2", title="T", measurement="meas")
    lowest = run_scan(refuse, minima="lowest")
    for r in lowest:
        assert r.CLs_obs == r.lowest["CLs_obs"] != r.natural["CLs_obs"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mu": 2.0}, "--mu is 1.0 there and 2.0 here"),
        ({"signal_scale": 0.9}, "--signal-scale is 1.0 there and 0.9 here"),
        ({"test_stat": "q"}, "--test-stat is qtilde there and q here"),
        ({"normsys": 1}, "--normsys is 4 there and 1 here"),
        ({"histosys": 0}, "--histosys is 4p there and 0 here"),
        ({"starts": 5}, "--starts is the default there and 5 here"),
        ({"measurement": "other"}, "the measurement is meas there and other here"),
    ],
)
def test_what_may_not_differ_on_resume(run_scan: Scan, options: dict[str, Any], words: str) -> None:
    run_scan(only="sig_200_0")
    with pytest.raises(RunFolderError, match="contains another scan") as caught:
        run_scan(**options)
    assert words in str(caught.value)
    assert "choose another folder with -o" in str(caught.value)


def test_another_pallet_in_the_same_folder(run_scan: Scan, pallet: Path, tmp_path: Path) -> None:
    run_scan(only="sig_200_0")
    shutil.rmtree(pallet)
    fakes.write_pallet(pallet, fakes.grid(2, 2))
    with pytest.raises(RunFolderError, match="the patches' digest is"):
        run_scan()


def test_the_default_folder_is_numbered(run_scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, again, other = (run_scan(output=None, mu=mu, only="*_200_*") for mu in (1.0, 1.0, 2.0))
    assert [r.folder for r in (first, again, other)] == [
        Path("hfx-runs/toy"),
        Path("hfx-runs/toy"),
        Path("hfx-runs/toy-2"),
    ]
    said: list[str] = []
    context = RunContext(say=said.append, function=fakes.run)
    scan(tmp_path / "toy", mu=3.0, only="*_200_*", context=context)
    assert "hfx-runs/toy contains another scan: --mu is 1.0 there and 3.0 here; this scan is written to hfx-runs/toy-3" in said


def test_a_broken_hypothesis_leaves_the_others_as_they_are(run_scan: Scan, tmp_path: Path) -> None:
    whole = {r.name: r for r in run_scan(starts=1)}
    fakes.write_pallet(tmp_path / "toy", fakes.grid(5, 4), broken=("sig_300_40",))
    part = run_scan(output=tmp_path / "broken", starts=1)
    assert part.failures == ({"name": "sig_300_40", "values": [300, 40], "reason": "the patch does not apply"},)
    assert not part.complete
    assert {r.name: r for r in part} == {n: r for n, r in whole.items() if n != "sig_300_40"}


def test_a_lost_task_is_tried_again_one_by_one(run_scan: Scan) -> None:
    events: list[Event] = []

    def lossy(task: Mapping[str, Any]) -> dict[str, Any]:
        names = [h["name"] for h in task["hypotheses"]]
        if "inputs" not in task and "sig_300_40" in names:
            raise MemoryError("too\nmuch")
        return fakes.run(task)

    result = run_scan(lossy, listener=events.append)
    assert len(result) == 19
    assert [(f["name"], f["reason"]) for f in result.failures] == [("sig_300_40", "MemoryError: too")]
    (retried,) = [e for e in events if isinstance(e, Retried)]
    assert (retried.hypotheses, retried.reason) == (5, "MemoryError: too")


def test_a_worker_that_forgets_a_hypothesis(run_scan: Scan) -> None:
    def forgetful(task: Mapping[str, Any]) -> dict[str, Any]:
        found = fakes.run(task)
        return {**found, "results": [r for r in found["results"] if r["name"] != "sig_200_0"]}

    (failure,) = run_scan(forgetful).failures
    assert failure["reason"] == "the worker sent no result for it; run again"


@pytest.mark.parametrize("answer", [[], {}, {"results": {}, "failures": 5}, {"results": [1, None], "failures": [[]]}, "x", None])
def test_an_answer_of_another_shape_fails_its_hypotheses(answer: Any, run_scan: Scan) -> None:
    """The scan goes on, and says of which hypotheses it has nothing."""

    def odd(task: Mapping[str, Any]) -> Any:
        return answer if any(one["name"] == "sig_200_0" for one in task["hypotheses"]) else fakes.run(task)

    result = run_scan(odd)
    assert 0 < len(result.failures) < len(result) + len(result.failures)
    assert {one["reason"] for one in result.failures} == {"the worker sent no result for it; run again"}


def test_a_reason_without_words_has_some(run_scan: Scan) -> None:
    def silent(task: Mapping[str, Any]) -> Any:
        found, lost = fakes.run(task), [one for one in task["hypotheses"] if one["name"] == "sig_200_0"]
        kept = [one for one in found["results"] if one["name"] != "sig_200_0"]
        return {"results": kept, "failures": [{"key": one["key"], "name": one["name"], "reason": "\u2028"} for one in lost]}

    (failure,) = run_scan(silent).failures
    assert failure["reason"] == "the worker gave no reason; run again"


def test_input_that_no_worker_can_use_ends_the_scan(run_scan: Scan, tmp_path: Path) -> None:
    def refuse(task: Mapping[str, Any]) -> dict[str, Any]:
        raise SpecificationError("channel SR: no samples")

    with pytest.raises(SpecificationError, match="channel SR"):
        run_scan(refuse)
    head = read(tmp_path / "run", "run.json")
    assert (head["state"], head["reason"]) == ("failed", "channel SR: no samples")
    assert not (tmp_path / "run" / "lock").exists()


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(run_scan: Scan, pallet: Path, tmp_path: Path) -> None:
    def press(event: Event) -> None:
        if isinstance(event, Finished):
            raise KeyboardInterrupt

    with pytest.raises(ScanInterrupted) as caught:
        run_scan(listener=press, where="m1<700")
    command = f"hfx scan {pallet} -o {tmp_path / 'run'} --where 'm1<700'"
    assert str(caught.value) == f"stopped; 5 results kept in {tmp_path / 'run'}/results.jsonl; to continue: {command}"
    assert read(tmp_path / "run", "run.json")["state"] == "stopped"
    # What stopped can be looked at, and goes on.
    assert len(load_run(tmp_path / "run")) == 5
    assert list(run_scan()) == list(run_scan(output=tmp_path / "whole"))


def test_in_the_background(pallet: Path, tmp_path: Path) -> None:
    gate, begun = threading.Event(), threading.Event()

    def wait(task: Mapping[str, Any]) -> dict[str, Any]:
        begun.set()
        assert gate.wait(10)
        return fakes.run(task)

    quiet = RunContext(say=lambda _: None, function=wait, batch=4)
    started = api.start_scan(pallet, output=tmp_path / "run", context=quiet)
    assert begun.wait(10)
    assert not started.done()
    with pytest.raises(TimeoutError):
        started.result(0.01)
    started.cancel()
    with pytest.raises(CancelledError):
        started.result(10)
    assert read(tmp_path / "run", "run.json")["state"] == "stopped"
    gate.set()
    again = api.start_scan(pallet, output=tmp_path / "run", context=quiet)
    assert len(again.result(20)) == 20
    assert again.done()


def test_events_tell_the_story(run_scan: Scan, tmp_path: Path) -> None:
    events: list[Event] = []
    run_scan(listener=events.append)
    first = events[0]
    assert isinstance(first, Planned)
    assert (first.step, first.tasks, first.hypotheses, first.kept) == ("local", 4, 20, 0)
    assert [e.time for e in events] == sorted(e.time for e in events)
    assert sum(isinstance(e, Started) for e in events) == sum(isinstance(e, Finished) for e in events)
    assert len((tmp_path / "run" / "events.jsonl").read_text().splitlines()) == len(events)


def test_a_full_disk_in_the_middle_loses_nothing(run_scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(event: Event) -> None:
        if isinstance(event, Finished):
            monkeypatch.setattr(os, "write", no_space)

    with pytest.raises(RunFolderError, match=r"run: 5 results kept in .*run/results.jsonl; no space is left"):
        run_scan(listener=fill)
    monkeypatch.undo()
    draw_quickly(monkeypatch)
    assert read(tmp_path / "run", "run.json")["state"] == "running"
    assert list(run_scan()) == list(run_scan(output=tmp_path / "whole"))


def test_a_vanished_folder_in_the_middle(run_scan: Scan, tmp_path: Path) -> None:
    def vanish(event: Event) -> None:
        if isinstance(event, Finished):
            shutil.rmtree(tmp_path / "run")

    with pytest.raises(RunFolderError, match="has gone or cannot be reached") as raised:
        run_scan(listener=vanish)
    assert "kept" not in str(raised.value)


def test_axes_are_checked_before_any_fit(run_scan: Scan, tmp_path: Path) -> None:
    def never(task: Mapping[str, Any]) -> dict[str, Any]:
        pytest.fail("fitted")

    for options in ({"x": "m3", "y": "m2"}, {"x": "m1", "y": "m2+"}, {"forbidden": "y>z"}, {"where": "m9>1"}):
        with pytest.raises(OptionError):
            run_scan(never, **options)
    assert not (tmp_path / "run").exists()


def test_a_picture_that_cannot_be_drawn_loses_nothing(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fail)
    said: list[str] = []
    scan(pallet, output=tmp_path / "run", context=RunContext(say=said.append, function=fakes.run))
    assert said == [f"the picture could not be drawn (ZeroDivisionError: by); 'hfx plot {tmp_path / 'run'}' tries again"]
    assert read(tmp_path / "run", "run.json")["state"] == "finished"
    assert read(tmp_path / "run", "contour.json")["curves"]


def test_the_theory_band(run_scan: Scan, tmp_path: Path) -> None:
    scales = set()

    def note(task: Mapping[str, Any]) -> dict[str, Any]:
        scales.add(task["options"]["signal_scale"])
        return fakes.run(task)

    result = run_scan(note, theory_band=0.1)
    assert scales == {1.0, 1.1, 0.9}
    kinds = {curve["which"] for curve in result.contours["curves"]}
    assert {"theory-up", "theory-down", "observed"} <= kinds
    assert read(tmp_path / "run" / "theory-up", "run.json")["state"] == "finished"


def test_a_task_whose_node_is_lost_is_tried_again_whole(run_scan: Scan) -> None:
    """As often as nodes are lost, within limits; nothing is counted against its hypotheses."""
    calls: list[int] = []

    def lost(task: Mapping[str, Any]) -> dict[str, Any]:
        calls.append(len(task["hypotheses"]))
        if "inputs" not in task and len(calls) <= 5:
            raise NodeLostError("its node was lost")
        return fakes.run(task)

    events: list[Event] = []
    result = run_scan(lost, listener=events.append, threads=1)
    assert len(result) == 20
    assert min(calls[:9]) == 5  # none was split
    assert [event.reason for event in events if isinstance(event, Retried)] == ["its node was lost"] * 5


def test_nodes_that_are_always_lost_end_the_hypotheses_and_not_the_scan(run_scan: Scan) -> None:
    def lost(task: Mapping[str, Any]) -> dict[str, Any]:
        if any(h["name"] == "sig_200_0" for h in task["hypotheses"]):
            raise NodeLostError("its node was lost")
        return fakes.run(task)

    result = run_scan(lost, starts=1)
    assert len(result) == 19
    (failure,) = result.failures
    assert failure["name"] == "sig_200_0"
    assert failure["reason"] == "its node was lost (9 times); run the same command again when the nodes stay"


def test_a_task_that_is_too_large_goes_in_halves(run_scan: Scan) -> None:
    """And one hypothesis that is too large alone is reported by name."""
    calls: list[int] = []

    def narrow(task: Mapping[str, Any]) -> dict[str, Any]:
        calls.append(len(task["hypotheses"]))
        if len(task["hypotheses"]) > 2 or task["hypotheses"][0]["name"] == "sig_200_0":
            raise TooLargeError("its task is 12.0 MB, and the service takes 9.9")
        return fakes.run(task)

    result = run_scan(narrow, starts=1)
    assert len(result) == 19
    assert [(f["name"], f["reason"]) for f in result.failures] == [
        ("sig_200_0", "its task is 12.0 MB, and the service takes 9.9")
    ]
    assert sorted(calls) == sorted([5, 2, 3, 1, 2] * 4 + [1, 1])


def test_a_client_that_comes_again_submits_what_was_under_way_as_it_was(run_scan: Scan, tmp_path: Path) -> None:
    """Byte for byte, so that an endpoint that kept the tasks can hand over their answers."""
    second: list[tuple[str, ...]] = []

    def stopped(task: Mapping[str, Any]) -> dict[str, Any]:
        if any(h["name"] == "sig_400_0" for h in task["hypotheses"]):
            raise KeyboardInterrupt
        return fakes.run(task)

    with pytest.raises(KeyboardInterrupt):
        run_scan(stopped, starts=1, threads=1, batch=3)
    finished = {line["name"] for line in lines(tmp_path / "run")}
    noted = [tuple(json.loads(line)) for line in (tmp_path / "run" / "batches.jsonl").read_text().splitlines()]
    under_way = [batch for batch in noted if finished.isdisjoint(batch)]
    assert under_way

    def again(task: Mapping[str, Any]) -> dict[str, Any]:
        second.append(tuple(h["name"] for h in task["hypotheses"]))
        return fakes.run(task)

    assert len(run_scan(again, starts=1, threads=1, batch=7)) == 20
    assert set(under_way) <= set(second)
    assert finished.isdisjoint(name for batch in second for name in batch)
    assert len([name for batch in second for name in batch]) == 20 - len(finished)
    assert not (tmp_path / "run" / "batches.jsonl").exists()


def test_a_hypothesis_that_loses_its_workers_has_two_chances_alone(run_scan: Scan) -> None:
    calls: list[int] = []

    def deadly(task: Mapping[str, Any]) -> dict[str, Any]:
        if any(h["name"] == "sig_200_0" for h in task["hypotheses"]):
            calls.append(len(task["hypotheses"]))
            raise WorkerLostError("the worker was killed")
        return fakes.run(task)

    result = run_scan(deadly, starts=1)
    assert len(result) == 19
    assert [failure["reason"] for failure in result.failures] == ["the worker was killed, 2 times with this hypothesis alone"]
    assert calls == [5, 1, 1]


def test_a_narrower_scan_counts_what_its_table_counts(run_scan: Scan, tmp_path: Path) -> None:
    """In the events, which displays and `hfx status` read: 20 hypotheses have results, whatever the last scan selected."""
    run_scan()
    heard: list[Event] = []
    assert len(run_scan(where="m1==200", listener=heard.append)) == 20
    first = progress(tmp_path / "run").first
    assert (first.done, first.total) == (20, 20)
    (planned,) = (event for event in heard if isinstance(event, Planned) and event.begins)
    assert (planned.kept, planned.units, len(planned.points)) == (20, 0, 20)
    text = io.StringIO()
    with display(stream=text) as shown:
        shown.listen(planned)
    assert (
        text.getvalue() == "hfx: all 20 hypotheses are fitted already in this folder: nothing is fitted again "
        "(to do that, give another one with -o)\n"
    )


def test_a_folder_that_cannot_be_created(run_scan: Scan) -> None:
    with pytest.raises(RunFolderError, match=r"^/proc/hfx/run cannot be created \(No such file or directory\); choose another"):
        run_scan(output=Path("/proc/hfx/run"))


@pytest.mark.parametrize("source", [3, "", None])
def test_what_is_no_pallet(source: Any) -> None:
    with pytest.raises(PalletError, match="is not a pallet; give a path"):
        scan(source)
