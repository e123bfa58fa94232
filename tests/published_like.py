"""Pallets like published ones, made from a seed: what a search for minima must get right without having seen them.

Control regions of one bin with hundreds of events fix the factors of the main backgrounds; signal regions of one to four bins
expect few. Samples carry their histosys as simulation makes them: sizes spread over two decades, both variations often on one
side of the nominal yield (V-shaped) or one of them equal to it (one-sided), with noise that grows where a sample is rare. Some
uncertainties are shared by all samples, some belong to one, and each signal has its own. The shifts are some two times as
large as in published pallets (median 4 % of a yield, one in ten above 28 %, one in a hundred above 100 %; there 1 to 2 %, 12 to
16 %, and 60 % or more); 4 in 10 are V-shaped (there up to half) and 2 in 10 one-sided.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["document", "patches", "write", "write_pallet"]

Json = dict[str, Any]
_POI = "mu_SIG"


@dataclass(frozen=True)
class _Plan:
    """What one seed decides once: the regions with their bins, the backgrounds, and the names of the uncertainties."""

    control: tuple[str, ...]
    signal: dict[str, int]
    backgrounds: tuple[str, ...]
    normalised: tuple[str, ...]
    shared: tuple[str, ...]
    theory: dict[str, tuple[str, ...]]
    shape: str  # staterror, shapesys or both
    v_shaped: float
    noise: float


def write(folder: Path, seed: int, hypotheses: int = 24) -> Path:
    """The pallet of ``seed`` as a folder of two files; a pure function of its arguments but ``folder``."""
    return write_pallet(folder, f"published-like-{seed}", document(seed), patches(seed, hypotheses))


def write_pallet(folder: Path, name: str, background: Json, patches: list[Json]) -> Path:
    """A background and its patches, whose labels are m1 and m2, as a folder of two files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "BkgOnly.json").write_text(json.dumps(background))
    digest = hashlib.sha256(json.dumps(background, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    patchset = {
        "metadata": {
            "name": name,
            "description": "a generated pallet",
            "labels": ["m1", "m2"],
            "references": {"hepdata": "ins1"},
            "digests": {"sha256": digest},
        },
        "patches": patches,
        "version": "1.0.0",
    }
    (folder / "patchset.json").write_text(json.dumps(patchset))
    return folder


def document(seed: int) -> Json:
    """The background-only workspace."""
    plan, chance = _plan(seed), random.Random(f"{seed} background")
    channels, observations, factors = [], [], {name: 10 ** chance.uniform(-0.15, 0.15) for name in plan.normalised}
    if chance.random() < 0.3:
        factors[plan.normalised[-1]] = chance.uniform(0.0, 0.05)  # its data leave nearly nothing
    pulls: dict[str, float] = {}
    for name, bins in [*((name, 1) for name in plan.control), *plan.signal.items()]:
        samples = _backgrounds(plan, name, bins, chance)
        channels.append({"name": name, "samples": samples})
        expected = [0.0] * bins
        for sample in samples:
            for i, one in enumerate(_true(sample, factors, pulls, chance)):
                expected[i] += one
        excess = chance.uniform(1.2, 2.5) if chance.random() < 0.25 else 1.0
        observed = [float(_poisson(max(one, 0.0) * excess, chance)) for one in expected]
        observations.append({"name": name, "data": observed})
    parameters = [
        {"name": "lumi", "auxdata": [1.0], "sigmas": [0.017], "inits": [1.0], "bounds": [[0.915, 1.085]]},
        *({"name": name, "inits": [1.0], "bounds": [[0.0, 10.0]]} for name in plan.normalised),
        {"name": _POI, "inits": [1.0], "bounds": [[0.0, 10.0]]},
    ]
    measurement = {"name": "NormalMeasurement", "config": {"poi": _POI, "parameters": parameters}}
    return {"channels": channels, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def patches(seed: int, hypotheses: int) -> list[Json]:
    """One patch for each hypothesis of a grid in two masses."""
    plan = _plan(seed)
    points = [(m1, m2) for m1 in range(200, 1200, 100) for m2 in range(0, m1 - 50, 100)]
    points = random.Random(f"{seed} points").sample(points, hypotheses)
    chance = random.Random(f"{seed} signal")
    reach, softness = chance.uniform(120.0, 250.0), {name: chance.uniform(0.3, 1.5) for name in plan.signal}
    return [
        {
            "metadata": {"name": f"signal_{m1}_{m2}", "values": [m1, m2]},
            "patch": list(_operations(plan, m1, m2, reach, softness, random.Random(f"{seed} {m1} {m2}"))),
        }
        for m1, m2 in sorted(points)
    ]


def _operations(plan: _Plan, m1: int, m2: int, reach: float, softness: dict[str, float], chance: random.Random) -> Iterator[Json]:
    total = 40.0 * math.exp(-(m1 - 200) / reach) * min(1.0, (m1 - m2) / 400.0) ** 1.5
    for place, (name, bins) in enumerate(plan.signal.items(), len(plan.control)):
        hard = (m1 - m2) / 1000.0
        rates = [total * softness[name] * math.exp(-abs(hard - (i + 0.5) / bins)) for i in range(bins)]
        data = [max(rate * chance.lognormvariate(0.0, 0.15), 1e-3) for rate in rates]
        modifiers: list[Json] = [
            {"name": _POI, "type": "normfactor", "data": None},
            {"name": "lumi", "type": "lumi", "data": None},
            {"name": "theory_signal", "type": "normsys", "data": _factors(0.1, chance)},
        ]
        for one in plan.shared:
            if chance.random() < 0.7:
                modifiers.append({"name": one, "type": "histosys", "data": _shifts(data, plan, 1.0, chance)})
        if plan.shape != "shapesys":
            width = chance.uniform(0.05, 0.25)
            modifiers.append({"name": f"staterror_{name}", "type": "staterror", "data": [width * one for one in data]})
        yield {
            "op": "add",
            "path": f"/channels/{place}/samples/0",
            "value": {"name": "signal", "data": data, "modifiers": modifiers},
        }


def _plan(seed: int) -> _Plan:
    chance = random.Random(f"{seed} plan")
    control = tuple(f"CR{i}" for i in range(chance.randint(1, 3)))
    signal = {f"SR{i}": chance.randint(1, 4) for i in range(chance.randint(2, 4))}
    backgrounds = ("ttbar", "Wjets", "Zjets", "diboson", "single_top", "fakes", "other")[: chance.randint(4, 7)]
    shared = tuple(f"exp_{i}" for i in range(chance.randint(20, 60)))
    theory = {name: tuple(f"theory_{name}_{i}" for i in range(chance.randint(1, 6))) for name in backgrounds}
    return _Plan(
        control,
        signal,
        backgrounds,
        backgrounds[: len(control)],
        shared,
        theory,
        chance.choice(("staterror", "shapesys", "both")),
        chance.uniform(0.1, 0.7),
        chance.uniform(0.5, 2.0),
    )


def _backgrounds(plan: _Plan, channel: str, bins: int, chance: random.Random) -> list[Json]:
    samples = []
    rate = chance.uniform(100.0, 2000.0) if channel in plan.control else 10 ** chance.uniform(0.3, 1.5)
    for name in plan.backgrounds:
        if chance.random() < 0.15 and name not in plan.normalised:
            continue
        part = rate * 10 ** chance.uniform(-2.0, 0.0)
        if name in plan.normalised and channel == plan.control[plan.normalised.index(name)]:
            part = rate
        data = [part * chance.lognormvariate(-0.4 * i, 0.3) for i in range(bins)]
        rare = 1.0 / math.sqrt(1.0 + 10.0 * part)  # few simulated events: their variations are noise
        modifiers: list[Json] = [{"name": "lumi", "type": "lumi", "data": None}] if name not in plan.normalised else []
        if name in plan.normalised:
            modifiers.append({"name": _mu(name), "type": "normfactor", "data": None})
        for one in (*plan.shared, *plan.theory[name]):
            if chance.random() < 0.15:
                continue
            if chance.random() < 0.4:
                modifiers.append({"name": one, "type": "normsys", "data": _factors(0.02, chance)})
            if chance.random() < 0.6:
                modifiers.append(
                    {"name": one, "type": "histosys", "data": _shifts(data, plan, 1.0 + plan.noise * 5 * rare, chance)}
                )
        if plan.shape != "shapesys":
            size = chance.uniform(0.02, 0.5) * rare
            modifiers.append({"name": f"staterror_{channel}", "type": "staterror", "data": [size * y for y in data]})
        if plan.shape != "staterror" and (name == "fakes" or plan.shape == "shapesys"):
            size = 10 ** chance.uniform(-4.0, -0.3)  # tau up to 1e8
            modifiers.append({"name": f"stat_{channel}_{name}", "type": "shapesys", "data": [size * y for y in data]})
        samples.append({"name": name, "data": data, "modifiers": modifiers})
    return samples


def _mu(background: str) -> str:
    return f"mu_{background}"


def _factors(size: float, chance: random.Random) -> Json:
    up = size * chance.lognormvariate(0.0, 1.0)
    down = up * chance.uniform(0.6, 1.2)
    return {"hi": 1.0 + up, "lo": max(1.0 - down, 0.05)} if chance.random() < 0.8 else {"hi": 1.0, "lo": 1.0 + up}


def _shifts(data: list[float], plan: _Plan, noise: float, chance: random.Random) -> Json:
    hi, lo = [], []
    for one in data:
        size = min(0.015 * noise * chance.lognormvariate(0.0, 1.4), 3.0)
        up = size * chance.choice((-1.0, 1.0))
        kind = chance.random()
        if kind < plan.v_shaped:
            down = up * chance.lognormvariate(0.0, 0.5)
        elif kind < plan.v_shaped + 0.2:
            down = 0.0
        else:
            down = -up * chance.lognormvariate(0.0, 0.2)
        hi.append(max(one * (1.0 + up), 0.0))
        lo.append(max(one * (1.0 + down), 0.0))
    return {"hi_data": hi, "lo_data": lo}


def _true(sample: Json, factors: dict[str, float], pulls: dict[str, float], chance: random.Random) -> list[float]:
    """The yields of one sample at the parameters that make the data."""
    rates, factor = list(sample["data"]), 1.0
    for modifier in sample["modifiers"]:
        name, data = modifier["name"], modifier["data"]
        if modifier["type"] == "normfactor":
            factor *= factors.get(name[len("mu_") :], 1.0)
        elif modifier["type"] in ("normsys", "histosys"):
            pull = pulls.setdefault(name, chance.gauss(0.0, 1.0))
            if modifier["type"] == "normsys":
                factor *= (data["hi"] if pull > 0 else 2.0 - data["lo"]) ** pull if pull > 0 else data["lo"] ** -pull
            else:
                side = data["hi_data"] if pull > 0 else data["lo_data"]
                rates = [rate + abs(pull) * (one - own) for rate, one, own in zip(rates, side, sample["data"], strict=True)]
    return [rate * factor for rate in rates]


def _poisson(rate: float, chance: random.Random) -> int:
    if rate > 50.0:
        return max(0, round(chance.gauss(rate, math.sqrt(rate))))
    count, product, limit = 0, chance.random(), math.exp(-rate)
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count
