"""The interface of a modifier type: its data in JSON, its effect on the expected events, and its parameters.

A modifier type is one file with a subclass of :class:`Modifier`, and one line in :data:`hfx.hf_core.modifiers.table.MODIFIERS`.
The kernels know no types, but the four classes of :class:`Effect` and the three kinds of constraint.
"""

from __future__ import annotations

import math
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hfx.errors import SpecificationError
from hfx.hf_core.specification import Channel, Measurement, Sample
from hfx.json_types import JsonValue

__all__ = [
    "AUX",
    "CONSTRAINT",
    "FIXED",
    "INIT",
    "LOWER",
    "NORMAL",
    "POISSON",
    "ROWS",
    "UNCONSTRAINED",
    "UPPER",
    "WIDTH",
    "Carriers",
    "Effect",
    "Modifier",
    "ParameterSet",
    "bin_set",
    "check_number",
    "check_row",
    "floats",
    "is_number",
    "mismatch",
    "numbers",
    "scalar_set",
]

Array = NDArray[np.float64]
UNCONSTRAINED, NORMAL, POISSON = 0, 1, 2

ROWS = ("init", "lower", "upper", "fixed", "aux", "width", "constraint")
INIT, LOWER, UPPER, FIXED, AUX, WIDTH, CONSTRAINT = range(len(ROWS))


class Effect(Enum):
    """The effect of a modifier on the expected events of its sample.

    The events of a bin are the product of the factors times the sum of the nominal events and the shifts.
    """

    FACTOR = "a factor that is the parameter itself"
    INTERPOLATED_FACTOR = "a factor interpolated between its values at -1 and +1 of an alpha"
    SHIFT = "events added in each bin, interpolated between their values at -1 and +1 of an alpha"
    BIN_FACTOR = "a factor for each bin that is a parameter itself"


@dataclass(frozen=True, eq=False)
class ParameterSet:
    """All parameters of one name: ``values`` (7, n), a row for each of ROWS.

    ``width`` is sigma for NORMAL and tau for POISSON. ``offsets`` gives, for a parameter set with one entry a bin, where each
    channel's bins begin.
    """

    name: str
    kind: str
    constraint: int
    values: Array
    scalar: bool
    offsets: Mapping[str, int]

    def __len__(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """pyhf's spelling: the name, with ``[i]`` where the set has one parameter a bin."""
        if self.scalar:
            return (self.name,)
        return tuple([f"{self.name}[{i}]" for i in range(len(self))])


class Carriers(NamedTuple):
    """The channels, with those of their samples that carry the modifiers of one ``name``; empty where a type's parameters do not
    depend on samples."""

    name: str
    channels: Sequence[tuple[Channel, Sequence[Sample]]] = ()


class Modifier(ABC):
    """A type of modifier.

    Types of the same ``parameter_kind`` share one parameter where they have the same name. ``events`` are the fields of a
    modifier's data with one number of events for each bin ("" where the data are that array itself), ``numbers`` those with one
    number; without either the data are null. ``settings`` names the properties of its parameters that a measurement may
    set, in addition to initial values, bounds and whether they are fixed: "auxdata", "sigmas", "factors".
    """

    name: ClassVar[str]
    effect: ClassVar[Effect]
    parameter_kind: ClassVar[str]
    events: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[frozenset[str]] = frozenset()
    depends_on_samples: ClassVar[bool] = False  # whether parameter sets are made from the data of the samples
    ordered_by_name: ClassVar[bool] = False  # order of its parameter sets; else that of first encounter

    @abstractmethod
    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        """The parameter set of each name, before the measurement's settings; :class:`SpecificationError` where there is none."""

    def positive(self) -> tuple[str, ...]:
        """Those of ``numbers`` that must be positive."""
        return ()

    def variations(self, sample: Sample) -> tuple[Array, Array]:
        """The values at alpha = -1 and +1 of the modifiers that ``sample`` carries: factors (n,) or yields (n, bins)."""
        raise NotImplementedError(f"{self.name} interpolates nothing")

    def check(self, data: JsonValue, bins: int, label: str) -> None:
        """Raises :class:`SpecificationError`, with ``label`` for the modifier, for data that this type does not have."""
        if self.events == ("",):
            check_row(data, bins, label)
            return
        for field in self.events:
            if not isinstance(data, Mapping) or field not in data:
                raise SpecificationError(f"{label}: data needs {field!r}")
            check_row(data[field], bins, f"{label}: {field}")
        for field in self.numbers:
            check_number(data, field, label, positive=field in self.positive())
        if isinstance(data, Mapping) and (unknown := [str(key) for key in data if key not in (*self.events, *self.numbers)]):
            raise SpecificationError(f"{label}: data has an unknown key {', '.join(map(repr, sorted(unknown)))}")
        if not self.events and not self.numbers and data is not None:
            raise SpecificationError(f"{label}: data must be null")


def scalar_set(
    name: str, kind: str, constraint: int, init: float, bounds: tuple[float, float], width: float = 1.0
) -> ParameterSet:
    """One parameter; its auxiliary value is the initial one."""
    values = np.array([[init], [bounds[0]], [bounds[1]], [0.0], [init], [width], [constraint]])
    return ParameterSet(name, kind, constraint, values, True, {})


def bin_set(
    name: str,
    kind: str,
    constraint: int,
    lower: float,
    offsets: Mapping[str, int],
    width: Array,
    fixed: NDArray[np.bool_] | None = None,
) -> ParameterSet:
    """One factor for each bin: initially 1, between ``lower`` and 10; ``width`` and ``fixed`` have shape (n,)."""
    values = _column(constraint, lower).repeat(len(width), axis=1)
    values[WIDTH] = width
    if fixed is not None:
        values[FIXED] = fixed
    return ParameterSet(name, kind, constraint, values, False, offsets)


@cache
def _column(constraint: int, lower: float) -> Array:
    return np.array([[1.0], [lower], [10.0], [0.0], [1.0], [1.0], [constraint]])


def check_row(row: JsonValue, bins: int, label: str) -> None:
    """Raises :class:`SpecificationError` where ``row`` is not an array with one number for each bin."""
    found = numbers(row, label)
    if len(found) != bins:
        raise SpecificationError(f"{label}: {mismatch(len(found), bins)}")


def mismatch(values: int, bins: int) -> str:
    """Two numbers that differ and should not, as "1 value for 2 bins"."""
    return f"{values} value{'' if values == 1 else 's'} for {bins} bin{'' if bins == 1 else 's'}"


def check_number(data: JsonValue, field: str, label: str, *, positive: bool = False) -> None:
    """Raises :class:`SpecificationError` where ``data`` has no finite number of this name, or one that is not positive."""
    value = data.get(field) if isinstance(data, Mapping) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SpecificationError(f"{label}: data needs a number {field!r}")
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise SpecificationError(f"{label}: {field} is too large for a number")
    if positive and not (value > 0.0 and math.isfinite(value)):
        raise SpecificationError(f"{label}: {field} = {value:g} must be positive and finite")
    if not math.isfinite(value):
        raise SpecificationError(f"{label}: {field} = {value:g} must be finite")


_NUMBERS = {int, float}


def floats(values: list[JsonValue]) -> Array | None:
    """The values as an array, or None where they are not all finite numbers (true is none)."""
    if not set(map(type, values)) <= _NUMBERS:
        return None
    array = np.empty(len(values))
    try:
        struct.pack_into(f"{len(values)}d", array.data, 0, *values)  # three times as fast as np.array(values)
    except struct.error:  # an integer too large for a number
        return None
    return array if np.isfinite(array).all() else None


def is_number(value: JsonValue) -> bool:
    """True for a JSON number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def numbers(value: JsonValue, where: str) -> Array:
    """A JSON array of finite numbers; raises :class:`SpecificationError` with ``where`` it is in the document."""
    found = floats(value) if type(value) is list and value else None
    if found is not None:
        return found
    if not isinstance(value, list | tuple) or not value or not all(is_number(item) for item in value):
        raise SpecificationError(f"{where}: must be a non-empty array of numbers")
    try:
        array = np.array(value, dtype=np.float64)
    except OverflowError:
        raise SpecificationError(f"{where}: holds an integer too large for a number") from None
    if not np.isfinite(array).all():
        raise SpecificationError(f"{where}: holds a value that is not finite (NaN or infinity)")
    return array
