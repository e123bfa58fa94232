"""The text of ``--plan``: what a run would do; nothing is written."""

from pathlib import Path

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run.folder import read_run
from hfx.driver.run.records import read_records
from hfx.driver.scan import estimate, plan, run_identity
from hfx.driver.scan.preparation import folder_of
from hfx.driver.scan.run_context import RunContext
from hfx.driver.scan.run_identity import Identity
from hfx.driver.scan.scan import batch_size
from hfx.pallets import Pallet

__all__ = ["describe"]


def describe(pallet: Pallet, options: ScanOptions) -> str:
    """The plan as text. Raises `EndpointError` for tasks that an endpoint would not take."""
    selected = plan.select(pallet, options.only, options.where)
    question = options.question
    same = run_identity.of_scan(pallet, question)
    path = folder_of(pallet, options, same)
    stored = _stored(path, same)
    missing = [h for h in selected if h.name not in stored]
    places = options.endpoints
    estimate.check_fits(pallet, missing, question, places)
    here = options.endpoint in (None, "embedded", "inline")
    gpus = any(device != "cpu" for device in places.devices(options.device))
    size = batch_size(len(missing), options, RunContext())
    by_name = {h.name: h for h in missing}
    groups = [[by_name[name] for name in names] for names in plan.batches(list(by_name), size, options.workers)]
    return plan.describe(
        pallet,
        missing,
        question,
        kept=sum(h.name in stored for h in selected),
        folder=str(path),
        endpoint=str(options.endpoints),
        threads=options.cores,
        device=options.device,
        workers=None if here else options.workers,
        size=size,
        sent=() if here else estimate.sent(pallet, groups, question, places, options.device),
        estimate=estimate.estimate(
            pallet, missing, question, options.workers, None if options.endpoints.on_this_machine or gpus else options.cores
        ),
    )


def _stored(path: Path, same: Identity) -> set[str]:
    """The hypotheses that have records in the folder already."""
    run_identity.check_same(path, read_run(path), same)
    return set(read_records(path).local.by_name())
