"""Names nearest to a misspelt one."""

import pytest

from hfx.pallets.pallet import near_names

NAMES = [f"C1N2_Wh_hbb_{m1}_{m2}" for m1 in (400, 410, 450, 500) for m2 in (0, 50, 100)]


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("C1N2_Wh_hbb_401_0", "C1N2_Wh_hbb_400_0"),
        ("C1N2_Wh_hbb_449_51", "C1N2_Wh_hbb_450_50"),
        ("C1N2_Wh_hbb_9000_0", "C1N2_Wh_hbb_500_0"),
        ("C1N2_Wh_hb_400_50", "C1N2_Wh_hbb_400_50"),
        ("C1N2_Wh_hbb_400", "C1N2_Wh_hbb_400_0"),
    ],
)
def test_numbers_in_names_are_compared_as_numbers(wanted: str, near: str) -> None:
    assert near_names(wanted, NAMES) == [near]


def test_several_in_the_order_of_their_distance() -> None:
    assert near_names("C1N2_Wh_hbb_401_0", NAMES, most=3) == [f"C1N2_Wh_hbb_{m1}_0" for m1 in (400, 410, 450)]


def test_what_is_like_no_name_has_none_near() -> None:
    assert near_names("nowhere", NAMES) == []
    assert near_names("", NAMES) == []
    assert near_names("17", NAMES) == []
