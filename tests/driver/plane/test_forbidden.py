"""The kinematically forbidden region: its inequality, and its margin."""

import numpy as np
import pytest

from hfx.driver.plane.forbidden import forbidden_margin
from hfx.errors import OptionError


@pytest.mark.parametrize("text", ["y", "y==x", "0<y<x", "y>", "y>mass", "", "y>1/0", "log(0)<y"])
def test_forbidden_that_is_no_inequality(text: str) -> None:
    with pytest.raises(OptionError, match="--forbidden"):
        forbidden_margin(text, "m1", "m2")


def test_forbidden_knows_the_axes_by_label() -> None:
    margin = forbidden_margin("m2 >= m1 - 125", "m1", "m2")
    assert margin(np.array([200.0, 200.0]), np.array([80.0, 70.0])).tolist() == [5.0, -5.0]
