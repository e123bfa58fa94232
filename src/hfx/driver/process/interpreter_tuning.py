"""Settings of the Python interpreter for the duration of a scan: its garbage collector and its thread switch interval."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["gc_frozen", "short_switch_interval", "tuned_for_fits"]

_SWITCH_INTERVAL = 1e-4  # seconds
_YOUNG_OBJECTS = 50_000  # new objects between two collections of the youngest generation; Python's default is 700


@contextmanager
def tuned_for_fits() -> Iterator[None]:
    """Both settings below, for the block."""
    with gc_frozen(), short_switch_interval():
        yield


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Calls gc.freeze() for the block, and collects new objects less often.

    An open pallet is half a million lists and dictionaries without reference cycles; one collection over those of 1Lbb takes a
    quarter of a second. If other code has called gc.freeze(), nothing is changed: gc.unfreeze() would undo that call too.
    """
    if gc.get_freeze_count():
        yield
        return
    young, *older = gc.get_threshold()
    gc.freeze()
    if young:
        gc.set_threshold(max(young, _YOUNG_OBJECTS), *older)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(young, *older)


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Shortens the interpreter's switch interval for the block.

    A thread that returns from a compiled fit, or from numpy, waits up to this interval for the interpreter's lock.
    """
    before = sys.getswitchinterval()
    if before <= _SWITCH_INTERVAL:
        yield
        return
    sys.setswitchinterval(_SWITCH_INTERVAL)
    ours = sys.getswitchinterval()
    try:
        yield
    finally:
        if sys.getswitchinterval() == ours:
            sys.setswitchinterval(before)
