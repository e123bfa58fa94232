"""The rows of the Hessian and its arrow: their products with vectors, and Newton's steps, against the full matrix."""

from typing import Any

import numpy as np
import pytest
from numba import njit

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.cpu.arrangement import arrangement
from hfx.hf_core.cpu.arrow_matrix import factorise, list_moving, solve_factorised
from hfx.hf_core.cpu.buffers import resolve, tables_by_reference, work_arrays
from hfx.hf_core.cpu.conjugate_gradients import conjugate
from hfx.hf_core.cpu.derivatives import derivatives, hessian, hessian_product
from hfx.hf_core.cpu.rates import value
from hfx.hf_core.cpu.solver_state import state
from hfx.hf_core.decoding import Decoder
from tests.conformance.points import points
from tests.conformance.test_likelihood import core
from tests.conformance.workspaces import BATTERY

CODES = [(4, "4p"), (1, "0"), (4, "2")]


def has_few_bins(name: str) -> bool:
    """Whether a model's bins are fewer than its shared parameters: with others, steps are taken with the matrix alone."""
    return bool(arrangement(compile_batch([Decoder().workspace(BATTERY[name], None)]).tables).inside[0])


ON_ROWS = [name for name in BATTERY if has_few_bins(name)]


@njit
def at(t: Any, theta: Any, sign: Any, main: Any, aux: Any, vector: Any, damping: float, rows: bool, w: Any, s: Any) -> Any:
    """Gradient, product with ``vector``, scale, whether a damped step was found on the rows or with the matrix, and the step: all
    in the order of the tables."""
    resolve(t, 0, w)
    size, bins, blocks, order = t.size[0], t.bins[0], t.hypothesis_from[1] - t.hypothesis_from[0], w.order[: t.size[0]]
    product, padded, point, aux_there = np.zeros(len(w.solution)), np.zeros(len(w.solution)), theta[order], aux[order]
    padded[:size] = vector[order]
    value(t, 0, point, sign[order], main, aux_there, w)
    derivatives(t, 0, point, aux_there, w, s.gradient)
    hessian_product(blocks, bins, padded, w, product)
    s.scale[:size] = np.abs(w.diagonal[:size]) + 1e-6
    s.free[:] = True
    right, step = -s.gradient, np.zeros(size)
    if rows:
        solved = conjugate(blocks, bins, size, damping, s.scale, s.free, s.at_bound, right, True, w)
        step[order] = w.solution[:size]
    else:
        hessian(blocks, bins, size, True, w, s.hessian, s.hessian_border, s.hessian_corner)
        count = list_moving(bins, w, s)
        solved = factorise(s.hessian, s.hessian_border, s.hessian_corner, damping, s)
        found = right[s.index[:count]]
        solve_factorised(s, found)
        step[order[s.index[:count]]] = found
    place = w.place[:size]
    return s.gradient[place], product[place], s.scale[place], solved, step


def evaluated(name: str, normsys: int, histosys: str, damping: float, *, rows: bool) -> tuple[Any, ...]:
    model = core(BATTERY[name], normsys, histosys, None, "compiled")
    (theta,) = points(BATTERY[name], 1, seed=5)
    vector = np.random.default_rng(7).normal(size=len(theta))
    data = model.observed(np.zeros(1, dtype=np.int64))
    sign = np.where(theta < 0.0, -1.0, 1.0)
    tables = model.batch.tables
    arguments = tables_by_reference(tables), theta, sign, data.main[0], data.aux[0], vector, damping, rows
    found = at(*arguments, work_arrays(tables), state(tables))
    matrix = model.evaluate(0, theta, order=2).hessian
    assert matrix is not None
    return vector, 0.5 * matrix[0], found  # of the NLL


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", BATTERY)
def test_products_are_those_of_the_matrix(name: str, normsys: int, histosys: str) -> None:
    vector, matrix, (_, product, *_) = evaluated(name, normsys, histosys, 0.0, rows=False)
    np.testing.assert_allclose(product, matrix @ vector, rtol=1e-10, atol=1e-10 * np.abs(matrix).max())


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", ON_ROWS)
def test_a_damped_step_on_the_rows_is_that_of_the_matrix(name: str, normsys: int, histosys: str) -> None:
    """With so much damping that the matrix is positive definite; the residual is what the iteration leaves."""
    _, matrix, (gradient, _, scale, solved, step) = evaluated(name, normsys, histosys, 30.0, rows=True)
    damped = matrix + np.diag(30.0 * scale)
    wanted = np.linalg.solve(damped, -gradient)
    assert solved
    off = step - wanted
    assert off @ damped @ off <= 1e-3 * (wanted @ damped @ wanted)


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", BATTERY)
def test_a_damped_step_with_the_arrow_is_that_of_the_matrix(name: str, normsys: int, histosys: str) -> None:
    _, matrix, (gradient, _, scale, solved, step) = evaluated(name, normsys, histosys, 30.0, rows=False)
    assert solved
    np.testing.assert_allclose(step, np.linalg.solve(matrix + np.diag(30.0 * scale), -gradient), rtol=1e-9, atol=1e-12)
