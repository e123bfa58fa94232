"""The jobs that a worker can run.

A job is a line in `JOBS`. Others come with packages that are installed on the worker and name them as entry points of the group
``hfx.jobs``: the name of the job, and the place of its `Job`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from hfx.errors import InputError
from hfx.functions.options import JobOptions
from hfx.json_types import JsonObject
from hfx.version import __version__

if TYPE_CHECKING:
    from hfx.functions.prepared_hypotheses import Prepared

__all__ = ["GROUP", "JOBS", "NUMERICS", "Entry", "Job", "Unanswered", "entry_of", "job_for"]

NUMERICS = 7
"""Raised whenever the numbers of a fit change: results of different numerics are not mixed in one run."""

GROUP = "hfx.jobs"

Options = TypeVar("Options", bound=JobOptions)


class Unanswered(NamedTuple):
    """A hypothesis without a result, with the reason."""

    reason: str


Answers = Sequence[JsonObject | Unanswered]


@dataclass(frozen=True)
class Job(Generic[Options]):
    """A computation of a worker for a batch of hypotheses.

    ``version`` is raised when the content of its tasks or answers changes, ``numerics`` when their numbers do. ``answer`` gives,
    for each of the prepared units, the content of its record, or why there is none; its second argument is the task's ``inputs``.
    ``compiled``: whether it needs the compiled model. ``faults`` gives, for each of the prepared units and without a fit, why
    `answer` would give none, or None.
    """

    name: str
    version: int
    numerics: int
    options: type[Options]
    answer: Callable[[Prepared[Options], JsonObject], Answers]
    compiled: bool = True
    faults: Callable[[Prepared[Options]], Sequence[str | None]] | None = None


class Entry(NamedTuple):
    """The place of a job, ``module:attribute``, and its versions: known without loading it."""

    place: str
    version: int
    numerics: int


JOBS: dict[str, Entry] = {
    "cls": Entry("hfx.functions.jobs.cls:JOB", version=4, numerics=NUMERICS),
}


def entry_of(name: str) -> Entry:
    """The place and the version of the job of this name; raises `InputError` where this hfx does not know it."""
    if name in JOBS:
        return JOBS[name]
    for point in entry_points(group=GROUP, name=name):
        job: Job[JobOptions] = point.load()
        return Entry(point.value, job.version, job.numerics)
    raise InputError(
        f"the worker's hfx {__version__} has no job {name!r}; it has {', '.join(JOBS)}; install the same packages for client and "
        f"workers"
    )


def job_for(name: object, version: object) -> Job[JobOptions]:
    """The job for a task; raises `InputError` where this worker has none of this name and version."""
    entry = entry_of(str(name))
    if entry.version != version:
        raise InputError(
            f"the task needs version {version} of the job {name!r}, and the worker's hfx {__version__} runs version "
            f"{entry.version}; install the same hfx for client and workers"
        )
    module, _, attribute = entry.place.partition(":")
    found: Job[JobOptions] = getattr(import_module(module), attribute)
    return found
