"""No minimum of a scan lies above the lowest of hundreds of starts that have nothing to do with those of the scan."""

from pathlib import Path

import hfx
from tests.oracle import v_shaped

PALLETS, STARTS = 10, 150  # `benchmarks/missed_minima.py --v-shaped` has 2,000


def test_the_lowest_minima_of_v_shaped_pallets_are_found(tmp_path: Path) -> None:
    above, lower = [], 0
    for number, example in enumerate(v_shaped.examples(PALLETS)):
        pallet = hfx.open_pallet(str(v_shaped.write(tmp_path / f"pallet{number}", example)))
        result = hfx.scan(pallet, output=tmp_path / f"run{number}")
        assert len(result) == len(pallet.hypotheses)
        for (name, fit), reference in v_shaped.lowest(pallet, STARTS).items():
            record = result[name]
            lower += record.natural["twice_nll"][fit] > reference + 1e-3
            excess = record.lowest["twice_nll"][fit] - reference
            if excess > 1e-6:
                above.append(f"pallet {number}, {name}, {fit}: {excess:.3g} above")
    assert not above
    assert lower > 10  # these pallets have something to find
