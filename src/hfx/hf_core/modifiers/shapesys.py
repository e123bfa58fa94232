"""The modifier shapesys: a factor for each bin of one sample, with a Poisson constraint from the bin's uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hfx.errors import SpecificationError
from hfx.hf_core.modifiers.base import POISSON, Carriers, Effect, Modifier, ParameterSet, bin_set
from hfx.hf_core.specification import Measurement

__all__ = ["Shapesys"]


class Shapesys(Modifier):
    """tau_b = (nominal / uncertainty)^2; a bin without yield or uncertainty has tau = 1 and its gamma fixed."""

    name = "shapesys"
    effect = Effect.BIN_FACTOR
    parameter_kind = "shapesys"
    events = ("",)
    settings = frozenset({"auxdata", "factors"})
    depends_on_samples = True

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [self._set(one) for one in carriers]

    def _set(self, carriers: Carriers) -> ParameterSet:
        name = carriers.name
        single = [(channel, sample) for channel, samples in carriers.channels for sample in samples]
        if len(single) > 1:
            where = f"channel {single[1][0].name!r}, sample {single[1][1].name!r}, shapesys {name!r}"
            raise SpecificationError(f"{where}: a shapesys cannot be shared; use another name")
        channel, sample = single[0]
        uncertainty = sample.events["shapesys"][""][sample.names["shapesys"].index(name)]
        usable = (sample.nominal > 0.0) & (uncertainty > 0.0)
        tau = np.ones(channel.bins)
        tau[usable] = (sample.nominal[usable] / uncertainty[usable]) ** 2
        return bin_set(name, self.name, POISSON, 1e-10, {channel.name: 0}, tau, ~usable)
