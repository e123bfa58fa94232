"""The content of scan.json: made at the end of a run, and read again with the briefs of its results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.driver.questions.catalogue import of_run
from hfx.driver.run.file_types import Failure, PalletBlock, ScanContent
from hfx.driver.run.folder import read_run
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.run.records import Stored, in_order, read_records
from hfx.driver.run.scan_file import read_scan
from hfx.errors import RunFolderError
from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.version import __version__

__all__ = ["answers", "briefs", "complete", "content", "failures", "gaps", "load"]


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

    Raises `RunFolderError` when the folder holds no run.
    """
    scan = read_scan(folder)
    if scan is not None:
        return scan
    run = read_run(folder)
    if run is None:
        what = "contains no run of hfx: neither scan.json nor run.json" if folder.is_dir() else "is not a folder"
        raise RunFolderError(f"{folder} {what}; 'hfx status' lists the runs in ./hfx-runs and those that you submitted")
    question, records = of_run(run), read_records(folder).last
    return {
        "hfx": run.get("hfx"),
        "question": question.name,
        "pallet": run.get("pallet", {}),
        "options": run.get("options", {}),
        "results": PackedResults(answers(question, records, records.by_name())),
        "failures": [],
        "contours": {},
    }
