"""The demo pallet: an invented search for top squarks, in the format of a published likelihood.

It has three control regions and two signal regions with 18 bins, six background samples, 79 mass points, and every
type of HistFactory modifier. Yields follow simple formulas with the size of real ones (36 fb^-1 at 13 TeV); they come
from no simulation and no data. Its content is the same on every machine: formulas are rounded to four digits, and
fluctuations come from Python's own generator, whose sequence is the same in all versions.
"""

import gzip
import hashlib
import io
import json
import math
import random
import tarfile
from functools import partial
from pathlib import Path

from hfx.json_types import JsonObject, JsonValue
from hfx.pallets.patchset import NO_RECORD

__all__ = ["demo_pallet", "write_demo"]

_SEED = 31
_LUMINOSITY = 36100.0  # events per pb

# Bins and background yields of the regions. The multijet sample has the same four bins in CR_QCD and SR_low,
# where one shapefactor scales both; fakes are estimated from data, hence carry neither lumi nor staterror.
_BACKGROUNDS: dict[str, dict[str, list[float]]] = {
    "CR_QCD": {
        "top": [22.0, 14.0, 8.0, 4.5],
        "wjets": [16.0, 11.0, 6.5, 4.0],
        "multijet": [310.0, 150.0, 66.0, 27.0],
    },
    "CR_W": {
        "top": [95.0, 48.0, 21.0],
        "wjets": [420.0, 230.0, 118.0],
        "diboson": [38.0, 24.0, 15.0],
        "fakes": [12.0, 6.0, 2.4],
    },
    "CR_top": {
        "top": [640.0, 310.0, 128.0],
        "wjets": [52.0, 30.0, 15.0],
        "singletop": [44.0, 26.0, 14.0],
        "diboson": [5.0, 3.2, 1.9],
        "fakes": [14.0, 6.5, 2.2],
    },
    "SR_high": {
        "top": [14.0, 7.4, 3.6, 1.5],
        "wjets": [6.2, 4.4, 2.9, 1.6],
        "singletop": [2.9, 2.0, 1.3, 0.7],
        "diboson": [1.9, 1.5, 1.1, 0.7],
        "fakes": [0.9, 0.5, 0.25, 0.1],
    },
    "SR_low": {
        "top": [66.0, 41.0, 23.0, 11.0],
        "wjets": [18.0, 13.0, 8.6, 5.0],
        "singletop": [7.0, 5.2, 3.4, 2.0],
        "diboson": [3.6, 2.9, 2.1, 1.3],
        "multijet": [7.8, 3.7, 1.7, 0.7],
        "fakes": [3.1, 1.9, 0.9, 0.4],
    },
}
# Relative uncertainties: (up, down) of the normsys, size of the histosys in the first bin and slope per bin.
_NORMSYS: dict[str, dict[str, tuple[float, float]]] = {
    "top": {"btag": (1.042, 0.957), "top_generator": (1.11, 0.91)},
    "wjets": {"btag": (1.12, 0.89), "wjets_scale": (1.08, 0.94)},
    "singletop": {"btag": (1.038, 0.961), "singletop_interference": (1.24, 0.79)},
    "diboson": {"diboson_theory": (1.19, 0.85)},
}
_HISTOSYS: dict[str, dict[str, tuple[float, float]]] = {
    "top": {
        "jet_scale": (0.022, 0.017),
        "jet_resolution": (0.012, 0.006),
        "top_parton_shower": (0.02, 0.022),
    },
    "wjets": {"jet_scale": (0.035, 0.016), "jet_resolution": (0.016, 0.005)},
    "singletop": {"jet_scale": (0.028, 0.018)},
    "diboson": {"jet_scale": (0.05, 0.014)},
}
_FREE = {"top": "mu_top", "wjets": "mu_wjets"}
_SIMULATED = ("top", "wjets", "singletop", "diboson")
# The weight of one simulated event, which sets the size of the statistical uncertainties.
_WEIGHT = {"top": 0.35, "wjets": 0.5, "singletop": 0.15, "diboson": 0.08}


def demo_pallet() -> dict[str, JsonObject]:
    """The files of the demo pallet: content by name."""
    draw = random.Random(_SEED)
    background: JsonObject = {
        "channels": [
            {"name": channel, "samples": [_sample(channel, name, data) for name, data in samples.items()]}
            for channel, samples in _BACKGROUNDS.items()
        ],
        "measurements": [_measurement()],
        "observations": [
            {"name": channel, "data": [*_observed(draw, list(samples.values()))]} for channel, samples in _BACKGROUNDS.items()
        ],
        "version": "1.0.0",
    }
    return {"BkgOnly.json": background, "patchset.json": _patch_set(background)}


def write_demo(folder: Path) -> Path:
    """Write ``demo.tar.gz`` into `folder`, which is made if needed, and return its path; the bytes are always the same."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(demo_pallet().items()):
            text = json.dumps(content, sort_keys=True, indent=1).encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "demo.tar.gz"
    path.write_bytes(gzip.compress(plain.getvalue(), compresslevel=9, mtime=0))
    return path


def mass_points() -> list[tuple[int, int]]:
    """The (top squark, neutralino) masses in GeV: denser where the exclusion ends and along the diagonal."""
    points = [(heavy, light) for heavy in range(300, 1101, 100) for light in range(0, 601, 100)]
    points += [(heavy, light) for heavy in (750, 850, 950) for light in (0, 150, 250, 350)]
    points += [(heavy, heavy - gap) for heavy in range(250, 651, 50) for gap in (100, 150)]
    return sorted({(heavy, max(light, 1)) for heavy, light in points if heavy - light >= 100})


def _number(value: float) -> float:
    """The value rounded to four digits: platforms differ in the last bit of exp and pow."""
    return float(f"{value:.4g}")


def _sample(channel: str, name: str, data: list[float]) -> JsonObject:
    modifiers: list[JsonValue] = []
    if name == "multijet":
        modifiers.append({"name": "multijet_shape", "type": "shapefactor", "data": None})
    if name == "fakes":
        spread = [_number(value * (0.25 + 0.06 * i)) for i, value in enumerate(data)]
        modifiers.append({"name": f"fakes_{channel}", "type": "shapesys", "data": [*spread]})
    if name in _SIMULATED:
        modifiers += _simulated_modifiers(channel, name, data)
    return {"name": name, "data": [*data], "modifiers": modifiers}


def _simulated_modifiers(channel: str, name: str, data: list[float]) -> list[JsonValue]:
    spread = [_number(math.sqrt(_WEIGHT[name] * value)) for value in data]
    modifiers: list[JsonValue] = [
        {"name": "lumi", "type": "lumi", "data": None},
        {"name": f"staterror_{channel}", "type": "staterror", "data": [*spread]},
    ]
    if name in _FREE:
        modifiers.append({"name": _FREE[name], "type": "normfactor", "data": None})
    modifiers += [_normsys(key, *sizes) for key, sizes in _NORMSYS[name].items()]
    modifiers += [_histosys(key, data, *sizes) for key, sizes in _HISTOSYS[name].items()]
    return modifiers


def _normsys(name: str, high: float, low: float) -> JsonObject:
    return {"name": name, "type": "normsys", "data": {"hi": high, "lo": low}}


def _histosys(name: str, data: list[float], size: float, slope: float) -> JsonObject:
    high = [_number(value * (1 + size + slope * i)) for i, value in enumerate(data)]
    low = [_number(value * (1 - 0.9 * (size + slope * i))) for i, value in enumerate(data)]
    return {"name": name, "type": "histosys", "data": {"hi_data": [*high], "lo_data": [*low]}}


def _measurement() -> JsonObject:
    lumi: JsonObject = {
        "name": "lumi",
        "auxdata": [1.0],
        "bounds": [[0.895, 1.105]],
        "fixed": False,
        "inits": [1.0],
        "sigmas": [0.021],
    }
    free: list[JsonValue] = [{"name": name, "inits": [1.0], "bounds": [[0.0, 5.0]]} for name in _FREE.values()]
    signal: JsonObject = {"name": "mu_SIG", "inits": [1.0], "bounds": [[0.0, 10.0]]}
    return {"name": "demo", "config": {"poi": "mu_SIG", "parameters": [lumi, *free, signal]}}


def _observed(draw: random.Random, samples: list[list[float]]) -> list[float]:
    """Counts drawn bin by bin around the background expectation."""
    return [float(_poisson(draw, sum(bins))) for bins in zip(*samples, strict=True)]


def _poisson(draw: random.Random, mean: float) -> int:
    """A Poisson number by inversion; it uses `random()` only, the one method whose sequence Python guarantees."""
    if mean > 100:  # exp(-mean) would vanish; the sum of two halves has the same distribution
        return _poisson(draw, mean / 2) + _poisson(draw, mean / 2)
    target, count = draw.random(), 0
    probability = total = math.exp(-mean)
    while total < target and probability > 0:
        count += 1
        probability *= mean / count
        total += probability
    return count


def _patch_set(background: JsonObject) -> JsonObject:
    text = json.dumps(background, sort_keys=True, ensure_ascii=False).encode()
    return {
        "metadata": {
            "description": "a made-up search for top squarks (demo of hfx)",
            "digests": {"sha256": hashlib.sha256(text).hexdigest()},
            "labels": ["mstop", "mlsp"],
            "references": {"hepdata": NO_RECORD},
        },
        "patches": [_patch(*masses) for masses in mass_points()],
        "version": "1.0.0",
    }


def _patch(heavy: int, light: int) -> JsonObject:
    signal = partial(_signal, heavy, light)
    return {
        "metadata": {"name": f"stop_{heavy}_{light}", "values": [heavy, light]},
        "patch": [
            {"op": "add", "path": f"/channels/{i}/samples/-", "value": signal(channel)}
            for i, channel in enumerate(_BACKGROUNDS)
            if channel in _SIGNAL_SHARE
        ],
    }


# For each region with signal: its share of the events, the m(stop) - m(lsp) in GeV at which it fills, its number of bins.
_SIGNAL_SHARE = {"CR_top": (0.10, 300.0, 3), "SR_high": (1.0, 520.0, 4), "SR_low": (0.75, 260.0, 4)}


def _signal(heavy: int, light: int, channel: str) -> JsonObject:
    data = _signal_yields(heavy, light, channel)
    gap = heavy - light
    compressed = math.exp(-(gap - 100) / 120)
    spread = [_number(math.sqrt(value * value * 0.0025 + 0.02 * value)) for value in data]
    theory = 0.07 + 0.00008 * heavy
    return {
        "name": f"stop_{heavy}_{light}",
        "data": [*data],
        "modifiers": [
            {"name": "mu_SIG", "type": "normfactor", "data": None},
            {"name": "lumi", "type": "lumi", "data": None},
            {"name": f"staterror_{channel}", "type": "staterror", "data": [*spread]},
            _normsys("btag", 1.035, 0.964),
            _normsys("signal_theory", _number(1 + theory + 0.15 * compressed), _number(1 - theory)),
            _histosys("jet_scale", data, _number(0.02 + 0.08 * compressed), 0.012),
        ],
    }


def _signal_yields(heavy: int, light: int, channel: str) -> list[float]:
    """Expected events in the bins of a region: luminosity x cross section x acceptance x shape."""
    share, scale, bins = _SIGNAL_SHARE[channel]
    gap = heavy - light
    events = _LUMINOSITY * _cross_section(heavy) * share
    # Soft decay products near the diagonal are lost; a region catches the mass differences near its scale.
    events *= 0.045 * (1 - math.exp(-(((gap - 70) / 330) ** 2)))
    events *= 1 / (1 + (scale / gap) ** 3) if channel == "SR_high" else 1 / (1 + (gap / (2.2 * scale)) ** 2)
    hardness = gap / (gap + scale)
    weights = [math.exp(2.4 * (hardness - 0.45) * i) for i in range(bins)]
    return [_number(events * weight / sum(weights)) for weight in weights]


def _cross_section(heavy: int) -> float:
    """Pair production in pb: the power law with a steepening slope that such cross sections follow."""
    steps = math.log(heavy / 500)
    return 0.61 * math.exp(-7.0 * steps - 1.1 * steps * steps)
