"""How tasks are put to Globus Compute: in a group, as calls of one registered function."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from hfx.endpoints.globus.function import Registration, serializer
from hfx.endpoints.globus.ledger import Ledger
from hfx.endpoints.globus.service import MaybeDone, Service, UnknownFunction
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError
from hfx.functions import wire_text

__all__ = ["SETTLING", "Submission"]

SETTLING = 3.0  # seconds that a submission whose answer was lost gets to be acted upon


class Submission:
    """The submissions of one client, which make one group of tasks."""

    def __init__(self, endpoint: Endpoint, service: Service, registration: Registration, ledger: Ledger) -> None:
        self._where, self._spec = str(endpoint), endpoint.spec
        self._service, self._registration, self._ledger = service, registration, ledger
        self._serializer = serializer()
        self._group: str | None = None

    def group(self) -> str:
        """The service names a group with its first tasks; a first task of no weight makes sure that no other is in doubt."""
        begun = time.monotonic()
        while self._group is None:
            try:
                group, ids = self._put([wire_text.hello()], None)
            except MaybeDone as said:
                self._service.wait(SETTLING, begun, str(said))
            else:
                self._ledger.learn(group, ids)
                self._group = group
        return self._group

    def submit(self, requests: Sequence[str]) -> list[str]:
        """Submit as one batch; the tasks' ids, in order. Raises as `Service.submit` does."""
        return self._put(requests, self.group())[1]

    def _put(self, requests: Sequence[str], group: str | None) -> tuple[str, list[str]]:
        """Group and ids of the tasks; a function that the service has forgotten is registered again."""
        for last in (False, True):
            function = self._spec.function_id or self._registration.id()
            try:
                told = self._service.submit(self._batch(requests, function, group))
            except UnknownFunction as said:
                if last or self._spec.function_id:
                    raise EndpointError(
                        f"{self._where}: its function cannot be used ({said}); "
                        f"check function_id, and that you are in the group that it is shared with"
                    ) from None
                self._registration.forget()
            else:
                return str(told["task_group_id"]), list(told["tasks"][function])
        raise AssertionError("unreachable")

    def _batch(self, requests: Sequence[str], function: str, group: str | None) -> Mapping[str, Any]:
        from globus_compute_sdk.sdk.batch import Batch, create_user_runtime
        from globus_compute_sdk.serialize import JSONData

        made = Batch(
            group,
            user_endpoint_config=dict(self._spec.user_endpoint_config),
            serializer=self._serializer,
            user_runtime=create_user_runtime(),
            result_serializers=[f"{JSONData.__module__}.{JSONData.__name__}"],
        )
        for request in requests:
            made.add(function, (request,))
        content: Mapping[str, Any] = made.prepare()
        return content
