"""A scan of one pallet over each engine: when its first result came, how long it took, what was sent, what the engine costs.

    python benchmarks/engines.py [--pallet NAME|FILE] [--engine NAME]... [--endpoint FILE]... [--repeat N]

Wall seconds, medians over the repeats, with the pallet open and no picture drawn; the engines take turns, so that a busy moment
meets all of them. "first" is the time until the first results are on the disk, "total" until scan.json is, "fits" what workers
say that patching, compiling and fitting took them, over the number of workers, and "beside" the rest of the total: start of
the workers, their libraries, the wire, the driver. Megabytes are those of all requests and answers, of local search and exchange.

The engines are those of the tests (`tests/conformance/engines.py`), two workers each; batch systems and services are started
here for each scan, before its clock. One that is not installed is left out by name. An endpoint of one's own is given by file.
"""

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import published
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hfx.driver.api import scan
from hfx.driver.plot import scan_picture
from hfx.driver.run import provenance
from hfx.driver.run.events import Event, Finished
from hfx.driver.scan.run_context import RunContext
from hfx.endpoints import resolve
from hfx.functions import task as worker
from hfx.functions import wire
from hfx.pallets import Pallet, open_pallet
from tests.conformance import engines

WORKERS = 2
COLUMNS = ("engine", "first", "total", "fits", "beside", "tasks", "MB sent", "MB back")


@dataclass
class Traffic:
    """What went over hfx's wire, and the seconds that workers say their work took."""

    tasks: int = 0
    sent: int = 0
    received: int = 0
    fits: float = 0.0

    def worked(self, answer: Mapping[str, Any]) -> None:
        """Count the seconds of an answer."""
        self.fits += sum(float(record["seconds"]) for record in answer["results"])


@contextmanager
def counted() -> Iterator[Traffic]:
    """The traffic of the block."""
    traffic = Traffic()
    request, answer, work = wire.Packer.request, wire.answer, worker.run

    def asked(self: wire.Packer, *args: Any, **more: Any) -> bytes:
        raw = request(self, *args, **more)
        traffic.tasks, traffic.sent = traffic.tasks + 1, traffic.sent + len(raw)
        return raw

    def told(raw: bytes) -> Any:
        traffic.received += len(raw)
        content = answer(raw)
        traffic.worked(content)
        return content

    @functools.wraps(work)  # workers elsewhere import the function itself
    def here(task: Mapping[str, Any]) -> dict[str, Any]:
        traffic.tasks += 1
        content = work(task)
        traffic.worked(content)
        return content

    with (
        mock.patch.object(wire.Packer, "request", asked),
        mock.patch.object(wire, "answer", told),
        mock.patch.object(worker, "run", here),
    ):
        yield traffic


@dataclass
class Times:
    """One endpoint's scans: seconds of each, and the traffic of the last."""

    workers: int
    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    fits: list[float] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)

    def row(self, name: str) -> tuple[str, ...]:
        """The medians as texts."""
        first, total, fits = (statistics.median(values) for values in (self.first, self.total, self.fits))
        seconds = (f"{value:.2f}" for value in (first, total, fits, total - fits))
        traffic = self.traffic
        return (name, *seconds, str(traffic.tasks), f"{traffic.sent / 1e6:.2f}", f"{traffic.received / 1e6:.2f}")


def one_scan(pallet: Pallet, endpoint: str, times: Times) -> None:
    """Scan over an endpoint and append what it took."""
    arrivals: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Finished):
            arrivals.append(event.time)

    with tempfile.TemporaryDirectory() as folder, counted() as traffic, mock.patch.object(scan_picture, "draw", return_value=[]):
        begun = time.time()
        setting = RunContext(say=lambda sentence: print(f"  {sentence}", file=sys.stderr), listener=listen)
        result = scan(pallet, endpoint=endpoint, output=Path(folder) / "run", threads=times.workers, context=setting)
        times.total.append(time.time() - begun)
    for failure in result.failures:
        print(f"  {endpoint}: {failure['name']}: {failure['reason']}", file=sys.stderr)
    times.first.append(arrivals[0] - begun)
    times.fits.append(traffic.fits / times.workers)
    times.traffic = traffic


@contextmanager
def of_the_tests(name: str, folder: Path) -> Iterator[str]:
    """The endpoint file of an engine of the tests, which is up for the block; raises `LookupError` where it cannot be had."""
    engine = engines.ENGINES[name]
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(engine.needs())
        except (pytest.skip.Exception, pytest.fail.Exception) as reason:
            raise LookupError(reason) from None
        yield engine.written(folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pallet", default="1Lbb")
    parser.add_argument("--engine", action="append", choices=list(engines.ENGINES))
    parser.add_argument("--endpoint", action="append", default=[], help="an endpoint's file")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in provenance.versions().items() if key != "executable"))
    for name, file in published.found([arguments.pallet]).items():
        pallet = open_pallet(str(file))
        with tempfile.TemporaryDirectory() as folder:
            places: dict[str, Callable[[int], AbstractContextManager[str]]] = {
                given: lambda _, given=given: nullcontext(given) for given in arguments.endpoint
            }
            for engine in arguments.engine or (() if places else engines.ENGINES):
                places[engine] = lambda number, engine=engine: of_the_tests(engine, Path(folder) / f"{engine}-{number}")
            times: dict[str, Times] = {}
            for number in range(arguments.repeat):
                for place in list(places):
                    try:
                        with places[place](number) as file:
                            one_scan(pallet, file, times.setdefault(place, Times(resolve(file).workers(WORKERS))))
                    except LookupError as reason:
                        print(f"left out {place}: {reason}", file=sys.stderr)
                        del places[place]
        print(f"{name}: {len(pallet.hypotheses)} hypotheses, medians of {arguments.repeat}")
        rows = [COLUMNS, *(one.row(place) for place, one in times.items())]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        for row in rows:
            print(
                "  ".join(
                    text.ljust(width) if i == 0 else text.rjust(width)
                    for i, (text, width) in enumerate(zip(row, widths, strict=True))
                )
            )


if __name__ == "__main__":
    main()
