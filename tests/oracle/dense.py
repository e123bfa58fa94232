"""An independent evaluation of a HistFactory workspace: plain, slow, one scalar at a time, from the JSON.

Written from the definitions (HistFactory, CERN-OPEN-2012-016, and the workspace schema 1.0.0), not from
another program's structure: what the tests compare hfx with, beside pyhf. It shares no line with hfx.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Floats = NDArray[np.float64]

BLOCKS = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")
PER_BIN = ("shapefactor", "shapesys", "staterror")


@dataclass(frozen=True)
class Block:
    """The parameters of one name: as many as bins for shapefactor, shapesys and staterror, else one."""

    name: str
    kind: str
    inits: list[float]
    bounds: list[tuple[float, float]]
    fixed: list[bool]
    constraint: str | None = None  # "normal" or "poisson"
    auxdata: tuple[float, ...] = ()
    widths: tuple[float, ...] = ()  # sigma of a normal constraint, tau of a Poisson one

    @property
    def names(self) -> list[str]:
        if self.kind in PER_BIN:
            return [f"{self.name}[{bin_}]" for bin_ in range(len(self.inits))]
        return [self.name]


# --- reading the workspace ------------------------------------------------------------------------


def _channels(ws: Json) -> list[Json]:
    return sorted(ws["channels"], key=lambda channel: channel["name"])


def _samples(channel: Json) -> list[Json]:
    return sorted(channel["samples"], key=lambda sample: sample["name"])


def _modifiers(sample: Json) -> list[Json]:
    return sorted(sample["modifiers"], key=lambda modifier: (modifier["name"], modifier["type"]))


def _uses(ws: Json, name: str, kind: str) -> list[tuple[Json, Json, Json]]:
    """Every (channel, sample, modifier) of one name and type, in order."""
    return [
        (channel, sample, modifier)
        for channel in _channels(ws)
        for sample in _samples(channel)
        for modifier in _modifiers(sample)
        if modifier["name"] == name and modifier["type"] == kind
    ]


def _first_seen(ws: Json, kind: str) -> list[str]:
    seen: dict[str, None] = {}
    for channel in _channels(ws):
        for sample in _samples(channel):
            for modifier in _modifiers(sample):
                if modifier["type"] == kind:
                    seen.setdefault(modifier["name"])
    # pyhf collects staterrors when the model is whole: by name, whichever channel comes first.
    return sorted(seen) if kind == "staterror" else list(seen)


def _staterror(ws: Json, name: str) -> Block:
    uses = _uses(ws, name, "staterror")
    sigmas: list[float] = []
    for channel in _channels(ws):
        carriers = [(sample, modifier) for one, sample, modifier in uses if one is channel]
        for bin_ in range(len(channel["samples"][0]["data"]) if carriers else 0):
            total = sum(sample["data"][bin_] for sample, _ in carriers)
            squares = sum(modifier["data"][bin_] ** 2 for _, modifier in carriers)
            sigmas.append(math.sqrt(squares) / total if total > 0 else 0.0)
    n = len(sigmas)
    return Block(
        name,
        "staterror",
        inits=[1.0] * n,
        bounds=[(1e-10, 10.0)] * n,
        fixed=[sigma == 0.0 for sigma in sigmas],
        constraint="normal",
        auxdata=(1.0,) * n,
        widths=tuple(sigma or 1.0 for sigma in sigmas),
    )


def _shapesys(ws: Json, name: str) -> Block:
    ((_, sample, modifier),) = _uses(ws, name, "shapesys")
    pairs = list(zip(sample["data"], modifier["data"], strict=True))
    taus = tuple((nominal / error) ** 2 if nominal > 0 and error > 0 else 1.0 for nominal, error in pairs)
    n = len(pairs)
    return Block(
        name,
        "shapesys",
        inits=[1.0] * n,
        bounds=[(1e-10, 10.0)] * n,
        fixed=[not (nominal > 0 and error > 0) for nominal, error in pairs],
        constraint="poisson",
        auxdata=taus,
        widths=taus,
    )


def _default(ws: Json, name: str, kind: str) -> Block:
    if kind == "staterror":
        return _staterror(ws, name)
    if kind == "shapesys":
        return _shapesys(ws, name)
    if kind == "shapefactor":
        n = len(_uses(ws, name, kind)[0][1]["data"])
        return Block(name, kind, [1.0] * n, [(0.0, 10.0)] * n, [False] * n)
    if kind == "normfactor":
        return Block(name, kind, [1.0], [(0.0, 10.0)], [False])
    if kind == "lumi":  # the measurement says all the rest
        return Block(name, kind, [math.nan], [(math.nan, math.nan)], [False], "normal", (math.nan,), (math.nan,))
    return Block(name, kind, [0.0], [(-5.0, 5.0)], [False], "normal", (0.0,), (1.0,))


def _overridden(block: Block, config: Json) -> Block:
    n = len(block.inits)
    fixed = config.get("fixed", block.fixed)
    return Block(
        block.name,
        block.kind,
        inits=config.get("inits", block.inits),
        bounds=[(float(low), float(high)) for low, high in config.get("bounds", block.bounds)],
        fixed=[fixed] * n if isinstance(fixed, bool) else fixed,
        constraint=block.constraint,
        auxdata=tuple(config.get("auxdata", block.auxdata)),
        widths=tuple(config.get("factors" if block.constraint == "poisson" else "sigmas", block.widths)),
    )


def _config(ws: Json, measurement: str | None) -> Json:
    chosen = [one for one in ws["measurements"] if measurement in (None, one["name"])]
    return dict(chosen[0]["config"])


def blocks(ws: Json, measurement: str | None = None) -> dict[str, Block]:
    """Parameters by name, in pyhf's order: by type, then by first encounter; a shared name stands once."""
    overrides = {one["name"]: one for one in _config(ws, measurement)["parameters"]}
    found: dict[str, Block] = {}
    for kind in BLOCKS:
        for name in _first_seen(ws, kind):
            if name not in found:
                found[name] = _overridden(_default(ws, name, kind), overrides.get(name, {}))
    return found


def parameters(ws: Json, measurement: str | None = None) -> list[tuple[str, float, float, float, bool]]:
    """(name, init, lower, upper, fixed) of each parameter, in pyhf's order and spelling."""
    return [
        (name, float(init), low, high, bool(fixed))
        for block in blocks(ws, measurement).values()
        for name, init, (low, high), fixed in zip(block.names, block.inits, block.bounds, block.fixed, strict=True)
    ]


# --- interpolation: the number that a shift or factor takes at alpha ------------------------------


def factor(alpha: float, lo: float, hi: float, code: int) -> float:
    """Codes 1 (exponential) and 4 (polynomial inside |alpha| < 1, smooth to second order at both ends)."""
    if code == 1 or abs(alpha) >= 1:
        return float(hi**alpha if alpha >= 0 else lo**-alpha)
    value = np.array([hi, lo])
    slope = np.array([hi * math.log(hi), -lo * math.log(lo)])
    curve = np.array([hi * math.log(hi) ** 2, lo * math.log(lo) ** 2])
    ends, powers = np.array([1.0, -1.0]), np.arange(1, 7)
    system = np.concatenate(
        [
            ends[:, None] ** powers,
            powers * ends[:, None] ** (powers - 1),
            powers * (powers - 1) * ends[:, None] ** np.maximum(powers - 2, 0),
        ]
    )
    coefficients = np.linalg.solve(system, np.concatenate([value - 1.0, slope, curve]))
    return 1.0 + float(sum(c * alpha**power for c, power in zip(coefficients, powers, strict=True)))


def shift(alpha: float, nominal: float, lo: float, hi: float, code: str) -> float:
    """Codes 0 (linear), 2 (quadratic inside, its tangent outside), 4p (polynomial inside, linear outside)."""
    up, down = hi - nominal, nominal - lo
    if code == "0":
        return alpha * (up if alpha >= 0 else down)
    if code == "2":
        bend, lean = 0.5 * (up - down), 0.5 * (up + down)
        if alpha > 1:
            return bend + lean + (lean + 2 * bend) * (alpha - 1)
        if alpha < -1:
            return bend - lean + (lean - 2 * bend) * (alpha + 1)
        return bend * alpha**2 + lean * alpha
    if code != "4p":
        raise ValueError(f"no histosys code {code}")
    if abs(alpha) > 1:
        return alpha * (up if alpha >= 0 else down)
    return 0.5 * alpha * (up + down) + (up - down) / 16 * alpha**2 * (15 - 10 * alpha**2 + 3 * alpha**4)


# --- rates and likelihood -------------------------------------------------------------------------


def _values(found: dict[str, Block], theta: Floats) -> dict[str, Floats]:
    values, start = {}, 0
    for name, block in found.items():
        values[name] = np.asarray(theta[start : start + len(block.inits)], dtype=float)
        start += len(block.inits)
    assert start == len(theta), f"{len(theta)} parameters given, {start} expected"
    return values


def _first_bins(ws: Json, name: str, kind: str) -> dict[str, int]:
    """Where a channel's first bin stands among the parameters of a per-bin modifier."""
    if kind == "shapefactor":  # channels share the parameters, bin by bin
        return {channel["name"]: 0 for channel in ws["channels"]}
    first, next_ = {}, 0
    carriers = {channel["name"]: len(sample["data"]) for channel, sample, _ in _uses(ws, name, kind)}
    for channel, n_bins in carriers.items():
        first[channel], next_ = next_, next_ + n_bins
    return first


def _cell(
    ws: Json,
    channel: str,
    sample: Json,
    bin_: int,
    values: dict[str, Floats],
    normsys: int,
    histosys: str,
) -> float:
    nominal = sample["data"][bin_]
    total, product = nominal, 1.0
    for modifier in sample["modifiers"]:
        kind, data, value = modifier["type"], modifier["data"], values[modifier["name"]]
        if kind == "histosys":
            total += shift(value[0], nominal, data["lo_data"][bin_], data["hi_data"][bin_], histosys)
        elif kind == "normsys":
            product *= factor(value[0], data["lo"], data["hi"], normsys)
        elif kind in PER_BIN:
            product *= value[_first_bins(ws, modifier["name"], kind)[channel] + bin_]
        else:
            product *= value[0]
    return float(product * total)


def expected_by_sample(
    ws: Json,
    theta: Floats,
    normsys: int = 4,
    histosys: str = "4p",
    measurement: str | None = None,
) -> dict[tuple[str, str], Floats]:
    """The expected rates of each (channel, sample), one number a bin."""
    values = _values(blocks(ws, measurement), theta)
    return {
        (channel["name"], sample["name"]): np.array(
            [_cell(ws, channel["name"], sample, bin_, values, normsys, histosys) for bin_ in range(len(sample["data"]))]
        )
        for channel in _channels(ws)
        for sample in _samples(channel)
    }


def expected(
    ws: Json,
    theta: Floats,
    normsys: int = 4,
    histosys: str = "4p",
    measurement: str | None = None,
) -> Floats:
    """The expected rate of each bin, channels in order of name, shape (bins,)."""
    rates = expected_by_sample(ws, theta, normsys, histosys, measurement)
    return np.concatenate(
        [sum(rate for (name, _), rate in rates.items() if name == channel["name"]) for channel in _channels(ws)]
    )


def observed(ws: Json) -> Floats:
    """The observed number of events of each bin, channels in order of name."""
    by_name = {one["name"]: one["data"] for one in ws["observations"]}
    return np.concatenate([np.asarray(by_name[channel["name"]], float) for channel in _channels(ws)])


def auxdata(ws: Json, measurement: str | None = None) -> Floats:
    """The auxiliary data, in the order of the parameters that they constrain."""
    return np.array([value for block in blocks(ws, measurement).values() for value in block.auxdata], float)


def expected_auxdata(ws: Json, theta: Floats, measurement: str | None = None) -> Floats:
    """What the auxiliary measurements would give at theta: the Asimov auxdata."""
    found = blocks(ws, measurement)
    values = _values(found, theta)
    parts = [
        values[name] * (np.asarray(block.widths) if block.constraint == "poisson" else 1.0)
        for name, block in found.items()
        if block.constraint
    ]
    return np.concatenate([np.array([]), *parts])


@lru_cache(maxsize=4096)
def _log_factorial(n: float) -> Any:
    return mpmath.loggamma(mpmath.mpf(n) + 1)


def _log_poisson(n: Floats, rate: Floats) -> float:
    """In 40 digits: for n = 1e11 the terms are near 1e12 and their sum near 10."""
    if np.any(rate < 0) or np.any((rate == 0) & (n > 0)):
        return math.nan if np.any(rate < 0) else -math.inf
    with mpmath.workdps(40):
        terms = [
            mpmath.mpf(x) * mpmath.log(mpmath.mpf(nu)) - mpmath.mpf(nu) - _log_factorial(float(x))
            for x, nu in zip(n, rate, strict=True)
            if nu > 0
        ]
        return float(mpmath.fsum(terms))


def _log_normal(x: Floats, mean: Floats, sigma: Floats) -> float:
    return float(np.sum(-0.5 * ((x - mean) / sigma) ** 2 - np.log(sigma) - 0.5 * math.log(2 * math.pi)))


def twice_nll(
    ws: Json,
    theta: Floats,
    normsys: int = 4,
    histosys: str = "4p",
    measurement: str | None = None,
    data: Floats | None = None,
) -> float:
    """-2 log likelihood with all constants; data: bins then auxdata, the workspace's own when not given."""
    found = blocks(ws, measurement)
    values = _values(found, theta)
    if data is None:
        data = np.concatenate([observed(ws), auxdata(ws, measurement)])
    rates = expected(ws, theta, normsys, histosys, measurement)
    main, rest = data[: len(rates)], data[len(rates) :]
    total = _log_poisson(main, rates)
    for name, block in found.items():
        if block.constraint is None:
            continue
        mine, rest = rest[: len(block.inits)], rest[len(block.inits) :]
        widths = np.asarray(block.widths, dtype=float)
        if block.constraint == "normal":
            total += _log_normal(mine, values[name], widths)
        else:
            total += _log_poisson(mine, values[name] * widths)
    assert len(rest) == 0, f"{len(rest)} data too many"
    return -2.0 * total
