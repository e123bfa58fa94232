"""What an opened pallet is: plain frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from hfx.errors import PalletError, PatchError
from hfx.pallets.json_patch import apply_patch

__all__ = ["Hypothesis", "Pallet"]


@dataclass(frozen=True)
class Hypothesis:
    """One signal hypothesis: a name, its numbers and the JSON patch that puts it into the background.

    Args:
        name: ``metadata.name`` of the patch; of a loose patch file its stem without ``patch.`` or ``patch_``.
        values: the numbers behind the pallet's labels (masses in GeV as a rule); an integer stays one.
        patch: RFC 6902 operations; empty where the workspace holds its signal already. Any sequence will do, also one
            that makes its operations when they are asked for: a scan asks when it builds the task, and keeps none.
        defect: why this hypothesis cannot be used, or None.
        signal_scale: times its signal's yields, beside what the scan's own option scales.
    """

    name: str
    values: tuple[float, ...]
    patch: Sequence[dict[str, Any]] = field(repr=False)
    defect: str | None = None
    signal_scale: float = 1.0


@dataclass(frozen=True)
class Pallet:
    """A background workspace and its signal hypotheses.

    Args:
        name: of the archive or folder, as ``1Lbb``.
        source: what the user typed.
        region: the region that was chosen; None when the pallet has just one.
        background: the workspace (pyhf schema 1.0.0); never mutated.
        digest: sha256 of the background, by the convention of HistFactory patch sets.
        patchset_digest: sha256 over names, values and patches, whatever their order.
        labels: names of the hypotheses' values.
        hypotheses: in the order of the patch set, or of the file names.
        doi: DOI that the pallet was fetched by, if any.
        description: of the patch set; may be empty.
        references: of the patch set, as ``{"hepdata": "ins1755298"}``.
        warnings: sentences the user should see once.
    """

    name: str
    source: str
    region: str | None
    background: dict[str, Any] = field(repr=False)
    digest: str
    patchset_digest: str
    labels: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...] = field(repr=False)
    doi: str | None = None
    description: str = ""
    references: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @cached_property
    def _by_name(self) -> Mapping[str, Hypothesis]:
        return {hypothesis.name: hypothesis for hypothesis in self.hypotheses}

    def hypothesis(self, name: str) -> Hypothesis:
        """The hypothesis of that name.

        Raises:
            PalletError: there is none; near names are listed.
        """
        if name not in self._by_name:
            near = get_close_matches(name, self._by_name, n=3) or list(self._by_name)[:3]
            raise PalletError(f"{self.name}: no hypothesis {name!r}; there are for instance {', '.join(near)}")
        return self._by_name[name]

    def workspace(self, name: str) -> dict[str, Any]:
        """The background with the patch of hypothesis ``name`` applied; shares structure with the background.

        Raises:
            PalletError: no such hypothesis.
            PatchError: the patch is malformed or does not apply.
        """
        hypothesis = self.hypothesis(name)
        if hypothesis.defect is not None:
            raise PatchError(f"hypothesis {name}: {hypothesis.defect}")
        try:
            patched = apply_patch(self.background, hypothesis.patch)
        except PatchError as error:
            raise PatchError(f"hypothesis {name}: {error}") from None
        if not isinstance(patched, dict):
            raise PatchError(f"hypothesis {name}: its patch replaces the workspace by a {type(patched).__name__}")
        return patched
