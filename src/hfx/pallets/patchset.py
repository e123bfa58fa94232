"""Patch sets and loose patch files: typed checks of their structure, light enough for 60 MB.

What is wrong with the patch set as a whole is an error; what is wrong with one patch whose name is known is
that hypothesis' defect, and the others are used.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hfx.errors import PalletError
from hfx.pallets.json_text import Parsed, canonical, first_nonfinite
from hfx.pallets.pallet import Hypothesis

__all__ = [
    "NO_RECORD",
    "PatchSet",
    "numbers_in_name",
    "patchset_digest",
    "read_loose_patch",
    "read_patch_set",
    "set_labels",
]

# The format wants a record number at HEPData; patches that have none, as made-up ones, state this.
NO_RECORD = "ins0000000"

_DIGESTS = {"sha256": 64, "md5": 32}
_NUMBER_TOKEN = re.compile(r"[0-9]+(?:[p.][0-9]+)?")
_NUMBER_INSIDE = re.compile(r"(?<![0-9])[0-9]+(?:p[0-9]+)?(?![0-9])")


@dataclass(frozen=True)
class PatchSet:
    """What patches one background, from a patch set or from loose files.

    Args:
        file: path in the pallet.
        labels: names of the values of every hypothesis.
        hypotheses: in the order of the file.
        digests: of the background that it is made for, by algorithm; empty for loose files.
        description, references: as the metadata has them.
        warnings: sentences for the user.
    """

    file: str
    labels: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    digests: dict[str, str]
    description: str = ""
    references: dict[str, str] | None = None
    warnings: tuple[str, ...] = ()


def read_patch_set(parsed: Parsed, file: str) -> PatchSet:
    """A patch set with its structure checked.

    Raises:
        PalletError: metadata, digests, labels or patches are missing or of the wrong type, a patch has no
            name, or two patches have one name; names file and patch.
    """
    document = parsed.document
    if not isinstance(document, dict) or not isinstance(document.get("patches"), list):
        raise PalletError(f"{file} is no patch set: it lacks the list 'patches'; put the original file there")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        raise PalletError(f"{file} is no patch set: it lacks the object 'metadata'; put the original file there")
    labels = _read_labels(metadata, file)
    entries = document["patches"]
    if not entries:
        raise PalletError(f"{file} holds no patches; there is no hypothesis to test")
    hypotheses = [_read_entry(entry, number, file, parsed.strict) for number, entry in enumerate(entries, start=1)]
    _refuse_duplicates([hypothesis.name for hypothesis in hypotheses], file)
    labels, fitting, dropped = _fit_values(labels, hypotheses, file)
    return PatchSet(
        file,
        labels,
        fitting,
        _read_digests(metadata, file),
        str(metadata.get("description") or ""),
        _read_references(metadata),
        dropped + _odd_version(document, file),
    )


def _odd_version(document: dict[str, Any], file: str) -> tuple[str, ...]:
    version = document.get("version")
    return () if version == "1.0.0" else (f"{file} states version {version!r}; it is read as 1.0.0",)


def _read_labels(metadata: dict[str, Any], file: str) -> tuple[str, ...]:
    labels = metadata.get("labels")
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        raise PalletError(f"{file}: metadata.labels must be a list of names, such as ['m1', 'm2']")
    _refuse_duplicates(labels, f"{file}: metadata.labels")
    return tuple(labels)


def _read_digests(metadata: dict[str, Any], file: str) -> dict[str, str]:
    digests = metadata.get("digests", {})
    if not isinstance(digests, dict):
        raise PalletError(f"{file}: metadata.digests must be an object, such as {{'sha256': ...}}")
    known = {name: value for name, value in digests.items() if name in _DIGESTS}
    for name, value in known.items():
        if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{_DIGESTS[name]}}}", value):
            raise PalletError(f"{file}: metadata.digests.{name} must be {_DIGESTS[name]} hexadecimal digits")
    return {name: value.lower() for name, value in known.items()}


def _read_references(metadata: dict[str, Any]) -> dict[str, str]:
    references = metadata.get("references")
    pairs = references.items() if isinstance(references, dict) else ()
    return {str(key): value for key, value in pairs if isinstance(value, str) and value != NO_RECORD}


def _refuse_duplicates(names: Sequence[str], file: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PalletError(f"{file}: the name {twice[0]!r} stands there {names.count(twice[0])} times; names must differ")


def _read_entry(entry: Any, number: int, file: str, strict: bool) -> Hypothesis:
    metadata = entry.get("metadata") if isinstance(entry, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        raise PalletError(f"{file}: patch number {number} has no metadata.name; every patch needs one")
    values: Any = metadata.get("values")
    patch: Any = entry.get("patch")
    bad_values = _values_defect(values)
    defect = bad_values or _patch_defect(patch, strict)
    known = () if bad_values else tuple(_number(value) for value in values)
    if defect:
        return Hypothesis(name, known, (), f"{file}: its patch {defect}")
    return Hypothesis(name, known, tuple(patch))


def _values_defect(values: Any) -> str | None:
    if not isinstance(values, list):
        return "has no list metadata.values"
    for value in values:
        if not isinstance(value, int | float | str) or isinstance(value, bool):
            return f"has {value!r:.40} among its metadata.values, which is no number"
        if isinstance(value, float) and not math.isfinite(value):
            return f"has {value!r} among its metadata.values"
    return None


def _patch_defect(patch: Any, strict: bool) -> str | None:
    """What is wrong with a list of operations; whether they apply is seen when they are applied."""
    if not isinstance(patch, list):
        return "is not a list of operations"
    for number, operation in enumerate(patch, start=1):
        if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
            return f"has an operation {number} without 'op'"
        if not isinstance(operation.get("path"), str):
            return f"has an operation {number} without 'path'"
        bad = None if strict else first_nonfinite(operation.get("value"))
        if bad:
            return f"holds a number that is not finite, in operation {number} ({operation['path']}) at {bad}"
    return None


def _number(value: Any) -> Any:
    """A number in a text as a number, anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _fit_values(
    labels: tuple[str, ...], hypotheses: list[Hypothesis], file: str
) -> tuple[tuple[str, ...], tuple[Hypothesis, ...], tuple[str, ...]]:
    """Values that match the labels and are numbers; a whole column of texts (allowed) is left out."""
    fitting = [h for h in hypotheses if len(h.values) == len(labels)]
    sound = [h for h in hypotheses if h.defect is None]
    if sound and not any(h.defect is None for h in fitting):
        count = len(sound[0].values)
        raise PalletError(f"{file}: metadata.labels names {len(labels)} values where the patches have {count}")
    rows = {h.name: tuple(_number(value) for value in h.values) for h in fitting}
    texts = [i for i in range(len(labels)) if rows and all(isinstance(row[i], str) for row in rows.values())]
    kept = [i for i in range(len(labels)) if i not in texts]
    warnings = tuple(f"{file}: the label {labels[i]!r} holds texts, not numbers; it is left out" for i in texts)
    fitted = tuple(_fit_one(h, rows.get(h.name), kept, labels, file) for h in hypotheses)
    return tuple(labels[i] for i in kept), fitted, warnings


def _fit_one(
    hypothesis: Hypothesis, row: tuple[Any, ...] | None, kept: list[int], labels: tuple[str, ...], file: str
) -> Hypothesis:
    if row is None:
        count = len(hypothesis.values)
        defect = f"{file}: its patch has {count} values where the patch set has {len(labels)} labels"
        return replace(hypothesis, values=(), patch=(), defect=hypothesis.defect or defect)
    values = tuple(row[i] for i in kept)
    texts = [value for value in values if isinstance(value, str)]
    if texts:
        defect = f"{file}: its patch has {texts[0]!r:.40} among its metadata.values, which is no number"
        return replace(hypothesis, values=(), patch=(), defect=hypothesis.defect or defect)
    return replace(hypothesis, values=values)


# --- loose patch files


def numbers_in_name(name: str) -> tuple[float, ...]:
    """The masses in a name: ``ERJR_300p0_100p0`` gives (300.0, 100.0), ``sbottom_1300_60`` (1300, 60).

    Whole words between ``_``, ``-`` or blanks count; where there is none, numbers inside words (``mB9_mN6``).
    """
    words = [word for word in re.split(r"[_\-\s,=]+", name) if _NUMBER_TOKEN.fullmatch(word)]
    return tuple(_as_number(word) for word in words or _NUMBER_INSIDE.findall(name))


def _as_number(word: str) -> float:
    word = word.replace("p", ".")
    return float(word) if "." in word else int(word)


def read_loose_patch(parsed: Parsed, name: str, file: str) -> Hypothesis | None:
    """The hypothesis in a loose patch file; None when the file holds something else.

    A list of operations, or ``{"metadata": ..., "patch": [...]}`` as taken out of a patch set.
    """
    document = parsed.document
    values: tuple[float, ...] = numbers_in_name(name)
    if isinstance(document, dict):
        metadata = document.get("metadata")
        given = metadata.get("values") if isinstance(metadata, dict) else None
        if isinstance(given, list) and _values_defect(given) is None:
            values = tuple(_number(value) for value in given)
        if isinstance(metadata, dict) and isinstance(metadata.get("name"), str) and metadata["name"]:
            name = metadata["name"]
        document = document.get("patch")
    if not isinstance(document, list):
        return None
    defect = _patch_defect(document, parsed.strict)
    if defect:
        return Hypothesis(name, values, (), f"{file} {defect}")
    return Hypothesis(name, values, tuple(document))


def set_labels(
    labels: tuple[str, ...] | None, hypotheses: Iterable[Hypothesis], where: str
) -> tuple[tuple[str, ...], tuple[Hypothesis, ...]]:
    """Labels for hypotheses from loose files: those given, or ``x1``, ``x2``...

    A name with another count of numbers than most is a defect of that hypothesis: nobody could place it.

    Raises:
        PalletError: as many labels as no name has numbers, or two hypotheses of one name.
    """
    listed = tuple(hypotheses)
    _refuse_duplicates([h.name for h in listed], where)
    counts = Counter(len(h.values) for h in listed)
    usual = max(counts, key=lambda count: (counts[count], count))
    if labels is not None and len(labels) != usual:
        raise PalletError(
            f"{where}: {len(labels)} labels given ({', '.join(labels)}) where the names hold {usual} numbers "
            f"each, as {listed[0].name}; give {usual} with --labels"
        )
    chosen = labels if labels is not None else tuple(f"x{i + 1}" for i in range(usual))
    return chosen, tuple(_count_checked(h, usual) for h in listed)


def _count_checked(hypothesis: Hypothesis, usual: int) -> Hypothesis:
    if len(hypothesis.values) == usual:
        return hypothesis
    defect = f"its name holds {len(hypothesis.values)} numbers where the others' hold {usual}; rename the file"
    return replace(hypothesis, values=(), patch=(), defect=hypothesis.defect or defect)


def patchset_digest(hypotheses: Iterable[Hypothesis], file: str) -> str:
    """sha256 over names, values and patches, whatever the order of the hypotheses and of the keys in them."""
    total = hashlib.sha256()
    for hypothesis in sorted(hypotheses, key=lambda h: h.name):
        content = [hypothesis.name, list(hypothesis.values), list(hypothesis.patch), hypothesis.defect]
        total.update(canonical(content, file) + b"\n")
    return total.hexdigest()
