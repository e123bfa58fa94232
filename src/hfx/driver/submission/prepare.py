"""What it takes to hand a whole scan over: to a batch job that drives it, or to a process that outlives the terminal.

The pallet is referenced, not copied: by its absolute path, or, where it was fetched, by its URL or DOI and the cache, which
the job finds it in without a network. What was changed in between is noticed by its digests.
"""

import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hfx import endpoints
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import lock, provenance
from hfx.driver.scan.regions import ready_source
from hfx.driver.scan.scan import Ready, Setting, check_here
from hfx.driver.submission import record as submission
from hfx.driver.submission.record import Submission
from hfx.driver.submission.status import Standing
from hfx.endpoints import Endpoint
from hfx.endpoints.batch.base import SCRIPT, Driver
from hfx.endpoints.batch.endpoint_file import endpoint_file
from hfx.endpoints.batch.systems import SYSTEMS
from hfx.pallets.cache import cache_folder

__all__ = ["Handover", "again", "notes", "planned", "text", "told"]


@dataclass(frozen=True)
class Handover:
    """A scan that can be handed over: nothing has been written yet, nor started.

    `files`: by name, what is written into the run's folder ``job``; `words` and `environment`: what a process of this
    machine runs, where `submission` is of one.
    """

    begin: Ready
    options: ScanOptions
    submission: Submission
    files: dict[str, str]
    words: list[str]
    environment: dict[str, str]

    @property
    def folder(self) -> Path:
        """The run's."""
        return self.begin.path

    def text(self) -> str:
        """What would be submitted: the script (and, for HTCondor, the submit description), or the process' command line."""
        texts = [text for name, text in self.files.items() if "/" not in name]
        return "\n".join(texts) or shlex.join(self.words) + "\n"


def planned(source: str, options: ScanOptions, setting: Setting) -> Handover:
    """Open the pallet, check all that can be checked here, and say what would be submitted.

    Raises `HfxError`: the pallet, an option, the endpoint or the folder cannot be used.
    """
    check_here(options)
    source = str(Path(source).expanduser().resolve()) if Path(source).expanduser().exists() else source
    options = replace(options, endpoint=_absolute(options))
    begin = ready_source(source, options, setting)
    begin = replace(begin, path=begin.path.absolute())
    options = replace(options, output=begin.path)
    return _handover(source, begin, options)


def _absolute(options: ScanOptions) -> tuple[str, ...] | None:
    """The endpoints as they are found from any folder."""
    if options.endpoint is None:
        return None
    found = endpoints.resolve_all(options.endpoint)
    given = options.endpoint if isinstance(options.endpoint, tuple) else (str(options.endpoint),)
    by_path = ["/" in name or name.endswith(".toml") for name in given]
    return tuple(str(e.file.absolute()) if path and e.file else name for name, path, e in zip(given, by_path, found, strict=True))


def _handover(source: str, begin: Ready, options: ScanOptions) -> Handover:
    found = endpoints.resolve_all(options.endpoint)
    # Several clusters are spoken to from the one place that knows them all.
    how = found[0].spec.submit_as if len(found) == 1 else "here"
    folder = submission.job_folder(begin.path)
    files, name = _own_endpoint(found[0], folder) if len(found) == 1 else ({}, None)
    environment = {"HFX_CACHE": str(cache_folder().absolute()), **({"HFX_CONFIG": str(folder)} if name else {})}
    words = options.words(source, begin.path, endpoint=name)
    driver = Driver(_job_name(begin.path), folder, words, environment)
    label = found[0].spec.label if how != "here" else ""
    if label:
        files |= SYSTEMS[label].files(found[0], driver)
    handed = Submission(
        how=how,
        system=label,
        endpoint=options.places,
        source=source,
        options=options.public(),
        since=provenance.now(),
        script=str(folder / SCRIPT) if label else None,
        log=str(driver.log),
        poll_seconds=found[0].spec.poll_interval,
    )
    return Handover(begin, options, handed, files, _of_this_python(words), environment)


def _own_endpoint(endpoint: Endpoint, folder: Path) -> tuple[dict[str, str], str | None]:
    """For a batch system, the endpoint's file as the driver uses it, and the name by which the driver finds it.

    It is kept under the user's own name for it, in a configuration folder of the run's: run.json says what the user said.
    """
    text = endpoint_file(endpoint, folder / "parsl")
    if text is None:
        return {}, None
    name = f"my-{endpoint.name}" if endpoint.name in endpoints.engine_names() else endpoint.name
    return {f"endpoints/{name}.toml": text}, name


def _job_name(run: Path) -> str:
    return "hfx-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", run.name) or "scan")


def _of_this_python(words: list[str]) -> list[str]:
    return [sys.executable, "-P", "-m", *words]


def again(there: Standing, setting: Setting) -> Handover:
    """The hand-over of a run that was submitted before, from what was kept of it."""
    assert there.submitted is not None
    return planned(there.submitted.source, there.submitted.scan_options(), setting)


def notes(scan: Handover) -> list[str]:
    """What the user should know of where the driver runs."""
    handed = scan.submission
    if handed.how == "driver-job":
        name = scan.submission.endpoint
        tried = f"they are as the file of {name} says, and 'hfx endpoint check {name}' tries them"
        return [f"the driver is a small job, which submits the workers' jobs; both wait in the queue; {tried}"]
    if handed.how == "one-job":
        return ["driver and workers are one job"]
    found = endpoints.resolve_all(scan.options.endpoint)
    sentences = [
        f"the driver is a process of this machine, {lock.myself().host}, which survives the terminal: the machine must stay up"
    ]
    if any(endpoint.engine == "globus" for endpoint in found):
        sentences.append(
            "Globus drops results that nobody fetches for 30 minutes, so the driver collects them here; should it die, "
            f"'hfx attach {scan.folder}' starts it again, which submits again what has expired"
        )
    return sentences


def told(scan: Handover, handed: Submission) -> dict[str, Any]:
    """What `hfx submit` prints, as a dict for scripts."""
    folder = scan.folder
    return {
        "folder": str(folder),
        "how": handed.how,
        "endpoint": handed.endpoint,
        "job": handed.job,
        "system": handed.system or None,
        "pid": handed.process.pid if handed.process else None,
        "script": handed.script,
        "log": handed.log,
        "next": [f"hfx {word} {shlex.quote(str(folder))}" for word in ("status", "attach", "cancel")],
    }


def text(told: dict[str, Any]) -> str:
    """The same for people."""
    driver = f"{told['system']} {told['job']}" if told["system"] else f"process {told['pid']}"
    rows = [
        ("run", told["folder"]),
        ("driver", f"{driver} ({told['how']}), endpoint {told['endpoint']}"),
        *([("script", told["script"])] if told["script"] else []),
        ("log", told["log"]),
        *zip(("next", "", ""), told["next"], strict=True),
    ]
    return "\n".join(f"{name:<8}{value}" for name, value in rows)
