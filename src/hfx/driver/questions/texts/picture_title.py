"""The title of a picture: the name of the analysis, from the pallet's name and the description of its patch set."""

import re

from hfx.driver.questions.base import Surface
from hfx.driver.run.file_types import PalletBlock

__all__ = ["analysis_name", "picture_title"]

_LENGTH = 90  # characters
# The beginning of a description that says what a file is, not which analysis it is of.
_OF_A_FILE = re.compile(
    r"^\s*(the\s+)?(signal|full|complete)?\s*(patch\s*-?sets?|patches|likelihoods?|pallet|signals)\s+(for|of|from)\s+(the\s+)?",
    re.IGNORECASE,
)


def picture_title(pallet: PalletBlock, surface: Surface) -> str:
    """The title of a pallet's picture; ``surface``: the quantity by which regions are compared."""
    name, regions = analysis_name(pallet), pallet.get("regions")
    if regions:
        value = f"expected {surface.name}" if surface.median else surface.name
        return _joined(name, f"smallest {value} of {', '.join(regions)}")
    region = str(pallet.get("region") or "").strip()
    return _joined(name, "" if _within(region, name) else region)


def analysis_name(pallet: PalletBlock) -> str:
    """The name of the analysis: the description without "signal patchset for the", behind the pallet's name if it lacks that.

    A description that ends with the name of a region is taken without it; others of a combination of regions are of one region
    alone, and left out.
    """
    name, described = str(pallet.get("name") or "").strip(), " ".join(str(pallet.get("description") or "").split())
    described = _OF_A_FILE.sub("", described)
    regions = [*(pallet.get("regions") or ()), str(pallet.get("region") or "")]
    ending = next((f"({region})" for region in regions if region and described.endswith(f"({region})")), "")
    if pallet.get("regions") and not ending:
        described = ""
    described = described.removesuffix(ending).strip() if ending else described
    return described if name and _within(name, described) else _joined(name, described)


def _within(text: str, other: str) -> bool:
    """Whether a text is part of another one, for its letters and digits; a short text as whole words."""
    words = [re.findall(r"[a-z0-9]+", one.lower()) for one in (text, other)]
    if len(text) > 3:
        return "".join(words[0]) in "".join(words[1])
    return f" {' '.join(words[0])} " in f" {' '.join(words[1])} "


def _joined(name: str, more: str) -> str:
    parts = [part for part in (name, more) if part]
    return ": ".join(_shortened(part, _LENGTH - len(parts[0]) if i else _LENGTH) for i, part in enumerate(parts))


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: max(length - 1, 1)].rsplit(" ", 1)[0] + " ..."
