"""Reasons why a hypothesis has no answer that others must recognise."""

__all__ = ["NO_PARAMETER", "NO_YIELDS", "WITHOUT_SIGNAL", "no_signal"]

NO_PARAMETER = "no sample carries the parameter of interest, so there is no signal to test"
NO_YIELDS = "the signal's yields are zero in every bin, so there is nothing to test"

WITHOUT_SIGNAL = (NO_PARAMETER, NO_YIELDS)
"""The reasons of a hypothesis without a signal, which is none of a region's own where another region has an answer."""

_SHORT = {NO_PARAMETER: "its patch adds none", NO_YIELDS: "its yields are zero in every bin"}


def no_signal(reason: str) -> str | None:
    """Why a hypothesis has no signal, in a few words; None for other reasons. The name of a region may precede the reason."""
    return next((short for full, short in _SHORT.items() if reason.endswith(full)), None)
