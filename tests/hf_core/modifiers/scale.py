"""A modifier type of the tests: a factor on a sample with a normal constraint, whose width stands in the modifier's data."""

from collections.abc import Sequence

from hfx.errors import SpecificationError
from hfx.hf_core.modifiers.base import NORMAL, Carriers, Effect, Modifier, ParameterSet, scalar_set
from hfx.hf_core.specification import Measurement


class Scale(Modifier):
    """Samples share the factor by its name, if they give one width."""

    name = "scale"
    effect = Effect.FACTOR
    parameter_kind = "scale"
    numbers = ("width",)
    settings = frozenset({"auxdata", "sigmas"})
    depends_on_samples = True

    def positive(self) -> tuple[str, ...]:
        return self.numbers

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        return [scalar_set(one.name, self.name, NORMAL, 1.0, (0.0, 10.0), self._width(one)) for one in carriers]

    def _width(self, carriers: Carriers) -> float:
        samples = [sample for _, samples in carriers.channels for sample in samples]
        widths = {float(one.numbers["scale"]["width"][one.names["scale"].index(carriers.name)]) for one in samples}
        if len(widths) > 1:
            raise SpecificationError(f"scale {carriers.name!r}: its samples give it different widths")
        return widths.pop()
