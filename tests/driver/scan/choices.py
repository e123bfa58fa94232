"""A pallet with channels to leave out and with several parameters that may be the one of interest."""

import json
from pathlib import Path
from typing import Any

from tests.pallets.builders import dump, patch_set, write_folder

__all__ = ["BACKGROUND", "documents", "entries", "write"]

Json = dict[str, Any]


def _modifier(name: str, kind: str, data: Any = None) -> Json:
    return {"name": name, "type": kind, "data": data}


def _channel(name: str, *samples: Json) -> Json:
    return {"name": name, "samples": list(samples)}


def _sample(name: str, data: list[float], *modifiers: Json) -> Json:
    return {"name": name, "data": data, "modifiers": list(modifiers)}


_JES = _modifier("jes", "normsys", {"hi": 1.08, "lo": 0.93})
BACKGROUND: Json = {
    "channels": [
        _channel("CR", _sample("top", [120.0], _modifier("mu_top", "normfactor"), _JES), _sample("other", [30.0])),
        _channel(
            "SR",
            _sample("top", [12.0, 5.0], _modifier("mu_top", "normfactor"), _JES, _modifier("stat_SR", "staterror", [0.8, 0.5])),
            _sample(
                "other", [6.0, 3.0], _modifier("fakes", "shapesys", [1.5, 1.0]), _modifier("stat_SR", "staterror", [0.5, 0.4])
            ),
        ),
        _channel(
            "VR",
            _sample(
                "top",
                [40.0, 20.0],
                _modifier("mu_top", "normfactor"),
                _modifier("tilt", "histosys", {"hi_data": [42.0, 19.0], "lo_data": [38.0, 21.0]}),
                _modifier("pile_up", "normsys", {"hi": 1.2, "lo": 0.85}),
            ),
            _sample("z", [10.0, 9.0], _modifier("mu_z", "normfactor")),
        ),
    ],
    "observations": [
        {"name": "CR", "data": [160.0]},
        {"name": "SR", "data": [21.0, 8.0]},
        {"name": "VR", "data": [66.0, 25.0]},
    ],
    "measurements": [
        {
            "name": "nominal",
            "config": {
                "poi": "mu",
                "parameters": [
                    {"name": "mu_fixed", "fixed": True, "inits": [1.0]},
                    {"name": "mu_above", "bounds": [[0.2, 3.0]], "inits": [1.0]},
                ],
            },
        }
    ],
    "version": "1.0.0",
}


def entries() -> list[Json]:
    """Two hypotheses; their samples stand at indices that move when a channel before them is taken out."""
    return [_entry("s_100_20", 8.0, 100, 20), _entry("s_200_20", 5.0, 200, 20)]


def _entry(name: str, size: float, *values: int) -> Json:
    mu = _modifier("mu", "normfactor")
    more = [_modifier("mu_fixed", "normfactor"), _modifier("mu_above", "normfactor")]
    second = _sample("second", [1.0, 6.0], _modifier("mu_second", "normfactor"))
    return {
        "metadata": {"name": name, "values": list(values)},
        "patch": [
            {"op": "add", "path": "/channels/1/samples/-", "value": _sample("signal", [size, 0.6 * size], mu, _JES)},
            {"op": "add", "path": "/channels/1/samples/-", "value": second},
            {"op": "add", "path": "/channels/2/samples/0", "value": _sample("signal", [0.4 * size, 1.0], mu, *more)},
        ],
    }


def documents() -> dict[str, bytes]:
    """The files of the pallet."""
    return {
        "BkgOnly.json": dump(BACKGROUND),
        "patchset.json": json.dumps(patch_set(BACKGROUND, entries())).encode(),
    }


def write(folder: Path) -> Path:
    """The folder with the pallet."""
    return write_folder(folder, documents())
