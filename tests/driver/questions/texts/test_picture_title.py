"""Titles of pictures: the name of the analysis, for published pallets and generated ones."""

from pathlib import Path
from typing import Any

import pytest

from hfx.driver.questions.exclusion import SURFACE
from hfx.driver.questions.texts.picture_title import picture_title
from hfx.pallets import open_pallet


@pytest.mark.parametrize(
    ("pallet", "title"),
    [
        ({"name": "1Lbb", "description": "signal patchset for the SUSY EWK 1Lbb analysis"}, "SUSY EWK 1Lbb analysis"),
        (
            {"name": "sbottom", "description": "signal patchset for the SUSY-2018-31 multi-b analysis"},
            "sbottom: SUSY-2018-31 multi-b analysis",
        ),
        ({"name": "p", "description": "Signal patchset for Pure Higgsino"}, "p: Pure Higgsino"),
        ({"name": "toy", "description": "a toy search"}, "a toy search"),
        ({"name": "s", "description": "a generated pallet"}, "s: a generated pallet"),
        ({"name": "n", "description": ""}, "n"),
        ({"name": "n", "description": None, "region": "RegionA"}, "n: RegionA"),
        (
            {"name": "multi-b", "description": "patchset for ATLAS sbottom multi-b (RegionA)", "region": "RegionA"},
            "ATLAS sbottom multi-b: RegionA",
        ),
        (
            {
                "name": "multib",
                "description": "patchset for ATLAS multi-b (RegionA)",
                "region": "all",
                "regions": ["RegionA", "B"],
            },
            "ATLAS multi-b: smallest expected CLs of RegionA, B",
        ),
        ({"name": "n", "description": "word " * 40}, "n: " + " ".join(["word"] * 17) + " ..."),
        ({}, ""),
    ],
)
def test_titles(pallet: Any, title: str) -> None:
    assert picture_title(pallet, SURFACE) == title


@pytest.mark.parametrize(
    ("file", "region", "title"),
    [
        ("1Lbb.tar.gz", None, "SUSY EWK 1Lbb analysis"),
        ("simplified-1Lbb.tar.gz", None, "simplified-1Lbb: SUSY EWK 1Lbb analysis"),
        ("3L-eRJR.tar.gz", None, "ATLAS SUSY EWK 3L eRJR analysis"),
        ("sbottom-multib.tar.gz", "RegionB", "ATLAS SUSY sbottom multi-b analysis: RegionB"),
        ("3L-eRJR-loose.tar.gz", None, "3L-eRJR-loose"),
        ("tttt.tar.gz", None, "tttt"),
    ],
)
def test_titles_of_published_pallets(file: str, region: str | None, title: str, shared: Path) -> None:
    pallet = open_pallet(shared / "pallets" / file, region)
    block: Any = {"name": pallet.name, "region": pallet.region, "description": pallet.description}
    assert picture_title(block, SURFACE) == title
