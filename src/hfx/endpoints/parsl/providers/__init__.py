"""Providers of Parsl's workers: local, Slurm, HTCondor and Kubernetes; one file each, and one line in `PROVIDERS`."""

from hfx.endpoints.parsl.providers.base import Provider
from hfx.endpoints.parsl.providers.htcondor import HTCondor
from hfx.endpoints.parsl.providers.kubernetes import Kubernetes
from hfx.endpoints.parsl.providers.local import Local
from hfx.endpoints.parsl.providers.slurm import Slurm

__all__ = ["PROVIDERS"]

# By the value of the key "provider"; the first is the default.
PROVIDERS: dict[str, type[Provider]] = {kind.label: kind for kind in (Local, Slurm, HTCondor, Kubernetes)}
