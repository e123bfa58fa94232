"""The table of batch systems for ``hfx submit``; each is one file with one class, and one line here."""

from hfx.endpoints.batch.base import Job, System
from hfx.endpoints.batch.htcondor import HTCondor
from hfx.endpoints.batch.slurm import Slurm

__all__ = ["SYSTEMS", "Job", "System"]

# By the provider's label, the value of the key "provider" in an endpoint file.
SYSTEMS: dict[str, System] = {"slurm": Slurm(), "htcondor": HTCondor()}
