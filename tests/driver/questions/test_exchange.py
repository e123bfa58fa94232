"""The exchange: rounds until nothing improves, draws as many as the minima found so far ask for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest

from hfx.driver.questions.base import Records
from hfx.driver.questions.cls import Cls
from hfx.driver.questions.exchange import DEFAULT, THOROUGH, Effort, SearchReport, exchange
from hfx.functions.jobs.cls import FIT_NAMES, LOCAL_DRAWS
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.json_types import JsonObject

Minima = dict[float, int]
"""Below the natural minimum: depths, which are also places of alpha in prior widths, and how many draws reached each."""


def record(minima: Mapping[float, int], drawn: int, *, changed: bool = False) -> JsonObject:
    """The record of a hypothesis whose background fit has these minima; the deepest one is kept beside the natural one."""
    deepest = max(minima, default=None)
    lower = [] if deepest is None else [deepest]
    fit: Any = {
        "theta": [[0.0], *([depth] for depth in lower)],
        "choice": {"natural": 0, "admissible": len(lower), "lowest": len(lower)},
        "deviance": {"natural": 0.0, "admissible": -sum(lower), "lowest": -sum(lower)},
        "decided": {"lowest": [(0, 0.0, 0.0), *((1, -depth, 0.0) for depth in lower)]},
        "drawn": drawn,
        "hits": [0, *(minima[depth] for depth in lower)],
        "sound": True,
    }
    natural = {"theta": [[0.0]], "choice": dict.fromkeys(fit["choice"], 0), "deviance": dict.fromkeys(fit["deviance"], 0.0)}
    other = {**natural, "decided": {"lowest": [(0, 0.0, 0.0)]}, "drawn": drawn, "hits": [0], "sound": True}
    minima_of = {"bkg": fit, "fixed": other, "free": other, "asimov_fixed": other}
    known: Any = {"parameters": ["alpha"], "widths": [1.0], "poi": "mu", "minima": minima_of}
    return {"solutions": {**known, "changed": changed, "lost": False}}


class Held(Records):
    """Records in memory."""

    def __init__(self, records: Mapping[str, JsonObject], new: frozenset[str] = frozenset()) -> None:
        self.records, self.new = dict(records), new

    def __getitem__(self, key: str) -> JsonObject:
        return self.records[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def resumable(self, key: str) -> bool:
        return True


def exchanged(
    local: Mapping[str, Minima],
    effort: Effort = DEFAULT,
    *,
    hits: Sequence[Minima] = (),
    lost: bool = False,
    drawn: int = LOCAL_DRAWS,
) -> tuple[dict[str, Minima], list[tuple[list[float], list[int]]], SearchReport]:
    """The minima after the exchange, in which every hypothesis reaches what is offered; of each round the shifts that were
    offered and its draws; the report. ``hits[i]``: what the draws of round i find, in the first hypothesis."""
    minima, draws = {name: dict(one) for name, one in local.items()}, dict.fromkeys(local, drawn)
    rounds: list[tuple[list[float], list[int]]] = []
    work = exchange(Held({name: record(minima[name], draws[name]) for name in local}), list(local), effort)
    try:
        asked = next(work)
        while True:
            assert (asked.step, asked.number, asked.again) == ("exchange", len(rounds) + 1, True)
            assert [unit.key for unit in asked.units] == sorted(local)
            assert asked.inputs is not None
            inputs = cast(Any, asked.inputs(asked.units[:1]))
            assert list(inputs["known"]) == sorted(local)[:1]
            offered = [shift["alpha"] for shift in inputs["shifts"]]
            rounds.append((offered, inputs["draws"]))
            new = {}
            for name in [] if lost else sorted(local):
                before = max(minima[name], default=0.0)
                for depth in offered:
                    minima[name].setdefault(depth, 0)
                draws[name] += inputs["draws"][1]
                for depth, count in (hits[len(rounds) - 1] if name == min(local) and len(rounds) <= len(hits) else {}).items():
                    minima[name][depth] = minima[name].get(depth, 0) + count
                made = record(minima[name], draws[name], changed=max(minima[name], default=0.0) > before)
                if asked.keep is None or asked.keep(made):
                    new[name] = made
            current = {name: record(minima[name], draws[name]) for name in local}
            asked = work.send(Held(current, frozenset(new)))
    except StopIteration as end:
        return minima, rounds, end.value


MANY = 1000  # draws: more than enough where nothing was found


def test_a_minimum_is_offered_to_all_and_once() -> None:
    found, rounds, _ = exchanged({f"h{i}": {5.0: 3} if i == 3 else {} for i in range(7)}, drawn=MANY)
    assert {max(one) for one in found.values()} == {5.0}
    assert [offered for offered, _ in rounds] == [[5.0]]


def test_alike_minima_are_one_and_the_deepest_comes_first() -> None:
    local: dict[str, Minima] = {"a": {5.0: 3}, "b": {5.2: 3}, "c": {7.0: 3}}
    _, rounds, _ = exchanged(local, drawn=MANY)
    assert rounds[0][0] == [7.0, 5.2]
    shuffled = {name: local[name] for name in ("c", "a", "b")}
    assert exchanged(shuffled, drawn=MANY)[1] == rounds


def test_where_nothing_was_found_and_enough_was_drawn_there_is_no_round() -> None:
    _, rounds, report = exchanged({f"h{i}": {} for i in range(100)})
    assert rounds == []
    missed = dict.fromkeys(FIT_NAMES, pytest.approx(0.5 / 200))
    assert report == {"draws": 800, "missed": missed, "hypotheses": pytest.approx(0.5 / 200), "limited": False}


def test_few_hypotheses_draw_more_for_each() -> None:
    for count in (1, 10, 40):
        _, rounds, report = exchanged({f"h{i}": {} for i in range(count)})
        ((offered, (first, more)),) = rounds
        assert (offered, first) == ([], LOCAL_DRAWS)
        assert LOCAL_DRAWS + more == 200 // count
        assert max(report["missed"].values()) <= DEFAULT.chance


def test_a_minimum_that_one_draw_alone_has_reached_asks_for_more_draws() -> None:
    local: dict[str, Minima] = {f"h{i}": {4.0: 1} if i == 0 else {} for i in range(20)}
    _, rounds, report = exchanged(local, hits=[{4.0: 0}, {4.0: 1}])
    # Doubled until the second draw reaches it, in the second round.
    assert [draws for _, draws in rounds] == [[2, 8], [10, 10]]
    assert max(report["missed"].values()) <= DEFAULT.chance
    # It is never reached again: the draws end at their limit, and the report says what may be missing.
    _, rounds, report = exchanged(local)
    assert sum(more for _, (_, more) in rounds) == DEFAULT.draws - LOCAL_DRAWS
    assert report["missed"]["bkg"] > 0.99  # what all 20 have is the lowest of all
    assert report["hypotheses"] > 0.99
    assert report["limited"]


def test_thorough_draws_more() -> None:
    _, rounds, report = exchanged({f"h{i}": {} for i in range(10)}, THOROUGH)
    assert sum(more for _, (_, more) in rounds) == 50 - LOCAL_DRAWS
    assert max(report["missed"].values()) <= THOROUGH.chance


def test_rounds_are_bounded_and_there_may_be_no_hypothesis() -> None:
    local: dict[str, Minima] = {"a": {4.0: 1}}
    _, rounds, _ = exchanged(local, Effort(0.001, 10**6, 4))
    assert len(rounds) == 4
    assert exchanged({})[1] == []


def test_a_hypothesis_that_comes_back_without_a_record_keeps_its_own() -> None:
    local: dict[str, Minima] = {f"h{i}": {float(i): 3} if i else {} for i in range(2)}
    assert exchanged(local, lost=True)[0] == local


def test_the_summary_tells_the_worst_region_and_passes_over_what_is_no_report() -> None:
    cls = Cls(ClsOptions())
    a: JsonObject = {"draws": 300, "missed": {"bkg": 0.001, "fixed": 0.003}, "hypotheses": 0.002, "limited": False}
    b: JsonObject = {"draws": 200, "missed": {"bkg": 0.02, "fixed": 0.04}, "hypotheses": 0.05, "limited": True}
    old: JsonObject = {"draws": 200, "missed": {"bkg": 0.02, "fixed": 0.04}}
    assert cls.concluded(a, 50) == []
    ((row, text),) = cls.concluded(a, 50, verbose=True)
    assert row == "search"
    found = "a search twice as large would find another minimum for about 0.2 % of the hypotheses"
    assert text == f"300 random starting points; {found}"
    ((_, text),) = cls.concluded(a, 1, verbose=True)
    assert text.endswith("the chance that a search twice as large finds another minimum is about 0.2 %")
    ((_, text),) = cls.concluded(old, 50, verbose=True)
    assert "about 4 %" in text
    regions: JsonObject = {"regions": {"A": a, "B": b, "C": {"draws": 0, "missed": {}}}}
    ((_, text),) = cls.concluded(regions, 50, verbose=True)
    assert "about 5 %" in text
    assert text.startswith("the search for minima ended at its limit: ")
    assert text.endswith("; --thorough continues it")
    assert cls.concluded(regions, 50) == [("search", text)]
    ((_, text),) = Cls(ClsOptions(thorough=True)).concluded(regions, 50)
    assert "--thorough" not in text
    for nothing in ({}, {"missed": {"bkg": "x"}}, {"regions": {"C": {"draws": 0, "missed": {}}}}):
        assert cls.concluded(cast(JsonObject, nothing), 50, verbose=True) == []
