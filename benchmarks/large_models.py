"""Time and memory of a scan of large models, with the default search.

    python benchmarks/large_models.py [--model NAME=SIZE]... [--hypotheses N] [--limit SECONDS]

Each model is written as a pallet with ``--hypotheses`` signals (one by default), and scanned by ``hfx scan`` in a process of its
own on one thread. Printed: parameters and main bins, CPU seconds of the whole command, its peak memory, and the number of
starts whose minima are kept. The models:

- staterror=N: N bins in one channel, 3 backgrounds with 20 normsys, 10 histosys and staterrors; the signal is a peak;
- shapesys=N: N bins in ten channels, 2 backgrounds with a shapesys each (two parameters a bin), 20 normsys;
- normsys=K: 20 bins in four channels, 3 backgrounds with K normsys, some of each channel alone;
- histosys=K: the same with K histosys;
- ATLAS-SUSY-2018-36 (623 parameters, 51 bins): the published background (``HFX_SHARED``), with a signal in one region.
"""

import argparse
import gzip
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("HFX_SHARED", "../shared"))
Workspace = dict[str, Any]
BIGGEST = ("staterror=3000", "shapesys=1500", "normsys=2000", "histosys=2000", "SUSY-2018-36=623")


def peak(bins: int, events: float, seed: int) -> list[float]:
    center, width = bins * (0.3 + 0.1 * (seed % 5)), max(bins / 30, 0.7)
    shape = [2.0 ** (-(((i - center) / width) ** 2)) for i in range(bins)]
    return [events * value / sum(shape) + 1e-6 for value in shape]


def varied(data: list[float], size: float, draw: random.Random) -> dict[str, list[float]]:
    tilt = [size * draw.gauss(0, 1) * (2 * i / len(data) - 1) + size / 3 * draw.gauss(0, 1) for i in range(len(data))]
    return {
        "hi_data": [v * (1 + t) for v, t in zip(data, tilt, strict=True)],
        "lo_data": [v * (1 - 0.9 * t) for v, t in zip(data, tilt, strict=True)],
    }


def modifiers(data: list[float], names: dict[str, list[str]], draw: random.Random) -> list[Workspace]:
    found: list[Workspace] = []
    for name in names.get("normsys", ()):
        size = abs(draw.gauss(0, 0.05))
        found.append({"name": name, "type": "normsys", "data": {"hi": 1 + size, "lo": 1 - 0.9 * size}})
    for name in names.get("histosys", ()):
        found.append({"name": name, "type": "histosys", "data": varied(data, 0.02, draw)})
    for name in names.get("staterror", ()):
        found.append({"name": name, "type": "staterror", "data": [0.1 * value**0.5 for value in data]})
    for name in names.get("shapesys", ()):
        found.append({"name": name, "type": "shapesys", "data": [0.08 * value for value in data]})
    return found


def workspace(bins: list[int], samples: int, names: Callable[[int, int], dict[str, list[str]]], seed: int = 1) -> Workspace:
    draw = random.Random(seed)
    channels, observations = [], []
    for c, count in enumerate(bins):
        data = [[draw.uniform(20, 100) / (1 + s) * 2.0 ** (-3 * i / count) for i in range(count)] for s in range(samples)]
        channels.append(
            {
                "name": f"channel{c}",
                "samples": [
                    {"name": f"background{s}", "data": row, "modifiers": modifiers(row, names(c, s), draw)}
                    for s, row in enumerate(data)
                ],
            }
        )
        total = [sum(column) for column in zip(*data, strict=True)]
        observations.append({"name": f"channel{c}", "data": [float(round(draw.gauss(v, v**0.5))) for v in total]})
    measurement = {"name": "measurement", "config": {"poi": "mu", "parameters": []}}
    return {"channels": channels, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def staterror(size: int) -> Workspace:
    normsys, histosys = [f"norm{k}" for k in range(20)], [f"shape{k}" for k in range(10)]
    return workspace([size], 3, lambda c, s: {"normsys": normsys, "histosys": histosys, "staterror": [f"stat{c}"]})


def shapesys(size: int) -> Workspace:
    return workspace(
        [size // 10] * 10, 2, lambda c, s: {"normsys": [f"norm{k}" for k in range(20)], "shapesys": [f"bins_{c}_{s}"]}
    )


def normsys(size: int) -> Workspace:
    return workspace([5] * 4, 3, lambda c, s: {"normsys": [f"norm{k}" for k in range(size) if k % 5 in (0, c + 1)]})


def histosys(size: int) -> Workspace:
    return workspace([5] * 4, 3, lambda c, s: {"histosys": [f"shape{k}" for k in range(size) if k % 5 in (0, c + 1)]})


def published(_: int) -> Workspace:
    with gzip.open(SHARED / "pallets" / "SUSY-2018-36-bkg.json.gz", "rt") as file:
        found: Workspace = json.load(file)
    return found


MODELS: dict[str, Callable[[int], Workspace]] = {
    "staterror": staterror,
    "shapesys": shapesys,
    "normsys": normsys,
    "histosys": histosys,
    "SUSY-2018-36": published,
}


def pallet(background: Workspace, hypotheses: int, folder: Path) -> None:
    """The background and a patch set with a signal in the channel with most bins, or the last signal region."""
    places = range(len(background["channels"]))
    place = max(places, key=lambda c: (len(background["channels"][c]["samples"][0]["data"]), c))
    bins, poi = len(background["channels"][place]["samples"][0]["data"]), background["measurements"][0]["config"]["poi"]
    patches = []
    for h in range(hypotheses):
        data = peak(bins, 3.0 * bins**0.5 + 2.0, h)
        signal = [
            {"name": poi, "type": "normfactor", "data": None},
            {"name": "signal_norm", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
        ]
        sample = {"name": f"signal{h}", "data": data, "modifiers": signal}
        operation = {"op": "add", "path": f"/channels/{place}/samples/-", "value": sample}
        patches.append({"metadata": {"name": f"signal_{h}", "values": [h]}, "patch": [operation]})
    digest = hashlib.md5(json.dumps(background, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    metadata = {"name": "signals", "description": "generated", "digests": {"md5": digest}, "labels": ["m"], "references": {}}
    folder.mkdir()
    (folder / "background.json").write_text(json.dumps(background))
    (folder / "patchset.json").write_text(json.dumps({"metadata": metadata, "patches": patches, "version": "1.0.0"}))


def measured(model: str, hypotheses: int, limit: int, options: list[str]) -> str:
    name, _, size = model.partition("=")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "pallet"
        pallet(MODELS[name](int(size)), hypotheses, folder)
        command = [sys.executable, "-m", "hfx", "scan", str(folder), "-o", str(Path(temporary) / "run"), "--threads", "1"]
        begun = time.perf_counter()
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        child = subprocess.Popen(
            [sys.executable, __file__, "--child", *command[1:], *options],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        try:
            output = child.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return f"{model:20s} not done after {limit} s"
        wall = time.perf_counter() - begun
        used = json.loads(output.strip().splitlines()[-1])
        found = json.loads((Path(temporary) / "run" / "scan.json").read_text())["results"]
        values = [f"{result['CLs_obs']:.10f}" for result in found[:1]]
        steps = sum(fit["iterations"] or 0 for result in found for fit in result["fits"].values())
        return (
            f"{model:20s} {wall:8.1f} s, CPU {used['cpu']:8.1f} s, {used['memory'] / 1024:7.0f} MB"
            f"   {steps:5d} iterations of the fits kept, CLs {values}"
        )


def child(arguments: list[str]) -> None:
    """Run the command here, and say what it and its children used."""
    code = subprocess.call([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss, "code": code}))


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", metavar="NAME=SIZE")
    parser.add_argument("--hypotheses", type=int, default=1)
    parser.add_argument("--limit", type=int, default=600, help="seconds for each model")
    arguments, options = parser.parse_known_args()
    for model in arguments.model or BIGGEST:
        print(measured(model, arguments.hypotheses, arguments.limit, options), flush=True)
    return None


if __name__ == "__main__":
    main()
