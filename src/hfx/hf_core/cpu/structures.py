"""Structures of arrays that compiled functions take by reference, registered with numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from numba import types
from numba.experimental import structref

__all__ = ["numba_type"]

_Kind = TypeVar("_Kind", bound=type[types.StructRef])


def numba_type(proxy: type[structref.StructRefProxy], fields: Sequence[str]) -> Callable[[_Kind], _Kind]:
    """A decorator that makes a class numba's type of ``proxy``, a structure with these fields.

    Compiled functions and Python can then make such structures, and pass them to each other.
    """

    def register(kind: _Kind) -> _Kind:
        structref.register(kind)  # type: ignore[no-untyped-call]
        structref.define_constructor(proxy, kind, fields)  # type: ignore[no-untyped-call]
        structref.define_boxing(kind, proxy)  # type: ignore[no-untyped-call]
        return kind

    return register
