"""A run that can begin: its folder, its identity and the head of its run.json, after all that can be checked before."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from hfx.driver.plane import axes
from hfx.driver.process.cores import check_device
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import lock, provenance
from hfx.driver.run.file_types import PalletBlock, RunContent
from hfx.driver.run.folder import REMEDY, check_run_folder, read_run
from hfx.driver.scan import plan, theory_band
from hfx.driver.scan import run_identity as identity
from hfx.driver.scan.run_identity import Identity
from hfx.pallets import Hypothesis, Pallet

__all__ = ["Ready", "check_folder", "check_here", "check_scan", "folder_of", "ready"]


@dataclass(frozen=True)
class Ready:
    """A run that can begin: its folder, the pallet's block of run.json, and what no other run in that folder may differ in."""

    path: Path
    pallet: PalletBlock
    identity: Identity

    def head(self, options: ScanOptions, earlier: RunContent | None) -> RunContent:
        """The content of run.json but for the state; raises `RunFolderError` where `earlier` is of another scan."""
        identity.check_same(self.path, earlier, self.identity, self.pallet["name"])
        source = str(self.pallet["source"])
        command = options.command(source, self.path)
        place = Path(source)
        now = provenance.now()
        public = options.public()
        head = {
            **provenance.versions(),
            "question": options.question.name,
            "pallet": self.pallet,
            "location": str(place.resolve()) if place.exists() else source,
            "options": public,
            "endpoint": public["endpoint"] or "embedded",
            "fits_here": options.endpoints.on_this_machine,
            "threads": options.cores,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "command": command,
            "started": earlier.get("started", now) if earlier else now,
            "resumed": _resumed(earlier, now),
            **_batch_job(earlier),
            "identity": self.identity,
        }
        return cast(RunContent, head)


def _resumed(earlier: RunContent | None, now: str) -> list[str]:
    """The times at which the run was resumed; one that was submitted begins now, which was written down then."""
    if not earlier:
        return []
    return [*earlier.get("resumed", []), *([now] if earlier.get("state") != "submitted" else [])]


def _batch_job(earlier: RunContent | None) -> dict[str, str | None]:
    """Of a driver that is a batch job: the job, as "slurm:17", and its script."""
    job = os.environ.get(lock.JOB)
    return {"job": job, "script": (earlier or {}).get("script")} if job else {}


def check_here(options: ScanOptions) -> None:
    """Raise `OptionError` where this machine is to compute on a device that it does not have."""
    for device in options.endpoints.devices_of_this_machine(options.device):
        check_device(device)


def ready(pallet: Pallet, options: ScanOptions) -> Ready:
    """Check all that can be checked before a run begins, but for its folder, which another run may be using: see `check_folder`.

    Raises `OptionError` for a selection or an axis that cannot be used, and `RunFolderError` where the folder of a variation of
    the theory band contains another scan.
    """
    selected = plan.select(pallet, options.only, options.where)
    check_axes(pallet, selected, options)
    theory_band.check(options, [h.name for h in selected])
    same = identity.of_scan(pallet, options.question)
    begin = Ready(folder_of(pallet, options, same), provenance.pallet_block(pallet), same)
    for variation in theory_band.variations(pallet, options, begin.path):
        check_scan(ready(variation.source, variation.options))
    return begin


def check_scan(begin: Ready) -> None:
    """Raise `RunFolderError` where the run's folder contains another scan."""
    identity.check_same(begin.path, read_run(begin.path, REMEDY), begin.identity, begin.pallet["name"])


def check_folder(begin: Ready) -> None:
    """Raise `RunFolderError` where the run could not begin in its folder; nothing is written."""
    check_run_folder(begin.path)
    lock.check_free(begin.path)
    check_scan(begin)


def check_axes(pallet: Pallet, selected: Sequence[Hypothesis], options: ScanOptions) -> None:
    """Raise `OptionError` for axes or a forbidden region that no picture of these hypotheses can be drawn with."""
    values = [h.values for h in selected]
    if any((options.x, options.y, options.forbidden)):
        axes.check(pallet.labels, values, options.x, options.y, options.forbidden)
    if options.logx or options.logy:
        from hfx.driver.plane.logarithms import check_positive

        chosen = axes.choose(pallet.labels, values, *axes.in_force(pallet.labels, values, options.x, options.y))
        chosen = replace(chosen, logx=options.logx, logy=options.logy)
        check_positive(chosen, [h.name for h in selected], axes.places(chosen, pallet.labels, values))


def folder_of(pallet: Pallet, options: ScanOptions, same: Identity) -> Path:
    """The run's folder: as asked, or the default one."""
    if options.output is not None:
        return Path(options.output)
    return identity.default_folder(pallet.name, pallet.region, same)
