"""The arrays that compiled functions take, and structures of them that they take by reference, registered with numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numba import types
from numba.experimental import structref
from numpy.typing import NDArray

__all__ = ["AnyArray", "Array", "Flags", "Index", "Kinds", "numba_type"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Kinds = NDArray[np.int8]
AnyArray = Array | Index | Flags | Kinds

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
