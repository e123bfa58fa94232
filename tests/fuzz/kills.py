"""Scans of the demo pallet that are killed at random moments and resumed: ``python -m tests.fuzz.kills --count 100 --seed 1``.

Each seed is a chain: a real ``hfx scan`` gets SIGKILL several times, while it runs, and is resumed until it ends. No hypothesis
is fitted twice whose result was on the disk, all numbers are those of a scan that nobody killed, and no process is left.
"""

import argparse
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hfx.pallets.demo import write_demo

_KILLS = 4
_LONGEST = 300.0  # seconds of one scan, on a machine that does other things too
_PATIENCE = 30.0  # seconds in which workers notice that their scan is gone
_WAYS = (
    ("--threads", "1"),
    ("--threads", "2"),
    ("--threads", "1", "--thorough"),
    ("--threads", "1", "--endpoint", "process"),
    ("--threads", "2", "--endpoint", "process"),
    ("--threads", "2", "--endpoint", "process", "--thorough"),
)
_MARK = "HFX_KILLED_CHAIN"


def main() -> int:
    """Run the chains that the command line asks for, a line for each; 1 where one ended as none should."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description="Kill scans at random moments, and resume.")
    parser.add_argument("--count", type=int, default=10, help=f"chains, of {_KILLS} kills each")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    given = parser.parse_args()
    kills, steps, bad = 0, Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="hfx-kills-") as place:
        pallet = write_demo(Path(place))
        whole: dict[bool, tuple[Any, float]] = {}
        for seed in range(given.seed, given.seed + given.count):
            found = chain(seed, Path(place), pallet, whole)
            kills, steps, bad = kills + len(found.met), steps + Counter(found.met), bad + bool(found.faults)
            print(f"seed {seed}: {' '.join(found.way)}: killed in {found.met}: {found.faults or 'as it should be'}", flush=True)
            print(f"  {kills} kills of live scans so far, {dict(steps)}; {bad} chains at fault", flush=True)
    return 1 if bad else 0


class Chain:
    """What one seed did: its options, the step that each kill met, and what was not as it should be."""

    def __init__(self, way: Sequence[str]) -> None:
        self.way, self.met, self.faults = way, list[str](), list[str]()


def chain(seed: int, place: Path, pallet: Path, whole: dict[bool, tuple[Any, float]]) -> Chain:
    """Kill a scan and resume it, several times; ``whole``: results and seconds of scans that ran in one go, by thoroughness."""
    draw = random.Random(seed)
    way = draw.choice(_WAYS)
    found, thorough = Chain(way), "--thorough" in way
    if thorough not in whole:
        whole[thorough] = _uninterrupted(place / f"whole-{thorough}", pallet, thorough)
    expected, seconds = whole[thorough]
    run = place / f"run-{seed}"
    for _ in range(_KILLS):
        if met := _killed(run, pallet, way, draw.uniform(0.0, seconds)):
            found.met.append(met)
        if left := _left(run):
            found.faults.append(f"left behind: {left}")
    ended = _start(run, pallet, way)
    _, errors = ended.communicate(timeout=_LONGEST)
    if ended.returncode:
        found.faults.append(f"exit code {ended.returncode}: {errors[-2000:]}")
    else:
        found.faults += _differences(_results(run), expected) + _twice(run)
    if (run / "lock").exists():
        found.faults.append("the lock is still there")
    return found


def _uninterrupted(run: Path, pallet: Path, thorough: bool) -> tuple[Any, float]:
    """The results of a scan that nobody kills, and for how long it ran."""
    way = ("--threads", "1", *(["--thorough"] if thorough else []))
    for again in (False, True):  # the first may compile
        path = run.with_name(f"{run.name}-{again}")
        process = _start(path, pallet, way)
        _wait_until_running(path, process)
        begun = time.monotonic()
        process.communicate(timeout=_LONGEST)
        seconds = time.monotonic() - begun
    return _results(path), seconds


def _start(run: Path, pallet: Path, way: Sequence[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "hfx", "scan", str(pallet), "-o", str(run), "--quiet", *way]
    environment = {**os.environ, _MARK: str(run)}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def _wait_until_running(run: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until a scan says that it runs, in this start."""
    while process.poll() is None:
        head = _head(run)
        if head.get("pid") == process.pid and head.get("state") == "running":
            return
        time.sleep(0.01)


def _head(run: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((run / "run.json").read_text())
    except FileNotFoundError:
        return {}
    return content


def _killed(run: Path, pallet: Path, way: Sequence[str], after: float) -> str:
    """The step in which SIGKILL met a scan; "" where it had ended."""
    process = _start(run, pallet, way)
    _wait_until_running(run, process)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=_LONGEST)
    if process.returncode != -signal.SIGKILL or _head(run).get("state") != "running":
        return ""
    lines = [line for line in _whole_lines(run / "events.jsonl") if line.get("event") in ("planned", "contour")]
    return str(lines[-1].get("step", "picture")) if lines else "start"


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _left(run: Path) -> list[str]:
    """The processes of this run that are still there after a while."""
    deadline = time.monotonic() + _PATIENCE
    while (there := list(_processes(run))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return there


def _processes(run: Path) -> Iterator[str]:
    mark = f"{_MARK}={run}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                yield f"{entry.name} {(entry / 'cmdline').read_bytes().decode(errors='replace')[:200]}"
        except OSError:
            continue


def _results(run: Path) -> Any:
    return json.loads((run / "scan.json").read_text())["results"]


def _differences(found: Any, expected: Any) -> list[str]:
    """Where two lists of results differ, but for time and worker."""
    if [one["name"] for one in found] != [one["name"] for one in expected]:
        return [f"{len(found)} results instead of {len(expected)}, or in another order"]
    differing = []
    for one, other in zip(found, expected, strict=True):
        left, right = ({k: v for k, v in r.items() if k not in ("seconds", "worker")} for r in (one, other))
        if not _equal(left, right):
            differing.append(f"{one['name']}: CLs {one['CLs_obs']} instead of {other['CLs_obs']}")
    return differing[:5]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-10, abs_tol=1e-10)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _twice(run: Path) -> list[str]:
    """The records that were written twice in one step: their hypotheses were fitted although a result was there."""
    counts = Counter((line["step"], line["name"]) for line in _whole_lines(run / "results.jsonl"))
    return [f"fitted twice: {key}" for key, count in counts.items() if count > 1][:5]


if __name__ == "__main__":
    sys.exit(main())
