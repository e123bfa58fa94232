"""The identity of a run, by which a folder is continued or refused: the inputs and options that change its results."""

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

from hfx.driver.questions.base import AnyQuestion
from hfx.driver.questions.catalogue import DEFAULT
from hfx.driver.run.file_types import RunContent
from hfx.driver.run.folder import read_run, safe_name
from hfx.errors import RunFolderError
from hfx.functions.catalogue import entry_of
from hfx.functions.options import flag
from hfx.json_types import JsonValue
from hfx.pallets import Pallet

__all__ = ["Identity", "check_same", "default_folder", "differences", "of_scan", "passed_over"]

Identity = dict[str, JsonValue]

_WORDS = {
    "question": "the question",
    "background": "the background's digest",
    "patches": "the patches' digest",
    "region": "the region",
    "measurement": "the measurement",
    "numerics": "the version of hfx's numerics",
    "version": "the version of the job",
    "regions": "the regions",
}


_OF_REGION = ("background", "patches", "regions")


# Of a run of the default question that does not name the version of its job: the records of earlier ones are the same.
_UNNAMED: Identity = {"version": "2"}


def of_scan(pallet: Pallet, question: AnyQuestion) -> Identity:
    """All that decides the record of a unit in the first round. The question's name is left out where it is that of all runs that
    were made before there were several."""
    options, job = question.options, entry_of(question.job)
    asked: Identity = {} if question.name == DEFAULT else {"question": question.name}
    return {
        **asked,
        "background": pallet.digest,
        "patches": pallet.patchset_digest,
        "region": pallet.region,
        **options.wire(),
        "measurement": options.measurement or _first_measurement(pallet),
        "numerics": str(job.numerics),
        "version": str(job.version),
    }


def _first_measurement(pallet: Pallet) -> str | None:
    measurements = pallet.background.get("measurements")
    if not isinstance(measurements, list) or not measurements or not isinstance(measurements[0], dict):
        return None
    return str(measurements[0].get("name"))


def differences(there: Mapping[str, JsonValue], here: Mapping[str, JsonValue]) -> list[str]:
    """The differences as phrases: "--mu is 1.0 there and 2.0 here"."""
    there = {**({} if "question" in there else _UNNAMED), **there}
    keys = [key for key in dict.fromkeys((*here, *there)) if there.get(key) != here.get(key)]
    if "region" in keys:  # each region has its own background and patches
        keys = [key for key in keys if key not in _OF_REGION]
    return [
        "{} {} {} there and {} here".format(
            _WORDS.get(key) or flag(key), "are" if key == "regions" else "is", *_short(key, there.get(key), here.get(key))
        )
        for key in keys
    ]


def _short(key: str, there: JsonValue, here: JsonValue) -> tuple[str, str]:
    """Two values that differ, each shortened to its beginning; where they differ later on, from there."""
    words = ["none" if value is None and key == "region" else _word(value) for value in (there, here)]
    if max(map(len, words)) <= 40:
        return words[0], words[1]
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*words, strict=False)))
    start = 0 if same < 12 else same
    one, two = (f"{'...' if start else ''}{word[start : start + 12]}{'...' if len(word) > start + 12 else ''}" for word in words)
    return one, two


def _word(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "the default" if value is None else str(value)


def check_same(folder: Path, run: RunContent | None, here: Mapping[str, JsonValue], pallet: str = "") -> None:
    """Raise `RunFolderError`, naming what differs, unless the folder is free or contains this very scan, of the `pallet` of this
    name."""
    if reason := _conflict(folder, run, here, pallet):
        raise RunFolderError(f"{reason}; choose another folder with -o")


def _conflict(folder: Path, run: RunContent | None, here: Mapping[str, JsonValue], pallet: str) -> str | None:
    """Why this scan cannot be written into the folder; None where it can."""
    if run is None:
        return f"{folder} has results but no run.json" if (folder / "results.jsonl").exists() else None
    there = run.get("identity")
    if not isinstance(there, dict):
        return f"{folder}/run.json is not one that this hfx writes"
    phrases = differences(there, here)
    name = run.get("pallet", {}).get("name")
    if pallet and name and name != pallet and there.get("background") != here.get("background"):
        return f"{folder} contains a scan of another pallet ({name})"
    return f"{folder} contains another scan: {'; '.join(phrases)}" if phrases else None


def default_folder(name: str, region: str | None, here: Mapping[str, JsonValue]) -> Path:
    """``hfx-runs/NAME-REGION`` under the current folder, with the first number that no other scan took."""
    first = _first_folder(name, region)
    number = 1
    while True:
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        if not folder.exists() or _reason(folder, here, name) is None:
            return folder
        number += 1


def passed_over(folder: Path, name: str, region: str | None, here: Mapping[str, JsonValue]) -> str | None:
    """Why `default_folder` took another folder than the one that it tries first, naming what differs; None where it did not."""
    first = _first_folder(name, region)
    return None if folder == first else _reason(first, here, name)


def _first_folder(name: str, region: str | None) -> Path:
    return Path("hfx-runs") / safe_name(name if region is None else f"{name}-{region}")


def _reason(folder: Path, here: Mapping[str, JsonValue], pallet: str) -> str | None:
    try:
        return _conflict(folder, read_run(folder), here, pallet)
    except RunFolderError as error:
        return str(error)
