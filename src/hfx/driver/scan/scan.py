"""The scan: a pallet in, a run's folder and a `ScanResult` out."""

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hfx import endpoints
from hfx.driver.plot import scan_picture
from hfx.driver.plot.request import styled
from hfx.driver.process import compile_kernels, garbage_collection
from hfx.driver.process.cores import check_device
from hfx.driver.questions.options import ScanOptions
from hfx.driver.results import ScanResult
from hfx.driver.run import provenance
from hfx.driver.run.contents import ScanContent
from hfx.driver.run.events import Contour, Listener
from hfx.driver.run.folder import RunFolder, opened
from hfx.driver.run.journal import Journal, header
from hfx.driver.scan import dispatch, estimate, identity, plan, theory_band
from hfx.driver.scan.scheduler import Fitted, Fitting
from hfx.errors import OptionError
from hfx.pallets import Hypothesis, Pallet, open_pallet

__all__ = ["Ready", "Setting", "ready", "scan", "scan_pallet"]


def _to_stderr(sentence: str) -> None:
    print(f"hfx: {sentence}", file=sys.stderr)


@dataclass(frozen=True)
class Setting:
    """What surrounds a scan and leaves its results alone.

    `say` gets sentences for the user, `listener` events; `run` is what a worker runs (None:
    hfx.functions.jobs.cls); `stop`, once set, ends the scan with `CancelledError`; `batch` is the most
    hypotheses that a task holds; `progress` hears of bytes fetched, and of how many there are. `pool` runs the
    tasks; None: the endpoint is connected to, and left at the end. `began` hears of the run's folder once it is ours,
    and of each one beneath it.
    """

    say: Callable[[str], None] = _to_stderr
    listener: Listener | None = None
    run: dispatch.Run | None = None
    stop: threading.Event | None = None
    batch: int = plan.BATCH
    progress: Callable[[int, int | None], None] | None = None
    pool: Executor | None = None
    began: Callable[[Path], None] | None = None


def scan(pallet: str | Path | Pallet, *, live: bool = False, setting: Setting | None = None, **options: Any) -> ScanResult:
    """Fit every hypothesis of a pallet and draw what is excluded.

    `pallet`: a file, a folder, an https URL, a HEPData resource DOI, or an open `Pallet`. The options are
    those of ``hfx scan``, with underscores: ``region``, ``mu``, ``only``, ``where``, ``x``, ``y``,
    ``output``, ...; see `hfx.driver.questions.options.ScanOptions`. The run's folder is made, or gone on with where it
    holds this very scan. With `live` it is watched while it runs: in a notebook the contour is drawn in the cell and
    updated in place, elsewhere on the terminal.

    Raises `hfx.HfxError`: the pallet, an option or the folder cannot be used. A hypothesis that cannot be
    fitted is no error: see `ScanResult.failures`.
    """
    checked, own = ScanOptions.of(options), setting or Setting()
    if not live:
        return scan_source(pallet, checked, own)
    from hfx.driver.views.live import View

    with View(options).shown(own.listener) as shown:
        watched = replace(own, say=shown.say, progress=shown.fetched, listener=shown.listen)
        return scan_source(pallet, checked, watched)


def scan_source(source: str | Path | Pallet, options: ScanOptions, setting: Setting) -> ScanResult:
    """`scan` with its options checked already."""
    from hfx.driver.scan.regions import scan_regions

    check_here(options)
    with _connected(options, setting) as connected:
        if options.region == "all":
            return scan_regions(source, options, connected)
        return scan_pallet(open_source(source, options, options.region, setting), options, connected)


def check_here(options: ScanOptions) -> None:
    """Raise `OptionError` where this machine is to compute on a device that it does not have."""
    for endpoint in endpoints.resolve_all(options.endpoint):
        if endpoint.engine in ("inline", "process"):
            check_device(endpoint.settings.get("device", options.device))


@contextmanager
def _connected(options: ScanOptions, setting: Setting) -> Iterator[Setting]:
    """The setting with a pool: one for all regions and variations of a scan, whose workers start when they are wanted."""
    if setting.pool is not None:
        yield setting
        return
    cores = 1 if options.endpoint is None and options.device != "cpu" else options.cores
    with endpoints.connect(options.endpoint, cores, say=setting.say) as pool:
        yield replace(setting, pool=pool)


def open_source(source: str | Path | Pallet, options: ScanOptions, region: str | None, setting: Setting) -> Pallet:
    """The open pallet; raises `PalletError`, or `OptionError` when an open one is of another region."""
    if isinstance(source, Pallet):
        if region not in (None, source.region):
            raise OptionError(f"the open pallet is of region {source.region}, not {region}; give its source")
        return usable(source, options)
    with identity.no_run(source):
        pallet = open_pallet(str(source), region, labels=options.labels, verify=options.verify, progress=setting.progress)
    return usable(pallet, options)


def usable(pallet: Pallet, options: ScanOptions) -> Pallet:
    """The pallet, if it has the measurement asked for; else `OptionError`, once and not for each hypothesis."""
    names = [str(measurement.get("name")) for measurement in pallet.background["measurements"]]
    if options.measurement is not None and options.measurement not in names:
        raise OptionError(f"--measurement '{options.measurement}' is not one of {pallet.name}'s: {', '.join(names)}")
    return pallet


@dataclass(frozen=True)
class Ready:
    """A scan that can begin: its run's folder, what run.json says of the pallet, and what no other scan there may have."""

    path: Path
    pallet: dict[str, Any]
    identity: dict[str, Any]

    def header(self, options: ScanOptions, earlier: dict[str, Any] | None) -> dict[str, Any]:
        """The content of run.json but for the state; raises `RunFolderError` where `earlier` is of another scan."""
        identity.check_same(self.path, earlier, self.identity)
        command = options.command(str(self.pallet["source"]), self.path)
        return header(self.pallet, options, self.identity, command, earlier)


def ready(pallet: Pallet, options: ScanOptions) -> Ready:
    """Look at all that can be looked at before a scan begins; raises `OptionError` for a selection or axis that cannot be."""
    selected = plan.select(pallet, options.only, options.where)
    block = provenance.pallet_block(pallet)
    scan_picture.check_axes(block, [{"name": h.name, "values": list(h.values)} for h in selected], options)
    theory_band.check(options, [h.name for h in selected])
    same = identity.of_scan(pallet, options.fit, numerics())
    return Ready(_folder(pallet, options, same), block, same)


def scan_pallet(pallet: Pallet, options: ScanOptions, setting: Setting) -> ScanResult:
    """Scan one region into ``options.output`` or the default folder."""
    begin = ready(pallet, options)
    path, selected = begin.path, plan.select(pallet, options.only, options.where)
    for warning in pallet.warnings:
        setting.say(warning)
    if options.output is None and (taken := identity.passed_over(path, pallet.name, pallet.region)):
        setting.say(f"{taken} holds another scan, by its options or its versions; this one goes to {path}")
    with garbage_collection.beside_fits(), opened(path, setting.say) as folder:
        if setting.began is not None:
            setting.began(path)
        earlier = folder.run()
        journal = Journal(folder, begin.header(options, earlier), setting.listener)
        settled = (earlier or {}).get("exchanged") if (earlier or {}).get("state") == "finished" else None
        stored = folder.records().local.places
        todo = [h for h in selected if h.name not in stored]
        estimate.check_fits(pallet, todo, options.fit, endpoints.resolve_all(options.endpoint))
        with journal.running("results.jsonl"):
            fitted = _fit(pallet, selected, options, setting, journal, settled)
            content = _content(pallet, options, fitted, folder)
            theory_curves = theory_band.curves(pallet, options, path, setting, scan_pallet)
            finish(content, theory_curves, options, journal, setting)
            if not fitted.unexchanged:
                journal.head["exchanged"] = _digest(sorted(fitted.places))
    return ScanResult(content, path)


def describe(pallet: Pallet, options: ScanOptions) -> str:
    """What ``--plan`` prints: the plan as text; nothing is written. Raises `EndpointError` for what cannot work."""
    selected = plan.select(pallet, options.only, options.where)
    same = identity.of_scan(pallet, options.fit, numerics())
    path = _folder(pallet, options, same)
    stored = _stored(path, same)
    todo = [h for h in selected if h.name not in stored]
    places = endpoints.resolve_all(options.endpoint)
    estimate.check_fits(pallet, todo, options.fit, places)
    here = options.endpoint in (None, "embedded", "inline")
    gpus = any(place.settings.get("device", options.device) != "cpu" for place in places)
    size = _batch(len(todo), options, Setting())
    by_name = {h.name: h for h in todo}
    groups = [[by_name[name] for name in names] for names in plan.batches(list(by_name), size, options.workers)]
    return plan.describe(
        pallet,
        todo,
        options.fit,
        kept=sum(h.name in stored for h in selected),
        folder=str(path),
        endpoint=options.places,
        threads=options.cores,
        device=options.device,
        workers=None if here else options.workers,
        size=size,
        sent=() if here else estimate.sent(pallet, groups, options.fit, places, 1, options.device),
        estimate=estimate.estimate(pallet, todo, options.fit, options.workers, None if options.here or gpus else options.cores),
    )


def _stored(path: Path, same: dict[str, Any]) -> set[str]:
    from hfx.driver.run.folder import read_json
    from hfx.driver.run.records import read_records

    identity.check_same(path, read_json(path, "run.json"), same)
    return set(read_records(path).local)


def numerics() -> str:
    """The version of the numerics: results of another one are not mixed with ours."""
    from hfx.functions.jobs.cls import NUMERICS

    return str(NUMERICS)


def _folder(pallet: Pallet, options: ScanOptions, same: dict[str, Any]) -> Path:
    if options.output is not None:
        return Path(options.output)
    return identity.default_folder(pallet.name, pallet.region, same)


def _fit(
    pallet: Pallet,
    selected: tuple[Hypothesis, ...],
    options: ScanOptions,
    setting: Setting,
    journal: Journal,
    settled: str | None,
) -> Fitted:
    here = any(endpoint.engine in ("inline", "process") for endpoint in endpoints.resolve_all(options.endpoint))
    if setting.run is None and options.device == "cpu" and here:
        compile_kernels.announce(setting.say)
    with _connected(options, setting) as connected:
        assert connected.pool is not None
        fitting = Fitting(
            pallet=pallet,
            selected=selected,
            options=options.fit,
            folder=journal.folder,
            pool=connected.pool,
            run=setting.run or _worker_function(),
            emit=journal.emit,
            settle=journal.settle,
            threads=options.workers,
            device=options.device,
            stop=setting.stop,
            batch=_batch(len(selected), options, setting),
        )
        fitted = fitting.fit(settled=lambda names: _digest(names) == settled)
    journal.flush()  # what comes now may take a while
    return fitted


def _batch(hypotheses: int, options: ScanOptions, setting: Setting) -> int:
    """The most hypotheses of a task: fewer where several endpoints share them, so that the faster can take more."""
    if isinstance(options.endpoint, tuple):
        return max(1, min(setting.batch, hypotheses // (4 * options.workers)))
    return setting.batch


def _worker_function() -> dispatch.Run:
    from hfx.functions.jobs.cls import run

    return run


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _content(pallet: Pallet, options: ScanOptions, fitted: Fitted, folder: RunFolder) -> dict[str, Any]:
    order = [(h.name, h.values) for h in pallet.hypotheses]
    stored = folder.records().last
    return scan_picture.content(
        provenance.pallet_block(pallet),
        options,
        (scan_picture.choose(stored.at(fitted.places[name]), options.minima) for name, _ in order if name in fitted.places),
        scan_picture.failures(order, fitted.reasons),
    )


def finish(
    content: dict[str, Any],
    more: Sequence[dict[str, Any]],
    options: ScanOptions,
    journal: Journal,
    setting: Setting,
) -> None:
    """Write scan.json with its curves (`more` of them from elsewhere) and draw the picture."""
    folder: RunFolder = journal.folder
    # The numbers first: no picture can lose them.
    folder.write_scan(content)
    from hfx.driver.plot.run_data import plot_data

    scan, picture = cast(ScanContent, content), styled(content["options"])
    plane = scan_picture.plane(plot_data(scan), picture)
    content["contours"] = {**plane.contours, "curves": [*plane.contours["curves"], *more]}
    folder.write_scan(content)
    files = scan_picture.draw(scan, folder.path / "contour", picture, journal.head["command"], setting.say, plane=plane)
    journal.emit(Contour(time.time(), len(content["contours"]["curves"]), tuple(f.name for f in files)))
