"""A modifier type of the tests: a shift that grows from the first to the last bin, given by one number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.modifiers.base import NORMAL, Carriers, Effect, Modifier, ParameterSet, scalar_set
from hfx.hf_core.specification import Measurement, Sample

Floats = NDArray[np.float64]


class Tilt(Modifier):
    """It shares its alpha with a histosys or normsys of that name."""

    name = "tilt"
    effect = Effect.SHIFT
    parameter_kind = "alpha"
    numbers = ("slope",)
    settings = frozenset({"auxdata"})

    def variations(self, sample: Sample) -> tuple[Floats, Floats]:
        relative = np.outer(sample.numbers["tilt"]["slope"], np.arange(len(sample.nominal)))
        return sample.nominal * (1.0 - relative), sample.nominal * (1.0 + 1.5 * relative)

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [scalar_set(one.name, self.name, NORMAL, 0.0, (-5.0, 5.0)) for one in carriers]
