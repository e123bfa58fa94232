"""One sample of generated workspaces, and pyhf's fits of them, which are recorded because they take minutes.

    python -m tests.oracle.recorded_fits

writes the file again, as after a change of the strategies. The sample is the same wherever the same Hypothesis is installed;
workspaces of another version that are not in the file are fitted when they are asked for.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings

from tests.conformance.test_dense import pyhf_model
from tests.oracle import dense, strategies
from tests.oracle.pyhf_fits import best_fit

_FILE = Path(__file__).with_suffix(".json.gz")
_FITS = {"bkg": 0.0, "fixed": 1.0, "free": None}
_SAMPLE = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@dataclass(frozen=True)
class Fit:
    """The lowest 2NLL that pyhf finds, and the lowest expected rate of a bin there."""

    twice_nll: float
    lowest_rate: float


def workspaces() -> list[dense.Json]:
    """The sample."""
    generated: list[dense.Json] = []

    @_SAMPLE
    @given(strategies.workspaces())
    def collect(ws: dense.Json) -> None:
        generated.append(ws)

    collect()
    return generated


def of(ws: dense.Json) -> Mapping[str, Fit]:
    """pyhf's fits of the background, and with the signal fixed and free: recorded, or made now."""
    known = _recorded().get(_digest(ws))
    return {name: Fit(*numbers) for name, numbers in known.items()} if known is not None else by_pyhf(ws)


def by_pyhf(ws: dense.Json) -> Mapping[str, Fit]:
    """The same, made now."""
    model = pyhf_model(ws, 4, "4p")
    data = np.concatenate([dense.observed(ws), model.config.auxdata])
    found = {name: best_fit(model, data, mu) for name, mu in _FITS.items()}
    return {name: Fit(float(value), float(dense.expected(ws, theta).min())) for name, (value, theta) in found.items()}


@cache
def _recorded() -> Mapping[str, Mapping[str, tuple[float, float]]]:
    found: Mapping[str, Mapping[str, tuple[float, float]]] = json.loads(gzip.decompress(_FILE.read_bytes()))
    return found


def _digest(ws: dense.Json) -> str:
    return hashlib.sha256(json.dumps(ws, sort_keys=True).encode()).hexdigest()


def _record() -> None:
    sample = workspaces()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        fits = list(pool.map(by_pyhf, sample, chunksize=5))
    content = {_digest(ws): {name: astuple(fit) for name, fit in own.items()} for ws, own in zip(sample, fits, strict=True)}
    _FILE.write_bytes(gzip.compress(json.dumps(content, indent=0).encode(), mtime=0))
    print(f"{_FILE}: {len(content)} workspaces")


if __name__ == "__main__":
    _record()
