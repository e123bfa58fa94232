"""The modifier histosys: a correlated shift of all bins of a sample, driven by one alpha."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.modifiers.base import NORMAL, Carriers, Effect, Modifier, ParameterSet, scalar_set
from hfx.hf_core.specification import Measurement, Sample

__all__ = ["Histosys"]

Array = NDArray[np.float64]


class Histosys(Modifier):
    """The yields at alpha = -1 and +1 are ``lo_data`` and ``hi_data``; alpha has a standard normal constraint."""

    name = "histosys"
    effect = Effect.SHIFT
    parameter_kind = "alpha"
    events = ("hi_data", "lo_data")
    settings = frozenset({"auxdata"})

    def variations(self, sample: Sample) -> tuple[Array, Array]:
        data = sample.events[self.name]
        return data["lo_data"], data["hi_data"]

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [scalar_set(one.name, self.name, NORMAL, 0.0, (-5.0, 5.0)) for one in carriers]
