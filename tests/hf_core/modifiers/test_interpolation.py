"""An interpolation code is one function and one line in a table: codes of the tests, against formulas of their own."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hfx.errors import OptionError
from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.batch.tolerances import EDM_LIMIT
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.inference.cls import hypotest
from hfx.hf_core.modifiers.interpolation import FACTOR_CODES, SHIFT_CODES, FactorCode, ShiftCode
from tests.conformance.points import points, slope
from tests.conformance.workspaces import BATTERY
from tests.hf_core.cpu.test_minimize import certificate
from tests.hf_core.modifiers.codes import hyperbola, slow_table
from tests.hf_core.problems import Case
from tests.oracle import dense

ROOT = Path(__file__).resolve().parents[3]
WORKSPACES = ("histosys", "normsys_wide", "everything")


def register(setitem: Any) -> None:
    """The line of each in its table."""
    setitem(SHIFT_CODES, "hyperbola", ShiftCode(9, hyperbola))
    setitem(FACTOR_CODES, 9, FactorCode(9, slow_table))


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """In hfx's tables, and as formulas in the independent evaluation."""
    register(monkeypatch.setitem)
    shift, factor = dense.shift, dense.factor

    def shift_(alpha: float, nominal: float, lo: float, hi: float, code: str) -> float:
        if code != "hyperbola":
            return shift(alpha, nominal, lo, hi, code)
        bend = (math.hypot(1.0, alpha) - 1.0) / (math.sqrt(2.0) - 1.0)
        return 0.5 * alpha * (hi - lo) + bend * (0.5 * (hi + lo) - nominal)

    def factor_(alpha: float, lo: float, hi: float, code: int) -> float:
        if code != 9:
            return factor(alpha, lo, hi, code)
        rates = 0.5 * (hi - 1.0), 0.5 * (lo - 1.0)
        if abs(alpha) >= 1.0:
            return hi * math.exp(rates[0] * (alpha - 1.0)) if alpha > 0.0 else lo * math.exp(rates[1] * (-alpha - 1.0))
        ends, powers = np.array([[1.0], [-1.0]]), np.arange(1, 7)
        system = [ends**powers, powers * ends ** (powers - 1), powers * (powers - 1) * ends**powers]
        wanted = [hi - 1.0, lo - 1.0, hi * rates[0], -lo * rates[1], hi * rates[0] ** 2, lo * rates[1] ** 2]
        return 1.0 + float(np.linalg.solve(np.concatenate(system), wanted) @ alpha**powers)

    monkeypatch.setattr(dense, "shift", shift_)
    monkeypatch.setattr(dense, "factor", factor_)


def results(name: str, normsys: int, histosys: str, kernel: str) -> dict[str, Any]:
    """2NLL and its gradient at some points, and the natural fits of a hypothesis test."""
    ws = BATTERY[name]
    model = Model(compile_batch([Decoder().workspace(ws)], normsys=normsys, histosys=histosys), kernel)
    found = model.evaluate(0, points(ws, 3, seed=12), order=2)
    assert found.gradient is not None
    (outcome,) = hypotest(model, starts=1)
    fits = outcome.answers["natural"].fits
    return {
        "twice_nll": found.twice_nll.tolist(),
        "gradient": found.gradient.tolist(),
        "theta": {fit: fits[fit].theta.tolist() for fit in ("bkg", "fixed", "free")},
        "status": outcome.answers["natural"].status,
    }


def compared(name: str, normsys: int, histosys: str, found: dict[str, Any]) -> None:
    """With the independent evaluation and its differences; the fits end where its gradient vanishes."""
    case = Case(BATTERY[name], normsys, histosys)
    theta = points(case.ws, 3, seed=12)
    np.testing.assert_allclose(found["twice_nll"], [case.twice_nll(one) for one in theta], rtol=1e-10)
    for one, gradient in zip(theta, found["gradient"], strict=True):
        wanted = np.array([slope(case.twice_nll, one, axis, 1e-3) for axis in np.eye(len(one))])
        free = ~np.array([fixed for *_, fixed in case.parameters()])
        np.testing.assert_allclose(np.array(gradient)[free], wanted[free], rtol=1e-6, atol=1e-6 * (1 + np.abs(wanted).max()))
    assert found["status"] == "converged"
    for fit, mu in (("bkg", 0.0), ("fixed", 1.0), ("free", np.nan)):
        edm, outwards = certificate(case, mu, np.array(found["theta"][fit]))
        assert edm <= EDM_LIMIT
        assert outwards


@pytest.mark.parametrize("name", WORKSPACES)
def test_codes_on_any_device(name: str) -> None:
    compared(name, 9, "hyperbola", results(name, 9, "hyperbola", "torch"))


@pytest.mark.parametrize("name", WORKSPACES)
def test_a_code_for_factors_is_a_table_for_the_compiled_kernel(name: str) -> None:
    compared(name, 9, "4p", results(name, 9, "4p", "compiled"))


COMPILED = """
import json
from hfx.hf_core.modifiers.interpolation import SHIFT_CODES, ShiftCode
from tests.hf_core.modifiers.codes import hyperbola
SHIFT_CODES["hyperbola"] = ShiftCode(9, hyperbola)
from tests.hf_core.modifiers import test_interpolation as test
test.register(dict.__setitem__)
print(json.dumps({name: test.results(name, 9, "hyperbola", "compiled") for name in test.WORKSPACES}))
"""


def test_a_code_for_shifts_is_compiled_into_the_kernel(tmp_path: Path) -> None:
    """By a process of its own, whose table has it before the kernel is compiled."""
    path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILED]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, found in json.loads(done.stdout).items():
        compared(name, 9, "hyperbola", found)


def test_an_unknown_code_is_refused_with_the_known_ones() -> None:
    workspace = Decoder().workspace(BATTERY["histosys"])
    with pytest.raises(OptionError, match="histosys code '3': choose 0, 2, 4p or hyperbola"):
        compile_batch([workspace], histosys="3")
    with pytest.raises(OptionError, match="normsys code 2: choose 1, 4 or 9"):
        compile_batch([workspace], normsys=2)
