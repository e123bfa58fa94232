"""The plan: selection, batches; all pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfx.driver.questions.base import Unit
from hfx.driver.questions.cls import Cls
from hfx.driver.scan import plan
from hfx.errors import OptionError
from hfx.functions.catalogue import entry_of
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.pallets import Hypothesis, Pallet
from tests.driver import fakes


def pallet(points: list[tuple[float, ...]], labels: tuple[str, ...] = ("m1", "m2")) -> Pallet:
    hypotheses = tuple(Hypothesis(f"sig_{'_'.join(map(str, p))}", p, ()) for p in points)
    return Pallet(
        name="toy",
        source="toy",
        region=None,
        background=fakes.BACKGROUND,
        digest="d",
        patchset_digest="p",
        labels=labels,
        hypotheses=hypotheses,
        doi=None,
        description="",
        references={},
        warnings=(),
    )


def test_selection_by_name_and_by_label() -> None:
    toy = pallet([(300, 0), (300, 100), (400, 0)])
    assert [h.name for h in plan.select(toy)] == ["sig_300_0", "sig_300_100", "sig_400_0"]
    assert [h.name for h in plan.select(toy, only="*_300_*")] == ["sig_300_0", "sig_300_100"]
    assert [h.name for h in plan.select(toy, where="m1-m2==300")] == ["sig_300_0"]
    assert [h.name for h in plan.select(toy, only="*_0", where="m1>350")] == ["sig_400_0"]
    assert [h.name for h in plan.select(toy, where=["m1<350", "m2<1 or m2>1"])] == ["sig_300_0", "sig_300_100"]


@pytest.mark.parametrize(
    ("only", "where", "words"),
    [
        (None, ["m1>1", "m2>1"], "--where '(m1>1) and (m2>1)' holds for no hypothesis"),
        (None, ["m1>1", "m2+1"], "'(m1>1) and (m2+1)': 'm2 + 1' is a number, not a comparison"),
        ("nothing*", None, "--only 'nothing*' does not match the only name, sig_300_0"),
        (None, "m1>1000", "holds for no hypothesis; the labels range over: m1 from 300 to 300, m2 from 0 to 0"),
        (None, "m3>1", "no label is called 'm3'"),
    ],
)
def test_an_empty_selection_is_refused(only: str | None, where: str | list[str] | None, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        plan.select(pallet([(300, 0)]), only, where)
    assert words in str(caught.value)


@given(st.integers(0, 200), st.integers(1, 40))
def test_batches_hold_every_name_once_and_evenly(count: int, size: int) -> None:
    names = [str(i) for i in range(count)]
    groups = plan.batches(names, size)
    assert [name for group in groups for name in group] == names
    assert all(1 <= len(group) <= size for group in groups)
    if groups:
        assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_the_plan_as_text() -> None:
    toy = pallet([(100.0 * i, 0.0) for i in range(70)])
    text = plan.describe(
        toy,
        [Unit(h.name, h.name) for h in toy.hypotheses[:65]],
        Cls(ClsOptions(mu=2.0)),
        selected=70,
        kept=5,
        folder="hfx-runs/toy\u2028b",
        endpoint="embedded",
        threads=2,
        device="cpu",
    )
    rows = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert rows["hypotheses"] == "70 of 70 selected, 5 of them fitted already"
    assert rows["tasks"] == "3, with at most 22 hypotheses each; then the exchange"
    assert rows["workers"] == "2 threads of this process (embedded), on cpu"
    assert "mu 2.0" in rows["options"]
    assert rows["folder"] == "hfx-runs/toy b"


def test_a_task_is_what_the_worker_reads() -> None:
    toy = pallet([(300, 0), (400, 0)])
    units = [Unit("sig_300_0", "sig_300_0"), Unit("second", "sig_400_0", 7)]
    content = plan.task(toy, units, Cls(ClsOptions()), threads=3, device="cpu")
    assert (content["job"], content["version"]) == ("cls", entry_of("cls").version)
    assert content["background"] is toy.background
    assert content["hypotheses"] == [
        {"key": "sig_300_0", "name": "sig_300_0", "values": [300, 0], "patch": []},
        {"key": "second", "name": "sig_400_0", "values": [400, 0], "patch": [], "shard": 7},
    ]
    assert content["options"] == {
        "mu": 1.0,
        "signal_scale": 1.0,
        "test_stat": "qtilde",
        "normsys": 4,
        "histosys": "4p",
        "measurement": None,
        "poi": None,
        "drop_channel": None,
        "starts": None,
    }
    assert (content["threads"], content["device"]) == (3, "cpu")
    assert "inputs" not in content


@pytest.mark.parametrize(("hypotheses", "workers", "sizes"), [(125, 2, [31, 32]), (12, 5, [2, 3]), (3, 8, [1]), (0, 2, [])])
def test_no_worker_goes_without_while_there_are_enough(hypotheses: int, workers: int, sizes: list[int]) -> None:
    made = plan.batches([str(i) for i in range(hypotheses)], 32, workers)
    assert sorted({len(batch) for batch in made}) == sizes
    assert len(made) >= min(hypotheses, workers)
    assert [name for batch in made for name in batch] == [str(i) for i in range(hypotheses)]


def test_batches_of_an_interrupted_client_are_formed_again() -> None:
    """Those of which nothing is finished, as they were; what was split counts as its parts."""
    earlier = [("a", "b"), ("c", "d"), ("e", "f"), ("e",), ("f",)]
    assert plan.resumed(["a", "b", "d", "e", "f"], earlier) == (("f",), ("e",), ("a", "b"))
    assert plan.resumed(["a", "b"], []) == ()
    assert plan.resumed([], earlier) == ()
