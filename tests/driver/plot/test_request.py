"""Requests for pictures: the files, the options that hold for other axes, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from hfx.driver.plot.request import PictureOptions, PictureRequest, own_name, styled, target
from hfx.errors import OptionError

GIVEN = {"x": "m1", "y": "m2", "xlabel": "a", "ylabel": "b", "title": "t", "forbidden": "y>x", "mu": 1.0, "interpolation": None}


def test_the_target_is_a_file_or_a_folder(tmp_path: Path) -> None:
    assert target(tmp_path / "a.PDF", "contour", None) == (tmp_path / "a", ("pdf",))
    assert target(tmp_path / "a.pdf", "contour", ("svg",)) == (tmp_path / "a", ("pdf", "svg"))
    assert target(tmp_path / "v1.2", "contour-rbf", None) == (tmp_path / "v1.2" / "contour-rbf", ("pdf", "png"))
    (tmp_path / "odd.svg").mkdir()
    assert target(tmp_path / "odd.svg", "contour", ("png",)) == (tmp_path / "odd.svg" / "contour", ("png",))
    with pytest.raises(OptionError, match="pictures are written as pdf, png, svg"):
        target(tmp_path / "a.jpg", "contour", None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"style": "cdf"}, "--style 'cdf' is not one of hfx, atlas, cms"),
        ({"formats": ("gif",)}, "--format 'gif' is not one of pdf, png, svg"),
        ({"changed": {"interpolation": "cubic"}}, "--interpolation 'cubic' is not one of"),
    ],
)
def test_choices_are_checked(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        PictureRequest(**given)


def test_what_belongs_to_other_axes_is_not_kept() -> None:
    assert styled(GIVEN) == PictureOptions("m1", "m2", "a", "b", "t", "y>x", "gp")
    assert styled(GIVEN, {"x": "m1", "interpolation": "rbf"}) == PictureOptions("m1", "m2", "a", "b", "t", "y>x", "rbf")
    assert styled(GIVEN, {"x": "m3"}) == PictureOptions("m3", "m2", None, "b", "t", None, "gp")
    assert styled(GIVEN, {"y": "m3", "ylabel": "c"}) == PictureOptions("m1", "m3", "a", "c", "t", None, "gp")
    assert styled({}) == PictureOptions(interpolation="gp")


def test_a_logarithmic_axis_is_that_of_its_labels() -> None:
    given = {**GIVEN, "logx": True, "logy": True}
    assert (styled(given).logx, styled(given).logy) == (True, True)
    assert (styled(given, {"x": "m3"}).logx, styled(given, {"x": "m3"}).logy) == (False, True)
    assert styled(given, {"x": "m3", "logx": True}).logx
    assert not styled(given, {"logx": False}).logx
    assert own_name(given, PictureRequest({"logx": False})) == "contour-linear-x"
    assert own_name(GIVEN, PictureRequest({"logy": True})) == "contour-logy"
    assert own_name(given, PictureRequest({"logy": True})) == ""


def test_an_option_that_pictures_do_not_have() -> None:
    with pytest.raises(OptionError, match="a picture has no option called 'colour'; options: x, y, xlabel"):
        styled(GIVEN, {"colour": "red"})
