"""The specification of a Globus Compute endpoint."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hfx.endpoints import toml_fields
from hfx.endpoints.specification import Settings, Specification
from hfx.functions import wire_text
from hfx.json_types import JsonValue

__all__ = ["Globus"]


@dataclass(frozen=True, kw_only=True)
class Globus(Specification):
    """A Globus Compute endpoint. It decides itself how many workers it starts; `workers` is the number to plan with."""

    endpoint_id: str | None = toml_fields.identifier()
    user_endpoint_config: Mapping[str, JsonValue] = toml_fields.table()  # the variables of the endpoint's template
    workers: int = toml_fields.whole(8)
    threads: int = toml_fields.whole(1)  # of each worker
    device: str | None = toml_fields.device()
    identity: str | None = toml_fields.text(None)  # the identity that must be logged in: its id, or a user's name
    group: str | None = toml_fields.identifier()  # the Globus group that the function is shared with
    function_id: str | None = toml_fields.identifier()  # a function that a member of the group has registered
    retries: int = toml_fields.whole(3, least=0)  # for a task that the service has lost
    lost_after: float | None = toml_fields.number(None, least=1)  # seconds after which a task without an answer is lost
    patience: float = toml_fields.number(600.0, least=1)  # seconds for which the service or the endpoint may be unreachable
    poll_seconds: float = toml_fields.number(4.0, least=0.5)  # the longest time between two requests for results

    most_bytes: ClassVar[int | None] = wire_text.LIMIT
    sent_per_packed: ClassVar[float] = 1.25  # base85

    def __post_init__(self) -> None:
        if self.endpoint_id is None:
            raise ValueError("the key endpoint_id is missing; 'globus-compute-endpoint list' shows it at the endpoint's site")

    @property
    def settings(self) -> Settings:
        """The settings that replace those of each task."""
        return Settings(threads=self.threads, device=self.device) if self.device else Settings(threads=self.threads)

    @property
    def poll_interval(self) -> float:
        """The longest time between two requests for results, in seconds."""
        return self.poll_seconds

    def most_workers(self, cores: int) -> int:
        """The number of workers to plan with."""
        return self.workers

    def key(self, service: str) -> str:
        """The name of the folder for its tasks: a digest of the service, the endpoint and the values of its template."""
        content = json.dumps([service, self.endpoint_id, dict(self.user_endpoint_config)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]
