"""The preparation of a submission: the files, command line and environment of the batch job or process that will drive the scan.

The pallet is referenced, not copied: by its absolute path, or, if it was fetched, by its URL or DOI. The job then finds it in the
cache, without a network. If it is changed before the job starts, its digests differ, and the driver refuses it.
"""

import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from hfx import endpoints
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import lock, provenance
from hfx.driver.run.submission_file import job_folder
from hfx.driver.scan.preparation import Ready, check_here
from hfx.driver.scan.regions import ready_source
from hfx.driver.scan.run_context import RunContext
from hfx.driver.submission.record import Submission
from hfx.driver.submission.status import RunStatus
from hfx.endpoints import Endpoint
from hfx.endpoints.batch.base import SCRIPT, Driver
from hfx.endpoints.batch.driver_endpoint_file import endpoint_file
from hfx.endpoints.batch.systems import SYSTEMS
from hfx.pallets.cache import cache_folder
from hfx.printable import printable
from hfx.user_paths import expanded, is_there

__all__ = [
    "PreparedSubmission",
    "SubmissionReport",
    "notes",
    "prepare_resubmission",
    "prepare_scan",
    "report",
    "report_text",
]


@dataclass(frozen=True)
class PreparedSubmission:
    """A scan that can be submitted; nothing is written or started yet.

    `files`: texts of the files in the run's folder ``job``, by name. `command` and `environment`: command line and environment
    variables of the driver, if it is a process of this machine.
    """

    ready: Ready
    options: ScanOptions
    submission: Submission
    files: dict[str, str]
    command: list[str]
    environment: dict[str, str]

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.ready.path

    def text(self) -> str:
        """The job's script (and, for HTCondor, its submit description), or the process' command line."""
        texts = [text for name, text in self.files.items() if "/" not in name]
        return "\n".join(texts) or shlex.join(self.command) + "\n"


class SubmissionReport(TypedDict):
    """The output of ``hfx submit --json``."""

    folder: str
    how: str
    endpoint: str
    job: str | None
    system: str | None
    pid: int | None
    script: str | None
    log: str
    next: list[str]


def prepare_scan(source: str, options: ScanOptions, context: RunContext) -> PreparedSubmission:
    """Open the pallet, check everything that can be checked on this machine, and prepare the submission.

    Raises `HfxError`: the pallet, an option, the endpoint or the folder cannot be used.
    """
    check_here(options)
    source = str(expanded(source).resolve()) if is_there(expanded(source)) else source
    options = replace(options, endpoint=_absolute(options))
    ready = ready_source(source, options, context)
    ready = replace(ready, path=ready.path.absolute())
    options = replace(options, output=ready.path)
    return _prepare(source, ready, options)


def _absolute(options: ScanOptions) -> tuple[str, ...] | None:
    """The endpoints, with the absolute path of those that were given as files."""
    if options.endpoint is None:
        return None
    found = options.endpoints.members
    given = options.endpoint if isinstance(options.endpoint, tuple) else (str(options.endpoint),)
    by_path = ["/" in name or name.endswith(".toml") for name in given]
    return tuple(str(e.file.absolute()) if path and e.file else name for name, path, e in zip(given, by_path, found, strict=True))


def _prepare(source: str, ready: Ready, options: ScanOptions) -> PreparedSubmission:
    found = options.endpoints.members
    # With several endpoints the driver runs on this machine, which can connect to all of them.
    how = found[0].spec.submit_as if len(found) == 1 else "here"
    folder = job_folder(ready.path)
    files, name = _endpoint_file(found[0], folder) if len(found) == 1 else ({}, None)
    environment = {"HFX_CACHE": str(cache_folder().absolute()), **({"HFX_CONFIG": str(folder)} if name else {})}
    arguments = options.words(source, ready.path, endpoint=name)
    driver = Driver(_job_name(ready.path), folder, arguments, environment)
    label = found[0].spec.label if how != "here" else ""
    if label:
        files |= SYSTEMS[label].files(found[0], driver)
    submission = Submission(
        how=how,
        system=label,
        endpoint=str(options.endpoints),
        source=source,
        options=options.public(),
        since=provenance.now(),
        script=str(folder / SCRIPT) if label else None,
        log=str(driver.log),
        poll_seconds=found[0].spec.poll_interval,
        question=options.question.name,
    )
    return PreparedSubmission(ready, options, submission, files, _with_this_python(arguments), environment)


def _endpoint_file(endpoint: Endpoint, folder: Path) -> tuple[dict[str, str], str | None]:
    """For a batch system: the endpoint file that the driver reads, as {path: text}, and the endpoint's name in the driver.

    The name is the user's own, so that run.json shows what the user typed; the file lies in a configuration folder of the run.
    """
    text = endpoint_file(endpoint, folder / "parsl")
    if text is None:
        return {}, None
    name = f"my-{endpoint.name}" if endpoint.name in endpoints.engine_names() else endpoint.name
    return {f"endpoints/{name}.toml": text}, name


def _job_name(run: Path) -> str:
    return "hfx-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", run.name) or "scan")


def _with_this_python(arguments: list[str]) -> list[str]:
    return [sys.executable, "-P", "-m", *arguments]


def prepare_resubmission(status: RunStatus, context: RunContext) -> PreparedSubmission:
    """The preparation of a run that was submitted before, from the record of that submission."""
    assert status.submission is not None
    return prepare_scan(status.submission.source, status.submission.scan_options(), context)


def notes(prepared: PreparedSubmission) -> list[str]:
    """Sentences for the user on the place where the driver runs."""
    submission = prepared.submission
    if submission.how == "driver-job":
        return [
            "the driver, the process that sends tasks to the workers and collects results, is a small batch job; it submits the "
            f"jobs of the workers, which may wait in the queue too; 'hfx endpoint check {submission.endpoint}' tests these jobs"
        ]
    if submission.how == "one-job":
        return ["the driver, the process that sends tasks to the workers and collects results, is one batch job with the workers"]
    sentences = [
        f"the scan runs in a background process on this machine, {lock.this_process().host}: it continues when the terminal is "
        "closed, but ends if the machine is shut down"
    ]
    if any(endpoint.engine == "globus" for endpoint in endpoints.resolve_all(prepared.options.endpoint)):
        sentences.append(
            "Globus deletes results that are not fetched within 30 minutes, so this process must keep running; if it ends early, "
            f"'hfx attach {prepared.folder}' starts it again, and it repeats the tasks whose results were deleted"
        )
    return sentences


def report(prepared: PreparedSubmission, submission: Submission) -> SubmissionReport:
    """The facts that `hfx submit` prints after a submission."""
    folder = prepared.folder
    return {
        "folder": str(folder),
        "how": submission.how,
        "endpoint": submission.endpoint,
        "job": submission.job,
        "system": submission.system or None,
        "pid": submission.process.pid if submission.process else None,
        "script": submission.script,
        "log": submission.log,
        "next": [f"hfx {word} {shlex.quote(str(folder))}" for word in ("status", "attach", "cancel")],
    }


def report_text(report: SubmissionReport) -> str:
    """The report as lines of text."""
    driver = f"{report['system']} job {report['job']}" if report["system"] else f"process {report['pid']} on this machine"
    width = max(map(len, report["next"]))
    uses = ("shows how far it is", "shows it until it ends", "stops it")
    rows = [
        ("run", report["folder"]),
        ("driver", driver),
        ("endpoint", report["endpoint"]),
        *([("script", report["script"])] if report["script"] else []),
        ("log", report["log"]),
        *((name, f"{word:<{width}}  {use}") for name, word, use in zip(("next", "", ""), report["next"], uses, strict=True)),
    ]
    return "\n".join(f"{name:<10}{printable(str(value))}" for name, value in rows)
