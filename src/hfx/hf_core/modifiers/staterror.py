"""The modifier staterror: a factor for each bin of a channel, with a normal constraint from the samples' joint uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.modifiers.base import NORMAL, Carriers, Effect, Modifier, ParameterSet, bin_set
from hfx.hf_core.specification import Measurement

__all__ = ["Staterror"]

Array = NDArray[np.float64]


class Staterror(Modifier):
    """sigma_b = sqrt(sum_s delta_sb^2) / sum_s nominal_sb over every sample of the channel that carries the modifier; one gamma
    for each bin of each channel, fixed where sigma_b is zero."""

    name = "staterror"
    effect = Effect.BIN_FACTOR
    parameter_kind = "staterror"
    events = ("",)
    settings = frozenset({"auxdata", "sigmas"})
    depends_on_samples = True
    ordered_by_name = True  # as pyhf's, which registers each with the first cell already

    def parameter_sets(self, carriers: Sequence[Carriers], measurement: Measurement) -> list[ParameterSet]:
        """All sets are computed at once: most have few bins."""
        offsets: list[dict[str, int]] = []
        parts: list[tuple[int, Array, Array]] = []  # the first of its bins in ``sigma``, nominal, delta
        ends = [0]
        for name, channels in carriers:
            end, begins = ends[-1], {}
            for channel, samples in channels:
                begins[channel.name] = end - ends[-1]
                parts += [
                    (end, sample.nominal, sample.events["staterror"][""][sample.names["staterror"].index(name)])
                    for sample in samples
                ]
                end += channel.bins
            offsets.append(begins)
            ends.append(end)
        sigma = _relative_uncertainty(parts, ends[-1])
        fixed = sigma == 0.0
        width = np.where(fixed, 1.0, sigma)
        return [
            bin_set(one.name, self.name, NORMAL, 1e-10, begins, width[begin:end], fixed[begin:end])
            for one, begins, begin, end in zip(carriers, offsets, ends[:-1], ends[1:], strict=True)
        ]


def _relative_uncertainty(parts: Sequence[tuple[int, Array, Array]], size: int) -> Array:
    """The root of the sum of delta^2 by the sum of nominal, for each of ``size`` bins; 0 where nothing is expected. Each part
    has nominal and delta of the bins from ``begin`` on."""
    if not parts:
        return np.zeros(size)
    begins, nominals, deltas = zip(*parts, strict=True)
    lengths = list(map(len, nominals))
    first = np.cumsum([0, *lengths[:-1]])
    bin_of = np.arange(sum(lengths)) + np.repeat(np.array(begins) - first, lengths)
    total = np.bincount(bin_of, np.concatenate(nominals), size)
    positive = total > 0.0
    relative = np.concatenate(deltas) / np.where(positive, total, 1.0)[bin_of]
    return np.where(positive, np.sqrt(np.bincount(bin_of, relative * relative, size)), 0.0)
