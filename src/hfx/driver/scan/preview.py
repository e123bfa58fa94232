"""The text of ``--plan``: what a run would do; nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hfx.driver.process.cores import usable_cores
from hfx.driver.questions.base import AnyQuestion, Unit
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run.folder import safe_name
from hfx.driver.run.records import read_records
from hfx.driver.scan import estimate, plan, regions
from hfx.driver.scan.open_source import open_regions, open_source, refusal
from hfx.driver.scan.preparation import check_folder, check_here, ready
from hfx.driver.scan.remarks import remarks
from hfx.driver.scan.run_context import RunContext
from hfx.driver.scan.scan import batch_size
from hfx.functions.model_check import model_faults
from hfx.pallets import Pallet

__all__ = ["describe", "describe_source", "faults_of_source"]


def describe_source(source: str, options: ScanOptions) -> str:
    """The plan for a pallet that is not open yet, for one region of it or for all. Raises what a run would raise before it
    begins."""
    context = RunContext()
    check_here(options)
    pallets, options = _opened(source, options, context)
    parts = [describe(pallets[""], options)] if "" in pallets else list(_of_regions(pallets, options))
    notes = remarks(pallets, options, _folders(pallets, options))
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _opened(source: str, options: ScanOptions, context: RunContext) -> tuple[Mapping[str, Pallet], ScanOptions]:
    """The regions by name, and the options of their run; one nameless region is ""."""
    if options.region != "all":
        return {"": open_source(source, options, context)}, options
    pallets = open_regions(source, options, context)
    return pallets, replace(options, region=None) if "" in pallets else options


def _folders(pallets: Mapping[str, Pallet], options: ScanOptions) -> dict[str, Path]:
    """The folder of each region's results."""
    if "" in pallets:
        return {"": ready(pallets[""], options).path}
    return regions.folders_of(pallets, regions.ready_regions(pallets, options).path)


def _of_regions(pallets: Mapping[str, Pallet], options: ScanOptions) -> Iterator[str]:
    """The plan of each region, in its folder beneath that of the combination."""
    begin = regions.ready_regions(pallets, options)
    check_folder(begin)
    for name, pallet in pallets.items():
        if (nothing := refusal(pallet, options)) is not None:
            yield f"pallet      {pallet.name}, region {name}\nhypotheses  none: {nothing}"
        else:
            yield describe(pallet, replace(options, region=name, output=begin.path / safe_name(name), theory_band=None))


def describe(pallet: Pallet, options: ScanOptions) -> str:
    """The plan as text. Raises `EndpointError` for tasks that an endpoint would not take, and `RunFolderError` for a folder that
    the run could not begin in."""
    selected = plan.select(pallet, options.only, options.where)
    question = options.question
    begin = ready(pallet, options)
    check_folder(begin)
    units, missing = plan.first_units(pallet, selected, question, read_records(begin.path))
    places = options.endpoints
    estimate.check_fits(pallet, missing, question, places)
    here = options.endpoint in (None, "embedded", "inline")
    gpus = any(device != "cpu" for device in places.devices(options.device))
    faults = _faults(pallet, missing, question)
    size = batch_size(len(missing), options, RunContext())
    by_key = {unit.key: unit for unit in missing}
    groups = [[by_key[key] for key in keys] for keys in plan.batches(list(by_key), size, options.workers)]
    return plan.describe(
        pallet,
        missing,
        question,
        selected=len(selected),
        faults=faults,
        kept=len(units) - len(missing),
        parts=any(unit.key != unit.hypothesis for unit in units),
        folder=str(begin.path),
        endpoint=str(options.endpoints),
        threads=options.cores,
        device=options.device,
        workers=None if here else options.workers,
        size=size,
        sent=() if here else estimate.sent(pallet, groups, question, places, options.device),
        estimate=estimate.estimate(
            pallet, missing, question, _at_a_time(options), None if options.endpoints.on_this_machine or gpus else options.cores
        ),
    )


def faults_of_source(source: str, options: ScanOptions) -> list[str]:
    """Sentences about the hypotheses that a run would have no result for, by region, and about the run: those of the plan."""
    pallets, options = _opened(source, options, RunContext(say=lambda _: None))
    folders = _folders(pallets, options)
    rows = [
        f"{f'region {name}: ' if name else ''}{title}: {text}"
        for name, pallet in pallets.items()
        if refusal(pallet, options) is None
        for title, text in plan.fault_rows(_faults_of_run(pallet, options, folders[name]))
    ]
    return [*rows, *remarks(pallets, options, folders)]


def _faults_of_run(pallet: Pallet, options: ScanOptions, folder: Path) -> dict[str, str]:
    selected = plan.select(pallet, options.only, options.where)
    _, missing = plan.first_units(pallet, selected, options.question, read_records(folder))
    return _faults(pallet, missing, options.question)


def _faults(pallet: Pallet, units: Sequence[Unit], question: AnyQuestion) -> dict[str, str]:
    """The reasons of the hypotheses that would have no result."""
    return dict(model_faults(pallet, question.options, {unit.hypothesis for unit in units}, job=question.job))


def _at_a_time(options: ScanOptions) -> int:
    """The fits that run at a time; on this machine no more than it has cores, whatever --threads says."""
    return min(options.workers, usable_cores()) if options.endpoints.on_this_machine else options.workers
