"""The options of CLs, with their help texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hfx.errors import OptionError
from hfx.functions.options import JobOptions, flag, setting

__all__ = ["Choice", "ClsOptions"]

Choice = Literal["natural", "admissible", "lowest"]
"""A choice among the minima of a fit."""


@dataclass(frozen=True, kw_only=True)
class ClsOptions(JobOptions):
    """The options of CLs. Raises `OptionError` for a value that cannot be used."""

    mu: float = setting(1.0, "Tested value of the parameter of interest, which is the signal strength.", panel="What is computed")
    test_stat: str = setting(
        "qtilde",
        "Test statistic: q (equation 14 of arXiv:1007.1727) or qtilde (equation 16).",
        choices=("q", "qtilde"),
        panel="What is computed",
    )
    starts: int | None = setting(
        None,
        "Size of the search for lower minima. With 1 there is no search: each fit starts only from the initial values that the "
        "workspace suggests, as in pyhf. A larger N adds starting points, N-2 for each hypothesis, at which the yield of a "
        "sample is negative. Default: 5.",
        panel="The search for minima",
    )
    minima: Choice = setting(
        "admissible",
        "The minimum that CLs is computed from, if a fit has several: 'natural', which a fit reaches from the initial values "
        "that the workspace suggests, as in pyhf; 'lowest', the lowest found; or 'admissible', the lowest without "
        "avoidable negative yields: no other minimum has at most a third of them and is higher in 2NLL by at most 4 for each "
        "event less.",
        wire=False,
        rounds=False,
        choices=("admissible", "natural", "lowest"),
        panel="The search for minima",
    )

    thorough: bool = setting(
        False,
        "Search for minima until the estimated share of fits for which twice as many random starting points would find another "
        "one is below 0.1 %, with 50 to 3000 of these points for each fit. By default until it is below 1 %, with up to 400.",
        wire=False,
        panel="The search for minima",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thorough and self.starts == 1:
            raise OptionError("--thorough asks for a larger search, and --starts 1 for none: give one of them")
        if self.minima == "lowest" and self.starts == 1:
            raise OptionError(
                "--minima lowest has no effect with --starts 1, which searches for no other minima: give one of them"
            )
        if self.mu <= 0:
            raise OptionError(f"--mu {self.mu:g} cannot be tested for exclusion: give a number above 0")
        if self.starts is not None and (not isinstance(self.starts, int) or self.starts < 1):
            raise OptionError(f"{flag('starts')} '{self.starts}': give a whole number, 1 or more")
