"""The exchange: synchronous rounds, until nothing improves."""

from collections.abc import Mapping, Sequence

from hfx.driver.questions.exchange import exchange


def line(n: int) -> dict[str, tuple[str, ...]]:
    """Neighbours of n hypotheses in a row."""
    names = [f"h{i}" for i in range(n)]
    return {a: tuple(b for j, b in enumerate(names) if abs(i - j) == 1) for i, a in enumerate(names)}


class Rounds:
    """Fits that take the deepest of what they are offered; remembers who took part. What is held is a depth."""

    def __init__(self, near: Mapping[str, Sequence[str]]) -> None:
        self.near = near
        self.turns: list[list[str]] = []

    def __call__(self, number: int, names: Sequence[str], held: Mapping[str, float]) -> Mapping[str, float]:
        assert number == len(self.turns) + 1
        self.turns.append(list(names))
        best = {name: max(held[other] for other in (name, *self.near[name])) for name in names}
        return {name: depth for name, depth in best.items() if depth > held[name]}


def test_an_improvement_travels_one_neighbour_a_round() -> None:
    rounds = Rounds(line(5))
    local = {f"h{i}": float(i == 0) for i in range(5)}
    assert set(exchange(local, line(5), rounds).values()) == {1.0}
    assert rounds.turns[0] == ["h0", "h1", "h2", "h3", "h4"]
    assert rounds.turns[1:] == [["h0", "h2"], ["h1", "h3"], ["h2", "h4"], ["h3"]]
    assert local["h1"] == 0.0


def test_what_does_not_change_stays() -> None:
    local = {f"h{i}": 1.0 for i in range(3)}
    rounds = Rounds(line(3))
    assert exchange(local, line(3), rounds) == local
    assert len(rounds.turns) == 1


def test_rounds_are_bounded_and_lonely_hypotheses_take_no_part() -> None:
    rounds = Rounds(line(30))
    exchange({f"h{i}": float(i == 0) for i in range(30)}, line(30), rounds, rounds=4)
    assert len(rounds.turns) == 4
    assert exchange({"a": 1.0}, {"a": ()}, rounds) == {"a": 1.0}
    assert exchange({}, {}, rounds) == {}


def test_a_hypothesis_that_comes_back_without_a_record_keeps_its_own() -> None:
    local = {f"h{i}": float(i) for i in range(2)}
    assert exchange(local, line(2), lambda *_: {}) == local
