"""The distinct minima of one fit of one hypothesis, and the choice between them.

HistFactory likelihoods have several minima: interpolation codes that shift a yield the same way for both signs of a nuisance
parameter make V-shaped directions. A :class:`Pool` holds the distinct minima that were found; its first entry is the natural one
(from the suggested initial values). The choice is made here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.problem import FLOOR
from hfx.hf_core.fits.run import Minimum

__all__ = ["CHOICES", "Pool"]

Array = NDArray[np.float64]
CHOICES = ("natural", "admissible", "lowest")
_SAME_DEVIANCE = 1e-8  # two minima closer than this in 2NLL ...
_SAME_PLACE = 1e-3  # ... and in every parameter, in units of its prior width, are one
_IMPROVEMENT = 1e-7  # in 2NLL: a minimum lower by less does not replace the natural one
_UNFINISHED = 1e-6  # in 2NLL: a start that went lower than this without converging makes the converged minima doubtful


@dataclass
class Pool:
    """Distinct minima of one fit; ``scale`` (P,) are the prior widths. The first is the natural one.

    ``drawn`` is the number of starts that were drawn from the constraint terms, ``hits`` how many of them reached each minimum.
    """

    scale: Array
    minima: list[Minimum] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    drawn: int = 0

    def add(self, found: Minimum, hits: int = 0) -> None:
        """Keep ``found``, which ``hits`` draws have reached, unless it is there already.

        A start that did not converge is kept as the natural one, and where it went lower than all minima so far: the
        lowest minimum is then not known, and must not be reported as if it were.
        """
        if self.minima and not found.converged:
            lowest = min(known.deviance for known in self.minima)
            if found.status == FLOOR or not found.deviance < lowest - _UNFINISHED:
                return
        for place, known in enumerate(self.minima):
            if known.converged and self._same(known, found):
                self.hits[place] += hits
                return
        self.minima.append(found)
        self.hits.append(hits)

    def _same(self, one: Minimum, two: Minimum) -> bool:
        if abs(one.deviance - two.deviance) > _SAME_DEVIANCE * (1.0 + abs(one.deviance)):
            return False
        return bool((np.abs(one.theta - two.theta) <= _SAME_PLACE * self.scale).all())

    def chosen(self, choice: str) -> Minimum:
        """The natural minimum; or the lowest, or the lowest admissible, where it lies lower than the natural one.

        Admissible: no cell has a negative yield where the natural minimum has none.
        """
        natural = self.minima[0]
        if choice == "natural":
            return natural
        candidates = [m for m in self.minima if choice == "lowest" or m.negative <= natural.negative]
        best = min(candidates, key=lambda minimum: minimum.deviance)
        converged = min((m for m in candidates if m.converged), key=lambda minimum: minimum.deviance, default=best)
        if converged.deviance <= best.deviance + _UNFINISHED or best.status == FLOOR:
            best = converged
        if natural.converged and best.deviance > natural.deviance - _IMPROVEMENT:
            return natural
        return best
