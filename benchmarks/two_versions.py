"""The CPU time of each part of a scan's work in two checkouts, alternating in one process.

    python benchmarks/two_versions.py BEFORE [AFTER] [--pallet NAME]... [--repeat N]

Processes of the same code differ by 5 to 10 % on a shared machine, for as long as they live, so that two processes cannot
show a difference of 3 %. Here one process loads both versions of hfx and calls them in turn, on one thread, with the garbage
collector off, as a scan has it. For each part: the smallest time, the lower quartile and the median of each version,
in CPU milliseconds, and the ratios.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent.parent
PARTS = ("patch and decode", "compile", "local, --starts 1", "local, default starts", "exchange")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="a checkout")
    parser.add_argument("after", type=Path, nargs="?", default=HERE, help="another one (this one)")
    parser.add_argument("--pallet", action="append", default=[], help="a name in HFX_SHARED or a file")
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    versions = [Version(arguments.before.resolve()), Version(arguments.after.resolve())]
    names = arguments.pallet or ["1Lbb", "3L-eRJR", "sbottom-RegionA"]
    files = versions[1].modules["published"].found(names)
    for name, file in files.items():
        times: list[dict[str, list[float]]] = [{}, {}]
        for version in versions:
            version.open(file)
            version.work({})  # kernels are compiled and modules loaded before the clocks start
        gc.disable()
        for repeat in range(arguments.repeat):
            for k in (0, 1) if repeat % 2 else (1, 0):
                versions[k].work(times[k])
            gc.collect()
        gc.enable()
        for part in PARTS:
            print(f"{name:16} {part:22} {_line(times[0][part], times[1][part])}", flush=True)


class Version:
    """One checkout's modules, which take the place of the other's while it works."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[str, ModuleType] = {}
        self._enter()
        added = [str(root / folder) for folder in ("src", "benchmarks")]
        sys.path[:0] = added
        try:
            import scan_times  # type: ignore[import-not-found, unused-ignore]
        finally:
            del sys.path[: len(added)]
        self._times = scan_times
        self._keep()

    def _enter(self) -> None:
        for name in list(filter(_own, sys.modules)):
            del sys.modules[name]
        sys.modules.update(self.modules)

    def _keep(self) -> None:
        self.modules.update({name: module for name, module in sys.modules.items() if _own(name)})

    def open(self, file: Path) -> None:
        self._enter()
        self._pallet = self._times.open_pallet(str(file))
        self._keep()

    def work(self, times: dict[str, list[float]]) -> None:
        """All parts once; their CPU seconds are added to ``times``."""
        self._enter()
        chosen, one_thread = self._pallet.hypotheses, argparse.Namespace(threads=1)

        @contextmanager
        def clock(part: str) -> Iterator[None]:
            begun = time.process_time()
            yield
            times.setdefault(part, []).append(time.process_time() - begun)

        self._times._core_parts(self._pallet, chosen, clock)
        with clock(PARTS[2]):
            self._times._fits(self._pallet, chosen, one_thread, 1).local()
        fits = self._times._fits(self._pallet, chosen, one_thread, None)
        with clock(PARTS[3]):
            records: Any = fits.local()
        with clock(PARTS[4]):
            fits.exchanged(records)
        self._keep()


def _own(name: str) -> bool:
    return name.split(".")[0] in {"hfx", "scan_times", "published"}


def _line(before: list[float], after: list[float]) -> str:
    before, after = sorted(before), sorted(after)
    found = []
    for word, place in (("least", 0), ("quartile", len(before) // 4), ("median", len(before) // 2)):
        old, new = before[place] * 1e3, after[place] * 1e3
        found.append(f"{word} {old:7.1f} -> {new:7.1f} ({new / old:.3f})")
    return "  ".join(found)


if __name__ == "__main__":
    main()
