"""A scan keeps the garbage collector off what it has opened, and gives it back."""

import gc
from collections.abc import Iterator

import pytest

from hfx.driver.collector import set_aside


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_is_there_is_set_aside_and_given_back() -> None:
    pallet = [[] for _ in range(1000)]  # type: ignore[var-annotated]
    with set_aside():
        assert gc.get_freeze_count() > len(pallet)
        later = [[] for _ in range(1000)]  # type: ignore[var-annotated]
        assert len(gc.get_objects()) >= len(later)
    assert gc.get_freeze_count() == 0


def test_an_error_gives_it_back_too() -> None:
    with pytest.raises(ValueError, match="some"), set_aside():
        raise ValueError("some")
    assert gc.get_freeze_count() == 0


def test_what_others_have_set_aside_stays() -> None:
    gc.freeze()
    with set_aside(), set_aside():
        pass
    assert gc.get_freeze_count() > 0
