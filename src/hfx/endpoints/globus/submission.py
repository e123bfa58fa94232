"""Submissions to Globus Compute: tasks of one group, as calls of one registered function."""

import time
from collections.abc import Sequence
from typing import cast

from hfx.endpoints.globus.function import Registration, serializer
from hfx.endpoints.globus.ledger import Ledger
from hfx.endpoints.globus.service import MaybeDone, Service, UnknownFunction
from hfx.endpoints.globus.specification import Globus
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError
from hfx.functions import wire_text
from hfx.json_types import JsonObject

__all__ = ["SETTLING", "Submission"]

SETTLING = 3.0  # seconds until a submission whose answer was lost has taken effect, if it was received


class Submission:
    """The submissions of one client, which form one group of tasks."""

    def __init__(self, endpoint: Endpoint, service: Service, registration: Registration, ledger: Ledger) -> None:
        self._where, self._spec = str(endpoint), endpoint.spec_as(Globus)
        self._service, self._registration, self._ledger = service, registration, ledger
        self._serializer = serializer()
        self._group: str | None = None

    def group(self) -> str:
        """The id of the group. The service makes it with the group's first task, which here is an empty one, so that the group is
        known before the submission of any other task can get lost."""
        begun = time.monotonic()
        while self._group is None:
            try:
                group, ids = self._put([wire_text.hello()], None)
            except MaybeDone as error:
                self._service.wait(SETTLING, begun, str(error))
            else:
                self._ledger.learn(group, ids)
                self._group = group
        return self._group

    def submit(self, requests: Sequence[str]) -> list[str]:
        """Submit tasks as one batch, and return their ids in order. Raises as `Service.submit` does."""
        return self._put(requests, self.group())[1]

    def _put(self, requests: Sequence[str], group: str | None) -> tuple[str, list[str]]:
        """Group and ids of the tasks; a function that the service has forgotten is registered again."""
        for last in (False, True):
            function = self._spec.function_id or self._registration.id()
            try:
                answer = self._service.submit(self._batch(requests, function, group))
            except UnknownFunction as error:
                if last or self._spec.function_id:
                    raise EndpointError(
                        f"{self._where}: its function cannot be used ({error}); "
                        f"check function_id, and that you are in the group that it is shared with"
                    ) from None
                self._registration.forget()
            else:
                tasks = answer["tasks"]
                ids = tasks[function] if isinstance(tasks, dict) else None
                return str(answer["task_group_id"]), [str(id_) for id_ in ids] if isinstance(ids, list) else []
        raise AssertionError("unreachable")

    def _batch(self, requests: Sequence[str], function: str, group: str | None) -> JsonObject:
        from globus_compute_sdk.sdk.batch import Batch, create_user_runtime
        from globus_compute_sdk.serialize import JSONData

        batch = Batch(
            group,
            user_endpoint_config=dict(self._spec.user_endpoint_config),
            serializer=self._serializer,
            user_runtime=create_user_runtime(),
            result_serializers=[f"{JSONData.__module__}.{JSONData.__name__}"],
        )
        for request in requests:
            batch.add(function, (request,))
        return cast(JsonObject, batch.prepare())
