"""The plane and its contour: places, selections, what is open, the outline of the band, axes in plain letters."""

import time
from pathlib import Path

import numpy as np
import pytest

from hfx.driver.plane import contour
from hfx.driver.run.events import Failed
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.plane_layout import drawn, laid_out
from hfx.driver.views.page.request import Asked
from hfx.driver.views.page.unicode_labels import plain
from hfx.errors import OptionError
from tests.driver import fakes
from tests.driver.plane.test_contour import data_of
from tests.driver.views.page.made import MadeRun

THREE = [(400 + 100 * i, 50 * j, 10 * k) for i in range(4) for j in range(4) for k in range(2)]


def polled(run: MadeRun) -> Feed:
    feed = Feed(run.folder)
    feed.poll()
    return feed


def test_the_contour_of_all_results_is_that_of_the_scan(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    run.fit(run.names)
    feed = polled(run)
    plane = laid_out(feed.rows, feed.label_names, {}, Asked())
    found = drawn(plane, feed.rows, feed.label_names, None)
    scan = {"pallet": {"labels": ["m1", "m2"]}, "results": feed.briefs(), "failures": []}
    whole = contour.plane(data_of(scan))
    expected = whole.contours["curves"]
    assert [curve["which"] for curve in found["curves"]] == [curve["which"] for curve in expected]
    for ours, theirs in zip(found["curves"], expected, strict=True):
        np.testing.assert_allclose(ours["points"], theirs["points"], rtol=1e-6)
        assert ours["open"] == []
    assert (found["made_of"], found["of"], found["awaited"]) == (30, 30, 0)
    # The band is that of the same surface, as hfx plot draws it.
    assert sum(map(_area, found["band"])) == pytest.approx(sum(map(_area, whole.band())), rel=1e-5)
    assert found["open_band"] == []


def test_where_a_fit_is_missing_the_line_is_open(tmp_path: Path) -> None:
    """All are fitted but one, beside the line: the segments in the triangles around its place are open, no others."""
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    missing = "sig_400_80"
    run.fit([name for name in run.names if name != missing])
    feed = polled(run)
    plane = laid_out(feed.rows, feed.label_names, {}, Asked())
    found = drawn(plane, feed.rows, feed.label_names)
    (line,) = [curve for curve in found["curves"] if curve["which"] == "observed"]
    middles = (np.array(line["points"])[1:] + np.array(line["points"])[:-1]) / 2
    assert 0 < len(line["open"]) < len(middles)
    assert found["open_band"]
    reach = np.abs(middles[line["open"]] - [400, 80]) / [100, 40]
    assert reach.max() <= 1.0  # within the cells that the hole is the corner of
    run.tell(Failed(time.time(), "local-0", missing, "the patch does not apply"))
    feed.poll()
    later = drawn(plane, feed.rows, feed.label_names)  # nothing is awaited any more
    assert all(curve["open"] == [] for curve in later["curves"])
    assert later["open_band"] == []


def test_three_labels_axes_and_slices(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1"))
    feed = polled(run)
    plain_plane = laid_out(feed.rows, feed.label_names, {}, Asked())
    assert (plain_plane.x, plain_plane.y) == ("msb", "mn2")
    offered = plain_plane.content()
    assert offered["axes"][:3] == ["msb", "mn2", "mn1"]
    assert "mn2-mn1" in offered["axes"]
    assert {"where": "mn1==10", "points": 16} in offered["slices"]
    sliced = laid_out(feed.rows, feed.label_names, {}, Asked("msb", "mn2-mn1", "mn1==10"))
    assert sliced.chosen.sum() == 16
    inside = [(at, row.values) for at, row in zip(sliced.content()["at"], feed.rows, strict=True) if at]
    assert all(at == [values[0], values[1] - values[2]] and values[2] == 10 for at, values in inside)


def test_the_runs_own_axes_and_labels_come_first(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1"))
    feed = polled(run)
    options = {"x": "mn2", "y": "mn1", "xlabel": r"$m(\tilde{\chi}_{2}^{0})$", "forbidden": "y>x"}
    own = laid_out(feed.rows, feed.label_names, options, Asked())
    assert (own.x, own.y) == ("mn2", "mn1")
    assert own.said["xlabel"] == "m(χ̃₂⁰)"
    assert own.said["forbidden"] == "y>x"
    (ring,) = own.said["forbidden_area"]
    assert _area(ring) == pytest.approx(490.0)  # above the diagonal, in -30 < x < 180, -2 < y < 12
    other = laid_out(feed.rows, feed.label_names, options, Asked("msb", "mn1"))
    assert other.said["xlabel"] == "m(b̃₁) [GeV]"  # what was said of one axis is not true of another
    assert other.said["forbidden"] is None


@pytest.mark.parametrize("asked", [Asked(x="mbs"), Asked(where="mn1"), Asked(y="mn2-")])
def test_an_expression_that_cannot_be_read_is_an_error(tmp_path: Path, asked: Asked) -> None:
    feed = polled(MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1")))
    with pytest.raises(OptionError):
        laid_out(feed.rows, feed.label_names, {}, asked)


def test_one_label_is_a_profile(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", [(m,) for m in range(200, 900, 100)], ("m1",))
    run.fit(run.names[:4])
    feed = polled(run)
    plane = laid_out(feed.rows, feed.label_names, {}, Asked())
    assert plane.y is None
    assert plane.content()["at"][0] == [200, 0]
    assert drawn(plane, feed.rows, feed.label_names)["made_of"] == 4


def _area(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2


@pytest.mark.parametrize(
    ("latex", "letters"),
    [
        (r"$m(\tilde{\chi}_{1}^{\pm})$ [GeV]", "m(χ̃₁±) [GeV]"),
        (r"$m(\tilde{t}_{1})-m(\tilde{\chi}_{1}^{0})$ [GeV]", "m(t̃₁)-m(χ̃₁⁰) [GeV]"),
        (r"$\mathrm{CL}_{\mathrm{s}}$", "CLs"),
        (r"$\tan\beta$", "tan β"),
        ("coupling", "coupling"),
        (r"$\Delta m$", "Δ m"),
    ],
)
def test_labels_without_latex(latex: str, letters: str) -> None:
    assert plain(latex) == letters
