"""The exchange: synchronous rounds, until nothing improves."""

from collections.abc import Iterator, Mapping, Sequence

from hfx.driver.questions.base import Records, Unit
from hfx.driver.questions.exchange import exchange
from hfx.json_types import JsonObject


def line(n: int) -> dict[str, tuple[str, ...]]:
    """Neighbours of n hypotheses in a row."""
    names = [f"h{i}" for i in range(n)]
    return {a: tuple(b for j, b in enumerate(names) if abs(i - j) == 1) for i, a in enumerate(names)}


class Depths(Records):
    """Records that hold a depth alone."""

    def __init__(self, depths: Mapping[str, float], new: frozenset[str]) -> None:
        self.depths, self.new = dict(depths), new

    def __getitem__(self, key: str) -> JsonObject:
        return {"depth": self.depths[key]}

    def __iter__(self) -> Iterator[str]:
        return iter(self.depths)

    def __len__(self) -> int:
        return len(self.depths)

    def resumable(self, key: str) -> bool:
        return True


def inputs(records: Mapping[str, JsonObject], units: Sequence[Unit]) -> JsonObject:
    return {"offered": {key: record["depth"] for key, record in records.items()}, "keys": [unit.key for unit in units]}


def exchanged(
    local: Mapping[str, float], near: Mapping[str, Sequence[str]], *, rounds: int = 10, lost: bool = False
) -> tuple[dict[str, float], list[list[str]]]:
    """The depths after the exchange, where each hypothesis takes the deepest of those offered; and who took part in each
    round."""
    depths, turns = dict(local), []
    work = exchange(Depths(depths, frozenset()), list(local), near, inputs, lambda record: True, rounds)
    try:
        asked = next(work)
        while True:
            keys = [unit.key for unit in asked.units]
            assert (asked.step, asked.number, asked.again) == ("exchange", len(turns) + 1, True)
            turns.append(keys)
            assert asked.inputs is not None
            offered = asked.inputs(asked.units)["offered"]
            assert isinstance(offered, dict)
            assert offered == depths  # of the round before, for all of them
            best = {key: max(depths[other] for other in (key, *near[key])) for key in keys}
            improved = {} if lost else {key: depth for key, depth in best.items() if depth > depths[key]}
            depths.update(improved)
            asked = work.send(Depths(depths, frozenset(improved)))
    except StopIteration:
        return depths, turns


def test_an_improvement_reaches_one_neighbour_more_each_round() -> None:
    depths, turns = exchanged({f"h{i}": float(i == 0) for i in range(5)}, line(5))
    assert set(depths.values()) == {1.0}
    assert turns[0] == ["h0", "h1", "h2", "h3", "h4"]
    assert turns[1:] == [["h0", "h2"], ["h1", "h3"], ["h2", "h4"], ["h3"]]


def test_records_that_cannot_be_improved_stay() -> None:
    local = {f"h{i}": 1.0 for i in range(3)}
    depths, turns = exchanged(local, line(3))
    assert depths == local
    assert len(turns) == 1


def test_rounds_are_bounded_and_a_hypothesis_without_neighbours_takes_no_part() -> None:
    _, turns = exchanged({f"h{i}": float(i == 0) for i in range(30)}, line(30), rounds=4)
    assert len(turns) == 4
    assert exchanged({"a": 1.0}, {"a": ()}) == ({"a": 1.0}, [])
    assert exchanged({}, {}) == ({}, [])


def test_a_hypothesis_that_comes_back_without_a_record_keeps_its_own() -> None:
    local = {f"h{i}": float(i) for i in range(2)}
    assert exchanged(local, line(2), lost=True)[0] == local
