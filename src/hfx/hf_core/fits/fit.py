"""The description of one fit of a hypothesis: the value of the parameter of interest (POI) and the data set."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["OBSERVED", "Fit"]

OBSERVED = "observed"  # the key of the published data


class Fit(NamedTuple):
    """One fit, the same for any number of hypotheses.

    ``poi`` is the value at which the POI is fixed, None where it is free or the hypothesis has none. ``data`` is the key of the
    data set: :data:`OBSERVED`, or that of a generated one (see :meth:`hfx.hf_core.fits.search.Search.generate`). Two fits of
    different ``name`` keep their minima apart even where all else is equal.
    """

    name: str
    poi: float | None = None
    data: str = OBSERVED
