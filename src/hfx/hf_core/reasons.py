"""Reasons why a hypothesis has no answer that others must recognise."""

__all__ = ["NO_PARAMETER", "NO_YIELDS", "WITHOUT_SIGNAL", "no_signal", "poi_fault"]

NO_PARAMETER = "no sample carries the parameter of interest, so there is no signal to test"
NO_YIELDS = "the signal's yields are zero in every bin, so there is nothing to test"

WITHOUT_SIGNAL = (NO_PARAMETER, NO_YIELDS)
"""The reasons of a hypothesis without a signal, which is none of a region's own where another region has an answer."""

_SHORT = {NO_PARAMETER: "its patch adds none", NO_YIELDS: "its yields are zero in every bin"}


def no_signal(reason: str) -> str | None:
    """Why a hypothesis has no signal, in a few words; None for other reasons. The name of a region may precede the reason."""
    return next((short for full, short in _SHORT.items() if reason.endswith(full)), None)


def poi_fault(name: str, fixed: bool, lower: float, upper: float) -> str | None:
    """Why a parameter with these settings cannot be the one of interest; None where it can."""
    if fixed:
        return f"the parameter of interest {name!r} is fixed in the measurement; free it there"
    if lower > 0.0 or upper < 0.0:
        return f"the bounds of {name!r} exclude 0, so there is no background-only fit"
    return None
