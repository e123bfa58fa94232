"""The distinct minima of one fit of one hypothesis, and the choice between them.

HistFactory likelihoods have several minima: interpolation codes that shift a yield the same way for both signs of a nuisance
parameter make V-shaped directions. A :class:`Pool` holds the distinct minima that were found; its first entry is the natural one
(from the suggested initial values). The choice is made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_EVENTS, _SHARE = 0.25, 1 / 3  # negative yields are smaller if by this many events at least, and at most this share
_PRICE = 4.0  # 2NLL for each event of negative yield that is avoided: what another minimum may cost
_UNFINISHED = 1e-6  # in 2NLL: a start that went lower than this without converging makes the converged minima doubtful


@dataclass
class Pool:
    """Distinct minima of one fit; ``scale`` (P,) are the prior widths. The first is the natural one.

    ``drawn`` is the number of starts that were drawn from the constraint terms, ``hits`` how many of them reached each minimum.
    ``within``: the pools of fits to the same data that hold a parameter which this one fits: their minima are points of this fit.
    """

    scale: Array
    minima: list[Minimum] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    drawn: int = 0
    within: list[Pool] = field(default_factory=list)

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
        """The natural minimum; or the lowest, or the lowest admissible one.

        Admissible: its negative yields cannot be avoided, see :meth:`_admissible`. That depends on the set of minima alone, not
        on which of them is the natural one. (Where the natural one is as low, within 1e-7, it is taken for the same.)
        """
        natural = self.minima[0]
        if choice == "natural" or len(self.minima) == 1:
            return natural
        candidates = self.minima if choice == "lowest" else self._admissible()
        best = min(candidates, key=lambda minimum: minimum.deviance)
        converged = min((m for m in candidates if m.converged), key=lambda minimum: minimum.deviance, default=best)
        if converged.deviance <= best.deviance + _UNFINISHED or best.status == FLOOR:
            best = converged
        if natural in candidates and natural.converged and abs(best.deviance - natural.deviance) < _IMPROVEMENT:
            return natural
        return best

    def _admissible(self) -> list[Minimum]:
        """The admissible minima. Those that are higher than the lowest admissible minimum of a fit within this one are left out,
        and make no negative yields avoidable: the best fit is no worse than one that holds a parameter."""
        limit = min((pool.chosen("admissible").deviance for pool in self.within), default=np.inf) + _UNFINISHED
        minima = [minimum for minimum in self.minima if minimum.deviance <= limit] or self.minima
        return [minimum for minimum in minima if not self._avoidable(minimum, minima)]

    @staticmethod
    def _avoidable(minimum: Minimum, minima: Sequence[Minimum]) -> bool:
        """Whether another minimum has at most a third of the negative yields and at least 0.25 events fewer, and its 2NLL is at
        most 4 higher for each event fewer."""
        return minimum.negative >= _EVENTS and any(
            other.converged
            and other.negative <= min(_SHARE * minimum.negative, minimum.negative - _EVENTS)
            and other.deviance <= minimum.deviance + _PRICE * (minimum.negative - other.negative)
            for other in minima
        )

    def deciding(self) -> list[Minimum]:
        """The natural minimum and all others on which a choice depends: those that are chosen, and each that has fewer negative
        yields than all lower ones. Whatever else is found, the choice among them is that among all."""
        if len(self.minima) == 1:
            return self.minima[:]
        found = [self.chosen(choice) for choice in CHOICES]
        fewest = np.inf
        for minimum in sorted((m for m in self.minima if m.converged), key=lambda m: (m.deviance, m.negative)):
            if minimum.negative < fewest:
                fewest = minimum.negative
                found.append(minimum)
        return list({id(minimum): minimum for minimum in found}.values())

    def useful(self) -> float:
        """The deviance below which a further minimum may change what is chosen."""
        best = self.chosen("admissible")
        if not best.converged:
            return np.inf
        return best.deviance + (_PRICE * best.negative if best.negative >= _EVENTS else 0.0)
