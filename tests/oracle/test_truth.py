"""Published pallets and the reference values in `HFX_SHARED/truth`; its README says how they were made."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyhf
import pytest

import hfx

Json = dict[str, Any]

PALLETS = ("1Lbb", "3L-eRJR", "sbottom-RegionA")
CLOSE = 1e-5


@dataclass(frozen=True)
class Scanned:
    """By name of the hypothesis: reference values, records of the answer, records of `--minima lowest`."""

    truth: Json
    answers: Json
    lowest: Json


@pytest.fixture(scope="module", params=PALLETS)
def scanned(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    """One pallet, scanned once and looked at by every test."""
    truth = json.loads((shared / "truth" / f"{request.param}.json").read_text())["points"]
    folder = tmp_path_factory.mktemp("runs") / request.param
    pallet = str(shared / "pallets" / f"{request.param}.tar.gz")
    found = []
    for minima in ("admissible", "lowest"):  # the second chooses among what the first found
        hfx.scan(pallet, output=str(folder), minima=minima)
        report = json.loads((folder / "scan.json").read_text())
        assert report["failures"] == []
        found.append({one["name"]: one for one in report["results"]})
    return Scanned({one["name"]: one for one in truth}, *found)


def _differences(one: Json, other: Json) -> list[float]:
    pairs = zip([one["CLs_obs"], *one["CLs_exp"]], [other["CLs_obs"], *other["CLs_exp"]], strict=True)
    return [abs(a - b) for a, b in pairs]


def _far(truth: Json, records: Json, which: str | None = None) -> list[str]:
    """Where the observed or one of the five expected values lies farther from the truth than it may."""
    found = []
    for name, one in truth.items():
        wanted, got = (one[which], records[name][which]) if which else (one, records[name])
        worst = max(_differences(wanted, got))
        if not worst <= CLOSE:
            found.append(f"{name}: {worst:.2e}, CLs {got['CLs_obs']:.6f}, truth {wanted['CLs_obs']:.6f}")
    return found


def test_every_hypothesis_converges(scanned: Scanned) -> None:
    assert set(scanned.answers) == set(scanned.truth)
    records = [*scanned.answers.values(), *scanned.lowest.values()]
    bad = [one["name"] for one in records if one["status"] != "converged" or not one["edm"] <= 1e-9]
    assert not bad


def test_answers(scanned: Scanned) -> None:
    """Except where the reference leaves the answer undecided."""
    decided = {name: one for name, one in scanned.truth.items() if "undecided" not in one}
    assert len(decided) >= len(scanned.truth) - 3
    far = _far(decided, scanned.answers)
    assert not far, "\n".join(far)


# The reference's natural minimum has a background sample at -0.21 events, that of hfx has none and lies higher.
NATURAL_DIFFERS = ("C1N2_Wh_hbb_650_0",)


def test_where_the_natural_minimum_differs_pyhf_has_that_of_hfx_and_the_answer_does_not_follow(
    scanned: Scanned, shared: Path
) -> None:
    """pyhf 0.7.6 with its default optimiser (SLSQP), from its suggested initial values, reaches the natural minimum of hfx."""
    for name in set(NATURAL_DIFFERS) & set(scanned.truth):
        workspace = pyhf.Workspace(hfx.open_pallet(str(shared / "pallets" / "1Lbb.tar.gz")).workspace(name))
        codes = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
        model = workspace.model(modifier_settings=codes)
        data = workspace.data(model)
        _, found = pyhf.infer.mle.fixed_poi_fit(1.0, data, model, return_fitted_val=True)
        record, truth = scanned.answers[name], scanned.truth[name]
        assert record["natural"]["twice_nll"]["fixed"] == pytest.approx(float(found), abs=1e-5)
        assert record["natural"]["twice_nll"]["fixed"] - truth["twice_nll"]["fixed"] == pytest.approx(0.012666, abs=1e-5)
        assert truth["min_sample_yield_lowest"]["fixed"] < -0.1
        assert record["admissible"]["twice_nll"]["fixed"] == pytest.approx(truth["twice_nll"]["fixed"], abs=1e-6)


def test_lowest(scanned: Scanned) -> None:
    far = _far(scanned.truth, scanned.answers, "lowest") + _far_lowest(scanned)
    assert not far, "\n".join(far)


def _far_lowest(scanned: Scanned) -> list[str]:
    wanted = {name: one["lowest"] for name, one in scanned.truth.items()}
    return _far(wanted, scanned.lowest)


def test_natural_where_its_basin_is_unique(scanned: Scanned) -> None:
    """Elsewhere the natural minimum depends on the optimiser: which basin it falls into."""
    unique = {name: one for name, one in scanned.truth.items() if set(one["minima_seen"].values()) == {1}}
    assert unique
    far = _far(unique, scanned.answers, "natural")
    assert not far, "\n".join(far)


def test_lowest_minima_are_not_above_the_reference(scanned: Scanned) -> None:
    above = []
    for name, one in scanned.truth.items():
        for fit, wanted in one["twice_nll"].items():
            excess = scanned.lowest[name]["fits"][fit]["twice_nll"] - wanted
            if not excess <= 1e-6:
                above.append(f"{name} {fit}: {excess:.3g} above")
    assert not above, "\n".join(above)
