"""How the kernels are compiled: by numba, without the interpreter's lock, and kept between runs.

numba keeps a compiled function for as long as the file that defines it does not change. These functions contain others from
other files, so that their cache is named by the digest of all sources of this room instead; another version never reads it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache

__all__ = ["digest_of", "inline", "jit", "kept"]

# Sums may be reassociated (so that they fill the vector lanes); NaN and infinity keep their meaning.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


@cache
def digest_of(folder: Path) -> str:
    """Of all sources in ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class _Named(CompileResultCacheImpl):
    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        base: str = super().get_filename_base(fullname, abiflags)  # type: ignore[no-untyped-call]
        return f"{base}-{digest_of(Path(__file__).parent)}"


class _Cache(FunctionCache):
    _impl_class = _Named


def kept(dispatcher: Any) -> bool:
    """Whether a compiled function is at hand, here or from an earlier run."""
    index = getattr(getattr(dispatcher._cache, "_cache_file", None), "_index_path", None)
    return bool(dispatcher.signatures) or (index is not None and Path(index).exists())


def jit(function: Any) -> Any:
    """``function`` compiled on its first call, and kept where some folder can be written."""
    dispatcher = numba.njit(nogil=True, **_OPTIONS)(function)
    with suppress(RuntimeError):  # numba finds no folder for its cache: a read-only installation without a home
        dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return dispatcher


def inline(function: Any) -> Any:
    """``function`` becomes part of its caller before that is compiled, for what is called from one place: the compiler goes once
    over each function and again over all that its callers link, so that few levels compile in half the time."""
    return numba.njit(inline="always", **_OPTIONS)(function)
