"""What a plan costs: bytes as they travel, a guess of the time, and refusals before anything starts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hfx.driver.api import scan
from hfx.driver.questions.base import Unit
from hfx.driver.questions.cls import Cls
from hfx.driver.scan import estimate, plan
from hfx.driver.scan.run_context import RunContext
from hfx.endpoints import Endpoint, Endpoints
from hfx.endpoints.specification import parse
from hfx.errors import EndpointError
from hfx.functions import task as worker
from hfx.functions import wire, wire_text
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.pallets import Hypothesis, Pallet, open_pallet
from tests.driver import fakes

QUESTION = Cls(ClsOptions())


def units(hypotheses: Sequence[Hypothesis]) -> list[Unit]:
    return [Unit(h.name, h.name) for h in hypotheses]


@pytest.fixture
def pallet(tmp_path: Path) -> Pallet:
    return open_pallet(str(fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))))


def endpoint(engine: str) -> Endpoint:
    more = {"endpoint_id": "00000000-0000-0000-0000-000000000001"} if engine == "globus" else {}
    return parse({"engine": engine, **more}, engine, None)


def limited(most: int) -> Endpoint:
    """A Globus endpoint whose service takes less."""
    made = endpoint("globus")
    kind = type("Small", (type(made.spec),), {"most_bytes": most})
    return replace(made, spec=kind(endpoint_id=made.spec.endpoint_id))


def test_bytes_are_those_that_travel(pallet: Pallet) -> None:
    groups = [units(pallet.hypotheses[:4]), units(pallet.hypotheses[4:])]
    packed = [wire.Packer().request(worker.run, plan.task(pallet, group, QUESTION)) for group in groups]
    assert estimate.sent(pallet, groups, QUESTION, Endpoints((endpoint("process"),)), "cpu") == [len(one) for one in packed]
    through = estimate.sent(pallet, groups, QUESTION, Endpoints((endpoint("globus"),)), "cpu")
    assert through == pytest.approx([len(wire_text.encoded(one)) for one in packed], abs=4)
    assert estimate.sent(pallet, groups, QUESTION, Endpoints((endpoint("inline"),)), "cpu") == [0, 0]


def test_batches_over_the_limit_count_as_their_halves(pallet: Pallet) -> None:
    (whole,) = estimate.sent(pallet, [units(pallet.hypotheses)], QUESTION, Endpoints((endpoint("globus"),)), "cpu")
    parts = estimate.sent(pallet, [units(pallet.hypotheses)], QUESTION, Endpoints((limited(whole - 1),)), "cpu")
    assert len(parts) == 2
    assert max(parts) < whole


def test_a_hypothesis_that_does_not_fit_is_named(pallet: Pallet) -> None:
    noisy = [{"op": "add", "path": "/x", "value": list(range(20_000))}]
    large = (*pallet.hypotheses, Hypothesis("sig_large", (1.0, 2.0), tuple(noisy)))
    pallet = replace(pallet, hypotheses=large)
    estimate.check_fits(pallet, units(large), QUESTION, Endpoints((endpoint("globus"), endpoint("process"))))
    with pytest.raises(EndpointError, match=r"the task of sig_large alone is 0\.\d MB, and its service takes 0\.0; leave it out"):
        estimate.check_fits(pallet, units(large), QUESTION, Endpoints((limited(10_000),)))


def test_a_scan_that_cannot_work_is_refused_before_anything_starts(pallet: Pallet, tmp_path: Path) -> None:
    import hfx.endpoints.globus.executor as engine

    file = tmp_path / "far.toml"
    file.write_text('engine = "globus"\nendpoint_id = "00000000-0000-0000-0000-000000000001"')
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine.Globus, "most_bytes", 100)
        with pytest.raises(EndpointError, match="the task of sig_200_0 alone"):
            scan(
                pallet,
                endpoint=str(file),
                output=str(tmp_path / "run"),
                context=RunContext(say=lambda _: None, function=fakes.run),
            )
    assert not (tmp_path / "run" / "results.jsonl").exists()


def test_the_estimate_is_said_in_words(pallet: Pallet) -> None:
    assert estimate.estimate(pallet, units(pallet.hypotheses), QUESTION, 1, None).startswith(
        "about 1 s of fits on 1 core, plus the exchange (as much again or more); more on slower cores"
    )
    many = units(pallet.hypotheses * 100_000)
    assert "about 8 minutes of fits on 2 cores" in estimate.estimate(pallet, many, QUESTION, 2, 2)
    assert "leave --endpoint out" not in estimate.estimate(pallet, many, QUESTION, 2, 2)
    assert estimate.estimate(pallet, units(pallet.hypotheses * 2000), QUESTION, 30, 2) == (
        "about 1 s of fits on 30 cores, plus the exchange (as much again or more) and the wait for workers; this machine alone "
        "needs about 9 s, so leave --endpoint out"
    )
    assert estimate.estimate(pallet, units(pallet.hypotheses), Cls(ClsOptions(starts=1)), 30, 2).startswith(
        "about 1 s of fits on 30 cores at most, plus the wait for workers; "
    )
    assert "leave --endpoint out" not in estimate.estimate(pallet, units(pallet.hypotheses * 2000), QUESTION, 30, None)
    assert "leave --endpoint out" not in estimate.estimate(pallet, (), QUESTION, 30, 2)
    assert "exchange" not in estimate.estimate(pallet, units(pallet.hypotheses), Cls(ClsOptions(starts=1)), 1, 1)
