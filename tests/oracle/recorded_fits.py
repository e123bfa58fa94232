"""A sample of generated workspaces with pyhf's fits of them: both are recorded, for the fits take minutes.

    python -m tests.oracle.recorded_fits

makes another sample and writes the file again, as after a change of the strategies. A sample that is made anew in every run
would differ with the version of Hypothesis, and with what else has been imported.
"""

import gzip
import json
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
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
    max_examples=1000,
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


Fits = Mapping[str, Fit]


def sample() -> list[tuple[dense.Json, Fits]]:
    """The workspaces, and pyhf's fits of each: of the background, and with the signal fixed and free."""
    content = json.loads(gzip.decompress(_FILE.read_bytes()))
    return [(one["workspace"], {name: Fit(**fit) for name, fit in one["fits"].items()}) for one in content]


def by_pyhf(ws: dense.Json) -> Fits:
    """pyhf's fits, made now."""
    model = pyhf_model(ws, 4, "4p")
    data = np.concatenate([dense.observed(ws), model.config.auxdata])
    found = {name: best_fit(model, data, mu) for name, mu in _FITS.items()}
    return {name: Fit(float(value), float(dense.expected(ws, theta).min())) for name, (value, theta) in found.items()}


def _generated() -> list[dense.Json]:
    generated: dict[str, dense.Json] = {}

    @_SAMPLE
    @given(strategies.workspaces())
    def collect(ws: dense.Json) -> None:
        generated.setdefault(json.dumps(ws, sort_keys=True), ws)

    collect()
    return list(generated.values())


def _record() -> None:
    workspaces = _generated()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        fits = list(pool.map(by_pyhf, workspaces, chunksize=5))
    content = [
        {"workspace": ws, "fits": {name: asdict(fit) for name, fit in own.items()}}
        for ws, own in zip(workspaces, fits, strict=True)
    ]
    _FILE.write_bytes(gzip.compress(json.dumps(content, indent=0).encode(), mtime=0))
    print(f"{_FILE}: {len(content)} workspaces")


if __name__ == "__main__":
    _record()
