"""A small true pallet, and a worker's function that needs no fits: fast, deterministic, with an exchange."""

import hashlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # workers import this module too
    import pytest

BACKGROUND: dict[str, Any] = {
    "channels": [
        {
            "name": "SR",
            "samples": [
                {
                    "name": "bkg",
                    "data": [60.0, 25.0, 8.0],
                    "modifiers": [
                        {"name": "norm", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                        {
                            "name": "shape",
                            "type": "histosys",
                            "data": {"hi_data": [63.0, 25.0, 7.0], "lo_data": [57.0, 25.0, 9.0]},
                        },
                    ],
                }
            ],
        }
    ],
    "observations": [{"name": "SR", "data": [58.0, 27.0, 9.0]}],
    "measurements": [{"name": name, "config": {"poi": "mu", "parameters": []}} for name in ("meas", "other")],
    "version": "1.0.0",
}


def signal(m1: float, m2: float) -> list[dict[str, Any]]:
    """The patch of one mass point."""
    size = 60.0 * math.exp(-m1 / 250.0) * max(0.0, 1.0 - m2 / m1)
    sample = {
        "name": "signal",
        "data": [0.2 * size, 0.3 * size, 0.5 * size],
        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
    }
    return [{"op": "add", "path": "/channels/0/samples/0", "value": sample}]


def write_pallet(folder: Path, points: list[tuple[int, int]], *, broken: tuple[str, ...] = ()) -> Path:
    """Write a pallet with patch set; hypotheses in `broken` have a patch that does not apply."""
    folder.mkdir(parents=True, exist_ok=True)
    patches = []
    for m1, m2 in points:
        name = f"sig_{m1}_{m2}"
        patch = signal(m1, m2)
        if name in broken:
            patch = [{"op": "remove", "path": "/channels/7"}]
        patches.append({"metadata": {"name": name, "values": [m1, m2]}, "patch": patch})
    digest = hashlib.sha256(json.dumps(BACKGROUND, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    patch_set = {
        "metadata": {
            "name": "toy",
            "description": "a toy search",
            "digests": {"sha256": digest},
            "labels": ["m1", "m2"],
            "references": {"hepdata": "ins1234567"},
        },
        "patches": patches,
        "version": "1.0.0",
    }
    (folder / "BkgOnly.json").write_text(json.dumps(BACKGROUND))
    (folder / "patchset.json").write_text(json.dumps(patch_set))
    return folder


def grid(n: int = 6, m: int = 4) -> list[tuple[int, int]]:
    """n x m mass points below the diagonal."""
    return [(200 + 100 * i, 40 * j) for i in range(n) for j in range(m)]


def _cls(m1: float, m2: float) -> float:
    return min(1.0, 0.01 * math.exp((m1 - 350.0) / 120.0 + m2 / 200.0))


def _record(name: str, values: list[float], depth: float, changed: bool) -> dict[str, Any]:
    cls = _cls(*values[:2]) if len(values) > 1 else 0.5
    expected = [min(1.0, cls * factor) for factor in (0.1, 0.3, 1.1, 2.5, 5.0)]
    fit = {"twice_nll": 100.0 - depth, "edm": 1e-12, "iterations": 5, "minima": 1, "improved": float(changed)}
    part = {"CLs_obs": cls, "CLs_exp": expected}
    return {
        "key": name,
        "name": name,
        "values": values,
        "CLs_obs": cls,
        "CLs_exp": expected,
        "CLsb_obs": cls / 2,
        "CLb_obs": 0.5,
        "muhat": 0.0,
        "status": "converged",
        "edm": 1e-12,
        "fits": {kind: dict(fit) for kind in ("bkg", "fixed", "free", "asimov_fixed")},
        "natural": part,
        "admissible": dict(part),
        "lowest": {"CLs_obs": cls / 2, "CLs_exp": expected, "why_not": None},
        "seconds": 0.01,
        "worker": "fake",
        "solutions": {
            "parameters": ["mu", "alpha"],
            "widths": [1.0, 1.0],
            "minima": {kind: _minima(depth) for kind in ("bkg", "fixed", "free", "asimov_fixed")},
            "poi": "mu",
            "changed": changed,
            "lost": False,
        },
    }


def _minima(depth: float) -> dict[str, Any]:
    """The natural minimum at alpha = 0, and one that lies lower, at alpha = 100 times the depth; enough draws have reached it."""
    return {
        "theta": [[0.0, 0.0], [0.0, 100.0 * depth]],
        "choice": {"natural": 0, "admissible": 1, "lowest": 1},
        "deviance": {"natural": 0.0, "admissible": -depth, "lowest": -depth},
        "decided": {choice: [[0, 0.0, 0.0], [1, -depth, 0.0]] for choice in ("natural", "admissible", "lowest")},
        "drawn": 1000,
        "hits": [0, 10],
        "iterations": [5, 5],
        "found": 2,
        "sound": True,
    }


def depth_of(record: Mapping[str, Any]) -> float:
    """The depth that a record of `run` holds."""
    return -float(record["solutions"]["minima"]["bkg"]["deviance"]["lowest"])


def _seed(name: str) -> float:
    return (1 + int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) % 40) / 40.0


def run(task: Mapping[str, Any]) -> dict[str, Any]:
    """A worker's function: a hypothesis finds a depth of its own, in the exchange the deepest that is offered."""
    results, failures = [], []
    for h in task["hypotheses"]:
        if any(op["op"] == "remove" for op in h["patch"]):
            failures.append({"name": h["name"], "values": h["values"], "reason": "the patch does not apply"})
            continue
        depth, changed = _seed(h["name"]), True
        if "inputs" in task:
            own = depth_of({"solutions": task["inputs"]["known"][h["key"]]})
            depth = max([own, *(shift["alpha"] / 100.0 for shift in task["inputs"]["shifts"])])
            changed = depth > own
        results.append(_record(h["name"], list(h["values"]), depth, changed))
    return {"results": results, "failures": failures}


def picture(scan: Mapping[str, Any], stem: Path, *_: object) -> list[Path]:
    """In place of a picture: two empty files."""
    paths = [stem.with_suffix(".pdf"), stem.with_suffix(".png")]
    for path in paths:
        path.touch()
    return paths


def slow_run(task: Mapping[str, Any]) -> dict[str, Any]:
    """The same, at a pace that a test can interrupt."""
    time.sleep(0.008 * len(task["hypotheses"]))
    return run(task)


def stand_in(monkeypatch: "pytest.MonkeyPatch", folder: Path) -> None:
    """Scans are of these fits and write these pictures; the working directory is ``folder``, with the pallets ``toy``, of one
    region, and ``two``, of two."""
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", picture)
    monkeypatch.setattr("hfx.driver.scan.scan._worker_function", lambda: run)
    monkeypatch.chdir(folder)
    write_pallet(folder / "toy", grid(4, 3))
    for region in "AB":
        write_pallet(folder / "two" / region, grid(4, 3))
