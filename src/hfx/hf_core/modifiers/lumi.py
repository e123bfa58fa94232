"""The modifier lumi: the luminosity as a factor, with the constraint that the measurement states."""

from __future__ import annotations

from collections.abc import Sequence

from hfx.errors import SpecificationError
from hfx.hf_core.modifiers.base import NORMAL, Carriers, Effect, Modifier, ParameterSet, scalar_set
from hfx.hf_core.specification import Measurement

__all__ = ["Lumi"]


class Lumi(Modifier):
    """The factor is the parameter itself, with a normal constraint."""

    name = "lumi"
    effect = Effect.FACTOR
    parameter_kind = "lumi"
    settings = frozenset({"auxdata", "sigmas"})

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        for name, _ in carriers:
            config = measurement.parameters.get(name)
            if config is None or None in (config.inits, config.bounds, config.auxdata, config.sigmas):
                where = f"measurement {measurement.name!r}, parameter {name!r}"
                raise SpecificationError(f"{where}: a lumi modifier needs inits, bounds, auxdata and sigmas there")
        return [scalar_set(one.name, self.name, NORMAL, 1.0, (0.0, 10.0)) for one in carriers]
