"""The content of a run's folder as the page reads it: status and result of each hypothesis, workers, the driver."""

import json
import time
from pathlib import Path

import pytest

from hfx.driver.run.events import Failed, Finished, Planned, Retried, Started, Submitted
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.status import head, row, status, trouble
from hfx.driver.views.state import Status
from hfx.hf_core.reasons import NO_PARAMETER
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun, record


def states(feed: Feed) -> dict[str, Status]:
    return {name: feed.state.statuses[name] for name in feed.names}


DONE = {Status.EXCLUDED, Status.ALLOWED}


@pytest.fixture
def run(tmp_path: Path) -> MadeRun:
    return MadeRun(tmp_path / "run", fakes.grid(3, 2))


def test_rows_follow_the_events_and_the_results(run: MadeRun) -> None:
    feed = Feed(run.folder)
    assert feed.poll()
    assert set(states(feed).values()) == {Status.PLANNED}
    assert [feed.state.points[name] for name in feed.names] == [values for _, values in run.points]
    run.begin(run.names[:4])
    feed.poll()
    assert list(states(feed).values()) == [Status.RUNNING] * 4 + [Status.PLANNED] * 2
    run.fit(run.names[:4])
    feed.poll()
    assert set(list(states(feed).values())[:4]) <= DONE
    assert list(states(feed).values())[4:] == [Status.PLANNED] * 2
    first = json.loads((run.folder / "results.jsonl").read_text().splitlines()[0])
    result = feed.state.results[run.names[0]]
    assert result.numbers == (first["CLs_obs"], *first["CLs_exp"])
    assert (result.converged, result.seconds, result.worker) == (True, 0.01, "fake")
    assert feed.state.statuses[run.names[0]] is (Status.EXCLUDED if first["CLs_obs"] < 0.05 else Status.ALLOWED)
    shown = row(feed, 0)
    assert shown[:3] == [0, run.names[0], list(run.points[0][1])]
    assert dict(zip([name for name, _ in feed.columns], shown[5], strict=True))["CLs_obs"] == first["CLs_obs"]
    assert shown[-1] == pytest.approx(time.time(), abs=60)
    assert not feed.poll()


def test_the_order_of_the_keys_does_not_matter(run: MadeRun) -> None:
    """Solutions, which the page does not need, may stand anywhere in a line."""
    name, values = run.points[0]
    content = json.loads(record(name, values))
    content = {"solutions": {"parameters": ["mu"], "bkg": {"x": [1.0, '}, "solutions": {']}}, **content}
    (run.folder / "results.jsonl").write_text(json.dumps(content) + "\n")
    feed = Feed(run.folder)
    feed.poll()
    assert feed.state.results[name].numbers == (content["CLs_obs"], *content["CLs_exp"])


def test_a_task_of_the_same_name_after_a_resume_is_under_way(run: MadeRun) -> None:
    """All of it comes in one read: the first one's end says nothing of the second."""
    first, second, *_ = run.names
    points = tuple(run.points)
    resumed = Planned(5.0, "local", 0, 1, len(points) - 1, 1, points)
    told = [Submitted(1.0, "local-0", 1, (first,)), Started(2.0, "local-0"), Finished(3.0, "local-0", "local", (first,), 1, 1.0)]
    run.tell(*told, resumed, Submitted(6.0, "local-0", 1, (second,)), Started(7.0, "local-0"))
    feed = Feed(run.folder)
    feed.poll()
    assert states(feed)[second] is Status.RUNNING
    assert feed.state.progress.first.done == 1


def test_what_changed_is_known_by_position(run: MadeRun) -> None:
    feed = Feed(run.folder)
    feed.poll()
    generation, seen = feed.generation, len(feed.changes)
    run.fit([run.names[3]])
    feed.poll()
    assert set(feed.changes[seen:]) == {3}
    assert feed.generation == generation


def test_the_numbers_are_those_of_the_chosen_minimum(run: MadeRun) -> None:
    run.state("running", options={"minima": "lowest"}, resumed=["later"])
    run.fit([run.names[0]])
    feed = Feed(run.folder)
    feed.poll()
    stored = json.loads((run.folder / "results.jsonl").read_text())
    result = feed.state.results[run.names[0]]
    assert result.numbers[0] == stored["lowest"]["CLs_obs"] != stored["CLs_obs"]
    assert "Minima differ" in " ".join(result.remarks)


def test_a_fit_that_did_not_converge_says_so(run: MadeRun) -> None:
    run.fit([run.names[0]], status="free: not converged after 300 iterations")
    feed = Feed(run.folder)
    feed.poll()
    assert status(feed)["states"] == {"not_converged": 1, "planned": 5}
    assert status(feed)["fitted"] == 1
    (failure,) = trouble(feed)["failures"]
    why = "has not converged: free: not converged after 300 iterations"
    assert failure == {"status": "not_converged", "text": f"{run.names[0]} {why}"}


def test_failures_and_lost_tasks_are_told(run: MadeRun) -> None:
    now = time.time()
    run.fit([run.names[1]])
    run.tell(
        Failed(now, "local-0", run.names[0], "the patch does not apply"),
        Retried(now, "local-1", 3, "its worker died"),
        Failed(now, "exchange-1-0", run.names[1], "lost in the exchange"),  # its local result stands
    )
    feed = Feed(run.folder)
    feed.poll()
    fitted = states(feed)[run.names[1]]
    assert states(feed)[run.names[0]] is Status.FAILED
    assert fitted in DONE
    told = status(feed)
    wrong = trouble(feed)
    assert wrong["failures"] == [{"status": "failed", "text": f"{run.names[0]} failed: the patch does not apply"}]
    assert "local-1 was lost" in " ".join(one["text"] for one in wrong["notices"])
    assert told["states"] == {"failed": 1, fitted.name.lower(): 1, "planned": 4}


def test_a_hypothesis_without_a_signal_is_no_failure(run: MadeRun) -> None:
    """Nor is it awaited, fitted, or said to have failed among the picture's notes."""
    run.fit(run.names[1:])
    run.tell(Failed(time.time(), "local-0", run.names[0], NO_PARAMETER))
    feed = Feed(run.folder)
    feed.poll()
    told = status(feed)
    assert states(feed)[run.names[0]] is Status.NO_SIGNAL
    assert told["states"]["no_signal"] == 1
    assert "failed" not in told["states"]
    assert told["fitted"] == 5
    said = f"{run.names[0]} has no signal here and is left out (its patch adds none)"
    wrong = trouble(feed)
    assert wrong["failures"] == [{"status": "no_signal", "text": said}]
    assert [one["text"] for one in wrong["notices"]] == [said]


def test_a_driver_that_was_killed_is_seen_to_be_gone(run: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.views.page.feed._LOCK_PAUSE", 0.0)
    run.begin(run.names[:2])
    feed = Feed(run.folder)
    feed.poll()
    assert feed.run_state == "running"
    lock = json.loads((run.folder / "lock").read_text())
    (run.folder / "lock").write_text(json.dumps({**lock, "started": "1"}))  # the number's process is another one now
    feed.poll()
    assert feed.run_state == "stopped"
    assert "is gone" in feed.reason
    assert set(states(feed).values()) == {Status.PLANNED}  # nobody is at them any more
    run.state("running", resumed=["now"])
    (run.folder / "lock").write_text(json.dumps(lock))
    feed.poll()
    assert feed.run_state == "running"


def test_a_driver_of_another_host_is_not_called_gone(run: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.views.page.feed._LOCK_PAUSE", 0.0)
    lock = json.loads((run.folder / "lock").read_text())
    (run.folder / "lock").write_text(json.dumps({**lock, "host": "elsewhere", "started": "1"}))
    feed = Feed(run.folder)
    feed.poll()
    feed.poll()
    assert feed.run_state == "running"


def test_a_resume_with_another_selection_shows_that_one(run: MadeRun) -> None:
    run.fit(run.names)
    feed = Feed(run.folder)
    feed.poll()
    generation = feed.generation
    some = tuple(run.points[:2])
    run.tell(Planned(time.time(), "local", 0, 0, 0, 2, some))
    feed.poll()
    assert feed.generation > generation
    assert list(states(feed)) == run.names[:2]
    assert set(states(feed).values()) <= DONE


def test_a_run_of_an_earlier_version_has_no_plan_and_is_shown_as_it_comes(run: MadeRun) -> None:
    (run.folder / "events.jsonl").write_text(
        '{"event": "planned", "time": 1, "step": "local", "round": 0, "tasks": 1, "hypotheses": 6, "kept": 0}\n'
    )
    run.fit(run.names[:3])
    feed = Feed(run.folder)
    feed.poll()
    assert list(states(feed)) == run.names[:3]
    assert set(states(feed).values()) <= DONE
    assert status(feed)["total"] == 6


def test_lines_that_are_not_ours_do_not_count(run: MadeRun) -> None:
    with (run.folder / "events.jsonl").open("a") as file:
        file.write('nonsense\n{"event": "of a later version", "time": 1}\n[]\n')
        file.write('{"event": "submitted", "time": 1, "task": "a", "hypotheses": 1, "names": null}\n')
        file.write('{"event": "finished", "time": 1, "task": {}, "step": "local", "names": [], "changed": 0, "seconds": 1}\n')
        file.write('{"event": "planned", "time": 1, "step": "exchange", "round": 1, "tasks": 1, "hypotheses": "x", "kept": 0}\n')
    with (run.folder / "results.jsonl").open("a") as file:
        file.write('{"name": 3}\nnull\n' + record(run.names[0], (200.0, 0.0))[:50] + "\n")
    feed = Feed(run.folder)
    feed.poll()
    assert set(states(feed).values()) == {Status.PLANNED}
    run.fit(run.names[:1])
    feed.poll()
    assert states(feed)[run.names[0]] in DONE


def test_a_folder_that_goes_away_is_waited_for(run: MadeRun) -> None:
    run.fit(run.names[:2])
    feed = Feed(run.folder)
    feed.poll()
    away = run.folder.rename(run.folder.with_name("away"))
    assert not feed.poll()
    away.rename(run.folder)
    run.fit(run.names[2:3])
    feed.poll()
    assert len(feed.state.results) == 3


def test_workers_rate_and_head(run: MadeRun) -> None:
    run.fit(run.names[:2])
    run.fit(run.names[2:3], worker="node1:7", seconds=2.0)
    feed = Feed(run.folder)
    feed.poll()
    told = status(feed)
    assert [(w["name"], w["done"], w["seconds"]) for w in told["workers"]] == [("fake", 2, 0.01), ("node1:7", 1, 2.0)]
    assert (told["done"], told["of"], told["rate"] > 0) == (3, 6, True)
    assert head(feed)["labels"] == ["m1", "m2"]
    assert head(feed)["command"] == "hfx scan toy"


def test_a_combination_has_the_region_of_each_result_as_a_column(run: MadeRun) -> None:
    run.fit(run.names[:2])
    feed = Feed(run.folder)
    feed.poll()
    assert "region" not in dict(feed.columns)
    block = {"name": "toy", "labels": ["m1", "m2"], "regions": ["A", "B"]}
    results = [
        {**json.loads(line), "region": region}
        for line, region in zip((run.folder / "results.jsonl").read_text().splitlines(), ("A", "B"), strict=True)
    ]
    scan = {"hfx": "0", "pallet": block, "options": {}, "results": results, "failures": [], "contours": {}}
    (run.folder / "scan.json").write_text(json.dumps(scan))
    run.state("finished", pallet=block)
    feed.poll()
    assert head(feed)["columns"][0] == {"name": "region", "title": "region"}
    rows = [row(feed, feed.names.index(name)) for name in run.names[:2]]
    for shown, result in zip(rows, results, strict=True):
        cells = dict(zip([name for name, _ in feed.columns], shown[5], strict=True))
        assert (cells["region"], cells["CLs_obs"]) == (result["region"], result["CLs_obs"])
