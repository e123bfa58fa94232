"""Where the work runs: ``connect(spec)`` gives a ``concurrent.futures.Executor``, whatever the engine.

Engines: ``inline`` (this process), ``process`` (processes of this machine), ``parsl`` (clusters). What is submitted
is a function that a worker can import, with one task in JSON; what comes back is JSON.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module

from hfx.endpoints.specification import Endpoint, names, resolve

__all__ = ["Endpoint", "check", "connect", "engine_names", "resolve", "resolve_all"]

Spec = str | Sequence[str] | None


def engine_names() -> tuple[str, ...]:
    """The names of hfx's own endpoints, sorted."""
    return names()


def resolve_all(spec: Spec) -> tuple[Endpoint, ...]:
    """The endpoints of `spec`, one or several; raises `EndpointError` where one cannot be used."""
    given = [spec] if spec is None or isinstance(spec, str) else list(dict.fromkeys(spec))
    return tuple(resolve(one) for one in given or [None])


def check(spec: Spec) -> None:
    """Raise `EndpointError` where `connect` would: before any work is done."""
    resolve_all(spec)


def _executor(endpoint: Endpoint, cores: int) -> Executor:
    from hfx.endpoints.specification import ENGINES

    made: Executor = import_module(ENGINES[endpoint.engine]).executor(endpoint, cores)
    return made


def _silent(sentence: str) -> None:
    pass


@contextmanager
def connect(spec: Spec = None, workers: int = 1, *, say: Callable[[str], None] = _silent) -> Iterator[Executor]:
    """An executor for the endpoint `spec`: a name, the path of a TOML file, several of them, or None (in this process).

    `workers`: the cores that an engine of this machine may use, where its file does not say. Workers are started when
    there are tasks for them, and end with the block, however it is left; what has not started by then is cancelled.
    `say` gets sentences for the user.

    Raises `EndpointError` when there is no such endpoint, or its file cannot be used.
    """
    endpoints = resolve_all(spec)
    if len(endpoints) == 1:
        pool = _executor(endpoints[0], workers)
    else:
        from hfx.endpoints.several import Member, SharedExecutor

        pool = SharedExecutor([Member(e.name, _executor(e, workers), e.workers(workers)) for e in endpoints], say)
    try:
        yield pool
    except BaseException:
        # Do not wait for the task in flight: its result would be thrown away.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=True)
