"""Python itself beside the fits of this process: its garbage collector and its lock, for as long as a scan runs."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["beside_fits", "quick_turns", "set_aside"]

_TURN = 1e-4  # seconds
_YOUNG = 50_000  # objects between two looks at the youngest; Python has 700


@contextmanager
def beside_fits() -> Iterator[None]:
    """Both of what follows."""
    with set_aside(), quick_turns():
        yield


@contextmanager
def set_aside() -> Iterator[None]:
    """What there is now is not looked at by the collector meanwhile: half a million lists and dictionaries of an open pallet, in
    which there are no cycles. Going over 1Lbb's once takes a quarter of a second. What is new is looked at less often."""
    if gc.get_freeze_count():  # somebody else has set something aside, and would lose it
        yield
        return
    often, *seldom = gc.get_threshold()
    gc.freeze()
    if often:
        gc.set_threshold(max(often, _YOUNG), *seldom)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(often, *seldom)


@contextmanager
def quick_turns() -> Iterator[None]:
    """Threads take turns at Python sooner: one that comes back from a compiled fit, or from numpy, waits for its turn."""
    before = sys.getswitchinterval()
    if before <= _TURN:
        yield
        return
    sys.setswitchinterval(_TURN)
    ours = sys.getswitchinterval()
    try:
        yield
    finally:
        if sys.getswitchinterval() == ours:
            sys.setswitchinterval(before)
