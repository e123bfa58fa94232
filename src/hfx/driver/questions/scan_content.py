"""The content of scan.json: made at the end of a run, and read again with the briefs of its results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.driver.questions.catalogue import kind, name_of, of_run
from hfx.driver.run import scan_file
from hfx.driver.run.file_types import Failure, PalletBlock, RunContent, ScanContent
from hfx.driver.run.folder import listed_faults, read_run
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.run.records import Stored, in_order, number_of, read_records
from hfx.driver.run.scan_file import REPEAT, read_scan
from hfx.driver.run.stored_json import unreadable
from hfx.errors import InputError, OptionError, RunFolderError
from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.version import __version__

__all__ = ["answers", "asked_in", "briefs", "complete", "content", "failures", "gaps", "load"]

_CONTINUE = "the scan's own command, or 'hfx attach', goes on without it and fits again what is missing"


def content(
    question: AnyQuestion,
    pallet: PalletBlock,
    options: Mapping[str, JsonValue],
    results: Iterable[JsonObject],
    failed: Sequence[Failure],
    conclusions: JsonObject | None = None,
) -> ScanContent:
    """The content of scan.json, without contours yet."""
    found: ScanContent = {
        "hfx": __version__,
        "question": question.name,
        "pallet": pallet,
        "options": dict(options),
        "results": PackedResults(results),
        "failures": failed,
        "contours": {},
    }
    if conclusions is not None:
        found["conclusions"] = conclusions
    return found


def failures(order: Sequence[tuple[str, Sequence[LabelValue]]], reasons: Mapping[str, str]) -> list[Failure]:
    """The failures in the pallet's order."""
    return [{"name": name, "values": list(values), "reason": reasons[name]} for name, values in order if name in reasons]


def answers(question: AnyQuestion, records: Stored, names: Iterable[str]) -> Iterator[JsonObject]:
    """The result of each hypothesis that has records, in the order of `names`; read one by one."""
    keys = records.by_name()
    for name in names:
        if name in keys:
            yield question.answer(in_order(records[key] for key in keys[name]))


def briefs(scan: ScanContent, question: AnyQuestion | None = None) -> list[Brief]:
    """The briefs of a run's results, in their order."""
    asked = question or of_run(scan)
    return scan["results"].summarised(lambda text: asked.brief(asked.read_line(text)))


def complete(scan: ScanContent) -> bool:
    """Whether every hypothesis has a result that has converged."""
    return not scan["failures"] and all(brief.converged for brief in briefs(scan))


def gaps(scan: ScanContent) -> list[Failure]:
    """The failures of hypotheses without a result: what fails in one region may have a result of another."""
    there = {brief.name for brief in briefs(scan)}
    return [failure for failure in scan["failures"] if failure["name"] not in there]


def load(folder: Path) -> ScanContent:
    """The content of scan.json; of a run that has not finished, its results so far, without curves.

    Raises `RunFolderError` when the folder holds no run, or files that hfx did not write.
    """
    scan = read_scan(folder)
    if scan is not None:
        _check_results(scan, folder / scan_file.NAME)
        return scan
    run = read_run(folder)
    if run is None:
        what = "contains no run of hfx: neither scan.json nor run.json" if folder.is_dir() else "is not a folder"
        raise RunFolderError(f"{folder} {what}; 'hfx status' lists the runs in ./hfx-runs and those that you submitted")
    question = asked_in(run, folder / "run.json")
    return {
        "hfx": run.get("hfx"),
        "question": question.name,
        "pallet": run.get("pallet", {}),
        "options": run.get("options", {}),
        "results": PackedResults(_results_so_far(question, folder)),
        "failures": [],
        "contours": {},
    }


def asked_in(content: RunContent | ScanContent, path: Path) -> AnyQuestion:
    """The question of a run, with its options, from the file at `path`. Raises `RunFolderError` for options that it does not
    take, and `OptionError` for a question that is not installed here."""
    kind(name_of(content))
    try:
        return of_run(content)
    except InputError as error:
        raise unreadable(path, error, REPEAT, content=cast(JsonObject, content)) from None


def _check_results(scan: ScanContent, path: Path) -> None:
    """Raise `RunFolderError` for a result that is not one of the question; those of a question that is not installed pass."""
    try:
        question = asked_in(scan, path)
    except OptionError:
        return
    try:
        briefs(scan, question)
    except ValueError as error:
        position, why = _first_other(scan, question) or (0, str(error))
        raise RunFolderError(f"{path} is not a file that hfx wrote (result {position + 1}: {why}); {REPEAT}") from None


def _first_other(scan: ScanContent, question: AnyQuestion) -> tuple[int, str] | None:
    """The position of the first result that is not one of the question, and why."""
    for position, text in enumerate(scan["results"].texts()):
        try:
            question.brief(question.read_line(text))
        except ValueError as error:
            return position, str(error)
    return None


def _results_so_far(question: AnyQuestion, folder: Path) -> Iterator[JsonObject]:
    """The result of each hypothesis that has records in a folder; raises `RunFolderError` for lines that are no records."""
    found = read_records(folder)
    path, records = found.path, found.last
    if found.faults:
        raise RunFolderError(f"{path} is not a file that hfx wrote: {listed_faults(found.faults)}; {_CONTINUE}")
    for name, keys in records.by_name().items():
        try:
            of_name = in_order(records[key] for key in keys)
            result = question.answer(of_name)
            question.brief(question.read(result))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            line = number_of(records.places[keys[-1]], path)
            raise RunFolderError(
                f"{path}, line {line} is not a record that hfx wrote ({name}: {type(error).__name__}: {error}); {_CONTINUE}"
            ) from None
        yield result
