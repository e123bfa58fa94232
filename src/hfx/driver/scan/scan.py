"""The scan of one region: from an open pallet and options to the results in a run's folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hfx.driver.plot.request import styled
from hfx.driver.process import compile_kernels, interpreter_tuning
from hfx.driver.questions import scan_content as contents
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import clock, provenance
from hfx.driver.run.events import Contour
from hfx.driver.run.file_types import Curve, RunContent, ScanContent, curves_of
from hfx.driver.run.folder import RunFolder, opened
from hfx.driver.run.journal import Journal
from hfx.driver.scan import estimate, plan, run_identity, submit_and_retry, theory_band
from hfx.driver.scan.preparation import ready
from hfx.driver.scan.remarks import remarks
from hfx.driver.scan.run_context import RunContext, connected
from hfx.driver.scan.scheduler import Finals, Scheduler
from hfx.pallets import Hypothesis, Pallet

__all__ = ["Finished", "batch_size", "finish", "scan_pallet"]


@dataclass(frozen=True)
class Finished:
    """A run that has ended: the content of its scan.json, and its folder."""

    content: ScanContent
    folder: Path


def scan_pallet(pallet: Pallet, options: ScanOptions, context: RunContext) -> Finished:
    """Scan one region into ``options.output`` or the default folder."""
    begin = ready(pallet, options)
    path, selected = begin.path, plan.select(pallet, options.only, options.where)
    for warning in pallet.warnings:
        context.say(warning)
    if context.remarks:
        for sentence in remarks({"": pallet}, options, {"": path}):
            context.say(sentence)
    if options.output is None and (taken := run_identity.passed_over(path, pallet.name, pallet.region, begin.identity)):
        context.say(f"{taken}; this scan is written to {path}")
    with interpreter_tuning.tuned_for_fits(), opened(path, context.say) as folder:
        if context.began is not None:
            context.began(path)
        earlier = folder.run()
        journal = Journal(folder, begin.head(options, earlier), context.listener)
        spoilt = folder.check_records(options.question.check_record, context.say)
        _check_fits(pallet, selected, options, folder)
        with journal.running("results.jsonl"):
            finals = _run(pallet, selected, options, context, journal, None if spoilt else _all_rounds(earlier))
            content = _content(pallet, options, finals)
            theory_curves = theory_band.curves(pallet, options, path, replace(context, remarks=False), scan_pallet)
            finish(content, theory_curves, options, journal, context)
            if finals.all_rounds is not None:
                journal.head["all_rounds"] = finals.all_rounds
    return Finished(content, path)


def _check_fits(pallet: Pallet, selected: Sequence[Hypothesis], options: ScanOptions, folder: RunFolder) -> None:
    """Raise `EndpointError` where a task of the first round is more than an endpoint's service takes."""
    _, missing = plan.first_units(pallet, selected, options.question, folder.records())
    estimate.check_fits(pallet, missing, options.question, options.endpoints)


def _all_rounds(earlier: RunContent | None) -> str | None:
    """The digest of the keys over which a finished run went through all rounds; earlier versions called it "exchanged"."""
    if earlier is None or earlier.get("state") != "finished":
        return None
    return earlier.get("all_rounds") or earlier.get("exchanged")


def _run(
    pallet: Pallet,
    selected: tuple[Hypothesis, ...],
    options: ScanOptions,
    context: RunContext,
    journal: Journal,
    done_before: str | None,
) -> Finals:
    if context.function is None and options.device == "cpu" and options.endpoints.have_child_workers:
        compile_kernels.announce_compilation(context.say)
    with connected(options, context) as surrounded:
        assert surrounded.pool is not None
        scheduler = Scheduler(
            question=options.question,
            pallet=pallet,
            selected=selected,
            folder=journal.folder,
            pool=surrounded.pool,
            function=context.function or _worker_function(),
            emit=journal.emit,
            settle=journal.settle,
            workers=options.workers,
            device=options.device,
            stop=context.stop,
            batch=batch_size(len(selected), options, context),
        )
        finals = scheduler.run(done_before=done_before)
    journal.flush()  # what follows may take a while
    return finals


def batch_size(hypotheses: int, options: ScanOptions, context: RunContext) -> int:
    """The most hypotheses of a task: fewer where several endpoints share them, so that the faster can take more."""
    if isinstance(options.endpoint, tuple):
        return max(1, min(context.batch, hypotheses // (4 * options.workers)))
    return context.batch


def _worker_function() -> submit_and_retry.Function:
    from hfx.functions.task import run

    return run


def _content(pallet: Pallet, options: ScanOptions, finals: Finals) -> ScanContent:
    question, order = options.question, [(h.name, h.values) for h in pallet.hypotheses]
    answered = [name for name, _ in order if name not in finals.reasons and name not in finals.incomplete]
    return contents.content(
        question,
        provenance.pallet_block(pallet),
        options.public(),
        contents.answers(question, finals.records, answered),
        contents.failures(order, finals.reasons),
        finals.conclusions,
    )


def finish(
    content: ScanContent,
    more: Sequence[Curve],
    options: ScanOptions,
    journal: Journal,
    context: RunContext,
) -> None:
    """Write scan.json with its curves (`more` of them from elsewhere) and draw the picture."""
    from hfx.driver.plane.selection import caption_of
    from hfx.driver.plot import run_planes, scan_picture
    from hfx.driver.plot.run_data import plot_data

    folder: RunFolder = journal.folder
    folder.write_scan(content)  # the numbers first: no picture can lose them
    if options.question.surface is None:
        return
    planes = run_planes.in_planes(plot_data(content), content, styled(content["options"]))
    content["contours"] = planes.contours(more)
    folder.write_scan(content)
    command, stem = journal.head["command"], folder.path / "contour"
    files = scan_picture.draw(content, stem, command, context.say, planes=planes, part=caption_of(content))
    journal.emit(Contour(clock.now(), len(curves_of(content["contours"])), tuple(f.name for f in files)))


Scan = Callable[[Pallet, ScanOptions, RunContext], Finished]
