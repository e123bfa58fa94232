"""Endpoints: the places where tasks run. ``connect(spec)`` gives a ``concurrent.futures.Executor`` for any engine.

The engines are ``inline`` (threads of this process), ``process`` (processes of this machine), ``parsl`` (clusters) and
``globus`` (Globus Compute). A task is JSON, and so is its result; the function that a task calls is imported on the worker.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager

from hfx.endpoints.connection import Endpoints, Spec
from hfx.endpoints.specification import Endpoint, names, resolve

__all__ = ["Endpoint", "Endpoints", "check", "connect", "engine_names", "resolve", "resolve_all"]


def engine_names() -> tuple[str, ...]:
    """The names of the endpoints that need no file, sorted."""
    return names()


def resolve_all(spec: Spec) -> tuple[Endpoint, ...]:
    """The endpoints of `spec`, one or several; raises `EndpointError` where one cannot be used."""
    return Endpoints.of(spec).members


def check(spec: Spec) -> None:
    """Raise `EndpointError` where `connect` would, before any work is done."""
    Endpoints.of(spec)


def _ignore(sentence: str) -> None:
    pass


def connect(spec: Spec = None, workers: int = 1, *, say: Callable[[str], None] = _ignore) -> AbstractContextManager[Executor]:
    """An executor for the endpoint `spec`: a name, the path of a TOML file, several of them, or None (in this process).

    `workers`: the cores that an engine of this machine may use, where its file does not set `workers`. Workers start when
    there are tasks for them, and end with the ``with`` block; tasks that have not started by then are cancelled if an
    exception leaves the block. `say` is called with sentences for the user.

    Raises `EndpointError` when there is no such endpoint, or its file cannot be used.
    """
    return Endpoints.of(spec).connect(workers, say=say)
