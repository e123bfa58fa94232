"""What a scan changes of Python itself, it gives back."""

import gc
import sys
from collections.abc import Iterator

import pytest

from hfx.driver.process.garbage_collection import beside_fits, quick_turns, set_aside


@pytest.fixture(autouse=True)
def as_python_starts() -> Iterator[None]:
    before = sys.getswitchinterval()
    gc.unfreeze()
    sys.setswitchinterval(0.005)
    yield
    gc.unfreeze()
    sys.setswitchinterval(before)


def test_what_is_there_is_set_aside_and_given_back() -> None:
    pallet, often = [[] for _ in range(1000)], gc.get_threshold()  # type: ignore[var-annotated]
    with set_aside():
        assert gc.get_freeze_count() > len(pallet)
        assert gc.get_threshold()[0] > often[0]
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == often


def test_an_error_gives_it_back_too() -> None:
    with pytest.raises(ValueError, match="some"), set_aside():
        raise ValueError("some")
    assert gc.get_freeze_count() == 0


def test_a_collector_that_never_looks_stays_so() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0, 10, 10)
    try:
        with set_aside():
            assert gc.get_threshold()[0] == 0
        assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_what_others_have_set_aside_stays() -> None:
    gc.freeze()
    with set_aside(), set_aside():
        pass
    assert gc.get_freeze_count() > 0


def test_turns_are_quicker_meanwhile() -> None:
    with beside_fits():
        assert sys.getswitchinterval() == pytest.approx(1e-4)
        with quick_turns():
            assert sys.getswitchinterval() == pytest.approx(1e-4)
        assert sys.getswitchinterval() == pytest.approx(1e-4)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_two_scans_that_overlap_leave_nothing_behind() -> None:
    first, second = quick_turns(), quick_turns()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_what_others_have_chosen_meanwhile_stays() -> None:
    with quick_turns():
        sys.setswitchinterval(0.001)
    assert sys.getswitchinterval() == pytest.approx(0.001)
