"""The table of modifier types, in the order of their parameters in a model, which is pyhf's."""

from __future__ import annotations

from hfx.hf_core.modifiers.base import Effect, Modifier
from hfx.hf_core.modifiers.histosys import Histosys
from hfx.hf_core.modifiers.lumi import Lumi
from hfx.hf_core.modifiers.normfactor import Normfactor
from hfx.hf_core.modifiers.normsys import Normsys
from hfx.hf_core.modifiers.shapefactor import Shapefactor
from hfx.hf_core.modifiers.shapesys import Shapesys
from hfx.hf_core.modifiers.staterror import Staterror

__all__ = ["MODIFIERS", "of_effect"]

MODIFIERS: dict[str, Modifier] = {
    "histosys": Histosys(),
    "lumi": Lumi(),
    "normfactor": Normfactor(),
    "normsys": Normsys(),
    "shapefactor": Shapefactor(),
    "shapesys": Shapesys(),
    "staterror": Staterror(),
}


def of_effect(effect: Effect) -> tuple[str, ...]:
    """The names of the types with this effect, in the order of the table."""
    return tuple(name for name, modifier in MODIFIERS.items() if modifier.effect is effect)
