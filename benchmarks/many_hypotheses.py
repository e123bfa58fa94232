"""Scans of 100, 1,000, 10,000, ... hypotheses, made of 1Lbb by interpolating its signals: time, memory, disk.

    python benchmarks/many_hypotheses.py [N]... [--search] [--threads N] [--pallet NAME|FILE]

Each number of hypotheses is scanned in a process of its own, contour and pictures included; natural starts (`--starts 1`)
unless `--search` asks for the default search and the exchange. "patch" is the part of "ms each" that
goes into the interpolation. "peak" is the most memory that the process ever held
(`resource.getrusage`), "before" what it held when the pallet was made and the first fit not begun, libraries loaded.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import interpolated
import published

from hfx.driver.api import scan
from hfx.driver.scan.run_context import RunContext
from hfx.pallets import open_pallet

Json = dict[str, Any]

COLUMNS = ("hypotheses", "fitted", "s", "ms each", "patch", "before, MB", "peak, MB", "kB each", "disk, MB", "results.jsonl, MB")


def measure(file: Path, count: int, search: bool, threads: int) -> Json:
    """One scan in this process: {"count", "fitted", "seconds", "patch", "before", "peak", "disk", "lines"}; sizes in bytes."""
    pallet = open_pallet(str(file))
    # The kernels are compiled and libraries loaded before the clock starts.
    with tempfile.TemporaryDirectory() as folder:
        _scan(interpolated.many(pallet, 10), Path(folder), search, threads)
    made = interpolated.many(pallet, count)
    some = made.hypotheses[:100]
    begun = time.perf_counter()
    for hypothesis in some:
        list(hypothesis.patch)
    patch = (time.perf_counter() - begun) / len(some)
    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        result = _scan(made, Path(folder), search, threads)
        seconds = time.perf_counter() - begun
        files = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    sizes = {"disk": sum(files.values()), "lines": files["results.jsonl"]}
    return {"count": count, "fitted": len(result), "seconds": seconds, "patch": patch, "before": before, "peak": _peak(), **sizes}


def _scan(pallet: Any, folder: Path, search: bool, threads: int) -> Any:
    quiet = RunContext(say=lambda _: None)
    return scan(pallet, output=folder, starts=None if search else 1, threads=threads, context=quiet)


def _peak() -> int:
    """The most memory that this process ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def row(one: Json) -> str:
    """A line of the table."""
    count = one["count"]
    cells = (
        f"{count:,}",
        f"{one['fitted']:,}",
        f"{one['seconds']:.1f}",
        f"{1e3 * one['seconds'] / count:.2f}",
        f"{1e3 * one['patch']:.2f}",
        f"{one['before'] / 1e6:.0f}",
        f"{one['peak'] / 1e6:.0f}",
        f"{(one['peak'] - one['before']) / 1e3 / count:.2f}",
        f"{one['disk'] / 1e6:.1f}",
        f"{one['lines'] / 1e6:.1f}",
    )
    return "  ".join(cell.rjust(len(name)) for cell, name in zip(cells, COLUMNS, strict=True))


def main() -> int:
    """Measure each number of hypotheses, print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, metavar="N", help="default: 100 1000 10000")
    parser.add_argument("--search", action="store_true", help="the default search and the exchange, not natural starts alone")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--pallet", default="1Lbb", help="a name in HFX_SHARED, or a file; default: 1Lbb")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    files = published.found([arguments.pallet])
    if not files:
        return 2
    (file,) = files.values()
    if arguments.one is not None:
        print(json.dumps(measure(file, arguments.one, arguments.search, arguments.threads)))
        return 0
    print("natural starts" if not arguments.search else "search and exchange", f"{arguments.threads} threads", sep=", ")
    print("  ".join(COLUMNS), flush=True)
    for count in arguments.counts or (100, 1000, 10_000):
        command = [sys.executable, __file__, "--one", str(count), "--pallet", str(file), "--threads", str(arguments.threads)]
        command += ["--search"] if arguments.search else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        print(row(json.loads(done.stdout)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
