"""Compilation of the kernels before the first fit on a machine, shared with a second process.

numba compiles one function at a time, with any number of threads. The second process writes what it compiles into the cache of
compiled functions, and this process reads it from there. There is no second process if the cache cannot be written, if there is
one core, or if the kernels are compiled already. If the second process fails, this one compiles everything.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from numba import boolean, float64, int64, typeof
from numba.core.types import Type

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu import buffers, derivatives, mirrored_alphas, newton_step, rates, solver_state
from hfx.hf_core.cpu.compilation import KERNELS, cache_folder, dispatcher_of, is_cached, name_of, without_garbage_collection
from hfx.hf_core.cpu.minimize import minimize_rows

__all__ = ["compile_kernels"]

Kernel = Callable[..., object]
Types = tuple[Type, ...]
Calls = dict[str, Types]  # the types of the arguments of each kernel
_PATIENCE = 120.0  # seconds
_lock = threading.Lock()


def compile_kernels(tables: Tables) -> None:
    """Compile all kernels but the last, with a second process if that saves time."""
    with _lock:
        dispatcher = dispatcher_of(minimize_rows)
        if not is_cached(dispatcher) and cache_folder(dispatcher) and _cores() > 1:
            own, others = _halves(tables)
            with _second(others) as done, without_garbage_collection():
                _compile(own)
                done()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _halves(tables: Tables) -> tuple[Calls, Calls]:
    """The kernels that this process compiles, and those of the second process."""
    t, w, s = buffers.tables_type(tables), buffers.work_arrays_type(tables), solver_state.state_type(tables)
    h, v = int64, float64[::1]
    own: dict[Kernel, Types] = {newton_step.step: (t, h, v, v, v, v, int64, boolean, float64, float64, w, s)}
    others: dict[Kernel, Types] = {
        derivatives.derivatives: (t, h, v, v, w, v),
        rates.value: (t, h, v, v, v, v, w),
        buffers.resolve: (t, h, w),
        mirrored_alphas.reflect: (t, h, v, v, v, w),
        buffers.make_work_arrays: (typeof(buffers.work_fields(tables)),),  # type: ignore[no-untyped-call]
        buffers.make_tables: (typeof(buffers.tables_fields(tables)),),  # type: ignore[no-untyped-call]
        solver_state.make_state: (typeof(solver_state.state_fields(tables)),),  # type: ignore[no-untyped-call]
    }
    return _named(own), _named(others)


def _named(calls: Mapping[Kernel, Types]) -> Calls:
    """Names in place of the kernels, which the second process looks up."""
    return {name_of(kernel): types for kernel, types in calls.items()}


def _compile(calls: Calls) -> None:
    for name, types in calls.items():
        KERNELS[name].compile(types)


@contextmanager
def _second(wanted: Calls) -> Iterator[Callable[[], None]]:
    """A process that compiles ``wanted``; the function that is yielded waits for it. It ends when this process ends, for any
    reason."""
    command = [sys.executable, "-c", f"from {__name__} import _serve; _serve()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONSAFEPATH": "1"}
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # signals to this process' group are for this process
        )
    except (OSError, TypeError):  # no processes here, or no Python of its own
        yield lambda: None
        return
    assert process.stdin is not None
    try:
        with suppress(OSError):
            pickle.dump(wanted, process.stdin)
            process.stdin.flush()
        yield lambda: _wait(process)
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):
            process.stdin.close()


def _wait(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)


def _serve() -> None:
    """The second process: it gets numba's types through a pipe from the first process, and from nowhere else."""
    wanted = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_until_alone, daemon=True).start()
    with without_garbage_collection():
        _compile(wanted)


def _until_alone() -> None:
    """Never returns: the first process' end of the pipe closes when that process ends."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
