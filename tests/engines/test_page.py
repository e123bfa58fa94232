"""The page in a real, headless Chromium: beside a scan, over a run that was killed, on a phone, with ten thousand points."""

import csv
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.plane.points import BETWEEN
from tests.conftest import ROOT
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun
from tests.engines import chromium
from tests.engines.chromium import Browser, until

RIGHT, DOWN, ENTER, ESCAPE, TAB = "\ue014", "\ue015", "\ue007", "\ue00c", "\ue004"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    reason = chromium.why_not()
    if reason is not None:
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(f"chromium: {reason}", pytrace=False)
        pytest.skip(f"chromium: {reason}")
    with chromium.running(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The window, as wide as a desktop's; nothing may have gone wrong in it, nothing may have left this machine."""
    window.open("about:blank")
    window.size(1300, 950)
    window.dark(False)
    window.log("browser")
    window.addresses()
    yield window
    refused = [entry for entry in window.log("browser") if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]
    window.open("about:blank")
    assert not refused, refused


@contextmanager
def watched(folder: Path) -> Iterator[str]:
    """The address of ``hfx watch`` over a folder."""
    with command("watch", str(folder)) as process:
        yield address(process)


@contextmanager
def command(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    line = [sys.executable, "-m", "hfx", *arguments, "--no-browser"]
    with running(line) as process:
        yield process


@contextmanager
def running(line: list[str]) -> Iterator["subprocess.Popen[str]"]:
    clean = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**clean, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            finally:
                process.kill()


def address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    where = process.stdout.readline().strip()
    assert where.startswith("http://127.0.0.1:")
    return where


def opened(browser: Browser, where: str) -> None:
    browser.open(where)
    browser.until("globalThis.hfx?.store.contour && document.querySelector('#plane svg')", 60)
    browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")


def states(browser: Browser) -> dict[str, int]:
    found: dict[str, int] = browser.run("return hfx.store.status?.states ?? {}")
    return found


def place(browser: Browser, name: str) -> list[float]:
    """Where a hypothesis is on the screen."""
    found: list[float] = browser.run(
        "const one = hfx.store.rows.find((row) => row.name === arguments[0]);"
        "const frame = document.getElementById('plane').getBoundingClientRect();"
        "const [x, y] = hfx.plane.placeOf(one); return [frame.left + x, frame.top + y];",
        name,
    )
    return found


def names(browser: Browser, column: int = 1) -> list[str]:
    """A column of the table, of the rows in sight."""
    found: list[str] = browser.run(
        "const cells = document.querySelectorAll(`#table tbody tr[data-index] td:nth-child(${arguments[0]})`);"
        "return [...cells].map((cell) => cell.textContent)",
        column,
    )
    return found


@pytest.fixture
def fitted(tmp_path: Path) -> MadeRun:
    run = MadeRun(tmp_path / "run", fakes.grid(8, 6))
    run.fit(run.names)
    run.state("finished")
    return run


def test_points_appear_and_the_contour_changes_while_a_scan_runs(browser: Browser, tmp_path: Path) -> None:
    """The real command, whose fits wait for the page; which keeps the last state when the command has ended."""
    pallet, gate = fakes.write_pallet(tmp_path / "toy", fakes.grid(12, 9)), tmp_path / "gate"
    gate.write_text("4")  # tasks that may be fitted
    script = (
        "import sys\nfrom hfx.driver.cli import main\nfrom hfx.driver.plot import scan_picture\n"
        "from hfx.driver.scan import scan\nfrom tests.driver import fakes\nimport time\nfrom pathlib import Path\n"
        "scan_picture._picture = fakes.picture\n"
        "done = []\n"
        "def slow(task):\n"
        f"    while len(done) >= int(Path({str(gate)!r}).read_text() or 0):\n        time.sleep(0.02)\n"
        "    time.sleep(0.02 * len(task['hypotheses']))\n    done.append(task)\n    return fakes.run(task)\n"
        "scan._worker_function = lambda: slow\nscan.batch_size = lambda *_: 8\nsys.exit(main.run(sys.argv[1:]))"
    )
    line = [
        sys.executable,
        "-c",
        script,
        "scan",
        str(pallet),
        "-o",
        str(tmp_path / "run"),
        "--threads",
        "1",
        "--live",
        "--no-browser",
    ]
    with running(line) as process:
        where = address(process)
        browser.open(where)
        browser.until("hfx.store.rows.length === 108", 40)
        assert browser.until("hfx.store.contour?.made_of", 40)
        first = browser.run("return [hfx.store.status, hfx.store.contour]")
        assert 0 < first[0]["fitted"] < 108
        assert first[0]["states"].get("running", 0) > 0
        assert first[1]["made_of"] < 108
        assert first[1]["of"] == 108
        before = picture(browser)
        assert browser.text("#state") == "running"
        assert browser.text("#lasting") == f"This page ends with the scan. To open it again: hfx watch {tmp_path / 'run'}"
        gate.write_text("9")
        browser.until(f"hfx.store.status.fitted > {first[0]['fitted']}", 40)
        browser.until(f"hfx.store.contour.made_of > {first[1]['made_of']}", 40)
        second = browser.run("return hfx.store.contour")
        assert second["curves"] != first[1]["curves"]
        assert picture(browser) != before
        assert "per second" in browser.text("#progress")
        gate.write_text("1000")
        browser.until("hfx.store.ended", 150)
        assert process.wait(60) == 0
    assert browser.text("#state") == "finished"
    assert "hfx watch" in browser.text("#banner")
    assert browser.run(
        "return ['x', 'y', 'where'].every((id) => document.getElementById(id).disabled)"
    )  # nobody answers any more
    last = browser.run("return hfx.store.contour")
    assert (last["made_of"], last["awaited"]) == (108, 0)
    assert not any(curve["open"] for curve in last["curves"])
    scan = json.loads((tmp_path / "run" / "scan.json").read_text())
    ours = {curve["which"]: curve["points"] for curve in last["curves"]}
    for curve in scan["contours"]["curves"]:
        assert ours[curve["which"]] == pytest.approx([pytest.approx(point, rel=1e-6) for point in curve["points"]])
    # The server has gone; what the page has can still be taken along.
    table = taken(browser, "csv")
    assert [row["name"] for row in csv.DictReader(io.StringIO(table))] == [result["name"] for result in scan["results"]]


def picture(browser: Browser) -> str:
    """The picture's content."""
    browser.wait("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(1)))")
    return str(browser.run("return document.querySelector('#plane svg').outerHTML"))


def taken(browser: Browser, kind: str) -> str:
    """The text of a download, caught before the browser writes it."""
    browser.run(
        "globalThis.caught = null; const make = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { blob.text().then((text) => { globalThis.caught = [blob.type, blob.size, text]; });"
        " URL.createObjectURL = make; return make.call(URL, blob); };"
    )
    browser.click(f'[data-take="{kind}"]')
    return str(browser.until("globalThis.caught", 20)[2])


def test_what_cannot_be_is_an_area(browser: Browser, fitted: MadeRun) -> None:
    fitted.state("finished", options={"minima": "admissible", "forbidden": "y>x-125"})
    with watched(fitted.folder) as where:
        opened(browser, where)
        svg = taken(browser, "svg")
    assert re.search(r'<g id="forbidden"', svg)


def test_a_scan_that_is_killed_is_shown_as_stopped(browser: Browser, tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(12, 9))
    log = tmp_path / "log"
    killed = ROOT / "tests" / "driver" / "scan" / "killed.py"
    with subprocess.Popen(
        [sys.executable, str(killed), str(pallet), str(tmp_path / "run"), str(log)], stdout=subprocess.PIPE
    ) as scan:
        try:
            assert until(
                lambda: (tmp_path / "run" / "results.jsonl").exists() and (tmp_path / "run" / "results.jsonl").stat().st_size, 60
            )
            os.kill(scan.pid, signal.SIGSTOP)  # it is alive, and does nothing: no end of it can come before we look
            with watched(tmp_path / "run") as where:
                browser.open(where)
                browser.until("hfx.store.status?.state === 'running' && hfx.store.status.fitted", 40)
                assert browser.run("return document.getElementById('banner').hidden")
                scan.kill()
                browser.until("hfx.store.status.state === 'stopped'", 20)
                assert browser.text("#state") == "stopped"
                assert f"({scan.pid} on" in browser.text("#banner")
                assert "continue: hfx scan" in browser.text("#banner")
                assert not states(browser).keys() & {"running", "submitted"}
                assert 0 < browser.run("return hfx.store.status.fitted") < 108
                assert "scan stopped" in browser.text("#made")
        finally:
            scan.kill()


def test_a_wrong_token_is_refused(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        for wrong in (where[:-1], where + "x", where.split("?")[0]):
            browser.open(wrong)
            assert "needs its token" in browser.run("return document.body.textContent")
            assert not browser.run("return !!globalThis.hfx")
            assert (
                browser.wait("const [path, done] = arguments; fetch(path).then((a) => done(a.status))", "/static/app.js") == 403
            )
    browser.log("browser")  # the refusals, which were wanted


def test_no_request_leaves_the_machine(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        browser.addresses()
        opened(browser, where)
        taken(browser, "svg")
        taken(browser, "json")
        host = where.split("/?")[0] + "/"
        asked = browser.addresses()
        assert len([one for one in asked if one.startswith(host)]) >= 10
        assert {one for one in asked if not one.startswith((host, "data:", "blob:"))} == set()
        # And it could not, if a script tried to: the policy forbids it.
        tried = browser.wait(
            "const done = arguments[0]; document.addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));"
            "fetch('http://example.org/').catch(() => {})"
        )
        assert tried == "connect-src"
    browser.log("browser")  # the violation, which was wanted


def test_pointing_at_a_point_tells_all_of_it(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        opened(browser, where)
        assert browser.run("return document.getElementById('tip').hidden")
        name = "sig_500_80"
        browser.point(*place(browser, name))
        browser.until("!document.getElementById('tip').hidden", 10)
        assert name in browser.text("#tip")
        found = browser.text("#one")
        record = next(r for r in map(json.loads, (fitted.folder / "results.jsonl").read_text().splitlines()) if r["name"] == name)
        for text in (
            name,
            "m1500",
            "m280",
            f"{record['CLs_obs']:.4g}",
            f"{record['CLs_exp'][2]:.4g}",
            "converged",
            "10 ms",
            "fake",
            "best-fit mu",
        ):
            assert text in found, (text, found)
        browser.point(5, 5)
        browser.until("document.getElementById('tip').hidden", 10)


def test_the_table_sorts_searches_and_is_linked(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        opened(browser, where)
        assert browser.run("return document.querySelector('#table table').getAttribute('aria-rowcount')") == "49"
        cls = 5  # name, m1, m2, state, CLs observed
        for order, sign in (("ascending", 1), ("descending", -1)):
            browser.click(f"#table th:nth-child({cls}) button")
            assert browser.run(f"return document.querySelector('#table th:nth-child({cls})').getAttribute('aria-sort')") == order
            numbers = [float(text.replace("\N{MINUS SIGN}", "-")) * sign for text in names(browser, cls)]
            assert len(numbers) > 10
            assert numbers == sorted(numbers)
        browser.type("#search", "sig_600 excluded")
        browser.until("document.querySelectorAll('#table tbody tr[data-index]').length <= 6", 10)
        assert set(names(browser)) <= {f"sig_600_{40 * j}" for j in range(6)}
        browser.until("document.getElementById('found').textContent === '6 of 48'", 10)
        browser.click("#table tbody tr[data-index] td")
        chosen = browser.until("hfx.store.rows[hfx.store.selected]?.name", 10)
        assert chosen == names(browser)[0]
        assert chosen in browser.text("#one")
        assert ring(browser, chosen)


def ring(browser: Browser, name: str) -> bool:
    """Whether a ring is drawn around a hypothesis."""
    browser.wait("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(1)))")
    return bool(
        browser.run(
            "const one = hfx.store.rows.find((row) => row.name === arguments[0]);"
            "const frame = document.getElementById('plane').getBoundingClientRect(); const [x, y] = hfx.plane.placeOf(one);"
            "return [...document.querySelectorAll('#rings circle')].some((circle) => {"
            " const { left, right, top, bottom } = circle.getBoundingClientRect();"
            " return circle.getAttribute('visibility') === 'visible' && Math.abs((left + right) / 2 - frame.left - x) < 1"
            " && Math.abs((top + bottom) / 2 - frame.top - y) < 1; })",
            name,
        )
    )


def test_all_of_it_by_keyboard(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        opened(browser, where)
        for _ in range(4):
            browser.keys(TAB)
            if browser.run("return document.activeElement.id") == "plane":
                break
        assert browser.run("return document.activeElement.matches('#plane:focus-visible')")
        assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
        browser.keys(RIGHT)
        first = browser.run("return hfx.store.rows[hfx.store.selected]")
        browser.keys(RIGHT)
        second = browser.run("return hfx.store.rows[hfx.store.selected]")
        assert second["values"][0] == first["values"][0] + 100
        assert second["values"][1] == first["values"][1]
        assert second["name"] in browser.text("#spoken")
        assert "CLs observed" in browser.text("#spoken")
        browser.keys(ENTER)
        assert browser.run("return document.activeElement.querySelector('td')?.textContent") == second["name"]
        browser.keys(DOWN)
        third = browser.run("return hfx.store.rows[hfx.store.selected].name")
        assert third != second["name"]
        assert browser.run("return document.activeElement.querySelector('td')?.textContent") == third
        unnamed = browser.run(
            "return [...document.querySelectorAll('input, select, button, [tabindex=\"0\"]')].filter((e) => !(e.labels?.length"
            " || e.getAttribute('aria-label') || e.textContent.trim())).map((e) => e.outerHTML)"
        )
        assert unnamed == []


def test_the_slider_goes_over_the_bands(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        opened(browser, where)
        seen = {picture(browser)}
        for step, text in enumerate(
            browser.run("return [...document.getElementById('columns').options].map((one) => one.label)")
        ):
            if step:
                browser.run("document.getElementById('column').focus()")
                browser.keys(RIGHT)
            assert browser.text("#column-name") == text
            seen.add(picture(browser))
        assert text == "expected +2\N{GREEK SMALL LETTER SIGMA}"
        assert len(seen) == 6


def test_axes_and_slices_of_three_labels(browser: Browser, tmp_path: Path) -> None:
    places = [(400 + 100 * i, 60 * j, 10 * k) for i in range(5) for j in range(4) for k in range(2)]
    run = MadeRun(tmp_path / "run", places, ("msb", "mn2", "mn1"))
    run.fit(run.names)
    run.state("finished")
    with watched(run.folder) as where:
        opened(browser, where)
        chosen = "return [...document.querySelectorAll('#planes button[aria-pressed=true]')].map((one) => one.textContent)"
        assert browser.text("#planes").startswith("The hypotheses lie in 2 planes; the picture shows one:")
        assert browser.run(chosen) == ["mn1==0 (20)"]
        browser.click('#planes button[data-where="mn1==10"]')
        browser.until("hfx.store.plane?.where === 'mn1==10'", 10)
        assert browser.run(chosen) == ["mn1==10 (20)"]
        browser.click('#planes button[data-where="mn1==0"]')
        browser.until("hfx.store.plane?.where === 'mn1==0'", 10)
        browser.click('#chips button[data-where="mn1==10"]')
        browser.until("hfx.store.shown.length === 20", 10)
        browser.until("document.getElementById('found').textContent === '20 of 40'", 10)
        browser.run(
            "const field = document.getElementById('y'); field.focus(); field.value = ''"
        )  # as a user: it is not filled now
        browser.type("#y", "mn2-mn1" + ENTER)
        browser.until("hfx.store.plane.y === 'mn2-mn1'", 10)
        assert browser.run("return hfx.store.shown[0].at[1] === hfx.store.shown[0].values[1] - 10")
        browser.until("document.querySelector('#plane svg')", 20)
        before = browser.run("return [hfx.store.contour, hfx.store.shown.length]"), picture(browser)
        browser.type("#where", "x" + ENTER)
        browser.until("!document.getElementById('where-error').hidden", 10)
        assert "mn1==10x" in browser.text("#where-error")
        assert browser.run("return document.getElementById('where').getAttribute('aria-invalid')") == "true"
        # Lines and points stay, and so does what was typed.
        time.sleep(1.0)
        assert (browser.run("return [hfx.store.contour, hfx.store.shown.length]"), picture(browser)) == before
        assert browser.run("return document.getElementById('where').value") == "mn1==10x"
        browser.run("const field = document.getElementById('where'); field.focus(); field.value = 'mn1==0'")
        browser.type("#where", " " + ENTER)
        browser.until("document.getElementById('where-error').hidden", 10)
        browser.until("hfx.store.plane.where === 'mn1==0'", 10)
    assert [entry for entry in browser.log("browser") if "422" in entry["message"]]  # the refusal, which was wanted


def test_values_below_the_axis_are_arrows_and_no_line_goes_through_them(browser: Browser, tmp_path: Path) -> None:
    """CLs of 1e-30, and of 0, have no place on an axis that ends at 5e-7."""
    run = MadeRun(tmp_path / "run", [(m,) for m in (100, 200, 300, 400, 500)], ("m1",))
    for name, cls in zip(run.names, (0.0, 1e-30, 1e-3, 0.04, 0.4), strict=True):
        part = {"CLs_obs": cls, "CLs_exp": [cls] * 5}
        run.fit([name], **part, natural=part, admissible=part, lowest=part)
    run.state("finished")
    with watched(run.folder) as where:
        opened(browser, where)
        found = browser.run(
            "const svg = document.querySelector('#plane svg'); const box = (id) => { const { x, y, width, height } ="
            " svg.getElementById(id).getBBox(); return [x, y, x + width, y + height]; };"
            "return [box('axes'), box('points-below'), svg.getElementById('points-below').getAttribute('d').match(/Z/g).length,"
            " svg.getElementById('curve-observed').getAttribute('d'), hfx.plane.placeOf(hfx.store.rows[0]) !== null]"
        )
        axes, arrows, count, line, placed = found
        assert count == 2
        assert arrows[3] == pytest.approx(axes[3])  # their tips are at the bottom of the axis
        assert axes[3] - arrows[1] < 12
        assert placed
        assert browser.text("#key") == ""  # the picture's legend names them
        # As in files, everything has the colour of its curve.
        attributes = [("points-below", "fill"), ("points-excluded-0", "stroke"), ("points-allowed-1", "stroke")]
        assert colours(browser, *attributes) == 3 * colours(browser, ("curve-observed", "stroke"))
        of_median = colours(browser, ("below-expected", "fill"), ("dots-expected", "stroke"))
        assert of_median == 2 * colours(browser, ("curve-expected", "stroke"))
        shapes = "document.getElementById(`${kind}-expected`).getAttribute('d').match(/M/g).length"
        assert browser.run(f"return ['below', 'dots'].map((kind) => {shapes})") == [2, 3]
        # From the points at 0 and at 1e-30 the line comes from far below, where nobody sees it.
        heights = [float(y) for y in re.findall(r"[ML][-\d.]+ ([-\d.]+)", line)]
        assert heights[0] > 3 * axes[3]
        assert heights == sorted(heights, reverse=True)
        assert sum(height < axes[3] for height in heights) > 2 * BETWEEN
        assert "clip-path" in browser.run("return document.getElementById('curve-observed').parentElement.outerHTML")


def colours(browser: Browser, *attributes: tuple[str, str]) -> list[str]:
    """Attributes of elements of the picture."""
    found: list[str] = browser.run(
        "return arguments[0].map(([id, name]) => document.getElementById(id).getAttribute(name))", list(attributes)
    )
    return found


def test_before_there_are_results_the_page_says_so(browser: Browser, tmp_path: Path) -> None:
    """And nothing that reads like an error; the first results replace it."""
    run = MadeRun(tmp_path / "run", fakes.grid(8, 6))
    with watched(run.folder) as where:
        opened(browser, where)
        assert browser.text("#made").endswith("No result yet.")
        assert browser.text("#notes") == ""
        assert browser.run("return document.getElementById('pending').hidden")
        run.fit(run.names[:30])
        browser.until("hfx.store.contour.made_of === 30", 20)
        assert "No result yet" not in browser.text("#made")
        assert "Lines are interpolated" in browser.text("#made")
        browser.run("hfx.store.svg = null; hfx.store.tell('data')")  # as after another plane was chosen
        assert browser.text("#pending") == "The picture is being drawn."
        run.fit(run.names[30:])
        run.state("finished")
        browser.until("hfx.store.contour.made_of === 48", 20)
        assert browser.text("#notes") == ""
        details = browser.run(
            "const { open, hidden, textContent } = document.getElementById('details'); return [open, hidden, textContent]"
        )
        assert details[:2] == [False, False]
        assert "Accuracy: the Gaussian process predicts the points" in details[2]


def combined(run: MadeRun, block: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Make a run one of a combination of regions, whose names take turns in its results; these, with ``more``."""
    regions = block["regions"]
    results = [json.loads(line) for line in (run.folder / "results.jsonl").read_text().splitlines()]
    results = [{**result, "region": regions[i % len(regions)], **more} for i, result in enumerate(results)]
    (run.folder / "results.jsonl").unlink()  # each region has its own
    scan = {"hfx": "0", "pallet": block, "options": {}, "results": results, "failures": [], "contours": {}}
    (run.folder / "scan.json").write_text(json.dumps(scan))
    run.state("finished", pallet=block)
    return results


def test_the_region_of_each_answer_is_a_column(browser: Browser, tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", fakes.grid(4, 3))
    run.fit(run.names)
    block = {"name": "toy", "labels": ["m1", "m2"], "regions": ["A", "B"]}
    results = combined(run, block)
    with watched(run.folder) as where:
        opened(browser, where)
        browser.click("#table th[data-key='column region'] button")
        heads = browser.run("return [...document.querySelectorAll('#table th')].map((head) => head.textContent)")
        number = heads.index("region")
        assert names(browser, number + 1) == ["A"] * 6 + ["B"] * 6
        rows = list(csv.DictReader(io.StringIO(taken(browser, "csv"))))
        assert {row["name"]: row["region"] for row in rows} == {result["name"]: result["region"] for result in results}
        content = json.loads(taken(browser, "json"))
        assert {row["name"]: row["region"] for row in content["results"]} == {r["name"]: r["region"] for r in results}


def test_downloads_are_whole(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        opened(browser, where)
        rows = list(csv.DictReader(io.StringIO(taken(browser, "csv"))))
        content = json.loads(taken(browser, "json"))
        records = [json.loads(line) for line in (fitted.folder / "results.jsonl").read_text().splitlines()]
        assert [float(row["CLs_obs"]) for row in rows] == [record["CLs_obs"] for record in records]
        assert [result["numbers"][1:] for result in content["results"]] == [record["CLs_exp"] for record in records]
        assert content["made_of"].startswith("48 of 48 hypotheses fitted")
        svg = taken(browser, "svg")
        assert svg.startswith("<svg")
        assert "48 of 48 hypotheses fitted" in svg
        parsed = "new DOMParser().parseFromString(arguments[0], 'image/svg+xml')"
        problems = f"return {parsed}.querySelector('parsererror')?.textContent"
        assert browser.run(problems, svg) is None
        browser.run("globalThis.caught = null")
        assert taken(browser, "png").startswith("\N{REPLACEMENT CHARACTER}PNG")


def test_a_phone_and_the_dark(browser: Browser, fitted: MadeRun) -> None:
    with watched(fitted.folder) as where:
        browser.size(375, 812, phone=True)
        opened(browser, where)
        assert browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]") == [375, 375]
        outside = (
            "return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 376"
            " && !e.closest('.table, .scroll, .unseen, .chips')).map((e) => e.outerHTML.slice(0, 80))"
        )
        assert browser.run(outside) == []
        small = (
            "return [...document.querySelectorAll('button, input, select')].filter((e) => e.offsetParent && !e.closest('.table')"
            " && e.type !== 'range' && e.offsetHeight < 28).map((e) => e.outerHTML.slice(0, 80))"
        )
        assert browser.run(small) == []
        assert browser.run("return getComputedStyle(document.querySelector('#plane svg')).filter") == "none"
        browser.dark(True)
        browser.until("matchMedia('(prefers-color-scheme: dark)').matches", 5)
        time.sleep(0.2)
        assert browser.run("return getComputedStyle(document.querySelector('#plane svg')).filter") != "none"
        assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 20)"


def test_names_are_text_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    """A pallet is of somebody else: what it calls things is never read as a part of the page."""
    run = MadeRun(tmp_path / "run", fakes.grid(3, 2))
    bad = '<img src=x onerror="globalThis.broken = 1"></script><script>globalThis.broken = 1</script>'
    run.points[0] = (bad, run.points[0][1])
    (run.folder / "events.jsonl").unlink()
    run.fit(run.names, worker=bad)
    run.state("finished", pallet={"name": bad, "labels": ["m1", "m2"], "description": bad})
    with watched(run.folder) as where:
        opened(browser, where)
        browser.run("hfx.store.set({ selected: 0 })")
        browser.until("document.querySelector('#table tbody tr[data-index]')", 20)
        assert bad in names(browser)
        assert browser.text("#name") == bad
        taken(browser, "svg")
        assert browser.run("return globalThis.broken ?? null") is None
        assert browser.run("return document.querySelectorAll('img').length") == 0


_FRAMES = """
const [what, count, done] = arguments;
const [plane, slider, table] = ['plane', 'column', 'table'].map((id) => document.getElementById(id));
const frame = plane.getBoundingClientRect();
const act = {
  slider: (i) => { slider.value = i % 6; slider.dispatchEvent(new Event('input')); },
  hover: (i) => {
    const [clientX, clientY] = [frame.left + 90 + 7 * i, frame.top + 200 + 3 * i];
    plane.dispatchEvent(new PointerEvent('pointermove', {clientX, clientY}));
  },
  scroll: (i) => { table.scrollTop = 3000 * i; },
}[what];
const times = []; let last = null, i = 0;
const step = (now) => {
  if (last !== null) times.push(now - last);
  last = now; act(i); i += 1;
  if (i <= count) requestAnimationFrame(step); else done(times.slice(2));
};
requestAnimationFrame(step);
"""


def spent(browser: Browser) -> float:
    """Seconds of a core that the page's tasks have taken."""
    return float(next(m["value"] for m in browser.devtools("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration"))


@pytest.mark.parametrize("what", ["slider", "hover", "scroll"])
def test_ten_thousand_points_do_not_stutter(browser: Browser, ten_thousand: Path, what: str) -> None:
    """Every step changes what is drawn, or pointed at, or in sight: a frame stays below 100 ms."""
    with watched(ten_thousand) as where:
        browser.open(where)
        browser.until("hfx.store.rows.length === 10000 && hfx.store.contour?.made_of === 10000", 120)
        time.sleep(1.0)
        browser.devtools("Performance.enable", timeDomain="threadTicks")
        before = spent(browser)
        trials = [sorted(browser.wait(_FRAMES, what, 30)) for _ in range(3)]
        cpu = (spent(browser) - before) / 90
        browser.devtools("Performance.disable")
        # The machine may be busy, the page is not: what a frame takes of a core counts; on the clock, the quickest frame.
        assert 0 < cpu < 0.06
        assert min(frames[0] for frames in trials) < 100, trials
        assert browser.run("return document.querySelectorAll('#table tbody tr').length") < 80


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = MadeRun(tmp_path_factory.mktemp("made") / "run", [(200.0 + 10 * i, 5.0 * j) for i in range(100) for j in range(100)])
    lines = []
    for name, values in run.points:
        cls = min(1.0, 0.01 * math.exp((values[0] - 600) / 160 + values[1] / 200))
        part = {"CLs_obs": cls, "CLs_exp": [min(1.0, cls * factor) for factor in (0.1, 0.3, 1.1, 2.5, 5.0)]}
        lines.append(
            json.dumps(
                {"name": name, "values": values, **part, "muhat": 0.1, "status": "converged", "admissible": part, "worker": "w"}
            )
        )
    (run.folder / "results.jsonl").write_text("\n".join(lines) + "\n")
    run.state("finished")
    return run.folder
