"""The time of events: seconds since the epoch that never run backwards, nor jump, within a process.

Rates, times left and ages are differences of these. The system's clock may be set while a scan runs, by hours where it was wrong.
"""

import time

__all__ = ["now"]

# Of the clocks that nobody sets, the one that also counts the time in which a laptop sleeps, where there is one.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_OFFSET = time.time() - time.clock_gettime(_STEADY)


def now() -> float:
    """The time now."""
    return _OFFSET + time.clock_gettime(_STEADY)
