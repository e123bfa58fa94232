"""Where the work runs: ``connect(spec)`` gives a ``concurrent.futures.Executor``, whatever the engine.

One engine is at hand: ``inline``, this process.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module

from hfx.errors import EndpointError

__all__ = ["connect", "engine_names"]

# An engine is one module with ``executor(workers) -> Executor`` and one line here.
_ENGINES = {"inline": "hfx.endpoints.inline"}

# The name by which users know the engine that they get without asking.
_ALIASES = {"embedded": "inline"}


def engine_names() -> tuple[str, ...]:
    """The names that `connect` knows, sorted."""
    return tuple(sorted({*_ENGINES, *_ALIASES}))


def _factory(spec: str | None) -> Callable[[int], Executor]:
    name = _ALIASES.get(spec or "embedded", spec or "embedded")
    if name not in _ENGINES:
        raise EndpointError(f"no endpoint is called '{name}'; known here: {', '.join(engine_names())}")
    factory: Callable[[int], Executor] = import_module(_ENGINES[name]).executor
    return factory


def check(spec: str | None) -> None:
    """Raise `EndpointError` where `connect` would: before any work is done."""
    _factory(spec)


@contextmanager
def connect(spec: str | None = None, workers: int = 1) -> Iterator[Executor]:
    """An executor for the endpoint `spec` (None: embedded, in this process); it is shut down at the end.

    An engine of this machine runs `workers` tasks at a time.

    What has not started when the block is left by an exception is cancelled.
    Raises `EndpointError` when there is no such endpoint.
    """
    pool = _factory(spec)(workers)
    try:
        yield pool
    except BaseException:
        # Do not wait for the task in flight: its result would be thrown away.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=True)
