"""The cost of a thousand events per second, with a page that is watched: fits per second with them, and without.

    python benchmarks/events.py [--rate N] [--workers N] [--seconds S] [--pairs N] [--no-page]

As many processes as there are cores fit hypotheses of the demo pallet without a pause, so that every moment that anything else
takes is theirs. Meanwhile this process does as a driver does: it appends the results, a third as many as there are events; and
in every second window it writes the events too (submitted, started, finished, each hypothesis a task of its own) into a folder
whose page is served beside, with a listener at its stream. Windows come in pairs, in turns the one and the other first; what
is printed are the quartiles, over the pairs, of how many fewer fits were done with the events. Beside that, what their writing
and the page take of a core by the kernel's accounts: where the machine is not alone, the surer number.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hfx.driver.process.cores import usable_cores
from hfx.driver.questions.base import Unit
from hfx.driver.questions.cls import Cls
from hfx.driver.run.events import Finished, Started, Submitted
from hfx.driver.run.folder import RunFolder
from hfx.driver.run.journal import Journal
from hfx.driver.scan import plan
from hfx.driver.views.page import address
from hfx.driver.views.page.process import beside
from hfx.functions import task as task_function
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.pallets import open_pallet
from hfx.pallets.demo import write_demo
from tests.driver.views.page.made import MadeRun

PLACES = [(200.0 + 10 * i, 5.0 * j) for i in range(100) for j in range(100)]
SETTLE = 0.3  # seconds between two windows, in which what the last one left is done


def work(task: dict[str, Any], done: "Synchronized[int]") -> None:
    """Fit until the process is killed."""
    while True:
        task_function.run(task)
        done.value += 1


@contextmanager
def working(task: dict[str, Any], number: int) -> Iterator[Callable[[], int]]:
    """Run so many worker processes for the block; the yielded function returns the number of their finished tasks."""
    context = multiprocessing.get_context("spawn")
    counters = [context.Value("q", 0) for _ in range(number)]
    workers = [context.Process(target=work, args=(task, counter), daemon=True) for counter in counters]
    for worker in workers:
        worker.start()
    try:
        while not all(counter.value > 5 for counter in counters):
            time.sleep(0.1)
        yield lambda: sum(counter.value for counter in counters)
    finally:
        for worker in workers:
            worker.kill()


def task_of_the_demo() -> dict[str, Any]:
    """Four hypotheses, from their natural starts."""
    with tempfile.TemporaryDirectory() as folder:
        pallet = open_pallet(str(write_demo(Path(folder))))
        return dict(plan.task(pallet, [Unit(h.name, h.name) for h in pallet.hypotheses[:4]], Cls(ClsOptions(starts=1))))


class Driver:
    """Writes as a driver does: results into one of two folders, events into the one that is watched."""

    def __init__(self, watched: MadeRun, other: MadeRun, record: dict[str, Any]) -> None:
        self.names, self.values, self.record = watched.names, dict(watched.points), record
        self.watched, self.other = RunFolder(watched.folder), RunFolder(other.folder)
        self.journal = Journal(self.watched, {}, None)
        self.numbers = count()

    def one(self, *, events: bool) -> None:
        """A task of one hypothesis, from its submission to its end."""
        number = next(self.numbers)
        name, task, now = self.names[number % len(self.names)], f"local-{number}", time.time()
        record = {**self.record, "name": name, "values": list(self.values[name])}
        (self.watched if events else self.other).append_results([record], "local")
        if events:
            for event in (Submitted(now, task, 1, (name,)), Started(now, task), Finished(now, task, "local", (name,), 1, 0.01)):
                self.journal.emit(event)

    def window(self, done: Callable[[], int], seconds: float, rate: float, *, events: bool) -> float:
        """Tasks of the workers in a second, while hypotheses end at `rate` a second."""
        began, before, made = time.perf_counter(), done(), 0
        while (elapsed := time.perf_counter() - began) < seconds:
            while made < elapsed * rate:
                self.one(events=events)
                made += 1
            self.journal.settle()
            time.sleep(0.005)
        self.journal.flush()
        return (done() - before) / (time.perf_counter() - began)


@dataclass
class Accounts:
    """Seconds of a core that this process and the page's took in windows with events, and in those without."""

    page: int | None
    own: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    pages: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})

    @contextmanager
    def taken(self, *, events: bool) -> Iterator[None]:
        """Count what the block takes."""
        own, page = time.process_time(), _cpu(self.page)
        yield
        self.own[events] += time.process_time() - own
        self.pages[events] += _cpu(self.page) - page


def _cpu(pid: int | None) -> float:
    """Seconds that a process has used, as Linux tells it (proc(5))."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children() -> set[int]:
    listed = (path.read_text().split() for path in Path("/proc/self/task").glob("*/children"))
    return {int(pid) for pids in listed for pid in pids}


LISTENER = """
import sys, httpx
with httpx.stream("GET", sys.argv[1], timeout=60, trust_env=False) as answer:
    for _ in answer.iter_raw():
        pass
"""


@contextmanager
def watched_by_one(folder: Path, page: bool) -> Iterator[int | None]:
    """The page beside a scan, and somebody at its stream; the number of its process."""
    if not page:
        yield None
        return
    before = _children()
    listening, token = address.bound(0), address.new_token()
    url = address.url(listening, token)
    with beside(listening, token) as server:
        server.began(folder)
        (number,) = _children() - before
        httpx.get(url, trust_env=False, timeout=60).raise_for_status()
        listener = subprocess.Popen([sys.executable, "-c", LISTENER, url.replace("/?", "/events?")])
        try:
            time.sleep(3)
            yield number
        finally:
            listener.kill()


def main() -> None:
    """Print the quartiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second")
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--seconds", type=float, default=2.0, help="of a window")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--no-page", action="store_true", help="the events alone: nobody watches")
    arguments = parser.parse_args()
    task = task_of_the_demo()
    (record, *_), hypotheses = task_function.run(task)["results"], arguments.rate / 3.0
    with tempfile.TemporaryDirectory() as folder:
        runs = [MadeRun(Path(folder) / name, PLACES) for name in ("watched", "other")]
        driver = Driver(*runs, record)
        with watched_by_one(runs[0].folder, not arguments.no_page) as page, working(task, arguments.workers) as done:
            lost, accounts = [], Accounts(page)
            for pair in range(arguments.pairs):
                speed = {}
                for events in (False, True) if pair % 2 else (True, False):
                    with accounts.taken(events=events):
                        speed[events] = driver.window(done, arguments.seconds, hypotheses, events=events)
                        time.sleep(SETTLE)
                lost.append(100.0 * (1.0 - speed[True] / speed[False]))
    low, median, high = statistics.quantiles(lost, n=4)
    error = statistics.stdev(lost) / len(lost) ** 0.5
    wall = arguments.pairs * (arguments.seconds + SETTLE) / 100.0
    own = (accounts.own[True] - accounts.own[False]) / wall
    served = sum(accounts.pages.values()) / wall  # which goes on with what a window brought when that is over
    looked = "nobody watching" if arguments.no_page else "a page with one listener"
    print(f"{arguments.rate:.0f} events a second, {looked}, {arguments.workers} workers, {arguments.pairs} pairs of windows")
    print(
        f"slower by {median:.1f} % (median; quartiles {low:.1f}, {high:.1f}), mean {statistics.mean(lost):.1f} +- {error:.1f} %"
    )
    print(f"of a core, by the kernel's accounts: {own:.1f} % to write the events, {served:.1f} % for the page")


if __name__ == "__main__":
    main()
