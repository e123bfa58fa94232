"""Values against one axis: the bands, the values below the axis, hypotheses without a result, and a single hypothesis."""

from typing import Any

import numpy as np
import pytest

from hfx.driver.plane.contour import plane
from hfx.driver.plot import figure
from hfx.driver.plot.figure import Picture
from hfx.driver.plot.styles import STYLES
from tests.driver.plane.test_contour import LIMIT, data_of, scan_of, values_of
from tests.driver.plot.test_figure import axes, texts


def drawn(z: Any, masses: range = range(100, 1000, 100), style: str | None = None, **more: Any) -> Any:
    ax = axes()
    scan = {**scan_of([(m,) for m in masses], z, labels=("m",)), **more}
    figure.draw_axes(Picture(plane(data_of(scan)), style=style), ax)
    return ax


def line(ax: Any, gid: str) -> Any:
    (found,) = (one for one in ax.get_lines() if one.get_gid() == gid)
    return found


@pytest.mark.parametrize("style", list(STYLES))
def test_both_bands_are_drawn_in_all_styles(style: str) -> None:
    ax = drawn(lambda m: 3 - m / 300, style=style)
    assert {band.get_gid() for band in ax.collections} == {"band-0", "band-1"}
    assert texts(ax) == [
        "Observed",
        "Expected",
        r"Expected $\pm 1\,\sigma$",
        r"Expected $\pm 2\,\sigma$",
        r"$\mathrm{CL}_{\mathrm{s}} = 0.05$",
    ]


def test_values_below_the_axis_are_arrows_and_not_at_its_end() -> None:
    ax = drawn(lambda m: 12 - m / 60)  # a significance of 10.3 at 100, of -3 at 900
    bottom = ax.get_ylim()[0]
    assert bottom == pytest.approx(1e-4)
    observed = line(ax, "points-observed").get_ydata()
    assert observed[0] < 1e-20  # where it is, outside of the picture
    arrows = line(ax, "points-below-observed")
    assert arrows.get_marker() == "v"
    out = [100.0 * (i + 1) for i, value in enumerate(observed) if value < bottom]
    assert arrows.get_xdata().tolist() == out
    assert "Value below the axis" in texts(ax)


def test_arrows_are_behind_the_points_at_the_end_of_the_axis() -> None:
    ax = drawn(lambda m: 12 - m / 60)
    arrows = [one for one in ax.get_lines() if str(one.get_gid()).startswith("points-below")]
    points = [one for one in ax.get_lines() if one.get_gid() in ("points-observed", "points-expected")]
    assert (len(arrows), len(points)) == (2, 2)
    assert max(one.get_zorder() for one in arrows) < min(one.get_zorder() for one in points)


def test_values_of_zero_are_below_the_axis() -> None:
    ax = axes()
    figure.draw_axes(Picture(plane(values_of([(x, 5) for x in (1, 2, 3)], lambda x, y: float(x - 1), LIMIT))), ax)
    assert line(ax, "points-below-observed").get_xdata().tolist() == [1.0]
    assert np.isfinite(ax.get_ylim()).all()


def test_without_values_below_the_axis_there_is_no_arrow() -> None:
    ax = drawn(lambda m: 3 - m / 300)
    assert "Value below the axis" not in texts(ax)
    assert not any(str(one.get_gid()).startswith("points-below") for one in ax.get_lines())


def test_a_hypothesis_without_a_result_is_a_cross() -> None:
    ax = drawn(lambda m: 3 - m / 300, failures=[{"name": "f", "values": [450], "reason": "x"}])
    assert line(ax, "points-failed").get_xdata().tolist() == [450]
    assert texts(ax)[-1] == "No result"


def test_one_hypothesis_without_labels_has_its_name() -> None:
    ax = axes()
    figure.draw_axes(Picture(plane(data_of(scan_of([()], lambda: 0.0, labels=())))), ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == [scan_of([()], lambda: 0.0, labels=())["results"][0]["name"]]


def test_one_hypothesis_has_its_numbers_and_bands() -> None:
    ax = drawn(lambda m: 0.0, range(400, 401))
    assert ax.get_legend().get_title().get_text() == "CLs: 0.5 observed, 0.5 expected"
    assert ax.get_xticks().tolist() == [400]
    low, high = ax.get_xlim()
    strong = drawn(lambda m: 6.3, range(400, 401))  # CLs of 1.5e-10, at -2 sigma 5e-17
    smallest = line(strong, "curve-observed-0").get_ydata()[0]
    assert strong.get_ylim()[0] < 1e-3 * smallest
    assert (
        min(np.asarray(path.vertices)[:, 1].min() for band in strong.collections for path in band.get_paths())
        > strong.get_ylim()[0]
    )
    assert len(strong.get_yticks()) <= 11
    assert "Value below the axis" not in texts(strong)
    (path,) = next(band for band in ax.collections if band.get_gid() == "band-0").get_paths()
    assert np.ptp(path.vertices[:, 0]) > 0.03 * (high - low)


def test_the_line_crosses_the_level_where_contour_json_says() -> None:
    """Between points it is straight in the significance, not in the logarithm of CLs."""
    made = plane(data_of(scan_of([(100,), (300,)], lambda m: 6 - m / 60, labels=("m",))))
    (at,) = (curve["points"][0][0] for curve in made.contours["curves"] if curve["which"] == "observed")
    ax = axes()
    figure.draw_axes(Picture(made), ax)
    x, y = line(ax, "curve-observed-0").get_data()
    assert np.interp(-np.log(0.05), -np.log(y[::-1]), x[::-1]) == pytest.approx(at, abs=1.0)
