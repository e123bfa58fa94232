"""The time of each part of a scan, and pyhf's beside it on a few of the same hypotheses, in the same run.

    python benchmarks/scan_times.py [--pallet NAME|FILE]... [--hypotheses N] [--threads N] [--repeat N] [--pyhf N]

Wall seconds, medians over the repeats. The fits are run in the batches that a scan sends to a worker, so "local" and
"exchange" patch, decode and compile too; "patch and decode" and "compile" are timed once more by themselves, all hypotheses
at once. Kernels are compiled and libraries loaded before the other clocks start: "warm-up" says how long that took.

pyhf 0.7.6 (torch backend, scipy's SLSQP) builds the model from the patched workspace and runs `hypotest` with the expected
set. Its torch gets one thread, where it is fastest, unless --pyhf-threads says otherwise: with `--threads 1` both use one
core. hfx's time per hypothesis is that of "local", with and without the search. A ratio means nothing where the two CLs
disagree (3L-eRJR: SLSQP stays at its start there). `--json` prints the raw times instead.

`--nextstat PYTHON` names the Python of an environment with NextStat 0.10.1 (`pip install nextstat==0.10.1`; it wants another
numpy than this one). It reads the same patched workspaces on one thread and gives the observed CLs alone, no expected set.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import published

from hfx.driver.plot import scan_picture
from hfx.driver.plot.request import styled
from hfx.driver.plot.run_data import plot_data
from hfx.driver.plot.run_planes import in_planes
from hfx.driver.process.cores import usable_cores
from hfx.driver.process.interpreter_tuning import tuned_for_fits
from hfx.driver.questions.options import ScanOptions
from hfx.driver.questions.scan_content import content
from hfx.driver.run import provenance
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.pallets import Hypothesis, Pallet, open_pallet
from hfx.pallets.json_patch import apply_patch

Json = dict[str, Any]
Clock = Callable[[str], Any]

FIRST = "warm-up: first fit, picture"
OPEN, DECODE, COMPILE = "open and validate", "patch and decode", "compile"
ONE, SEARCH = "local, --starts 1", "local, default starts"
EXCHANGE, PICTURE = "exchange", "contour and picture"
PARTS = (FIRST, OPEN, DECODE, COMPILE, ONE, SEARCH, EXCHANGE, PICTURE)
SCAN = (OPEN, SEARCH, EXCHANGE, PICTURE)  # what a scan spends its time on


def timed(times: dict[str, list[float]]) -> Clock:
    """A clock: ``with clock(part): ...`` appends the wall seconds to ``times[part]``."""

    @contextmanager
    def clock(part: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        times.setdefault(part, []).append(time.perf_counter() - begun)

    return clock


def measure(file: Path, arguments: argparse.Namespace) -> Json:
    """Raw times of one pallet: {"hypotheses", "parts": {part: [seconds]}, "rounds", "pyhf": [...]}."""
    times: dict[str, list[float]] = {}
    clock = timed(times)
    pallet = open_pallet(str(file))
    chosen = pallet.hypotheses[: arguments.hypotheses]
    with clock(FIRST):
        first = _fits(pallet, chosen[:1], arguments, 1).local()
        _picture(pallet, first)
    beside: dict[str, Json] = {}
    rounds = 0
    for _ in range(arguments.repeat):
        with clock(OPEN):
            pallet = open_pallet(str(file))
        chosen = pallet.hypotheses[: arguments.hypotheses]
        _core_parts(pallet, chosen, clock)
        with tuned_for_fits():  # as a scan has it
            with clock(ONE):
                natural = _fits(pallet, chosen, arguments, 1).local()
            fits = _fits(pallet, chosen, arguments, None)
            with clock(SEARCH):
                records = fits.local()
            with clock(EXCHANGE):
                records, rounds = fits.exchanged(records)
        with clock(PICTURE):
            _picture(pallet, records)
        for hypothesis in [h for h in chosen if h.name in natural][: arguments.pyhf]:
            one = beside.setdefault(hypothesis.name, {"CLs_obs_hfx": natural[hypothesis.name]["CLs_obs"]})
            _pyhf(pallet.workspace(hypothesis.name), one, arguments.pyhf_threads)
        if arguments.nextstat:
            _nextstat({name: pallet.workspace(name) for name in beside}, beside, arguments.nextstat)
    return {"hypotheses": len(records), "parts": times, "rounds": rounds, "pyhf": beside}


def _fits(pallet: Pallet, chosen: tuple[Hypothesis, ...], arguments: argparse.Namespace, starts: int | None) -> published.Fits:
    return published.Fits(pallet, chosen, ClsOptions(starts=starts), arguments.threads)


def _core_parts(pallet: Pallet, chosen: Sequence[Hypothesis], clock: Clock) -> None:
    decoder = Decoder()
    with clock(DECODE):
        workspaces = [decoder.workspace(apply_patch(pallet.background, h.patch), None) for h in chosen if h.defect is None]
    with clock(COMPILE):
        Model(compile_batch(workspaces), device="cpu")


def _picture(pallet: Pallet, records: Mapping[str, Json]) -> None:
    options = ScanOptions()
    question = options.question
    results = (question.answer([record]) for record in records.values())
    scan = content(question, provenance.pallet_block(pallet), options.public(), results, [])
    planes = in_planes(plot_data(scan), scan, styled(scan["options"]))
    scan["contours"] = planes.contours()
    with tempfile.TemporaryDirectory() as folder:
        scan_picture.draw(scan, Path(folder) / "contour", "benchmark", print, planes=planes, part="")


# --- pyhf


def _pyhf(workspace: Json, one: Json, threads: int) -> None:
    """Append this run's seconds to ``one``: {"build": [...], "hypotest": [...], "CLs_obs"}, or say why there are none."""
    import pyhf
    import torch

    pyhf.set_backend("pytorch", "scipy")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    clock = timed(one)
    codes = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with clock("build"):
                published_model = pyhf.Workspace(workspace)
                model = published_model.model(modifier_settings=codes)
                data = published_model.data(model)
            with clock("hypotest"):
                observed, _ = pyhf.infer.hypotest(1.0, data, model, test_stat="qtilde", return_expected_set=True)
        one["CLs_obs"] = float(observed)
    except Exception as error:  # pyhf's own failures are part of the comparison
        one["failed"] = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:80]
    finally:
        torch.set_num_threads(before)


# --- NextStat

_NEXTSTAT = """
import json, sys, time
import nextstat
nextstat.set_threads(1)
for line in sys.stdin:
    name, path = json.loads(line)
    begun = time.perf_counter()
    found = nextstat.hypotest(1.0, nextstat.from_pyhf(open(path).read()))
    print(json.dumps([name, time.perf_counter() - begun, float(found)]), flush=True)
"""


def _nextstat(workspaces: Mapping[str, Json], beside: Mapping[str, Json], python: str) -> None:
    """Append this run's seconds to each hypothesis' ``nextstat``, and its CLs."""
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for i, (name, workspace) in enumerate(workspaces.items()):
            path = Path(folder) / f"{i}.json"
            path.write_text(json.dumps(workspace))
            lines.append(json.dumps([name, str(path)]))
        command = [python, "-c", _NEXTSTAT]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    for name, seconds, found in map(json.loads, done.stdout.splitlines()):
        beside[name].setdefault("nextstat", []).append(seconds)
        beside[name]["CLs_obs_nextstat"] = found


# --- the tables, pure


def table(pallets: Mapping[str, Json]) -> str:
    """The parts, a column for each pallet."""
    head = ["seconds, median", *(f"{name} ({one['hypotheses']})" for name, one in pallets.items())]
    lines = [head]
    for part in PARTS:
        lines.append([part, *(_seconds(_median(one["parts"], part)) for one in pallets.values())])
    lines.append(["the scan: " + " + ".join(("open", "local", "exchange", "picture")), *map(_whole, pallets.values())])
    lines.append(["rounds of the exchange", *(str(one["rounds"]) for one in pallets.values())])
    return _aligned(lines)


def comparison(pallets: Mapping[str, Json]) -> str:
    """pyhf beside hfx, a line for each hypothesis that both fitted."""
    head = [
        "hypothesis",
        "pyhf build",
        "pyhf fits",
        "hfx 1 start",
        "ratio",
        "hfx search",
        "ratio",
        "CLs pyhf",
        "CLs hfx (natural)",
    ]
    with_nextstat = any("nextstat" in times for one in pallets.values() for times in one["pyhf"].values())
    lines = [[*head, *(["NextStat", "ratio", "CLs NextStat"] if with_nextstat else [])]]
    for one in pallets.values():
        alone, searched = (_median(one["parts"], part) / one["hypotheses"] for part in (ONE, SEARCH))
        for name, times in one["pyhf"].items():
            if "failed" in times:
                lines.append([name, f"pyhf: {times['failed']}"])
                continue
            build, fits = _median(times, "build"), _median(times, "hypotest")
            ratios = [f"{(build + fits) / own:.0f}" for own in (alone, searched)]
            values = [f"{times['CLs_obs']:.5f}", f"{times['CLs_obs_hfx']:.5f}"]
            row = [name, *map(_seconds, (build, fits, alone)), ratios[0], _seconds(searched), ratios[1], *values]
            if "nextstat" in times:
                other = _median(times, "nextstat")
                row += [_seconds(other), f"{other / alone:.0f}", f"{times['CLs_obs_nextstat']:.5f}"]
            lines.append(row)
    return _aligned(lines)


def _whole(one: Json) -> str:
    return _seconds(sum(_median(one["parts"], part) for part in SCAN))


def _median(times: Mapping[str, Sequence[float]], part: str) -> float:
    return statistics.median(times[part])


def _seconds(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest full line; a shorter line (a remark) does not count."""
    full = [line for line in lines if len(line) == len(lines[0])]
    widths = [max(len(line[i]) for line in full) for i in range(len(lines[0]))]
    text = []
    for line in lines:
        first = line[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=False)]
        text.append("  ".join([first, *rest]).rstrip())
    return "\n".join(text)


def setting(arguments: argparse.Namespace) -> Json:
    """What the numbers were measured with; no path, no host name."""
    versions = {k: v for k, v in provenance.versions().items() if k != "executable"}
    counts = {name: getattr(arguments, name) for name in ("threads", "pyhf_threads", "repeat")}
    return {**versions, "processor": _processor(), **counts}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pallet", action="append", default=[], help=f"default: {', '.join(published.NAMES)}")
    parser.add_argument("--hypotheses", type=int, metavar="N", help="the first N of each pallet; default: all")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: the cores that may be used")
    parser.add_argument("--repeat", type=int, default=3, help="default: 3")
    parser.add_argument("--pyhf", type=int, default=2, metavar="N", help="hypotheses for pyhf; 0: none; default: 2")
    parser.add_argument("--pyhf-threads", type=int, default=1, metavar="N", help="threads of pyhf's torch; default: 1")
    parser.add_argument("--nextstat", metavar="PYTHON", help="the Python of an environment with NextStat; default: without it")
    parser.add_argument("--json", action="store_true", help="raw times instead of tables")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    files = published.found(arguments.pallet)
    if not files:
        return 2
    pallets = {}
    for name, file in files.items():
        print(f"measuring {name}", file=sys.stderr)
        pallets[name] = measure(file, arguments)
    if arguments.json:
        print(json.dumps({"setting": setting(arguments), "pallets": pallets}, indent=1))
        return 0
    print(", ".join(f"{key} {value}" for key, value in setting(arguments).items() if value), end="\n\n")
    print(table(pallets))
    if arguments.pyhf:
        print("\nseconds a hypothesis; ratio: pyhf's build and fits to hfx\n" + comparison(pallets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
