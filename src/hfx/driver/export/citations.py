"""References to cite: the likelihood that was scanned, the methods, hfx."""

from hfx.driver.run.file_types import PalletBlock
from hfx.version import __version__

__all__ = ["cite", "of_pallet"]

_METHODS = (
    (
        "asymptotic formulae",
        "G. Cowan, K. Cranmer, E. Gross, O. Vitells, Eur. Phys. J. C 71 (2011) 1554, arXiv:1007.1727",
    ),
    ("CLs", "A. L. Read, J. Phys. G 28 (2002) 2693"),
    ("HistFactory", "K. Cranmer, G. Lewis, L. Moneta, A. Shibata, W. Verkerke, CERN-OPEN-2012-016"),
    (
        "HistFactory JSON",
        "L. Heinrich, M. Feickert, G. Stark, K. Cranmer (pyhf), J. Open Source Softw. 6 (2021) 2823; "
        "ATLAS Collaboration, ATL-PHYS-PUB-2019-029",
    ),
    (
        "scans of pallets",
        "M. Feickert, L. Heinrich, G. Stark, B. Galewsky (pyhf and funcX), arXiv:2103.02182",
    ),
)


def of_pallet(pallet: PalletBlock) -> str | None:
    """The likelihood's own reference, from the pallet block of scan.json; None where it names none."""
    references = pallet.get("references") or {}
    parts = []
    if pallet.get("doi"):
        parts.append(f"https://doi.org/{str(pallet['doi']).removeprefix('https://doi.org/')}")
    hepdata = str(references.get("hepdata", ""))
    if hepdata:
        parts.append(f"https://www.hepdata.net/record/{hepdata}" if hepdata.startswith("ins") else hepdata)
    parts += [f"{name} {value}" for name, value in references.items() if name != "hepdata"]
    return ", ".join(parts) or None


def cite() -> str:
    """The text of ``hfx --cite``."""
    width = max(len(name) for name, _ in _METHODS)
    lines = [
        "If you use hfx, please cite the likelihood that you scanned (its HEPData record or DOI; the scan's",
        "summary table names it), the methods, and hfx:",
        "",
        *(f"  {name:<{width}}  {text}" for name, text in _METHODS),
        f"  {'hfx':<{width}}  The hfx developers, hfx {__version__}",
    ]
    return "\n".join(lines)
