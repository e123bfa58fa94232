"""A scan restores every setting of the Python interpreter that it changes."""

import gc
import sys
from collections.abc import Iterator

import pytest

from hfx.driver.process.interpreter_tuning import gc_frozen, short_switch_interval, tuned_for_fits


@pytest.fixture(autouse=True)
def as_python_starts() -> Iterator[None]:
    before = sys.getswitchinterval()
    gc.unfreeze()
    sys.setswitchinterval(0.005)
    yield
    gc.unfreeze()
    sys.setswitchinterval(before)


def test_existing_objects_are_frozen_and_unfrozen() -> None:
    pallet, often = [[] for _ in range(1000)], gc.get_threshold()  # type: ignore[var-annotated]
    with gc_frozen():
        assert gc.get_freeze_count() > len(pallet)
        assert gc.get_threshold()[0] > often[0]
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == often


def test_an_error_restores_the_collector_too() -> None:
    with pytest.raises(ValueError, match="some"), gc_frozen():
        raise ValueError("some")
    assert gc.get_freeze_count() == 0


def test_a_disabled_collector_stays_disabled() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0, 10, 10)
    try:
        with gc_frozen():
            assert gc.get_threshold()[0] == 0
        assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_objects_frozen_by_other_code_stay_frozen() -> None:
    gc.freeze()
    with gc_frozen(), gc_frozen():
        pass
    assert gc.get_freeze_count() > 0


def test_the_switch_interval_is_short_within_the_block() -> None:
    with tuned_for_fits():
        assert sys.getswitchinterval() == pytest.approx(1e-4)
        with short_switch_interval():
            assert sys.getswitchinterval() == pytest.approx(1e-4)
        assert sys.getswitchinterval() == pytest.approx(1e-4)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_two_overlapping_scans_restore_the_switch_interval() -> None:
    first, second = short_switch_interval(), short_switch_interval()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_a_switch_interval_set_by_other_code_stays() -> None:
    with short_switch_interval():
        sys.setswitchinterval(0.001)
    assert sys.getswitchinterval() == pytest.approx(0.001)
