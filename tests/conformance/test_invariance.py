"""A hypothesis' local result is its own: whatever the batch, its order, the shard, the threads and the kernel."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.inference.cls import Outcome, hypotest
from hfx.pallets.demo import demo_pallet
from hfx.pallets.json_patch import apply_patch
from tests.functions import tasks

Json = dict[str, Any]

CLS, TWICE_NLL = 1e-10, 1e-9
STARTS = [1, None]


@cache
def demo() -> tuple[Json, list[Json]]:
    """The demo pallet's background and eight of its points, from hopeless to excluded long ago."""
    content = demo_pallet()
    patches = content["patchset.json"]["patches"][::11][:8]
    return content["BkgOnly.json"], [{**one["metadata"], "patch": one["patch"]} for one in patches]


@cache
def small() -> tuple[Json, list[Json]]:
    """Signals that carry staterror, touch two or three channels, and bring a parameter of their own or not."""
    return tasks.BACKGROUND, tasks.hypotheses(8)


PALLETS: dict[str, Callable[[], tuple[Json, list[Json]]]] = {"demo": demo, "small": small}
each_pallet = pytest.mark.parametrize("pallet", PALLETS)
each_search = pytest.mark.parametrize("starts", STARTS, ids=["natural", "search"])


def found(pallet: str, names: Sequence[str], **settings: Any) -> dict[str, Json]:
    background, hypotheses = PALLETS[pallet]()
    by_name = {one["name"]: one for one in hypotheses}
    return tasks.records([by_name[name] for name in names], background, **settings)


@cache
def names(pallet: str) -> tuple[str, ...]:
    return tuple(one["name"] for one in PALLETS[pallet]()[1])


@cache
def whole(pallet: str, starts: int | None) -> dict[str, Json]:
    """All eight in one batch, in the pallet's order, on one thread."""
    return found(pallet, names(pallet), starts=starts)


def assert_same(one: Json, two: Json) -> None:
    assert one["status"] == two["status"] == "converged"
    np.testing.assert_allclose(tasks.cls_numbers(one), tasks.cls_numbers(two), rtol=0, atol=CLS)
    np.testing.assert_allclose(tasks.minima_numbers(one), tasks.minima_numbers(two), rtol=0, atol=TWICE_NLL)
    assert one["muhat"] == pytest.approx(two["muhat"], rel=1e-7, abs=1e-7)
    for fit, numbers in one["fits"].items():
        assert numbers["minima"] == two["fits"][fit]["minima"]
    assert one["lowest"]["why_not"] == two["lowest"]["why_not"]


def assert_all_same(pallet: str, starts: int | None, records: dict[str, Json]) -> None:
    for name, record in records.items():
        assert_same(record, whole(pallet, starts)[name])


def test_these_pallets_say_something() -> None:
    """Parameters, bins and staterror widths differ within a batch, and the results are not all 0 or 1."""
    for pallet in PALLETS:
        cls = [record["CLs_obs"] for record in whole(pallet, 1).values()]
        assert sum(0.001 < value < 0.99 for value in cls) >= 4
    background, hypotheses = small()
    decoder = Decoder()
    batch = compile_batch([decoder.workspace(apply_patch(background, one["patch"])) for one in hypotheses])
    assert len(set(batch.tables.size.tolist())) > 1
    index = [labels.index("staterror_loose[0]") for labels in batch.labels]
    assert len({round(float(batch.tables.width[h, p]), 9) for h, p in enumerate(index)}) == 8


@each_search
@each_pallet
def test_alone(pallet: str, starts: int | None) -> None:
    for name in names(pallet):
        assert_all_same(pallet, starts, found(pallet, [name], starts=starts))


@each_search
@each_pallet
def test_in_any_order(pallet: str, starts: int | None) -> None:
    shuffled = np.random.default_rng(5).permutation(names(pallet)).tolist()
    for order in (names(pallet)[::-1], shuffled):
        records = found(pallet, order, starts=starts)
        assert list(records) == list(order)
        assert_all_same(pallet, starts, records)


@each_search
@each_pallet
def test_in_shards(pallet: str, starts: int | None) -> None:
    for shard in (names(pallet)[:3], names(pallet)[3:], names(pallet)[1::2]):
        assert_all_same(pallet, starts, found(pallet, shard, starts=starts))


@each_search
@each_pallet
@pytest.mark.parametrize("threads", [2, 5])
def test_on_threads(pallet: str, starts: int | None, threads: int) -> None:
    assert_all_same(pallet, starts, found(pallet, names(pallet), starts=starts, threads=threads))


@each_pallet
def test_again(pallet: str) -> None:
    """The same task gives the same numbers, to the last bit."""
    again = found(pallet, names(pallet))
    for name, record in whole(pallet, None).items():
        assert tasks.cls_numbers(again[name]) == tasks.cls_numbers(record)
        assert tasks.minima_numbers(again[name]) == tasks.minima_numbers(record)


def outcomes(pallet: str, chosen: Sequence[str], kernel: str, starts: int | None) -> dict[str, Outcome]:
    background, hypotheses = PALLETS[pallet]()
    decoder = Decoder()
    patches = {one["name"]: one["patch"] for one in hypotheses}
    workspaces = [decoder.workspace(apply_patch(background, patches[name])) for name in chosen]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker does
    try:
        return dict(zip(chosen, hypotest(Model(compile_batch(workspaces), kernel), starts=starts), strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("pallet", "starts", "count"), [("demo", 1, 8), ("small", 1, 8), ("small", None, 8), ("demo", None, 2)])
def test_the_torch_kernel_gives_the_same(pallet: str, starts: int | None, count: int) -> None:
    chosen = names(pallet)[-count:]
    for name, outcome in outcomes(pallet, chosen, "torch", starts).items():
        record = whole(pallet, starts)[name]
        for choice, answer in outcome.answers.items():
            wanted = record[choice]
            assert answer.status == "converged"
            numbers = [answer.CLs_obs, *answer.CLs_exp]
            np.testing.assert_allclose(numbers, [wanted["CLs_obs"], *wanted["CLs_exp"]], rtol=0, atol=CLS)
            for fit, value in wanted["twice_nll"].items():
                assert answer.twice_nll[fit] == pytest.approx(value, abs=TWICE_NLL)
