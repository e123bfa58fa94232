"""Pictures: drawn for every shape of scan, without global state, with their metadata."""

import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from hfx.driver.plane.contour import plane
from hfx.driver.plane.published import Published
from hfx.driver.plot import figure
from hfx.driver.plot.artists import draw_published
from hfx.driver.plot.figure import Picture
from hfx.driver.plot.request import PictureOptions
from hfx.driver.plot.styles import STYLES
from hfx.driver.questions.base import Surface
from hfx.driver.questions.cls import Cls
from hfx.driver.questions.exclusion import SURFACE
from hfx.errors import OptionError
from hfx.functions.jobs.cls_options import ClsOptions
from tests.driver.plane.test_contour import GRID, LIMIT, LINE, VALUE, data_of, scan_of, values_of

METADATA = {"digest": "sha256:0123abcd", "version": "0.1.0", "command": "hfx scan 'a b.tar.gz' --mu 1"}
SCAN = scan_of(GRID, lambda x, y: 5.0 - x / 120 - y / 300)


def axes() -> Any:
    empty = Figure(figsize=(7, 5.6), layout="constrained")
    FigureCanvasAgg(empty)
    return empty.subplots()


def picture_of(scan: dict[str, Any], **given: Any) -> Picture:
    """The picture of a made-up scan; ``given``: its options."""
    options = PictureOptions(**given)
    found = plane(data_of(scan), x=options.x, y=options.y, forbidden=options.forbidden, interpolation=options.interpolation)
    return Picture(found, options, scan["pallet"], scan.get("contours", {}).get("curves", ()))


def draw(
    scan: dict[str, Any], stem: Path, *, formats: tuple[str, ...] = ("pdf", "png"), metadata: Any = None, **given: Any
) -> Any:
    return figure.draw(picture_of(scan, **given), stem, formats=formats, metadata=metadata)


def draw_axes(scan: dict[str, Any], ax: Any, **given: Any) -> None:
    figure.draw_axes(picture_of(scan, **given), ax)


def test_files_are_written_with_their_metadata(tmp_path: Path) -> None:
    paths = draw(SCAN, tmp_path / "contour.v2", metadata=METADATA, formats=("pdf", "png", "svg"))
    assert [path.name for path in paths] == ["contour.v2.pdf", "contour.v2.png", "contour.v2.svg"]
    with Image.open(paths[1]) as image:
        assert image.size == (1400, 1120)
        assert METADATA.items() <= image.info.items()
    assert all(value in _information(paths[0]) for value in METADATA.values())
    assert "sha256:0123abcd" in paths[2].read_text(encoding="utf-8")


def _information(path: Path) -> str:
    """The text of a PDF's information dictionary."""
    content = path.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, flags=re.DOTALL)
    for stream in streams:
        try:
            content += zlib.decompress(stream)
        except zlib.error:
            continue
    return content.decode("latin-1").replace("\\", "")


def test_equal_scans_give_equal_files(tmp_path: Path) -> None:
    first = draw(SCAN, tmp_path / "a", metadata=METADATA)
    second = draw(SCAN, tmp_path / "b", metadata=METADATA)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_no_global_state(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw(SCAN, tmp_path / "a", forbidden="y>x-125", formats=("png",))
    assert dict(matplotlib.rcParams) == before
    pyplot = __import__("sys").modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("scan", "sentence"),
    [
        (scan_of(LINE, lambda x, y: 5.0 - x / 100), "All points lie on one line"),
        (scan_of(LINE[:1], lambda x, y: 5.0), "CLs: 2.87e-07 observed, 2.87e-07 expected"),
        (scan_of([], lambda x, y: 5.0), "No hypothesis has a usable result"),
        (scan_of(GRID, lambda x, y: 0.1), "No point is excluded (observed)"),
        (scan_of(GRID, lambda x, y: 40.0), "All points are excluded (expected)"),
        (scan_of([(x,) for x in (1, 2, 3)], lambda x: 4.0 - x, labels=("m",)), ""),
        (scan_of([()], lambda: 1.0, labels=()), "CLs: 0.159 observed, 0.159 expected"),
    ],
)
def test_degenerate_scans_are_drawn(scan: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    (path,) = draw(scan, tmp_path / "contour", forbidden="y>x-125", formats=("png",))
    assert path.stat().st_size > 5000
    ax = axes()
    draw_axes(scan, ax)
    assert sentence in ax.get_legend().get_title().get_text()


def test_only_failures_are_drawn_as_crosses() -> None:
    failures = [{"name": f"f{i}", "values": list(point), "reason": "x"} for i, point in enumerate(GRID)]
    ax = axes()
    draw_axes({**SCAN, "results": [], "failures": failures}, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["No result"]


def test_labels_and_title_are_the_users_where_given() -> None:
    ax = axes()
    draw_axes(SCAN, ax, xlabel="$m_A$", ylabel="", title="mine")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("$m_A$", "", "mine")
    ax = axes()
    draw_axes({**SCAN, "pallet": {"labels": ["msb", "k"], "name": "n", "description": "cost $5"}}, ax)
    assert ax.get_xlabel() == r"$m(\tilde{b}_{1})$ [GeV]"
    assert ax.get_ylabel() == "k"
    assert ax.get_title(loc="left") == r"n: cost \$5"


def test_a_long_title_stays_within_the_picture() -> None:
    ax = axes()
    draw_axes(SCAN, ax, title="a title that goes on " * 8)
    ax.figure.draw_without_rendering()
    (heading,) = [text for text in ax.get_children() if getattr(text, "get_text", str)().startswith("a title")]
    assert heading.get_window_extent().width <= ax.bbox.width * 1.01


def test_the_legend_covers_no_point() -> None:
    ax = axes()
    draw_axes(SCAN, ax, forbidden="y>x-125")
    ax.figure.draw_without_rendering()
    bottom = ax.transData.inverted().transform(ax.get_legend().get_window_extent().p0)[1]
    assert bottom > max(y for _, y in GRID)


def test_legend_names_what_is_drawn() -> None:
    theory = [{"which": f"theory-{way}", "level": 0.05, "points": [[300, 0], [300, 400]]} for way in ("up", "down")]
    ax = axes()
    draw_axes({**SCAN, "contours": {"curves": theory}}, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "Observed limit",
        "Observed, signal theory band",
        r"Expected limit ($\pm 1\,\sigma$)",
        "Excluded (observed)",
        "Not excluded (observed)",
    ]


def test_published_contours_of_one_kind_are_told_apart_by_their_files() -> None:
    line = (np.array([(200.0, 0.0), (200.0, 400.0)]),)
    kinds = (("obs_a", "observed"), ("obs_b", "observed"), ("exp", "expected"))
    ax = Figure().subplots()
    handles = draw_published(ax, [Published(f"tables/{file}.csv", "limit", which, line) for file, which in kinds])
    assert [label for _, label in handles] == ["Published, observed: obs_a", "Published, observed: obs_b", "Published, expected"]
    assert len({(str(drawn.get_color()), str(drawn.get_linestyle())) for drawn in ax.lines}) == 3


def test_the_legend_names_the_uncertainty_and_why_there_is_no_line() -> None:
    bent = scan_of(GRID, lambda x, y: 3.0 - abs(y - 200) / 100 - x / 1000)
    figure.draw_axes(replace(picture_of(bent, interpolation="gp"), uncertainty=True), ax := axes())
    assert "Interpolation uncertainty" in [text.get_text() for text in ax.get_legend().get_texts()]
    points = [(x, y, z) for x in (200, 300, 400) for y in (0, 50, 100) for z in (1, 2)]
    draw_axes(scan_of(points, lambda x, y, z: 5.0 - x / 120, labels=("a", "b", "c")), ax := axes())
    assert "No line: the points differ in c, too" in ax.get_legend().get_title().get_text().splitlines()


def test_the_legend_says_which_part_of_the_pallet_is_drawn() -> None:
    ax = axes()
    figure.draw_axes(replace(picture_of(SCAN), part="Only 3 of 9 hypotheses: `m$1$`>5 and " + "m2>=100 and " * 30), ax)
    criterion, first, *more = ax.get_legend().get_title().get_text().splitlines()
    assert criterion == SURFACE.statement
    assert first.startswith(r"Only 3 of 9 hypotheses: `m\$1\$`>5 and m2>=100")
    assert len(more) == 2
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().width <= ax.bbox.width


def test_the_legend_says_by_how_much_lines_are_smoothed() -> None:
    for interpolation, said in (("smooth", True), ("gp", False)):
        draw_axes(SCAN, ax := axes(), interpolation=interpolation)
        title = ax.get_legend().get_title().get_text()
        assert bool(re.search(r"^Smoothed: the points scatter by [\d.e-]+ sigma about", title, re.MULTILINE)) is said


def test_the_legend_says_which_signal_was_tested() -> None:
    """As --mu and --signal-scale change it: over two axes and against one."""
    for scan in (SCAN, scan_of([(x, 0) for x in (200, 300, 400)], lambda x, y: 5.0 - x / 120)):
        picture, ax = picture_of(scan), axes()
        points = picture.plane.points
        surface = Cls(ClsOptions(mu=2.0, signal_scale=1.1)).surface
        figure.draw_axes(replace(picture, plane=replace(picture.plane, points=replace(points, surface=surface))), ax)
        assert r"$\mu = 2$, signal yields $\times\,1.1$" in ax.get_legend().get_title().get_text().splitlines()


def test_bad_expressions_are_option_errors(tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        draw(SCAN, tmp_path / "a", x="m1+", y="m2")
    with pytest.raises(OptionError):
        draw(SCAN, tmp_path / "a", forbidden="y=x")


def test_label_with_markup_characters_is_drawn(tmp_path: Path) -> None:
    scan = json.loads(json.dumps(SCAN))
    scan["pallet"] |= {"labels": ["m(N2)", "50%_x"], "name": "a_b$", "description": "x^2 \\frac"}
    (path,) = draw(scan, tmp_path / "contour", formats=("png",))
    assert path.exists()


def test_a_combination_says_so_above_the_picture() -> None:
    ax = Figure().subplots()
    pallet = {**SCAN["pallet"], "region": "all", "regions": ["A", "B"], "description": "of A alone"}
    draw_axes({**SCAN, "pallet": pallet}, ax)
    assert ax.get_title(loc="left").endswith(": smallest expected CLs of A, B")


def test_a_combination_names_the_quantity_by_which_regions_are_compared() -> None:
    ax = axes()
    pallet = {"name": "p", "region": "all", "regions": ["A", "B"]}
    figure.draw_axes(Picture(plane(values_of(GRID, lambda x, y: x / 300, LIMIT)), pallet=pallet), ax)
    assert ax.get_title(loc="left") == "p: smallest limit of A, B"


def test_no_tick_of_cls_is_above_one() -> None:
    ax = Figure().subplots()
    line = [record for record in SCAN["results"] if record["values"][1] == 0]
    draw_axes({**SCAN, "results": line}, ax)
    assert max(ax.get_yticks()) == 1.0
    assert max(ax.get_yticks(minor=True)) < 1.0


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_surface_with_one_curve_has_no_band() -> None:
    ax = axes()
    figure.draw_axes(Picture(plane(values_of(GRID, lambda x, y: x / 300, LIMIT))), ax)
    assert texts(ax) == ["Observed limit", "Excluded (observed)", "Not excluded (observed)"]
    assert ax.get_legend().get_title().get_text() == "Upper limits below 1"
    assert [line.get_gid() for line in ax.get_lines()] == ["curve-observed-0", "points-excluded", "points-allowed"]
    assert not [patch for patch in ax.patches if patch.get_gid() == "band-0"]
    assert len(ax.figure.axes) == 1


def test_a_surface_without_a_level_is_coloured_points_with_a_colour_bar() -> None:
    ax = axes()
    data = values_of(GRID, lambda x, y: x - y, VALUE)
    figure.draw_axes(Picture(plane(data)), ax)
    assert ax.get_legend() is None
    assert not ax.get_lines()
    (dots,) = ax.collections
    assert dots.get_array().tolist() == [x - y for x, y in sorted(GRID)]
    (bar,) = (other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "value"


def test_without_a_level_failures_are_crosses(tmp_path: Path) -> None:
    data = replace(values_of(GRID, lambda x, y: x - y, VALUE), failures=[{"name": "f", "values": [650, 50], "reason": "x"}])
    ax = axes()
    figure.draw_axes(Picture(plane(data), style="cms"), ax)
    assert texts(ax) == ["No result"]
    (path,) = figure.draw(Picture(plane(data)), tmp_path / "colours", formats=("png",))
    assert path.stat().st_size > 10_000


@pytest.mark.parametrize("surface", [LIMIT, VALUE])
def test_a_surface_with_one_curve_against_one_axis(surface: Surface) -> None:
    row = [(x, 50) for x in range(100, 600, 100)]
    ax = axes()
    figure.draw_axes(Picture(plane(values_of(row, lambda x, y: x / 300, surface))), ax)
    if surface is LIMIT:
        assert texts(ax) == ["Observed", "limit = 1"]
    else:
        assert ax.get_legend() is None
    assert (ax.get_yscale(), ax.get_ylabel()) == (("log", "limit") if surface is LIMIT else ("linear", "value"))
    low, high = ax.get_ylim()
    assert low < 1 / 3 < 5 / 3 < high


def test_values_below_zero_are_on_a_linear_axis() -> None:
    row = [(x, 50) for x in range(100, 600, 100)]
    ax = axes()
    figure.draw_axes(Picture(plane(values_of(row, lambda x, y: 3 - x / 100, LIMIT))), ax)
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] < -2


def test_artists_have_ids() -> None:
    ax = axes()
    figure.draw_axes(replace(picture_of(SCAN, forbidden="y>x-125"), uncertainty=True), ax)
    ids = {artist.get_gid() for artist in ax.get_children()} | {ax.patch.get_gid()}
    assert ids >= {"axes", "band-0", "curve-observed-0", "curve-expected-0", "forbidden", "points-excluded", "points-allowed"}
    assert SURFACE.statement in ax.get_legend().get_title().get_text()


def test_logarithmic_axes_hold_all_points_and_their_numbers_are_plain() -> None:
    points = [(x, tau) for x in range(100, 601, 100) for tau in (0.01, 0.1, 1.0, 10.0, 100.0)]
    scan = scan_of(points, lambda m, tau: 4 - m / 120 - abs(np.log10(tau)), labels=("m", "tau"))
    picture = Picture(plane(data_of(scan), logy=True, forbidden="y<0.03"), PictureOptions(forbidden="y<0.03", logy=True))
    ax = axes()
    figure.draw_axes(picture, ax)
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    low, high = ax.get_ylim()
    assert 0.004 < low < 0.01
    assert high > 100
    ax.figure.canvas.draw()
    shown = [text.get_text() for text in ax.get_yticklabels()]
    assert {"0.01", "0.1", "1", "10", "100"} <= set(shown)
    assert [artist.get_gid() for artist in ax.collections if artist.get_gid() == "forbidden"] == ["forbidden"]


def test_a_logarithmic_axis_over_less_than_two_decades_has_numbers_between_powers_of_ten() -> None:
    scan = scan_of([(m, y) for m in (100, 200, 400, 800) for y in (1, 2, 3)], lambda m, y: 3 - m / 300 - y / 9)
    ax = axes()
    figure.draw_axes(Picture(plane(data_of(scan), logx=True)), ax)
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    shown = [text.get_text() for text in ax.get_xticklabels() if low <= text.get_position()[0] <= high]
    assert shown == ["100", "200", "500"]


def test_the_bar_of_one_hypothesis_on_a_logarithmic_axis_is_about_its_place() -> None:
    ax = axes()
    figure.draw_axes(Picture(plane(data_of(scan_of([(0.01,)], lambda tau: 1.0, labels=("tau",))), logx=True)), ax)
    assert ax.get_xscale() == "log"
    (left, _), (right, _) = ax.collections[0].get_datalim(ax.transData).get_points()
    assert left * right == pytest.approx(1e-4)
    assert left > ax.get_xlim()[0] > 0


BROKEN = (r"a$b^$", r"$\nosuch$", r"$\frac{$", "${{{$")


@pytest.mark.parametrize("text", BROKEN)
def test_no_text_of_others_loses_the_picture(text: str, tmp_path: Path) -> None:
    """Labels, their titles, title, axis titles, name, region, names of hypotheses, as files of earlier runs may hold them."""
    points = [(m, n, k) for m in (1, 2, 3) for n in (1, 2, 3) for k in (0, 1)]
    scan = scan_of(points, lambda x, y, k: 3 - x, labels=(text, "n", "k"))
    block: Any = {"name": text, "region": text, "description": text, "label_titles": {"n": {"latex": text, "unit": text}}}
    made = Picture(plane(data_of(scan)), PictureOptions(forbidden="y>x"), {**scan["pallet"], **block}, part=text)
    given = replace(made, options=PictureOptions(title=text, xlabel=text, ylabel=text), panel=text)
    one = scan_of([()], lambda *_: 1.0, labels=())
    one["results"][0]["name"] = text
    for pictures in ([made], [given, replace(made, panel=text)], [Picture(plane(data_of(one)))]):
        canvas = figure.new_figure(STYLES["hfx"], len(pictures))
        figure.fill(canvas, pictures)
        canvas.canvas.draw()
        assert len(canvas.axes) == len(pictures)


def test_the_title_may_hold_latex_of_the_field() -> None:
    ax = axes()
    draw_axes(SCAN, ax, title=r"$\PSQt\PASQt$ search", xlabel=r"$m(\PSQt)$ [\GeV]")
    assert ax.get_title(loc="left") == r"${\tilde{t}}{\bar{\tilde{t}}}$ search"
    assert ax.get_xlabel() == r"$m({\tilde{t}})$ [${\mathrm{GeV}}$]"


def test_the_map_of_regions_names_the_region_that_answers_at_each_point() -> None:
    points = [(x, y) for x in range(100, 601, 100) for y in (0, 50, 100)]
    regions = {f"h{i:03}": {"region": "A$b^$" if x < 300 else "B"} for i, (x, _) in enumerate(points)}
    scan = scan_of(points, lambda x, y: 4 - x / 150 - y / 300, **regions)
    scan["failures"] = [{"name": "f", "values": [350, 20], "reason": "negative rate"}]
    ax = axes()
    figure.draw_axes(Picture(plane(data_of(scan)), regions=True), ax)
    entries = texts(ax)
    assert entries[-5:] == [
        r"Best expected: A\$b^\$",
        "Best expected: B",
        "Excluded (observed)",
        "Not excluded (observed)",
        "No result",
    ]
    found = {line.get_gid(): line for line in ax.get_lines() if "-region-" in str(line.get_gid())}
    assert set(found) == {"points-excluded-region-0", "points-excluded-region-1", "points-allowed-region-1"}
    assert found["points-excluded-region-0"].get_xdata().max() == 200
    assert sum(len(line.get_xdata()) for line in found.values()) == len(points)
    one, other = (found[f"points-excluded-region-{number}"] for number in (0, 1))
    assert one.get_markeredgecolor() != other.get_markeredgecolor()
    assert found["points-allowed-region-1"].get_markerfacecolor() == "white"
    assert found["points-allowed-region-1"].get_markeredgecolor() == other.get_markeredgecolor()


def test_without_regions_the_map_of_regions_is_the_picture() -> None:
    ax, other = axes(), axes()
    figure.draw_axes(Picture(plane(data_of(SCAN)), regions=True), ax)
    figure.draw_axes(Picture(plane(data_of(SCAN))), other)
    assert texts(ax) == texts(other)
