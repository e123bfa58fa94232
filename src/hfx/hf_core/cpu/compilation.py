"""Compilation of the kernels by numba: without the interpreter's lock, and cached on disk between runs.

numba caches a compiled function until the file that defines it changes. These functions contain others from other files, so that
their cache is named by the digest of all sources of hf_core instead; another version never reads it.

A compiled function contains those that it calls: numba compiles each once, and again within every caller. Functions that take
long to compile are therefore :func:`separately_compiled` and called by their addresses, and those with a single caller are
:func:`inline`. Python calls a function that is an :func:`entry`; the others have no wrapper for Python, which would be compiled
too.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numba
from llvmlite import binding  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.core.types import Type
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

__all__ = [
    "HF_CORE",
    "KERNELS",
    "SeparatelyCompiled",
    "cache_folder",
    "digest_of",
    "dispatcher_of",
    "entry",
    "inline",
    "is_cached",
    "jit",
    "name_of",
    "separately_compiled",
    "without_garbage_collection",
]

# Sums may be reassociated (so that they fill the vector lanes); NaN and infinity keep their meaning.
_OPTIONS: dict[str, object] = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
_INSIDE: dict[str, object] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

Function = TypeVar("Function", bound=Callable[..., object])
Types = tuple[Type, ...]  # of the arguments of a function


# What is used here of numba's classes, whose own types do not mention these attributes.
class _Library(Protocol):
    def get_llvm_str(self) -> str: ...
    def get_pointer_to_function(self, name: str) -> int: ...


class _Description(Protocol):
    @property
    def llvm_func_name(self) -> str: ...


class Compiled(Protocol):
    """numba's result for a function and the types of its arguments."""

    @property
    def library(self) -> _Library: ...
    @property
    def fndesc(self) -> _Description: ...
    @property
    def signature(self) -> Signature: ...


class _Builder(Protocol):
    @property
    def module(self) -> object: ...


class _CallConvention(Protocol):
    def get_function_type(self, returned: Type, given: Types) -> object: ...
    def call_function(
        self, builder: _Builder, callee: object, returned: Type, given: Types, values: Sequence[object]
    ) -> tuple[object, object]: ...


class _Context(Protocol):
    @property
    def call_conv(self) -> _CallConvention: ...


class _DiskCache(Protocol):
    @property
    def cache_path(self) -> str | None: ...


class _WithCache(Protocol):
    """A dispatcher with its cache on disk."""

    _cache: _DiskCache


class _Kernel(Protocol):
    """A function made by :func:`entry` or :func:`separately_compiled`."""

    dispatcher: Dispatcher


HF_CORE = Path(__file__).resolve().parents[1]
"""The folder of hf_core: a compiled function may contain others from any of its files."""


@cache
def digest_of(folder: Path = HF_CORE) -> str:
    """A digest of all Python sources in ``folder`` and beneath it, with their paths."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class _CachedResult(CompileResultCacheImpl):
    """A cached function with the names of those that it calls by their addresses: they are loaded before it."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        base: str = super().get_filename_base(fullname, abiflags)  # type: ignore[no-untyped-call]
        return f"{base}-{digest_of()}"

    def reduce(self, compiled: Compiled) -> tuple[list[tuple[str, Types]], object]:
        called = sorted(set(_DECLARED.findall(compiled.library.get_llvm_str())))
        return [_LINKED[symbol] for symbol in called], super().reduce(compiled)  # type: ignore[no-untyped-call]

    def rebuild(self, context: object, payload: tuple[list[tuple[str, Types]], object]) -> object:
        called, own = payload
        for name, types in called:
            KERNELS[name].compile(types)
        return super().rebuild(context, own)  # type: ignore[no-untyped-call]


class _Cache(FunctionCache):
    _impl_class = _CachedResult


def cache_folder(dispatcher: Dispatcher) -> str | None:
    """The folder in which a function is cached; None where no folder can be written."""
    return cast(_WithCache, dispatcher)._cache.cache_path


def is_cached(dispatcher: Dispatcher) -> bool:
    """True where a function is compiled already, by this process or an earlier one."""
    index = getattr(getattr(cast(_WithCache, dispatcher)._cache, "_cache_file", None), "_index_path", None)
    return bool(dispatcher.signatures) or (index is not None and Path(index).exists())


class Compilable(Protocol):
    """A function that can be compiled for given types of its arguments."""

    def compile(self, types: Types) -> object: ...


# The functions that are compiled by themselves, by name.
KERNELS: dict[str, Compilable] = {}


def _name(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__name__}"


def dispatcher_of(kernel: Callable[..., object]) -> Dispatcher:
    """numba's dispatcher of a function made by :func:`entry` or :func:`separately_compiled`."""
    return cast(_Kernel, kernel).dispatcher


def name_of(kernel: Callable[..., object]) -> str:
    """The name in :data:`KERNELS` of a function made by :func:`entry` or :func:`separately_compiled`."""
    return _name(dispatcher_of(kernel).py_func)


def _compiled(function: Callable[..., object], **options: object) -> Dispatcher:
    """Compiled on its first call, and cached where some folder can be written."""
    dispatcher = _njit(function, nogil=True, **options)
    with suppress(RuntimeError):  # numba finds no folder for its cache: a read-only installation without a home
        cast(_WithCache, dispatcher)._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return dispatcher


def _njit(function: Callable[..., object], **options: object) -> Dispatcher:
    return cast(Dispatcher, cast(Callable[..., Callable[..., object]], numba.njit)(**options, **_OPTIONS)(function))


def entry(function: Function) -> Function:
    """``function`` as Python calls it; ``dispatcher`` is numba's."""
    dispatcher = _compiled(function, no_cfunc_wrapper=True)

    @wraps(function)
    def called(*arguments: object) -> object:
        if not dispatcher.signatures:
            with without_garbage_collection():
                dispatcher.compile(tuple(map(numba.typeof, arguments)))
        return dispatcher(*arguments)

    cast(_Kernel, called).dispatcher = dispatcher
    KERNELS[_name(function)] = dispatcher
    return cast(Function, called)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Without the garbage collector, which takes a sixth of the time that the compiler takes, and finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def jit(function: Function) -> Function:
    """``function`` for others that are compiled."""
    return cast(Function, _compiled(function, **_INSIDE))


def inline(function: Function) -> Function:
    """``function`` becomes part of its caller before that is compiled; for functions with one caller."""
    return cast(Function, _njit(function, inline="always"))


class SeparatelyCompiled:
    """A function that the linker knows by an address of its own, for each signature."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.dispatcher = _compiled(function, **_INSIDE)
        self.name = _name(function)

    def compile(self, types: Types) -> Compiled:
        """The compiled function, or the cached one."""
        known = types in self.dispatcher.overloads
        self.dispatcher.compile(types)
        compiled = cast(Compiled, self.dispatcher.overloads[types])
        if not known:
            symbol = self._symbol(types)
            binding.add_symbol(symbol, compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))
            _LINKED[symbol] = self.name, types
        return compiled

    def typed(self, types: Types) -> tuple[Signature, Callable[..., object]]:
        """For numba: the signature, and the function that generates a call."""
        return self.compile(types).signature, self._lowered

    def _lowered(self, context: _Context, builder: _Builder, signature: Signature, values: Sequence[object]) -> object:
        given, returned = signature.args, signature.return_type
        kind = context.call_conv.get_function_type(returned, given)
        callee = cgutils.get_or_insert_function(builder.module, kind, self._symbol(given))  # type: ignore[no-untyped-call]
        _, found = context.call_conv.call_function(builder, callee, returned, given, values)  # the status: none of them raises
        return found

    def _symbol(self, types: Types) -> str:
        return f"{self.name}.{hashlib.sha256(','.join(map(str, types)).encode()).hexdigest()[:12]}"


_PACKAGE = __name__.rpartition(".cpu.")[0]  # hfx.hf_core
_LINKED: dict[str, tuple[str, Types]] = {}  # the name and the types of each symbol
_DECLARED = re.compile(rf'^declare .*@"?({re.escape(_PACKAGE)}\.[\w.]+)"?\(', re.MULTILINE)


def separately_compiled(function: Function) -> Function:
    """``function`` compiled by itself and called by its address; ``dispatcher`` is numba's.

    It must raise nothing and return numbers alone: its callers look at no status and count no references. They are cached here,
    and not by numba's own cache, which would not load it with them.
    """
    found = SeparatelyCompiled(function)
    KERNELS[found.name] = found

    @wraps(function)
    def typed(context: object, *types: Type) -> tuple[Signature, Callable[..., object]]:
        return found.typed(types)

    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = inspect.signature(function)
    typed.__signature__ = own.replace(parameters=[context, *own.parameters.values()])  # type: ignore[attr-defined]
    called = intrinsic(typed)
    cast(_Kernel, called).dispatcher = found.dispatcher
    return cast(Function, called)
