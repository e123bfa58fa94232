"""The thread of a Globus Compute endpoint, which submits tasks in batches and requests their results.

It uses HTTPS only: results are requested, not received through a message queue, so that no other port must be open and no
queue has to be deleted at the end.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from hfx.endpoints.globus.errors import translated
from hfx.endpoints.globus.function import Registration, serializer
from hfx.endpoints.globus.ledger import Ledger
from hfx.endpoints.globus.liveness import Liveness
from hfx.endpoints.globus.service import Closed, MaybeDone, Service
from hfx.endpoints.globus.specification import Globus
from hfx.endpoints.globus.submission import SETTLING, Submission
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError, NodeLostError, TooLargeError, WorkerLostError
from hfx.functions import wire, wire_text
from hfx.json_types import JsonObject

__all__ = ["Task", "TaskThread"]

_MOST_TASKS = 128  # in one submission, and in one request for results
_FIRST_POLL, _SLOWER = 0.5, 1.3  # seconds until the first request for results; the factor for each further one
_GATHERING = 0.4  # the longest time for which the first of several tasks waits for the others, in seconds
_MISSED = 5  # requests for results whose answers may omit a task


@dataclass(eq=False)
class Task:
    """A submitted task.

    Args:
        future: gets its result.
        request: the request as text.
        digest: names the request.
        recorded: whether it is in the ledger; a second equal task at the same time is not.
        tries: the number of submissions that failed.
        id: the service's id of the task, once it is submitted.
        since: the time of the submission (monotonic).
    """

    future: Future[object]
    request: str
    digest: str
    recorded: bool = True
    tries: int = 0
    id: str | None = None
    since: float = field(default_factory=time.monotonic)


class TaskThread:
    """The tasks of one endpoint that have no result yet (`open`), and the thread that submits them and gets their results.

    Args:
        endpoint: of the globus engine.
        folder: for the ledgers and the ids of functions.
    """

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._endpoint, self._spec, self._where = endpoint, endpoint.spec_as(Globus), str(endpoint)
        self._folder = folder
        self._change = threading.Condition()
        self._closing = threading.Event()
        self._started = False
        self._queue: deque[Task] = deque()
        self.open: set[Task] = set()
        self.refusal: EndpointError | None = None
        self._submitted: dict[str, Task] = {}  # by the service's id
        self._perhaps_submitted: dict[str, Task] = {}  # the answer to their submission was lost; by digest
        self._unidentified: set[str] = set()  # ids of tasks whose digests are not known
        self._listed: set[str] = set()  # groups of earlier clients whose tasks were listed
        self._missed: Counter[str] = Counter()  # by id: answers of the service that omitted the task
        self._pause, self._due = _FIRST_POLL, 0.0
        self._thread = threading.Thread(target=self._run, name=f"hfx-globus-{endpoint.name}", daemon=True)

    def put(self, task: Task) -> None:
        """Queue a task; raises `EndpointError` if the endpoint has turned out to be unusable."""
        with self._change:
            if self.refusal is not None:
                raise self.refusal
            task.recorded = all(other.digest != task.digest for other in self.open)
            self.open.add(task)
            self._queue.append(task)
            if not self._thread.is_alive():
                self._thread.start()
            self._change.notify_all()

    def close(self, done: bool) -> None:
        """End the thread. The ledger keeps open tasks; it keeps the last answers too, unless the client is `done`."""
        self._closing.set()
        with self._change:
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(5.0)  # a pending request may take longer; its answer is ignored
        if done and self._started:
            self._ledger.forget_answered(0.0)

    def _run(self) -> None:
        try:
            self._start()
            while not self._closing.is_set():
                self._round()
        except Closed:
            pass
        except EndpointError as error:
            self._refuse(error)
        except OSError as error:
            self._refuse(EndpointError(f"{self._where}: {self._folder} cannot be written ({error}); set XDG_STATE_HOME"))
        except Exception as error:
            self._refuse(EndpointError(f"{self._where}: {type(error).__name__}: {error}; please report this"))

    def _refuse(self, error: EndpointError) -> None:
        with self._change:
            self.refusal = error
            refused = list(self.open)
        for task in refused:
            self._end(task, error, None)

    def _start(self) -> None:
        assert self._spec.endpoint_id is not None
        self._service = Service(self._where, self._spec.endpoint_id, self._spec.patience, self._closing, self._spec.identity)
        registration = Registration(self._service, self._folder / "functions", self._spec.group)
        self._ledger = Ledger(self._folder / "tasks" / self._spec.key(self._service.address))
        self._submission = Submission(self._endpoint, self._service, registration, self._ledger)
        self._started = True
        self._liveness = Liveness(self._service, self._spec.patience)
        self._serializer = serializer()
        self._service.check_online()

    def _round(self) -> None:
        """Submit the queued tasks, and request results if it is time to."""
        taken = self._take()
        fresh = [task for task in taken if not self._collect(task)]
        if fresh:
            self._send(fresh)
        if taken:
            self._pause, self._due = _FIRST_POLL, time.monotonic() + _FIRST_POLL
        if (self._submitted or self._unidentified) and time.monotonic() >= self._due:
            self._poll()
        self._ledger.forget_answered(SETTLING)

    def _take(self) -> list[Task]:
        """The queued tasks that fit into one request; waits for a task, at most until the next request for results."""
        with self._change:
            if not self._queue and not self._closing.is_set():
                busy = self._submitted or self._unidentified
                self._change.wait(max(0.0, self._due - time.monotonic()) if busy else SETTLING)
            self._gather()
            taken: list[Task] = []
            room = wire_text.LIMIT
            while self._queue and len(taken) < _MOST_TASKS and len(self._queue[0].request) <= room:
                room -= len(self._queue[0].request)
                taken.append(self._queue.popleft())
        for task in taken:
            if not task.future.running() and not task.future.set_running_or_notify_cancel():
                self.open.discard(task)
        return [task for task in taken if task in self.open]

    def _gather(self) -> None:
        """Wait while more tasks are queued, so that tasks that come together make one request."""
        count, deadline = 0, time.monotonic() + _GATHERING
        while count < len(self._queue) and time.monotonic() < deadline and not self._closing.is_set():
            count = len(self._queue)
            self._change.wait(_GATHERING / 4)

    # Submission

    def _collect(self, task: Task) -> bool:
        """Whether an earlier client has, or may have, submitted the same task: then this client gets its result."""
        if not task.recorded or task.tries:
            return False
        answer = self._ledger.answer(task.digest)
        if answer is not None:
            self._finish(task, answer)
            return True
        entry = self._ledger.find(task.digest)
        if entry is None or entry.group is None:
            return False
        if entry.task is not None:
            self._add_submitted(task, entry.task)
            return True
        if entry.group not in self._listed:
            self._listed.add(entry.group)
            return self._list_unidentified([task], entry.group)
        if self._unidentified:
            self._perhaps_submitted[task.digest] = task
        return bool(self._unidentified)

    def _send(self, tasks: Sequence[Task]) -> None:
        """Submit tasks as one batch."""
        group = self._submission.group()
        self._ledger.intend((task.digest for task in tasks if task.recorded), group)
        begun = time.monotonic()
        while True:
            try:
                self._record_ids(tasks, group, self._submission.submit([task.request for task in tasks]))
            except MaybeDone as error:
                self._service.wait(SETTLING, begun, str(error))
                if not self._list_unidentified(tasks, group):
                    continue
            except TooLargeError as error:
                self._too_large(tasks, error)
            return

    def _record_ids(self, tasks: Sequence[Task], group: str, ids: Sequence[str]) -> None:
        if len(ids) != len(tasks):
            raise EndpointError(f"{self._where}: the service took {len(ids)} of {len(tasks)} tasks; run the same command again")
        self._ledger.submitted({task.digest: id_ for task, id_ in zip(tasks, ids, strict=True) if task.recorded}, group)
        self._ledger.learn(group, ids)
        for task, id_ in zip(tasks, ids, strict=True):
            self._add_submitted(task, id_)

    def _list_unidentified(self, tasks: Sequence[Task], group: str) -> bool:
        """Whether tasks may have been submitted although the answer was lost: their group has tasks of unknown digests."""
        self._unidentified |= self._service.group(group) - self._ledger.known(group) - set(self._submitted)
        if not self._unidentified:
            return False
        self._perhaps_submitted.update({task.digest: task for task in tasks})
        return True

    def _too_large(self, tasks: Sequence[Task], error: TooLargeError) -> None:
        """After a refusal for its size, submit each task of a batch alone; a single task fails."""
        for task in tasks if len(tasks) > 1 else ():
            self._send([task])
        if len(tasks) == 1:
            self._end(tasks[0], error, None)

    def _add_submitted(self, task: Task, id_: str) -> None:
        task.id, task.since = id_, time.monotonic()
        self._submitted[id_] = task

    # Results

    def _poll(self) -> None:
        """Request the states and results of all submitted tasks."""
        before = len(self.open)
        ids = [*self._submitted, *self._unidentified]
        for start in range(0, len(ids), _MOST_TASKS):
            some = ids[start : start + _MOST_TASKS]
            states = self._service.tasks(some)
            for id_ in some:
                self._read(id_, states.get(id_) or self._omitted(id_))
        if not self._unidentified:
            self._resubmit(list(self._perhaps_submitted.values()))
            self._perhaps_submitted.clear()
        if len(self.open) < before:
            self._pause = _FIRST_POLL
            self._liveness.answered()
        else:
            self._pause = min(self._pause * _SLOWER, self._spec.poll_seconds)
        self._due = time.monotonic() + self._pause
        self._liveness.check()

    def _omitted(self, id_: str) -> JsonObject:
        """The state of a task that the service's answer omits: pending, because it may be new; failed after some answers."""
        self._missed[id_] += 1
        return {"status": "pending" if self._missed[id_] < _MISSED else "failed"}

    def _read(self, id_: str, state: JsonObject) -> None:
        """Act upon the state of one task."""
        task = self._submitted.get(id_)
        if str(state.get("status", "")).lower() not in ("success", "failed"):
            self._check_late(task)
            return
        self._submitted.pop(id_, None)
        self._unidentified.discard(id_)
        if "result" in state:
            digest, answer = wire_text.decoded(self._serializer.deserialize(str(state["result"])))
            task = task or self._perhaps_submitted.pop(digest, None)
            if task is not None:
                self._finish(task, answer)
        elif task is not None and "exception" in state:
            self._end(task, translated(str(state["exception"]), self._where), None)
        elif task is not None:
            self._lost(task, "the service lost it, or dropped its result")

    def _check_late(self, task: Task | None) -> None:
        """Give up waiting for a task after `lost_after` seconds."""
        late = self._spec.lost_after
        if task is not None and late is not None and time.monotonic() - task.since > late:
            self._submitted.pop(str(task.id))
            self._lost(task, f"it was not answered for {late:.0f} s (lost_after)")

    def _lost(self, task: Task, why: str) -> None:
        """Submit a task again; after too many tries it fails."""
        if task.tries >= self._spec.retries:
            self._end(task, NodeLostError(f"{self._where}: {why}, {task.tries + 1} times"), None)
        else:
            self._resubmit([task])

    def _resubmit(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            task.tries, task.id = task.tries + 1, None
            with self._change:
                self._queue.append(task)

    def _finish(self, task: Task, raw: bytes) -> None:
        """Set a task's result. The answer stays on disk for as long as the client may need to write its own records."""
        try:
            result = wire.answer(raw)
        except (EndpointError, WorkerLostError, TooLargeError) as error:
            self._end(task, type(error)(f"{self._where}: {error}"), None)
        except Exception as error:
            self._end(task, error, None)
        else:
            if task.recorded:
                self._ledger.keep_answer(task.digest, raw)
            self._end(task, None, result)

    def _end(self, task: Task, error: BaseException | None, result: object) -> None:
        with self._change:
            self.open.discard(task)
        if task.future.done():
            return
        if error is None:
            task.future.set_result(result)
            return
        if task.recorded and not isinstance(error, EndpointError):
            self._ledger.forget(task.digest)  # the scan reports it, or tries it again as another task
        task.future.set_exception(error)
