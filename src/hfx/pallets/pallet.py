"""The data model of an opened pallet: a background workspace and its signal hypotheses, as frozen dataclasses."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property

from hfx.errors import PalletError, PatchError
from hfx.json_types import JsonObject, LabelValue, objects
from hfx.pallets.formats.label_titles import LabelTitle
from hfx.pallets.json_patch import apply_patch

__all__ = ["Hypothesis", "Pallet", "modifiers_of", "near_names", "patched"]

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Hypothesis:
    """One signal hypothesis: a name, its values and the JSON patch that adds its signal to the background.

    Args:
        name: ``metadata.name`` of the patch; of a loose patch file its stem without ``patch.`` or ``patch_``.
        values: one number for each of the pallet's labels, masses in GeV as a rule, or a text; integers are kept as integers.
        patch: RFC 6902 operations; empty where the workspace already holds the signal. It may be a lazy sequence that
            makes its operations on access: a scan reads it when it builds the task, and keeps no copy.
        defect: the reason why this hypothesis cannot be used, or None.
        signal_scale: a factor on the signal's yields, multiplied with the scan's own option of that name.
    """

    name: str
    values: tuple[LabelValue, ...]
    patch: Sequence[JsonObject] = field(repr=False)
    defect: str | None = None
    signal_scale: float = 1.0


@dataclass(frozen=True)
class Pallet:
    """A background workspace and its signal hypotheses.

    Args:
        name: the name of the archive or folder, such as ``1Lbb``.
        source: the path, URL or DOI as the user typed it.
        region: the region that was chosen; None when the pallet has just one.
        background: the workspace (pyhf schema 1.0.0); never mutated.
        digest: sha256 of the background, as HistFactory patch sets define it.
        patchset_digest: sha256 of names, values and patches, independent of their order.
        labels: the names of the hypotheses' values.
        hypotheses: in the order of the patch set, or of the file names.
        doi: the DOI by which the pallet was fetched, or that its patch set states.
        description: the description in the patch set; may be empty.
        references: the references in the patch set, such as ``{"hepdata": "ins1755298"}``.
        warnings: sentences to show to the user once.
        label_titles: names of labels in pictures, LaTeX and unit, by label.
        background_file: the background's file in the pallet, with the pallet's name, for errors; may be empty.
    """

    name: str
    source: str
    region: str | None
    background: JsonObject = field(repr=False)
    digest: str
    patchset_digest: str
    labels: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...] = field(repr=False)
    doi: str | None = None
    description: str = ""
    references: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    label_titles: Mapping[str, LabelTitle] = field(default_factory=dict)
    background_file: str = ""

    @cached_property
    def _by_name(self) -> Mapping[str, Hypothesis]:
        return {hypothesis.name: hypothesis for hypothesis in self.hypotheses}

    def with_labels(self, labels: tuple[str, ...]) -> "Pallet":
        """The pallet with its labels in another order, and the values of its hypotheses with them."""
        if labels == self.labels:
            return self
        places = [self.labels.index(label) for label in labels]
        hypotheses = tuple(
            replace(one, values=tuple(one.values[i] for i in places)) if len(one.values) == len(places) else one
            for one in self.hypotheses
        )
        return replace(self, labels=labels, hypotheses=hypotheses)

    def hypothesis(self, name: str) -> Hypothesis:
        """The hypothesis of that name.

        Raises:
            PalletError: there is none; near names are listed.
        """
        if name not in self._by_name:
            near = near_names(name, self._by_name, most=3) or list(self._by_name)[:3]
            raise PalletError(f"{self.name}: no hypothesis {name!r}; there are for instance {', '.join(near)}")
        return self._by_name[name]

    def workspace(self, name: str) -> JsonObject:
        """The background with the patch of hypothesis ``name`` applied; it shares its unchanged parts with the background.

        Raises:
            PalletError: no such hypothesis.
            PatchError: the patch is malformed or does not apply.
        """
        hypothesis = self.hypothesis(name)
        if hypothesis.defect is not None:
            raise PatchError(f"hypothesis {name}: {hypothesis.defect}")
        try:
            return patched(self.background, hypothesis.patch)
        except PatchError as error:
            raise PatchError(f"hypothesis {name}: {error}") from None

    def workspaces(self) -> Iterator[JsonObject]:
        """The workspaces of the hypotheses whose patches apply."""
        for hypothesis in self.hypotheses:
            with suppress(PatchError):
                yield self.workspace(hypothesis.name)


def modifiers_of(workspace: JsonObject) -> Iterator[JsonObject]:
    """All modifiers of a workspace, which need not be valid."""
    for channel in objects(workspace.get("channels")):
        for sample in objects(channel.get("samples")):
            yield from objects(sample.get("modifiers"))


def patched(background: JsonObject, patch: Sequence[JsonObject]) -> JsonObject:
    """The background with a patch applied. Raises `PatchError`: the patch is malformed or does not apply."""
    found = apply_patch(background, patch)
    if not isinstance(found, dict):
        raise PatchError(f"its patch replaces the workspace by a {type(found).__name__}")
    return found


def near_names(wanted: str, names: Iterable[str], most: int = 1) -> list[str]:
    """The ``most`` names nearest to ``wanted``; none where no name is like it.

    Names that differ from it in numbers alone come first, in the order of the numbers' distance: to stop_401_0 the name
    stop_400_0 is nearer than stop_450_0. Then come names of which it is the beginning, then those like it as texts.
    """
    every = list(names)
    shape, numbers = _NUMBER.sub("#", wanted), _numbers(wanted)
    alike = [name for name in every if numbers and _NUMBER.sub("#", name) == shape]
    if not alike:
        begun = [name for name in every if wanted and name.startswith(wanted)]
        return begun[:most] or get_close_matches(wanted, every, n=most)
    return sorted(alike, key=lambda name: sum(map(_distance, numbers, _numbers(name))))[:most]


def _numbers(name: str) -> list[float]:
    return [float(text) for text in _NUMBER.findall(name)]


def _distance(a: float, b: float) -> float:
    """The distance of two numbers, relative to the larger one."""
    return abs(a - b) / max(a, b, 1.0)
