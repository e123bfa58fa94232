"""The exchange: synchronous rounds, until nothing improves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hfx.driver.exchange import exchange


def record(name: str, depth: float, changed: bool = True) -> dict[str, Any]:
    return {"name": name, "solutions": {"depth": depth, "changed": changed}}


def line(n: int) -> dict[str, tuple[str, ...]]:
    """Neighbours of n hypotheses in a row."""
    names = [f"h{i}" for i in range(n)]
    return {a: tuple(b for j, b in enumerate(names) if abs(i - j) == 1) for i, a in enumerate(names)}


class Rounds:
    """Fits that take the deepest of what they are offered; remembers who took part."""

    def __init__(self) -> None:
        self.turns: list[list[str]] = []

    def __call__(
        self, number: int, names: Sequence[str], known: Mapping[str, Any], around: Mapping[str, Sequence[Any]]
    ) -> Iterable[dict[str, Any]]:
        assert number == len(self.turns) + 1
        self.turns.append(list(names))
        for name in names:
            best = max([known[name]["depth"], *(s["depth"] for s in around[name])])
            yield record(name, best, best > known[name]["depth"])


def test_an_improvement_travels_one_neighbour_a_round() -> None:
    rounds = Rounds()
    local = {f"h{i}": record(f"h{i}", float(i == 0)) for i in range(5)}
    final = exchange(local, line(5), rounds)
    assert {r["solutions"]["depth"] for r in final.values()} == {1.0}
    assert rounds.turns[0] == ["h0", "h1", "h2", "h3", "h4"]
    assert rounds.turns[1:] == [["h0", "h2"], ["h1", "h3"], ["h2", "h4"], ["h3"]]
    assert local["h1"]["solutions"]["depth"] == 0.0


def test_what_does_not_change_keeps_its_record() -> None:
    local = {f"h{i}": record(f"h{i}", 1.0) for i in range(3)}
    final = exchange(local, line(3), Rounds())
    assert all(final[name] is local[name] for name in local)


def test_rounds_are_bounded_and_lonely_hypotheses_take_no_part() -> None:
    rounds = Rounds()
    exchange({f"h{i}": record(f"h{i}", float(i == 0)) for i in range(30)}, line(30), rounds, rounds=4)
    assert len(rounds.turns) == 4
    assert exchange({"a": record("a", 1.0)}, {"a": ()}, rounds) == {"a": record("a", 1.0)}
    assert exchange({}, {}, rounds) == {}


def test_a_hypothesis_that_comes_back_without_a_record_keeps_its_own() -> None:
    local = {f"h{i}": record(f"h{i}", float(i)) for i in range(2)}
    assert exchange(local, line(2), lambda *_: []) == local
