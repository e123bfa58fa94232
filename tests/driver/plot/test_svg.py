"""SVG pictures: the ids of their elements, and the way from data to coordinates."""

import re
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hfx.driver.plane.contour import plane
from hfx.driver.plot.request import PictureOptions
from hfx.driver.plot.svg import SvgPicture, svg
from hfx.errors import OptionError
from tests.driver.plane.test_contour import GRID, VALUE, data_of, scan_of, values_of

SVG = "{http://www.w3.org/2000/svg}"
SCAN = scan_of(GRID, lambda x, y: 3.0 - abs(y - 200) / 100 - x / 1000, h003={"status": "not converged"})
SCAN["results"] = SCAN["results"][::-1]
SCAN["failures"] = [{"name": "f", "values": [650, 50], "reason": "negative rate"}]
DATA = data_of(SCAN)


def elements(picture: SvgPicture) -> dict[str, ElementTree.Element]:
    return {element.get("id", ""): element for element in ElementTree.fromstring(picture.text).iter() if element.get("id")}


def place(point: ElementTree.Element) -> list[float]:
    use = point.find(f"{SVG}use")
    assert use is not None
    return [float(use.get(name, "nan")) for name in ("x", "y")]


def at(picture: SvgPicture, x: float, y: float) -> list[float]:
    a, b, c, d = picture.transform
    return [a * (np.log10(x) if picture.logarithmic_x else x) + b, c * (np.log10(y) if picture.logarithmic else y) + d]


def test_the_part_of_the_pallet_is_in_the_legend() -> None:
    assert "<!-- Only 3 of 9 hypotheses -->" in svg(DATA, part="Only 3 of 9 hypotheses").text


def test_every_hypothesis_has_its_point_at_its_place() -> None:
    picture = svg(DATA)
    found = elements(picture)
    points = {name: element for name, element in found.items() if name.startswith("point-")}
    assert set(points) == {f"point-{i}" for i in range(len(GRID) + 1)}
    places = [*(result.values for result in DATA.results), (650, 50)]
    for i, (x, y) in enumerate(places):
        assert place(points[f"point-{i}"]) == pytest.approx(at(picture, x, y), abs=1e-4)
    excluded = {id(element) for element in found["points-excluded"].iter()}
    for i, result in enumerate(DATA.results):
        if result.converged:
            assert (id(points[f"point-{i}"]) in excluded) == (result.numbers[0] < 0.05)


def test_places_on_logarithmic_axes_are_those_of_the_logarithms() -> None:
    data = data_of(scan_of([(m, tau) for m in (100, 200, 400) for tau in (0.01, 1, 100)], lambda m, tau: 3 - m / 150))
    picture = svg(data, PictureOptions(logx=True, logy=True))
    assert (picture.logarithmic_x, picture.logarithmic) == (True, True)
    found = elements(picture)
    for i, result in enumerate(data.results):
        assert place(found[f"point-{i}"]) == pytest.approx(at(picture, *result.values), abs=1e-4)


def test_curves_band_and_axes_have_ids() -> None:
    options = PictureOptions(forbidden="y>x-125", interpolation="gp")
    theory = [{"which": f"theory-{way}", "level": 0.05, "points": [[300, 0], [300, 400]]} for way in ("up", "down")]
    picture = svg(DATA, options, theory=theory, uncertainty=True)  # type: ignore[arg-type]
    found = elements(picture)
    curves = plane(DATA, forbidden="y>x-125", interpolation="gp").contours["curves"]
    for which in ("observed", "expected"):
        count = sum(curve["which"] == which for curve in curves)
        assert count
        assert {f"curve-{which}-{k}" for k in range(count)} <= set(found)
    assert {"axes", "band-0", "forbidden", "uncertainty", "curve-theory-up-0", "curve-theory-down-0"} <= set(found)
    first = next(curve for curve in curves if curve["which"] == "observed")["points"][0]
    path = found["curve-observed-0"].find(f"{SVG}path")
    assert path is not None
    start = [float(number) for number in re.findall(r"[-\d.]+", path.get("d", ""))[:2]]
    assert start == pytest.approx(at(picture, *first), abs=1e-4)


def test_the_corners_of_the_axes() -> None:
    picture = svg(DATA)
    background = elements(picture)["axes"].find(f"{SVG}path")
    assert background is not None
    corners = np.array(re.findall(r"[-\d.]+", background.get("d", "")), dtype=float).reshape(-1, 2)
    assert 0 < corners[:, 0].min() < corners[:, 0].max() < picture.width
    assert 0 < corners[:, 1].min() < corners[:, 1].max() < picture.height
    inside = np.array([at(picture, x, y) for x, y in GRID])
    assert (inside >= corners.min(axis=0)).all()
    assert (inside <= corners.max(axis=0)).all()
    assert f'viewBox="0 0 {picture.width:g} {picture.height:g}"' in picture.text


def test_values_against_one_axis() -> None:
    line = scan_of([(x,) for x in range(100, 600, 100)], lambda x: 4.0 - x / 100, labels=("m",))
    picture = svg(data_of(line))
    found = elements(picture)
    assert picture.logarithmic
    for i, record in enumerate(line["results"]):
        assert place(found[f"point-{i}"]) == pytest.approx(at(picture, record["values"][0], record["CLs_obs"]), abs=1e-4)
    assert {"level", "band-0", "curve-observed-0", "curve-expected-0"} <= set(found)


def test_a_surface_without_a_level() -> None:
    picture = svg(values_of(GRID, lambda x, y: x - y, VALUE))
    found = elements(picture)
    for i, (x, y) in enumerate(GRID):
        assert place(found[f"point-{i}"]) == pytest.approx(at(picture, x, y), abs=1e-4)


@pytest.mark.parametrize("data", [replace(DATA, results=(), failures=()), replace(DATA, results=())])
def test_pictures_with_nothing_or_failures_alone(data: Any) -> None:
    assert svg(data).text.startswith("<svg")


def test_equal_pictures_are_equal_texts() -> None:
    assert svg(DATA).text == svg(DATA).text


def test_a_plane_that_is_there_is_used() -> None:
    assert svg(DATA, plane=plane(DATA, interpolation="linear")).text == svg(DATA).text


def test_bad_expressions_are_option_errors() -> None:
    with pytest.raises(OptionError, match="--x"):
        svg(DATA, PictureOptions(x="m3"))


def test_it_is_quick_enough_to_be_drawn_again_and_again() -> None:
    svg(DATA)
    begun = time.perf_counter()
    svg(DATA)
    assert time.perf_counter() - begun < 3.0  # some 0.3 s on an idle machine
