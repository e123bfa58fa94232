"""The page with many hypotheses in a real Chromium: times, memory and CPU, of a run that has finished and of one that grows.

    python benchmarks/page.py [--side N] [--batch N] [--hostile]

The run has N x N hypotheses, as `hfx watch` shows it. With --hostile each has a long name, and many failed with long reasons.
Memory of the browser is that of the processes of its tabs; the server's is its resident memory. CPU is of one core.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hfx.driver.run.events import Failed
from tests.driver.views.page.made import MadeRun
from tests.engines import chromium
from tests.engines.chromium import Browser

IDLE = 15.0  # seconds in which nothing changes
LONG = 3000  # characters of a hostile name and reason


def made(folder: Path, side: int, *, hostile: bool) -> MadeRun:
    """A run of side x side hypotheses without results."""
    run = MadeRun(folder, [(200.0 + 1000.0 * i / side, 500.0 * j / side) for i in range(side) for j in range(side)])
    if hostile:
        run.points = [(name + "<script>" * (LONG // 8), values) for name, values in run.points]
        (run.folder / "events.jsonl").unlink()
        from hfx.driver.run.events import Planned

        run.tell(Planned(time.time(), "local", 0, 1, len(run.points), 0, tuple(run.points)))
    return run


def fit(run: MadeRun, points: list[tuple[str, tuple[float, ...]]]) -> None:
    """Results that vary smoothly over the plane."""
    lines = []
    for name, values in points:
        cls = min(1.0, 0.01 * math.exp((values[0] - 600) / 160 + values[1] / 200))
        part = {"CLs_obs": cls, "CLs_exp": [min(1.0, cls * factor) for factor in (0.1, 0.3, 1.1, 2.5, 5.0)]}
        content = {"name": name, "values": values, **part, "muhat": 0.1, "status": "converged", "admissible": part, "worker": "w"}
        lines.append(json.dumps({**content, "step": "local"}) + "\n")
    with (run.folder / "results.jsonl").open("a") as file:
        file.writelines(lines)


@contextmanager
def watching(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The process of ``hfx watch``, and the page's address."""
    line = [sys.executable, "-m", "hfx", "watch", str(folder), "--no-browser"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield psutil.Process(process.pid), process.stdout.readline().strip()
        finally:
            process.terminate()


def seconds(process: psutil.Process) -> float:
    """The CPU time that a process has taken."""
    times = process.cpu_times()
    return float(times.user + times.system)


def renderers() -> list[psutil.Process]:
    """The processes of the browser's tabs, which are below this process."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if "--type=renderer" in " ".join(one.cmdline())]


def memory(*processes: psutil.Process) -> float:
    """Megabytes."""
    return max((one.memory_info().rss for one in processes), default=0) / 1e6


def until(true: Callable[[], object], limit: float = 180.0) -> float:
    """The seconds until that is true."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > limit:
            return math.inf
        time.sleep(0.02)
    return time.monotonic() - began


CLICK = """
const done = arguments[0]; const began = performance.now();
document.querySelector("#table th[data-key='value 0'] button").click();
requestAnimationFrame(() => setTimeout(() => done(performance.now() - began), 0));
"""
HOVER = """
const [index, done] = arguments; const began = performance.now();
hfx.store.set({ selected: index });
requestAnimationFrame(() => setTimeout(() => done(performance.now() - began), 0));
"""


def report(browser: Browser, server: psutil.Process) -> None:
    """What stands still: memory, and CPU while nothing changes; and how quickly a click is answered."""
    clicks = [browser.wait(CLICK) for _ in range(4)] + [browser.wait(HOVER, index) for index in (3, 50, 7)]
    before = seconds(server), sum(map(seconds, renderers()))
    time.sleep(IDLE)
    after = seconds(server), sum(map(seconds, renderers()))
    shares = [(b - a) / IDLE for a, b in zip(before, after, strict=True)]
    heap = next(m["value"] for m in browser.devtools("Performance.getMetrics")["metrics"] if m["name"] == "JSHeapUsedSize")
    print(f"  a click is answered within {max(clicks):.0f} ms; rows in the document: {rows_in_document(browser)}")
    print(f"  memory: server {memory(server):.0f} MB, tab {memory(*renderers()):.0f} MB (JavaScript {heap / 1e6:.0f} MB)")
    print(f"  CPU while nothing changes: server {100 * shares[0]:.1f} %, tab {100 * shares[1]:.1f} %", flush=True)


def rows_in_document(browser: Browser) -> int:
    return int(browser.run("return document.querySelectorAll('#table tbody tr').length"))


def ready(browser: Browser, count: int) -> Callable[[], object]:
    made_of = f"(globalThis.hfx?.store.contour?.made_of ?? -1) >= {count} && !!document.querySelector('#plane svg')"
    return lambda: browser.run(f"return {made_of}")


def finished(browser: Browser, folder: Path, side: int, *, hostile: bool) -> None:
    run = made(folder, side, hostile=hostile)
    fit(run, run.points)
    run.state("finished")
    print(f"a finished run of {side * side} hypotheses, {(run.folder / 'results.jsonl').stat().st_size / 1e6:.1f} MB of results")
    with watching(run.folder) as (server, address):
        browser.open(address)
        rows = until(lambda: browser.run(f"return globalThis.hfx?.store.rows.length === {side * side}"))
        print(f"  rows after {rows:.1f} s, the picture {until(ready(browser, side * side)):.1f} s later")
        browser.devtools("Performance.enable")
        report(browser, server)
        again = time.monotonic()
        browser.open(address)
        until(ready(browser, side * side))
        print(f"  opened again: {time.monotonic() - again:.1f} s", flush=True)
    browser.open("about:blank")


def growing(browser: Browser, folder: Path, side: int, batch: int, *, hostile: bool) -> None:
    run = made(folder, side, hostile=hostile)
    print(f"a run that grows to {side * side} hypotheses, {batch} at a time" + (", every tenth fails" if hostile else ""))
    with watching(run.folder) as (server, address):
        browser.open(address)
        until(lambda: browser.run(f"return globalThis.hfx?.store.rows.length === {side * side}"))
        browser.devtools("Performance.enable")
        rows, lags, clicks, done = [], [], [], 0
        spent, began = (seconds(server), sum(map(seconds, renderers()))), time.monotonic()
        for at in range(0, len(run.points), batch):
            part = run.points[at : at + batch]
            failed = part[::10] if hostile else []
            good = [point for point in part if point not in failed]
            fit(run, good)
            run.tell(*(Failed(time.time(), "local-0", name, f"reason {name}") for name, _ in failed))
            done += len(good)
            shown = f"return hfx.store.rows.filter((row) => row.numbers).length >= {done}"
            rows.append(until(lambda shown=shown: browser.run(shown)))  # type: ignore[misc]
            clicks.append(browser.wait(CLICK))
            if at // batch % 4 == 3:
                lags.append(until(ready(browser, done)))
        lasted = time.monotonic() - began
        used = (seconds(server) - spent[0]) / lasted, (sum(map(seconds, renderers())) - spent[1]) / lasted
        print(f"  rows are shown after {max(rows):.1f} s at most, {sorted(rows)[len(rows) // 2]:.1f} s as a rule")
        print(f"  a click meanwhile: {max(clicks):.0f} ms at most")
        print(f"  the contour of all results: after {max(lags):.1f} s at most, {sorted(lags)[len(lags) // 2]:.1f} s as a rule")
        print(f"  CPU meanwhile: server {100 * used[0]:.0f} %, tab {100 * used[1]:.0f} % over {lasted:.0f} s")
        report(browser, server)
    browser.open("about:blank")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--hostile", action="store_true", help="long names, reasons and failures")
    options = parser.parse_args()
    os.environ.pop("SSH_CONNECTION", None)
    print(f"$ python benchmarks/page.py {' '.join(sys.argv[1:])}")
    with tempfile.TemporaryDirectory() as folder, chromium.running(Path(folder) / "browser") as browser:
        browser.size(1300, 950)
        finished(browser, Path(folder) / "finished", options.side, hostile=options.hostile)
        growing(browser, Path(folder) / "growing", options.side, options.batch, hostile=options.hostile)


if __name__ == "__main__":
    main()
