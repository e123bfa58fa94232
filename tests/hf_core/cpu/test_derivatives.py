"""The rows of the Hessian: their products with vectors, and Newton's steps on them, against the matrix."""

from typing import Any

import numpy as np
import pytest
from numba import njit

from hfx.hf_core.cpu.buffers import resolve, tables_by_reference, work_arrays
from hfx.hf_core.cpu.conjugate_gradients import conjugate
from hfx.hf_core.cpu.derivatives import derivatives, hessian, hessian_product
from hfx.hf_core.cpu.rates import value
from tests.conformance.points import points
from tests.conformance.test_likelihood import core
from tests.conformance.workspaces import BATTERY

CODES = [(4, "4p"), (1, "0"), (4, "2")]


@njit
def at(t: Any, theta: Any, sign: Any, main: Any, aux: Any, vector: Any, damping: float, w: Any) -> Any:
    """Gradient, upper triangle, product with ``vector``, scale, whether a damped step was found, and the step."""
    resolve(t, 0, w)
    size, bins, blocks = t.size[0], t.bins[0], t.hypothesis_from[1] - t.hypothesis_from[0]
    gradient, width = np.zeros(size), len(w.solution)
    matrix, product, padded = np.zeros((width, width)), np.zeros(width), np.zeros(width)
    padded[:size] = vector
    value(t, 0, theta, sign, main, aux, w)
    derivatives(t, 0, theta, aux, w, gradient)
    hessian(blocks, bins, size, True, w, matrix)
    hessian_product(blocks, bins, padded, w, product)
    scale = np.abs(w.diagonal[:size]) + 1e-6
    free, held = np.ones(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    solved = conjugate(blocks, bins, size, damping, scale, free, held, -gradient, True, w)
    return gradient, matrix[:size, :size].copy(), product[:size].copy(), scale, solved, w.solution[:size].copy()


def evaluated(name: str, normsys: int, histosys: str, damping: float) -> tuple[Any, ...]:
    model = core(BATTERY[name], normsys, histosys, None, "compiled")
    (theta,) = points(BATTERY[name], 1, seed=5)
    vector = np.random.default_rng(7).normal(size=len(theta))
    data = model.observed(np.zeros(1, dtype=np.int64))
    sign = np.where(theta < 0.0, -1.0, 1.0)
    tables = model.batch.tables
    found = at(tables_by_reference(tables), theta, sign, data.main[0], data.aux[0], vector, damping, work_arrays(tables))
    upper = np.triu(found[1])
    return vector, upper + np.triu(upper, 1).T, found


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", BATTERY)
def test_products_are_those_of_the_matrix(name: str, normsys: int, histosys: str) -> None:
    vector, matrix, (_, _, product, *_) = evaluated(name, normsys, histosys, 0.0)
    np.testing.assert_allclose(product, matrix @ vector, rtol=1e-10, atol=1e-10 * np.abs(matrix).max())


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", BATTERY)
def test_a_damped_step_is_that_of_the_matrix(name: str, normsys: int, histosys: str) -> None:
    """With so much damping that the matrix is positive definite; the residual is what the iteration leaves."""
    _, matrix, (gradient, _, _, scale, solved, step) = evaluated(name, normsys, histosys, 30.0)
    damped = matrix + np.diag(30.0 * scale)
    wanted = np.linalg.solve(damped, -gradient)
    assert solved
    off = step - wanted
    assert off @ damped @ off <= 1e-3 * (wanted @ damped @ wanted)
