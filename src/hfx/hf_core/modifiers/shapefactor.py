"""The modifier shapefactor: a free factor for each bin, shared by the channels that have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hfx.errors import SpecificationError
from hfx.hf_core.modifiers.base import UNCONSTRAINED, Carriers, Effect, Modifier, ParameterSet, bin_set
from hfx.hf_core.specification import Measurement

__all__ = ["Shapefactor"]


class Shapefactor(Modifier):
    """One factor for each bin, without a constraint; the first channel that has it decides how many."""

    name = "shapefactor"
    effect = Effect.BIN_FACTOR
    parameter_kind = "shapefactor"
    depends_on_samples = True

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [self._set(one) for one in carriers]

    def _set(self, carriers: Carriers) -> ParameterSet:
        name, channels = carriers
        bins = channels[0][0].bins
        for channel, samples in channels:
            if channel.bins > bins:
                where = f"channel {channel.name!r}, sample {samples[0].name!r}, shapefactor {name!r}"
                raise SpecificationError(f"{where}: more bins than in the first channel that has it; use another name")
        return bin_set(name, self.name, UNCONSTRAINED, 0.0, {channel.name: 0 for channel, _ in channels}, np.ones(bins))
