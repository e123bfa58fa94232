"""The direction of lowest curvature and the floor of a valley, compared with LAPACK's eigenvalues."""

from typing import Any

import numpy as np
import pytest
from numba import njit

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.batch.tolerances import FLAT_CURVATURE
from hfx.hf_core.cpu.negative_curvature import lowest_curvature, valley_edm
from hfx.hf_core.cpu.solver_state import State, state
from hfx.hf_core.decoding import Decoder
from tests.conformance import workspaces as build
from tests.hf_core.problems import Floats


@njit
def both(matrix: Any, scale: Any, gradient: Any, s: Any) -> Any:
    """The EDM of a valley (negative where there is none) and the direction of lowest curvature."""
    size = len(scale)
    for i in range(size):
        s.scale[i], s.gradient[i], s.index[i] = scale[i], gradient[i], i
        for j in range(i, size):
            s.hessian[i, j] = matrix[i, j]
    s.counts[:] = size, size, size, 0
    edm = valley_edm(size, s)
    if edm < 0.0:
        lowest_curvature(size, s)
    return edm, s.packed.copy()


def buffers(size: int) -> State:
    """Work arrays of a fit with this number of parameters, none of one bin alone."""
    factors = [build.normsys(f"a{i}", 0.9, 1.1) for i in range(size - 1)]
    channel = build.channel("SR", build.sample("b", [50.0], *factors), build.sample("s", [5.0], build.POI))
    return state(compile_batch([Decoder().workspace(build.workspace([channel], {"SR": [50.0]}), None)]).tables)


def made(curvatures: Floats, seed: int) -> tuple[Floats, Floats, Floats]:
    """A Hessian with these curvatures relative to a scale of many magnitudes, that scale, and the directions (columns)."""
    random = np.random.default_rng(seed)
    size = len(curvatures)
    vectors, _ = np.linalg.qr(random.normal(size=(size, size)))
    root = 10.0 ** random.uniform(-2.0, 2.0, size=size)
    inner = vectors @ np.diag(curvatures) @ vectors.T
    return np.triu(inner * np.outer(root, root)), root**2, vectors / root[:, None]


@pytest.mark.parametrize("others", [(), (0.5,), (-0.3, 0.2, 1.0), tuple(np.linspace(-0.2, 2.0, 40)), (1e-5, 3.0)])
@pytest.mark.parametrize("lowest", [-2e-8, -1e-3, -0.4, -30.0])
def test_the_lowest_curvature_is_that_of_lapack(lowest: float, others: tuple[float, ...]) -> None:
    curvatures = np.array([lowest, *[one for one in others if one > lowest]])
    matrix, scale, directions = made(curvatures, seed=len(others))
    edm, found = both(matrix, scale, np.zeros(len(scale)), buffers(len(scale)))
    assert edm < 0.0
    assert found @ (scale * found) == pytest.approx(1.0, rel=1e-9)
    along = directions.T @ (scale * found)  # the components of the direction
    assert abs(along[0]) == pytest.approx(1.0, abs=1e-6)
    assert found[np.argmax(np.abs(found))] > 0.0


@pytest.mark.parametrize("flat", [-0.9 * FLAT_CURVATURE, 0.0, 0.9 * FLAT_CURVATURE])
def test_a_valley_s_edm_is_never_too_small(flat: float) -> None:
    curvatures = np.array([flat, 1e-3, 0.1, 1.0, 7.0])
    matrix, scale, directions = made(curvatures, seed=3)
    gradient = scale * (directions @ np.array([1e-9, 1e-4, 1e-3, -2e-3, 1e-2]))
    edm, _ = both(matrix, scale, gradient, buffers(len(scale)))
    wanted = float(np.sum((directions.T @ gradient) ** 2 / np.maximum(curvatures, FLAT_CURVATURE)))
    assert wanted * (1.0 - 1e-3) <= edm <= 20.0 * wanted
