"""The modifier normsys: an interpolated factor on all bins of a sample, driven by one alpha."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.modifiers.base import NORMAL, Carriers, Effect, Modifier, ParameterSet, scalar_set
from hfx.hf_core.specification import Measurement, Sample

__all__ = ["Normsys"]

Array = NDArray[np.float64]


class Normsys(Modifier):
    """The factors at alpha = -1 and +1 are ``lo`` and ``hi``; alpha has a standard normal constraint.

    A factor that is not positive has no interpolation.
    """

    name = "normsys"
    effect = Effect.INTERPOLATED_FACTOR
    parameter_kind = "alpha"
    numbers = ("hi", "lo")
    settings = frozenset({"auxdata"})

    def positive(self) -> tuple[str, ...]:
        return self.numbers

    def variations(self, sample: Sample) -> tuple[Array, Array]:
        data = sample.numbers[self.name]
        return data["lo"], data["hi"]

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [scalar_set(one.name, self.name, NORMAL, 0.0, (-5.0, 5.0)) for one in carriers]
