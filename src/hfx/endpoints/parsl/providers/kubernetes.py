"""The provider for Kubernetes: its keys, and the arguments of Parsl's KubernetesProvider."""

from dataclasses import dataclass
from typing import ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.parsl.environment import exports
from hfx.endpoints.parsl.providers.base import Provider
from hfx.json_types import JsonObject

__all__ = ["Kubernetes"]


@dataclass(frozen=True, kw_only=True)
class Kubernetes(Provider):
    """Workers in pods: a block is one pod."""

    label: ClassVar[str] = "kubernetes"
    parsl_class: ClassVar[str] = "parsl.providers:KubernetesProvider"
    image: str | None = toml_fields.word(None)
    namespace: str = toml_fields.word("default")
    memory_gb: int = toml_fields.whole(4)  # of each pod
    secret: str | None = toml_fields.word(None)  # to pull the image
    service_account: str | None = toml_fields.word(None)
    encrypted: bool = toml_fields.switch(False)  # the keys are files, which the pods would have to share

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image is None:
            raise ValueError('the key image is missing; give one that contains Python and hfx, as image = "registry/hfx:1"')

    def setup(self) -> str:
        """The lines before the command that starts the workers; the image's own Python is used."""
        return "\n".join((*exports(), *self.devices(), *self.worker_init))

    def arguments(self) -> JsonObject:
        """The arguments of parsl.providers.KubernetesProvider."""
        cores, memory = float(self.cores_of_node), f"{self.memory_gb}Gi"
        gpus: JsonObject | None = {"nvidia.com/gpu": str(self.gpus)} if self.gpus else None
        return {
            **self.blocks(),
            "image": self.image,
            "namespace": self.namespace,
            "init_cpu": cores,
            "max_cpu": cores,
            "init_mem": memory,
            "max_mem": memory,
            "extra_requests": gpus,
            "extra_limits": gpus,
            "secret": self.secret,
            "service_account_name": self.service_account,
        }
