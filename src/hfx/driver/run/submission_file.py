"""The location of a submitted run's files: the folder ``job`` in the run's folder, with the record of the submission."""

from pathlib import Path

__all__ = ["NAME", "is_submitted", "job_folder"]

NAME = "submission.json"


def job_folder(run: Path) -> Path:
    """The folder that holds the script, the log and the endpoint file of a run's driver."""
    return run / "job"


def is_submitted(run: Path) -> bool:
    """Whether the run was started by ``hfx submit``."""
    return (job_folder(run) / NAME).exists()
