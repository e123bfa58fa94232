"""What a scan does when it gets a signal: every engine, stage, signal and target, as a table.

    python -m tests.engines.shutdown [--engine NAME]... [--stage NAME]... [--signal NAME]...

Each cell is a scan of a small pallet by `hfx scan` with fits that take their time, and a signal to its process or to its process
group. A cell is as it should be if the scan ends within 20 s (or goes on, where it should) with the documented exit code and
without a traceback, says at last where the results are and how to continue, leaves no process and no job, and continues with the
same command without fitting anything twice. The table has the seconds until the process has ended, and until all that it had
started has.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hfx.functions.wire import OTHER_MODULES
from tests.conformance import engines
from tests.driver import fakes

__all__ = ["SIGNALS", "STAGES", "Cell", "Outcome", "cells", "run"]

ROOT = Path(__file__).resolve().parents[2]
POINTS = fakes.grid(6, 4)
SOON = 20.0  # seconds
PATIENCE = 180.0  # until a stage is reached, or a scan that goes on has ended

STAGES = ("reading", "start", "workers", "fits", "exchange", "picture", "page", "stopping")
TARGETS = ("process", "group")
SIGNALS = {
    "INT": (signal.SIGINT,),
    "INT INT": (signal.SIGINT, signal.SIGINT),
    "TERM": (signal.SIGTERM,),
    "TERM TERM": (signal.SIGTERM, signal.SIGTERM),
    "HUP": (signal.SIGHUP,),
    "KILL": (signal.SIGKILL,),
    "STOP CONT": (signal.SIGSTOP, signal.SIGCONT),
}
# Where the workers play no part.
_ALONE = ("reading", "picture", "page")
# Seconds after which nothing is left of a driver that was killed: its workers end by themselves, batch jobs without heartbeats.
_ENDED = 5.0
_KILLED = {"slurm": 30.0, "htcondor": 40.0, "globus-slurm": 40.0}


@dataclass(frozen=True)
class Cell:
    """A cell of the table."""

    engine: str
    stage: str
    signal: str
    target: str

    @property
    def code(self) -> int:
        """The documented exit code; that of a process which was killed is negative."""
        first = SIGNALS[self.signal][0]
        if first == signal.SIGKILL:
            return -9
        if self.stage == "stopping":
            return 130
        if self.stage == "page":
            return {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129}.get(first, 0)
        return {signal.SIGINT: 130, signal.SIGTERM: 143}.get(first, 0)

    @property
    def goes_on(self) -> bool:
        """Whether the scan goes on to its end."""
        return self.code == 0 and self.stage != "page"


@dataclass
class Outcome:
    """What came of a cell: the seconds until the process had ended, those until nothing was left of it, and what is wrong."""

    cell: Cell
    ended: float = 0.0
    clean: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def check(self, right: bool, wrong: str) -> None:
        if not right:
            self.wrong.append(wrong)


class Scan:
    """A scan in a folder of its own, as the command of a user."""

    def __init__(self, cell: Cell, folder: Path, *, pace: float) -> None:
        self.folder, self.run, self.mark = folder, folder / "run", f"HFX_TEST_MARKER={folder}/marker"
        own = {
            "XDG_STATE_HOME": f"{folder}/state",
            "HFX_TEST_MARKER": f"{folder}/marker",
            "HFX_TEST_STAGE": cell.stage,
            "HFX_TEST_PACE": str(pace),
            "PYTHONPATH": f"{Path(__file__).with_name('stages')}:{ROOT}/src:{ROOT}",
        }
        words = ["scan", str(folder / "toy"), "-o", str(self.run), "--endpoint", str(folder / "endpoint.toml")]
        if cell.stage == "page":
            words += ["--live", "--no-browser"]
        command = [sys.executable, "-m", "hfx", *words]
        self.ours, theirs = os.openpty() if cell.stage == "page" else (None, None)
        self.output = (folder / "output").open("w+")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if theirs is None else theirs,
            stdout=self.output if theirs is None else theirs,
            stderr=self.output,
            env={**os.environ, **own},
            start_new_session=True,
            preexec_fn=_as_of_a_terminal if theirs is None else _leads_terminal,
        )
        if theirs is not None:
            os.close(theirs)

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def left(self, cell: Cell) -> list[str]:
        return list(engines.marked(self.mark, engines.ENGINES[cell.engine].lives).values()) + engines.ENGINES[cell.engine].jobs()

    def reached(self, stage: str) -> bool:
        """Whether the scan is in a stage, or past it."""
        if stage == "page":
            self._read_terminal()
            return "until Ctrl-C" in self.said()
        if stage == "start":
            return state(self.run) == "running"
        if stage == "workers":  # they start; nothing is answered yet
            return len(engines.marked(self.mark)) > 1 or len(fitted(self.run)) > 0
        if stage in ("fits", "stopping"):
            return len(fitted(self.run)) > 0
        return (self.folder / f"reached-{stage}").exists()

    def _read_terminal(self) -> None:
        """Nobody types or reads: what the terminal has is thrown away, so that it does not fill."""
        assert self.ours is not None
        os.set_blocking(self.ours, False)
        with suppress(OSError):
            os.read(self.ours, 1 << 16)

    def send(self, number: signal.Signals, target: str) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number) if target == "group" else self.process.send_signal(number)

    def over(self, seconds: float) -> bool:
        """Whether the process has ended, within some seconds."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Nothing of it shall disturb the next cell."""
        for number in engines.marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()
        self.output.close()
        if self.ours is not None:
            os.close(self.ours)


def _as_of_a_terminal() -> None:
    """The signals as they are for a command that a user types; what a shell runs in the background ignores some."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _leads_terminal() -> None:
    import fcntl
    import termios

    _as_of_a_terminal()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def state(run: Path) -> str:
    """The state in run.json; "" where there is none."""
    path = run / "run.json"
    return str(json.loads(path.read_text())["state"]) if path.exists() else ""


def fitted(run: Path) -> Counter[str]:
    """How often each hypothesis has a result of the first round."""
    path = run / "results.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    return Counter(record["name"] for record in records if record["step"] == "local")


def run(cell: Cell, folder: Path, *, resume: bool = True) -> Outcome:
    """Run a cell in an empty folder."""
    outcome = Outcome(cell)
    fakes.write_pallet(folder / "toy", POINTS)
    engines.ENGINES[cell.engine].written(folder)
    scan = Scan(cell, folder, pace=0.1 if cell.stage in ("fits", "exchange", "stopping") else 0.03)
    try:
        if not engines.until(lambda: scan.reached(cell.stage), PATIENCE):
            outcome.wrong.append(f"{cell.stage} not reached: {scan.said()[-300:]}")
            return outcome
        if cell.stage == "stopping":
            scan.send(signal.SIGINT, "process")
            time.sleep(0.1)
        _signalled(cell, scan, outcome)
    finally:
        scan.kill()
    if resume and not outcome.wrong and cell.stage != "page" and not cell.goes_on:
        _resumed(cell, folder, outcome)
    return outcome


def _signalled(cell: Cell, scan: Scan, outcome: Outcome) -> None:
    """Send the signals, and look at how the scan ends and what is left of it."""
    begun = time.monotonic()
    for place, number in enumerate(SIGNALS[cell.signal]):
        if place:
            time.sleep(1.0 if number == signal.SIGCONT else 0.2)
        scan.send(number, cell.target)
    if cell.stage == "page" and SIGNALS[cell.signal][0] == signal.SIGSTOP:
        outcome.check(not scan.over(2.0), "the page did not stay")
        scan.send(signal.SIGINT, "process")
    if not scan.over(PATIENCE if cell.goes_on else SOON):
        outcome.wrong.append("did not end")
        return
    outcome.ended = time.monotonic() - begun
    most = _KILLED.get(cell.engine, _ENDED) if cell.signal == "KILL" else max(10.0, engines.ENGINES[cell.engine].gone_after)
    outcome.check(engines.until(lambda: not scan.left(cell), most), f"left behind: {scan.left(cell)}")
    outcome.clean = time.monotonic() - begun
    code, said = scan.process.returncode, scan.said()
    late = cell.stage == "stopping" and code == 130  # it had ended before
    outcome.check(code == cell.code or late, f"exit code {code}, not {cell.code}: {said[-200:]}")
    outcome.check("Traceback" not in said, f"a traceback: {said[-2000:]}")
    if cell.code in (130, 143):
        last = said.strip().splitlines()[-1] if said.strip() else ""
        told = ("to continue: hfx scan", "the same command continues", "stopped before the scan began", "the page is closed")
        outcome.check(any(words in last for words in told), f"the last words: {last!r}")
    if cell.goes_on:
        _finished(scan.run, outcome)


def _finished(run: Path, outcome: Outcome) -> None:
    outcome.check(state(run) == "finished", f"its state is {state(run)}")
    outcome.check(fitted(run) == Counter(f"sig_{a}_{b}" for a, b in POINTS), "fitted twice, or not at all")


def _resumed(cell: Cell, folder: Path, outcome: Outcome) -> None:
    """The same command again: what has a result is not fitted, the rest is."""
    kept, log = set(fitted(folder / "run")), folder / "marker"
    outlives = engines.ENGINES[cell.engine].lives is not None
    if not outlives:
        log.unlink(missing_ok=True)
    again = Scan(Cell(cell.engine, "", cell.signal, cell.target), folder, pace=0.01)
    try:
        if not again.over(PATIENCE):
            outcome.wrong.append("the same command again did not end")
            return
        outcome.check(again.process.returncode == 0, f"the same command again: {again.said()[-300:]}")
        _finished(folder / "run", outcome)
        if not outlives:
            more = set(log.read_text().split()) if log.exists() else set()
            outcome.check(not more & kept, f"fitted again: {sorted(more & kept)}")
    finally:
        again.kill()


def cells(some: Sequence[str], stages: Sequence[str], signals: Sequence[str], *, alone: str = "inline") -> Iterator[Cell]:
    """The cells of the table; stages without workers are those of one engine."""
    for engine in some:
        for stage in stages:
            if stage in _ALONE and engine not in (alone, "process"):
                continue
            for name in signals:
                for target in TARGETS:
                    yield Cell(engine, stage, name, target)


def row(outcome: Outcome) -> str:
    """A line of the table."""
    cell = outcome.cell
    verdict = "; ".join(outcome.wrong) or "ok"
    place = f"{cell.engine:<12} {cell.stage:<9} {cell.signal:<9} {cell.target:<8}"
    return f"{place} {cell.code:>5} {outcome.ended:>6.1f} {outcome.clean:>6.1f}  {' '.join(verdict.split())}"


def main() -> int:
    """Print the table; the exit code says whether all cells are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choices: dict[str, Sequence[str]] = {"engine": tuple(engines.ENGINES), "stage": STAGES, "signal": tuple(SIGNALS)}
    for name, known in choices.items():
        parser.add_argument(f"--{name}", action="append", choices=known)
    given = parser.parse_args()
    os.environ.setdefault(OTHER_MODULES, "tests.endpoints.jobs,tests.driver.fakes")
    bad = 0
    print(f"{'engine':<12} {'stage':<9} {'signal':<9} {'to':<8} {'code':>5} {'ended':>6} {'clean':>6}  verdict", flush=True)
    for engine in given.engine or engines.ENGINES:
        bad += _print_rows(engine, list(cells([engine], given.stage or STAGES, given.signal or list(SIGNALS))))
    return 1 if bad else 0


def _print_rows(engine: str, some: Sequence[Cell]) -> int:
    """Run the cells of an engine and print their rows; how many are not as they should be."""
    bad = 0
    try:
        with engines.ENGINES[engine].needs():
            for cell in some:
                with tempfile.TemporaryDirectory(prefix="hfx-signals-", ignore_cleanup_errors=True) as folder:
                    outcome = run(cell, Path(folder))
                bad += bool(outcome.wrong)
                print(row(outcome), flush=True)
    except pytest.skip.Exception as reason:
        print(f"{engine:<12} left out: {reason}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
