"""The modifier normfactor: a free factor on all bins of a sample. The parameter of interest is one."""

from __future__ import annotations

from collections.abc import Sequence

from hfx.hf_core.modifiers.base import UNCONSTRAINED, Carriers, Effect, Modifier, ParameterSet, scalar_set
from hfx.hf_core.specification import Measurement

__all__ = ["Normfactor"]


class Normfactor(Modifier):
    """The factor is the parameter itself, without a constraint."""

    name = "normfactor"
    effect = Effect.FACTOR
    parameter_kind = "normfactor"

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [scalar_set(one.name, self.name, UNCONSTRAINED, 1.0, (0.0, 10.0)) for one in carriers]
