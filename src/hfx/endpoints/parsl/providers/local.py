"""The local provider: Parsl's workers on this machine."""

from dataclasses import dataclass
from typing import ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.parsl.providers.base import Provider

__all__ = ["Local"]


@dataclass(frozen=True, kw_only=True)
class Local(Provider):
    """Workers on this machine through Parsl, to try out an endpoint file for a cluster."""

    label: ClassVar[str] = "local"
    parsl_class: ClassVar[str] = "parsl.providers:LocalProvider"
    on_this_machine: ClassVar[bool] = True
    poll_seconds: float = toml_fields.number(0.5, least=0.1)

    @property
    def workers_per_node(self) -> int:
        """The number of workers on this machine, in each block."""
        return self.workers or self.gpus or 2
