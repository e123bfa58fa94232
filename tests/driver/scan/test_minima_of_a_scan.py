"""The search for minima of a whole scan, on generated pallets like published ones."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import hfx
from hfx.driver.questions import exchange
from hfx.driver.questions.exchange import Effort
from hfx.driver.scan.run_context import RunContext
from hfx.functions import task as worker
from tests import published_like

FITS = ("bkg", "fixed", "free", "asimov_fixed")
# Of this one all background-only fits have a lower minimum, which the first search of some does not find.
MANY_MINIMA = 6


def scanned(pallet: Path, output: Path, *, batch: int = 8, function: Any = None, **options: Any) -> hfx.ScanResult:
    context = RunContext(say=lambda _: None, batch=batch, function=function)
    return hfx.scan(pallet, output=output, context=context, **options)


def numbers(result: hfx.ScanResult) -> dict[str, list[float]]:
    return {r.name: [r.CLs_obs, *r.CLs_exp, r.lowest["CLs_obs"], r.natural["CLs_obs"]] for r in result}


@pytest.fixture(scope="module")
def pallet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_like.write(tmp_path_factory.mktemp("pallet") / "like", MANY_MINIMA, 6)


@pytest.fixture(scope="module")
def whole(pallet: Path, tmp_path_factory: pytest.TempPathFactory) -> hfx.ScanResult:
    return scanned(pallet, tmp_path_factory.mktemp("whole") / "run", threads=2)


def test_lower_minima_are_found_and_reported(whole: hfx.ScanResult) -> None:
    assert len(whole) == 6
    assert all(r.lowest["twice_nll"]["bkg"] < r.natural["twice_nll"]["bkg"] - 1e-3 for r in whole)
    assert any(r.fits["bkg"]["hits"] for r in whole)
    found = whole.content["conclusions"]
    assert found["draws"] == sum(r.fits[fit]["drawn"] for r in whole for fit in FITS) > 100
    assert set(found["missed"]) == set(FITS)
    assert all(0.0 < chance < 1.0 for chance in found["missed"].values())


def test_the_answer_depends_on_the_set_of_hypotheses_alone(whole: hfx.ScanResult, pallet: Path, tmp_path: Path) -> None:
    """Not on their order, on the tasks, on the threads, or on a kill."""
    wanted = numbers(whole)
    turned = tmp_path / "turned"
    turned.mkdir()
    (turned / "BkgOnly.json").write_bytes((pallet / "BkgOnly.json").read_bytes())
    patches = json.loads((pallet / "patchset.json").read_text())
    patches["patches"] = patches["patches"][::-1]
    (turned / "patchset.json").write_text(json.dumps(patches))
    calls: list[int] = []

    def killed(task: Mapping[str, Any]) -> dict[str, Any]:
        calls.append(len(calls))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return dict(worker.run(task))

    with pytest.raises(KeyboardInterrupt):
        scanned(pallet, tmp_path / "killed", batch=2, threads=1, function=killed)
    others = {
        "order": scanned(turned, tmp_path / "order", threads=1),
        "batch": scanned(pallet, tmp_path / "batch", batch=1, threads=2),
        "kill": scanned(pallet, tmp_path / "killed", batch=3, threads=2),
    }
    for way, result in others.items():
        found = numbers(result)
        assert {name: pytest.approx(one, abs=1e-10) for name, one in wanted.items()} == found, way
        assert result.content["conclusions"] == whole.content["conclusions"], way


@pytest.mark.parametrize("seed", [207])
def test_fifty_times_the_draws_find_nothing_lower(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pallets that nobody looked at; `benchmarks/missed_minima.py` has many more."""
    pallet = published_like.write(tmp_path / "like", seed, 3)
    # Fewer draws than by default, so that fifty times as many take seconds: a stricter test of the rest of the search.
    monkeypatch.setattr(exchange, "DEFAULT", Effort(0.01, 20, 10))
    default = scanned(pallet, tmp_path / "default")
    drawn = max(r.fits["bkg"]["drawn"] for r in default)
    monkeypatch.setattr(exchange, "DEFAULT", Effort(1e-9, 50 * drawn, 40))
    thorough = scanned(pallet, tmp_path / "thorough")
    assert {r.name for r in thorough} == {r.name for r in default}
    assert {r.fits["bkg"]["drawn"] for r in thorough} == {50 * drawn}
    assert any(r.lowest["twice_nll"]["fixed"] < r.natural["twice_nll"]["fixed"] - 1e-3 for r in default)
    lower = [
        (one.name, fit)
        for one, other in zip(default, thorough, strict=True)
        for fit in FITS
        if other.lowest["twice_nll"][fit] < one.lowest["twice_nll"][fit] - 1e-6
    ]
    assert lower == []
