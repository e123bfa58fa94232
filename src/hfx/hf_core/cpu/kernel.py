"""The compiled kernel as the model uses it: numpy arrays in and out, one fit after another on the CPU."""

from __future__ import annotations

import numpy as np

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.batch.problem import Data, FitResult, Problem
from hfx.hf_core.batch.tolerances import MAX_ITERATIONS
from hfx.hf_core.cpu import derivatives
from hfx.hf_core.cpu.arrangement import Arrangement, arrangement
from hfx.hf_core.cpu.buffers import WorkArrays, tables_by_reference, work_arrays
from hfx.hf_core.cpu.compilation import dispatcher_of, is_cached
from hfx.hf_core.cpu.minimize import minimize_rows
from hfx.hf_core.cpu.solver_state import State, state
from hfx.hf_core.cpu.structures import Array, Index

__all__ = ["CompiledKernel", "is_compiled"]

_ROWS_PER_CALL = 1024  # a compiled call cannot be interrupted


class CompiledKernel:
    """The likelihood and its minimisation compiled by numba for the CPU; see :class:`hfx.hf_core.batch.kernel.Kernel`."""

    rows_per_call = _ROWS_PER_CALL

    def __init__(self, tables: Tables, arranged: Arrangement | None = None) -> None:
        self.tables = tables
        self._arranged = arranged or arrangement(tables)
        self._tables = tables_by_reference(tables, self._arranged)
        self._cells = _largest_number_of_cells(tables)
        self._buffers: list[tuple[WorkArrays, State]] = []  # not used by any thread now; new memory costs more than a small call

    def with_floor(self, floor: Array) -> CompiledKernel:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.with_floor`."""
        return CompiledKernel(self.tables._replace(floor=floor), self._arranged)

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.evaluate`."""
        if order == 0:
            return 0.5 * self._at(hypothesis, theta, Data(main, aux))[0].deviance, None, None
        rows, parameters = theta.shape
        value, gradient, hessian = np.empty(rows), np.empty((rows, parameters)), np.empty((rows, parameters, parameters))
        h = np.ascontiguousarray(hypothesis)
        x, s, n, a = (np.ascontiguousarray(item) for item in (theta, sign, main, aux))
        buffers = self._take_buffers()
        derivatives.evaluate(self._tables, h, x, s, n, a, order == 2, value, gradient, hessian, *buffers)
        self._buffers.append(buffers)
        return value, gradient, hessian

    def yields(self, hypothesis: Index, theta: Array) -> tuple[Array, Array]:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.yields`."""
        no_events = np.zeros((len(theta), self.tables.floor.shape[1]))
        result, rates, _ = self._at(hypothesis, theta, Data(no_events, np.zeros_like(theta)))
        return result.yields, rates

    def mirror_changes(self, hypothesis: Index, theta: Array, data: Data) -> Array:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.mirror_changes`; all alphas in one pass over the tables."""
        return self._at(hypothesis, theta, data, mirrored=True)[2]

    def minimize(self, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.minimize`."""
        return self._run(problem, most)[0]

    def _at(self, hypothesis: Index, theta: Array, data: Data, *, mirrored: bool = False) -> tuple[FitResult, Array, Array]:
        """The result of :meth:`_run` at ``theta`` itself; it does not depend on the side on which a kink is read."""
        unbounded = np.full(theta.shape, np.inf)
        return self._run(Problem(hypothesis, theta, -unbounded, unbounded, data), -1, mirrored=mirrored)

    def _run(self, problem: Problem, most: int, *, mirrored: bool = False) -> tuple[FitResult, Array, Array]:
        """The fits of ``problem``, the expected events of each main bin (B, N) and, with ``mirrored``, the change of 2NLL (B, P)
        when one alpha is mirrored. A negative ``most`` evaluates the start alone."""
        rows = len(problem.hypothesis)
        result = FitResult(
            theta=np.array(problem.start, order="C"),
            deviance=np.empty(rows),
            edm=np.empty(rows),
            iterations=np.empty(rows, dtype=np.int64),
            status=np.empty(rows, dtype=np.int64),
            yields=np.empty((rows, self._cells)),
        )
        bin_rates = np.empty((rows, self.tables.floor.shape[1]))
        inputs = (problem.lower, problem.upper, problem.data.main, problem.data.aux)
        lower, upper, main, aux = (np.ascontiguousarray(array) for array in inputs)
        hypothesis = np.ascontiguousarray(problem.hypothesis)
        target = np.full(rows, np.inf) if problem.target is None else np.ascontiguousarray(problem.target)
        changes = np.zeros((rows if mirrored else 0, problem.start.shape[1]))
        outputs = (result.deviance, result.edm, result.iterations, result.status, result.yields, bin_rates, changes)
        buffers = self._take_buffers()
        minimize_rows(self._tables, hypothesis, result.theta, lower, upper, main, aux, most, target, *outputs, *buffers)
        self._buffers.append(buffers)
        return result, bin_rates, changes

    def _take_buffers(self) -> tuple[WorkArrays, State]:
        """Work arrays that no other thread uses; the caller appends them to ``_buffers`` afterwards."""
        try:
            return self._buffers.pop()
        except IndexError:
            return work_arrays(self.tables, self._arranged), state(self.tables, self._arranged)


def is_compiled() -> bool:
    """True where the CPU's kernel is compiled, by this process or an earlier one; else the first fit takes some 12 seconds."""
    return is_cached(dispatcher_of(minimize_rows))


def _largest_number_of_cells(tables: Tables) -> int:
    cells = np.concatenate([[0], np.cumsum(tables.block_bins[tables.hypothesis_block])])
    return int(np.diff(cells[tables.hypothesis_from]).max(initial=0))
