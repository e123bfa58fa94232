"""Events read from a folder while they are written."""

import time
from pathlib import Path

from hfx.driver.run.events import Contour, Event, Failed, Finished, Planned, Submitted, to_line
from hfx.driver.run.follow import Follower, Tail, condensed, progress
from hfx.driver.run.progress import StepProgress

FIRST = [
    Planned(1.0, "local", 0, 2, 4, 0),
    Submitted(1.5, "local-0", 2),
    Finished(2.0, "local-0", "local", ("a", "b"), 2, 0.5),
]
REST = [
    Failed(3.0, "local-1", "c", "no"),
    Finished(3.5, "local-1", "local", ("d",), 1, 0.5),
    Planned(4.0, "exchange", 1, 1, 3, 0),
    Finished(5.0, "exchange-1-0", "exchange", ("a",), 0, 0.1),
    Finished(6.0, "exchange-1-0", "exchange", ("b",), 1, 0.1),
]


def write(path: Path, events: list[Event], end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("\n".join(map(to_line, events)) + end)


def test_a_tail_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "lines")
    assert tail.lines() == []
    with (tmp_path / "lines").open("ab", buffering=0) as file:
        file.write(b"one\ntw")
        assert tail.lines() == [b"one"]
        assert tail.lines() == []
        file.write(b"o\n")
        assert tail.lines() == [b"two"]
    (tmp_path / "lines").write_bytes(b"new\n")  # shorter than what was read: another file
    assert tail.lines() == [b"new"]


def test_each_event_is_given_once_and_whole(tmp_path: Path) -> None:
    run = tmp_path / "run"
    follower = Follower(run)
    assert follower.new() == []  # there is no folder yet
    write(run / "events.jsonl", FIRST)
    assert follower.new() == FIRST
    assert follower.new() == []
    line = to_line(REST[0])
    with (run / "events.jsonl").open("a") as file:
        file.write(line[:20])
        file.flush()
        assert follower.new() == []  # a line under way
        file.write(line[20:] + '\n{"event": "of another version"}\n')
    assert follower.new() == REST[:1]


def test_folders_beneath_are_followed_too_in_the_order_of_time(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    late = Contour(9.0, 3, ("contour.pdf",))
    write(tmp_path / "events.jsonl", [late])
    write(tmp_path / "SRA" / "events.jsonl", FIRST)
    write(tmp_path / "theory-up" / "SRA" / "events.jsonl", REST)
    assert follower.new() == [*FIRST, *REST, late]


def test_the_past_in_few_words() -> None:
    """A display needs the same counts as after all events, and the failures of the run, of earlier steps too."""
    for events in (FIRST, [*FIRST, *REST[:2]], [*FIRST, *REST]):
        whole, short = StepProgress(), StepProgress()
        for event in events:
            whole = whole.after(event)
        for event in condensed(events):
            short = short.after(event)
        assert (short.done, short.total, short.step, short.changed) == (whole.done, whole.total, whole.step, whole.changed)
    assert [type(event) for event in condensed([*FIRST, *REST])] == [Failed, Planned, Finished]
    assert condensed([*FIRST, *REST, Planned(9.0, "local", 0, 1, 1, 3)]) == [Planned(9.0, "local", 0, 1, 1, 3)]
    assert [type(event) for event in condensed([*FIRST, *REST[:2]])] == [Planned, Failed, Finished]
    assert condensed([]) == []


def test_how_far_a_run_is(tmp_path: Path) -> None:
    assert progress(tmp_path).first.total == 0
    write(tmp_path / "events.jsonl", FIRST)
    far = progress(tmp_path)
    assert (far.first.done, far.first.total, far.failed, far.current.title, far.last_event) == (2, 4, {}, "fitting", 2.0)
    write(tmp_path / "events.jsonl", REST)
    far = progress(tmp_path)
    assert (far.first.done, far.first.total, far.failed, far.current.title, far.last_event) == (
        4,
        4,
        {"c": "no"},
        "exchange 1",
        6.0,
    )
    # Gone on with: what failed is tried again, what is kept counts.
    write(tmp_path / "events.jsonl", [Planned(7.0, "local", 0, 1, 1, 3)])
    far = progress(tmp_path)
    assert (far.first.done, far.first.total, far.failed, far.last_event) == (3, 4, {}, 7.0)


def test_how_far_all_regions_are(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", [Contour(9.0, 3, ("contour.pdf",))])
    write(tmp_path / "SRA" / "events.jsonl", [*FIRST, *REST])
    write(tmp_path / "SRB" / "events.jsonl", FIRST)
    write(tmp_path / "theory-up" / "events.jsonl", FIRST)  # of a variation: not the run's own hypotheses
    far = progress(tmp_path)
    assert (far.first.done, far.first.total, far.failed) == (6, 8, {"c": "no"})


def test_a_long_file_is_read_in_little_time(tmp_path: Path) -> None:
    """A hundred thousand hypotheses in tasks of 32."""
    names = [tuple(f"sig_{i}_{j}" for j in range(32)) for i in range(3200)]
    events = [Finished(float(i), f"local-{i}", "local", some, 32, 0.1) for i, some in enumerate(names)]
    write(tmp_path / "events.jsonl", [Planned(0.0, "local", 0, 3200, 102_400, 0), *events])
    begun = time.process_time()
    assert progress(tmp_path).first.done == 102_400
    assert time.process_time() - begun < 2.0
