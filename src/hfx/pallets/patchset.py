"""Patch sets and loose patch files: reading, and checks of their structure that are fast enough for 60 MB.

A fault of the whole patch set is an error. A fault of one patch whose name is known becomes the defect of that
hypothesis, and the other hypotheses are used.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hfx.errors import PalletError
from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.pallets.json_text import Parsed, canonical, first_nonfinite, is_finite
from hfx.pallets.pallet import Hypothesis

__all__ = [
    "NO_RECORD",
    "PatchSet",
    "named_values",
    "numbers_in_name",
    "patchset_digest",
    "read_loose_patch",
    "read_patch_set",
    "set_labels",
]

# The format demands the number of a HEPData record; patch sets without one, such as the demo's, state this number.
NO_RECORD = "ins0000000"

_DIGESTS = {"sha256": 64, "md5": 32}
_NUMBER_TOKEN = re.compile(r"-?[0-9]+(?:[p.][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MINUS_OR_MASS = re.compile(r"m[0-9]+p[0-9]+")  # "m0p5" is -0.5 in some searches
_WORD_AND_NUMBER = re.compile(r"[A-Za-z]-[0-9]")  # "dm-5": a minus, or a hyphen
_NUMBER_INSIDE = re.compile(r"(?<![0-9])[0-9]+(?:p[0-9]+)?(?![0-9])")


@dataclass(frozen=True)
class PatchSet:
    """The hypotheses of one background, from a patch set or from loose patch files.

    Args:
        file: path in the pallet.
        labels: names of the values of every hypothesis.
        hypotheses: in the order of the file.
        digests: digests of the background that the patches are made for, by algorithm; empty for loose files.
        description, references: as in the metadata.
        warnings: sentences for the user.
    """

    file: str
    labels: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    digests: dict[str, str]
    description: str = ""
    references: dict[str, str] | None = None
    warnings: tuple[str, ...] = ()


class _Entry(NamedTuple):
    """One patch of a patch set; its values are not matched to the labels yet, and may be texts."""

    name: str
    values: tuple[LabelValue, ...]
    patch: tuple[JsonObject, ...]
    defect: str | None


def read_patch_set(parsed: Parsed, file: str) -> PatchSet:
    """A patch set with its structure checked.

    Raises:
        PalletError: metadata, digests, labels or patches are missing or of the wrong type, a patch has no
            name, or two patches have one name; names file and patch.
    """
    document = parsed.document
    patches = document.get("patches") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(patches, list):
        raise PalletError(f"{file} is not a patch set: it lacks the list 'patches'; put the original file there")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        raise PalletError(f"{file} is not a patch set: it lacks the object 'metadata'; put the original file there")
    labels = _read_labels(metadata, file)
    if not patches:
        raise PalletError(f"{file} contains no patches; there is no hypothesis to test")
    entries = [_read_entry(patch, number, file, parsed.strict) for number, patch in enumerate(patches, start=1)]
    _refuse_duplicates([entry.name for entry in entries], file)
    hypotheses = _match_labels(labels, entries, file)
    return PatchSet(
        file,
        labels,
        hypotheses,
        _read_digests(metadata, file),
        str(metadata.get("description") or ""),
        _read_references(metadata),
        _odd_version(document, file),
    )


def _odd_version(document: JsonObject, file: str) -> tuple[str, ...]:
    version = document.get("version")
    return () if version == "1.0.0" else (f"{file} states version {version!r}; it is read as 1.0.0",)


def _read_labels(metadata: JsonObject, file: str) -> tuple[str, ...]:
    given = metadata.get("labels")
    labels = [label for label in given if isinstance(label, str) and label] if isinstance(given, list) else []
    if not isinstance(given, list) or not labels or len(labels) != len(given):
        raise PalletError(f"{file}: metadata.labels must be a list of names, such as ['m1', 'm2']")
    _refuse_duplicates(labels, f"{file}: metadata.labels")
    return tuple(labels)


def _read_digests(metadata: JsonObject, file: str) -> dict[str, str]:
    digests = metadata.get("digests", {})
    if not isinstance(digests, dict):
        raise PalletError(f"{file}: metadata.digests must be an object, such as {{'sha256': ...}}")
    known = {}
    for name, value in digests.items():
        if name in _DIGESTS:
            if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{_DIGESTS[name]}}}", value):
                raise PalletError(f"{file}: metadata.digests.{name} must be {_DIGESTS[name]} hexadecimal digits")
            known[name] = value.lower()
    return known


def _read_references(metadata: JsonObject) -> dict[str, str]:
    references = metadata.get("references")
    pairs = references.items() if isinstance(references, dict) else ()
    return {str(key): value for key, value in pairs if isinstance(value, str) and value != NO_RECORD}


def _refuse_duplicates(names: Sequence[str], file: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PalletError(f"{file}: the name {twice[0]!r} occurs {names.count(twice[0])} times; names must differ")


def _read_entry(entry: JsonValue, number: int, file: str, strict: bool) -> _Entry:
    metadata = entry.get("metadata") if isinstance(entry, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(entry, dict) or not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        raise PalletError(f"{file}: patch number {number} has no metadata.name; every patch needs one")
    values, bad_values = _read_values(metadata.get("values"))
    patch, bad_patch = _read_operations(entry.get("patch"), strict)
    defect = bad_values or bad_patch
    if defect:
        return _Entry(name, values, (), f"{file}: its patch {defect}")
    return _Entry(name, values, patch, None)


def _read_values(given: JsonValue) -> tuple[tuple[LabelValue, ...], str | None]:
    """``metadata.values``, with numbers in texts as numbers; empty with the reason where they cannot be used."""
    if not isinstance(given, list):
        return (), "has no list metadata.values"
    values = []
    for value in given:
        if not isinstance(value, int | float | str) or isinstance(value, bool):
            return (), f"has {value!r:.40} among its metadata.values, which is not a number"
        number = _number(value)
        if not isinstance(number, str) and not is_finite(number):
            return (), f"has {value!s:.40} among its metadata.values, which is not finite"
        values.append(number)
    return tuple(values), None


def _read_operations(patch: JsonValue, strict: bool) -> tuple[tuple[JsonObject, ...], str | None]:
    """The operations of a patch; empty with the reason where they cannot be used. Nothing is applied yet."""
    if not isinstance(patch, list):
        return (), "is not a list of operations"
    operations = []
    for number, operation in enumerate(patch, start=1):
        if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
            return (), f"has an operation {number} without 'op'"
        if not isinstance(operation.get("path"), str):
            return (), f"has an operation {number} without 'path'"
        bad = None if strict else first_nonfinite(operation.get("value"))
        if bad:
            return (), f"holds a number that is not finite, in operation {number} ({operation['path']}) at {bad}"
        operations.append(operation)
    return tuple(operations), None


def _number(value: LabelValue) -> LabelValue:
    """The number that a text holds; numbers and other texts are returned unchanged."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _match_labels(labels: tuple[str, ...], entries: list[_Entry], file: str) -> tuple[Hypothesis, ...]:
    """Labels, and hypotheses with one value for each label: texts for the labels most of whose values are texts, else numbers.

    Raises:
        PalletError: no patch has as many values as there are labels.
    """
    matching = [entry for entry in entries if len(entry.values) == len(labels)]
    sound = [entry for entry in entries if entry.defect is None]
    if sound and not any(entry.defect is None for entry in matching):
        count = len(sound[0].values)
        raise PalletError(f"{file}: metadata.labels names {_counted(len(labels), 'value')} where the patches have {count}")
    texts = {i for i in range(len(labels)) if _are_texts([entry.values[i] for entry in matching])}
    return tuple(_hypothesis(entry, texts, len(labels), file) for entry in entries)


def _are_texts(values: Sequence[LabelValue]) -> bool:
    """Whether a label is one of texts: most of its values are no numbers."""
    return 2 * sum(isinstance(value, str) for value in values) > len(values)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _hypothesis(entry: _Entry, texts: Collection[int], labels: int, file: str) -> Hypothesis:
    """The hypothesis of a patch with a value for each of the ``labels``; those at the indices ``texts`` are texts."""
    if len(entry.values) != labels:
        has = _counted(len(entry.values), "value")
        defect = f"{file}: its patch has {has} where the patch set has {_counted(labels, 'label')}"
        return Hypothesis(entry.name, (), (), entry.defect or defect)
    values = tuple(_as_text(value) if i in texts else value for i, value in enumerate(entry.values))
    text = next((value for i, value in enumerate(values) if isinstance(value, str) and i not in texts), None)
    if text is not None:
        defect = f"{file}: its patch has {text!r:.40} among its metadata.values, which is not a number"
        return Hypothesis(entry.name, (), (), entry.defect or defect)
    return Hypothesis(entry.name, values, entry.patch, entry.defect)


def _as_text(value: LabelValue) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


# --- loose patch files


def numbers_in_name(name: str) -> tuple[float, ...]:
    """The masses in a file's name: ``ERJR_300p0_100p0`` gives (300.0, 100.0), ``kappa_-0p5_1e3`` (-0.5, 1000.0).

    These are the words between ``_``, blanks, ``,`` or ``=`` that are numbers, or between hyphens; where there are none, numbers
    inside words (``mB9_mN6``). Raises `PalletError` where a sign is not evident: ``dm-5_300``, ``m0p5_300``.
    """
    words = [word for word in re.split(r"[_\s,=]+", name) if word]
    for word in words:
        hyphen = len(words) > 1 and _WORD_AND_NUMBER.search(word) and not _NUMBER_TOKEN.fullmatch(word)
        if hyphen or _MINUS_OR_MASS.fullmatch(word):
            raise PalletError(
                f"in its name '{word}' may be a negative number or a positive one: write numbers between _, as kappa_-0p5_300, "
                f"or give metadata.values in the file"
            )
    # A hyphen that begins a word is a minus, any other one parts words.
    parts = [part for word in words for part in _parted(word) if _NUMBER_TOKEN.fullmatch(part)]
    found = tuple(_as_number(part) for part in parts or _NUMBER_INSIDE.findall(name))
    if not all(map(is_finite, found)):
        raise PalletError("its name holds a number above 1e308: name it otherwise, or give metadata.values in the file")
    return found


def _parted(word: str) -> list[str]:
    if _NUMBER_TOKEN.fullmatch(word):
        return [word]
    first, *rest = re.split(r"(?<!^)(?<![eE])-+", word)
    return [first, *rest]


def _as_number(word: str) -> float:
    word = word.replace("p", ".")
    return int(word) if word.lstrip("-").isdigit() else float(word)


def read_loose_patch(parsed: Parsed, name: str, file: str) -> Hypothesis | None:
    """The hypothesis in a loose patch file; None when the file holds something else.

    A list of operations, or ``{"metadata": ..., "patch": [...]}`` as taken out of a patch set.
    """
    document = parsed.document
    values, unread = named_values(name)
    if isinstance(document, dict):
        metadata = document.get("metadata")
        if isinstance(metadata, dict):
            given, defect = _read_values(metadata.get("values"))
            values, unread = (values, unread) if defect else (given, None)
            stated = metadata.get("name")
            name = stated if isinstance(stated, str) and stated else name
        document = document.get("patch")
    if not isinstance(document, list):
        return None
    patch, defect = _read_operations(document, parsed.strict)
    reason = f"{file} {defect}" if defect else f"{file}: {unread}" if unread else None
    # A text among the values is kept: these files have no labels that it could be left out with.
    return Hypothesis(name, values, patch, reason)


def named_values(name: str) -> tuple[tuple[LabelValue, ...], str | None]:
    """The numbers in a file's name, or none and the reason why they cannot be read."""
    try:
        return numbers_in_name(name), None
    except PalletError as error:
        return (), str(error)


def set_labels(
    labels: tuple[str, ...] | None, hypotheses: Iterable[Hypothesis], where: str
) -> tuple[tuple[str, ...], tuple[Hypothesis, ...]]:
    """Labels for hypotheses from loose files: those given, or ``x1``, ``x2``...

    A hypothesis whose number of values differs from that of most others gets a defect: its values match no labels.

    Raises:
        PalletError: the number of labels is not that of the values, or two hypotheses have the same name.
    """
    listed = tuple(hypotheses)
    _refuse_duplicates([h.name for h in listed], where)
    counts = Counter(len(h.values) for h in listed)
    usual = max(counts, key=lambda count: (counts[count], count))
    if labels is not None and len(labels) != usual:
        given = f"{len(labels)} name{'' if len(labels) == 1 else 's'}"
        raise PalletError(
            f"--labels {','.join(labels)}: {given} for the {usual} numbers that each hypothesis of {where} has, for example "
            f"{listed[0].name}; give {usual} names, separated by commas"
        )
    chosen = labels if labels is not None else tuple(f"x{i + 1}" for i in range(usual))
    return chosen, tuple(_count_checked(h, usual) for h in listed)


def _count_checked(hypothesis: Hypothesis, usual: int) -> Hypothesis:
    if len(hypothesis.values) == usual:
        return hypothesis
    defect = f"its name holds {len(hypothesis.values)} numbers where the others' hold {usual}; rename the file"
    return replace(hypothesis, values=(), patch=(), defect=hypothesis.defect or defect)


def patchset_digest(hypotheses: Iterable[Hypothesis], file: str) -> str:
    """sha256 of names, values and patches, independent of the order of the hypotheses and of the keys in them."""
    total = hashlib.sha256()
    for hypothesis in sorted(hypotheses, key=lambda h: h.name):
        content: list[JsonValue] = [hypothesis.name, [*hypothesis.values], [*hypothesis.patch], hypothesis.defect]
        total.update(canonical(content, file) + b"\n")
    return total.hexdigest()
