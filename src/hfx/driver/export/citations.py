"""References to cite: the likelihood that was scanned, the methods, hfx; the latter two as BibTeX."""

from collections.abc import Mapping
from dataclasses import dataclass

from hfx.driver.run.file_types import PalletBlock
from hfx.version import __version__

__all__ = ["REFERENCES", "Reference", "bibtex", "of_pallet"]


@dataclass(frozen=True)
class Reference:
    """An entry of a bibliography: its kind and key, the subject that it is cited for, and its fields in BibTeX."""

    kind: str
    key: str
    subject: str
    fields: Mapping[str, str]

    def bibtex(self) -> str:
        """The entry as BibTeX, under a line that names its subject."""
        width = max(map(len, self.fields))
        lines = (f"  {name:<{width}} = {{{value}}}," for name, value in self.fields.items())
        return "\n".join((f"% {self.subject}", f"@{self.kind}{{{self.key},", *lines, "}"))


_PYHF = "Heinrich, Lukas and Feickert, Matthew and Stark, Giordon and Cranmer, Kyle"
_ATLAS = "Reproducing searches for new physics with the {ATLAS} experiment through publication of full statistical likelihoods"

REFERENCES = (
    Reference(
        "article",
        "Cowan:2010js",
        "asymptotic formulae",
        {
            "author": "Cowan, Glen and Cranmer, Kyle and Gross, Eilam and Vitells, Ofer",
            "title": "Asymptotic formulae for likelihood-based tests of new physics",
            "journal": "Eur. Phys. J. C",
            "volume": "71",
            "pages": "1554",
            "year": "2011",
            "doi": "10.1140/epjc/s10052-011-1554-0",
            "eprint": "1007.1727",
            "archivePrefix": "arXiv",
            "note": "[Erratum: Eur. Phys. J. C 73 (2013) 2501]",
        },
    ),
    Reference(
        "article",
        "Read:2002hq",
        "CLs",
        {
            "author": "Read, Alexander L.",
            "title": "Presentation of search results: the {$CL_s$} technique",
            "journal": "J. Phys. G",
            "volume": "28",
            "pages": "2693--2704",
            "year": "2002",
            "doi": "10.1088/0954-3899/28/10/313",
        },
    ),
    Reference(
        "techreport",
        "Cranmer:1456844",
        "HistFactory",
        {
            "author": "Cranmer, Kyle and Lewis, George and Moneta, Lorenzo and Shibata, Akira and Verkerke, Wouter",
            "title": "{HistFactory}: A tool for creating statistical models for use with {RooFit} and {RooStats}",
            "institution": "New York University",
            "number": "CERN-OPEN-2012-016",
            "year": "2012",
            "url": "https://cds.cern.ch/record/1456844",
        },
    ),
    Reference(
        "article",
        "pyhf_joss",
        "HistFactory JSON (pyhf)",
        {
            "author": _PYHF,
            "title": "pyhf: pure-{Python} implementation of {HistFactory} statistical models",
            "journal": "J. Open Source Softw.",
            "volume": "6",
            "number": "58",
            "pages": "2823",
            "year": "2021",
            "doi": "10.21105/joss.02823",
        },
    ),
    Reference(
        "techreport",
        "ATL-PHYS-PUB-2019-029",
        "published likelihoods",
        {
            "author": "{ATLAS Collaboration}",
            "title": _ATLAS,
            "institution": "CERN",
            "number": "ATL-PHYS-PUB-2019-029",
            "year": "2019",
            "url": "https://cds.cern.ch/record/2684863",
        },
    ),
    Reference(
        "article",
        "Feickert:2021sua",
        "scans of pallets (pyhf and funcX)",
        {
            "author": "Feickert, Matthew and Heinrich, Lukas and Stark, Giordon and Galewsky, Ben",
            "title": "Distributed statistical inference with pyhf enabled through {funcX}",
            "journal": "EPJ Web Conf.",
            "volume": "251",
            "pages": "02070",
            "year": "2021",
            "doi": "10.1051/epjconf/202125102070",
            "eprint": "2103.02182",
            "archivePrefix": "arXiv",
        },
    ),
    Reference(
        "misc",
        "hfx",
        "hfx",
        {
            "author": "{The hfx developers}",
            "title": "{hfx}: from a published {HistFactory} pallet to an exclusion contour",
            "note": f"version {__version__}",
        },
    ),
)
"""The publications of the methods, and hfx."""

_ADVICE = """\
% If you use hfx, please cite the likelihood that you scanned (its HEPData record or DOI; the scan's
% summary table names it, and 'hfx pallet inspect' too), the methods, and hfx:
"""


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


def bibtex() -> str:
    """The text of ``hfx --cite``: all references as BibTeX. Lines outside of entries are comments to BibTeX."""
    return "\n\n".join((_ADVICE.rstrip(), *(reference.bibtex() for reference in REFERENCES)))
