"""References of a pallet, and the text of ``hfx --cite``."""

from hfx.driver.export import citations


def test_citations() -> None:
    assert citations.of_pallet({}) is None
    pallet = {
        "doi": "10.17182/hepdata.90607.v3/r3",
        "references": {"hepdata": "ins1755298", "arXiv": "1909.09226"},
    }
    assert citations.of_pallet(pallet) == (
        "https://doi.org/10.17182/hepdata.90607.v3/r3, https://www.hepdata.net/record/ins1755298, arXiv 1909.09226"
    )
