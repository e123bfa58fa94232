"""The traffic with Globus Compute: one thread that submits what waits, in batches, and asks for what is not answered yet.

It speaks HTTPS only: results are asked for, so that no port but the browser's must be open, and no queue is left behind.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hfx.endpoints.globus.errors import translated
from hfx.endpoints.globus.function import Registration, serializer
from hfx.endpoints.globus.ledger import Ledger
from hfx.endpoints.globus.liveness import Vigil
from hfx.endpoints.globus.service import Closed, MaybeDone, Service
from hfx.endpoints.globus.submission import SETTLING, Submission
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError, NodeLostError, TooLargeError, WorkerLostError
from hfx.functions import wire, wire_text

__all__ = ["Traffic", "Work"]

_MOST_TASKS = 128  # of a batch, and of a look at results
_FIRST_LOOK, _SLOWER = 0.5, 1.3  # seconds after which results are asked for; then ever more slowly
_FLOCK = 0.4  # seconds at most that the first of several tasks waits for the others
_MISSED = 5  # looks at which a task may be missing


@dataclass(eq=False)
class Work:
    """A task on its way: its future, its request as text, and what the service calls it."""

    future: Future[Any]
    request: str
    digest: str
    kept: bool = True  # in the ledger; not a second equal task at the same time
    tries: int = 0
    task: str | None = None
    since: float = field(default_factory=time.monotonic)


class Traffic:
    """`open` is what has no answer yet. `folder`: where ledgers and ids of functions are kept."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._endpoint, self._spec, self._where = endpoint, endpoint.spec, str(endpoint)
        self._folder = folder
        self._change = threading.Condition()
        self._closing = threading.Event()
        self._begun = False
        self._waiting: deque[Work] = deque()
        self.open: set[Work] = set()
        self.refusal: EndpointError | None = None
        self._watched: dict[str, Work] = {}  # by the service's id
        self._nameless: dict[str, Work] = {}  # submitted, perhaps; by digest
        self._strangers: set[str] = set()  # ids whose digests are not known
        self._doubted: set[str] = set()  # groups of earlier clients that were asked for strangers
        self._missed: Counter[str] = Counter()  # looks at which the service did not mention a task
        self._pause, self._due = _FIRST_LOOK, 0.0
        self._thread = threading.Thread(target=self._run, name=f"hfx-globus-{endpoint.name}", daemon=True)

    def put(self, work: Work) -> None:
        """Take on a task; raises `EndpointError` where the endpoint was found unusable."""
        with self._change:
            if self.refusal is not None:
                raise self.refusal
            work.kept = all(other.digest != work.digest for other in self.open)
            self.open.add(work)
            self._waiting.append(work)
            if not self._thread.is_alive():
                self._thread.start()
            self._change.notify_all()

    def close(self, done: bool) -> None:
        """No more traffic; what is open stays in the ledger, and what was answered last, unless the client is `done`."""
        self._closing.set()
        with self._change:
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(5.0)  # a request under way may take longer; nobody reads its answer
        if done and self._begun:
            self._ledger.forget_answered(0.0)

    def _run(self) -> None:
        try:
            self._begin()
            while not self._closing.is_set():
                self._turn()
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
        for work in refused:
            self._end(work, error, None)

    def _begin(self) -> None:
        self._service = Service(self._where, self._spec.endpoint_id, self._spec.patience, self._closing, self._spec.identity)
        registration = Registration(self._service, self._folder / "functions", self._spec.group)
        self._ledger = Ledger(self._folder / "tasks" / self._spec.key(self._service.address))
        self._submission = Submission(self._endpoint, self._service, registration, self._ledger)
        self._begun = True
        self._vigil = Vigil(self._service, self._spec.patience)
        self._serializer = serializer()
        self._service.check_online()

    def _turn(self) -> None:
        """One round: submit what waits, and look for answers when it is time."""
        taken = self._taken()
        fresh = [work for work in taken if not self._collects(work)]
        if fresh:
            self._send(fresh)
        if taken:
            self._pause, self._due = _FIRST_LOOK, time.monotonic() + _FIRST_LOOK
        if (self._watched or self._strangers) and time.monotonic() >= self._due:
            self._look()
        self._ledger.forget_answered(SETTLING)

    def _taken(self) -> list[Work]:
        """What waits and fits in one request; waits for it, or until it is time to look for answers."""
        with self._change:
            if not self._waiting and not self._closing.is_set():
                busy = self._watched or self._strangers
                self._change.wait(max(0.0, self._due - time.monotonic()) if busy else SETTLING)
            self._await_more()
            taken: list[Work] = []
            room = wire_text.LIMIT
            while self._waiting and len(taken) < _MOST_TASKS and len(self._waiting[0].request) <= room:
                room -= len(self._waiting[0].request)
                taken.append(self._waiting.popleft())
        for work in taken:
            if not work.future.running() and not work.future.set_running_or_notify_cancel():
                self.open.discard(work)
        return [work for work in taken if work in self.open]

    def _await_more(self) -> None:
        """Tasks come in flocks: one request for all, rather than one for the first and another for the rest."""
        count, deadline = 0, time.monotonic() + _FLOCK
        while count < len(self._waiting) and time.monotonic() < deadline and not self._closing.is_set():
            count = len(self._waiting)
            self._change.wait(_FLOCK / 4)

    # Submission

    def _collects(self, work: Work) -> bool:
        """Whether an earlier client has submitted the very same: then its answer is waited for."""
        if not work.kept or work.tries:
            return False
        answer = self._ledger.answer(work.digest)
        if answer is not None:
            self._settle(work, answer)
            return True
        entry = self._ledger.find(work.digest)
        if entry is None or entry.group is None:
            return False
        if entry.task is not None:
            self._watch(work, entry.task)
            return True
        if entry.group not in self._doubted:
            self._doubted.add(entry.group)
            return self._doubtful([work], entry.group)
        if self._strangers:
            self._nameless[work.digest] = work
        return bool(self._strangers)

    def _send(self, works: Sequence[Work]) -> None:
        """Submit as one batch."""
        group = self._submission.group()
        self._ledger.intend((work.digest for work in works if work.kept), group)
        begun = time.monotonic()
        while True:
            try:
                self._ids(works, group, self._submission.submit([work.request for work in works]))
            except MaybeDone as said:
                self._service.wait(SETTLING, begun, str(said))
                if not self._doubtful(works, group):
                    continue
            except TooLargeError as error:
                self._too_large(works, error)
            return

    def _ids(self, works: Sequence[Work], group: str, ids: Sequence[str]) -> None:
        if len(ids) != len(works):
            raise EndpointError(f"{self._where}: the service took {len(ids)} of {len(works)} tasks; run the same command again")
        self._ledger.submitted({work.digest: one for work, one in zip(works, ids, strict=True) if work.kept}, group)
        self._ledger.learn(group, ids)
        for work, one in zip(works, ids, strict=True):
            self._watch(work, one)

    def _doubtful(self, works: Sequence[Work], group: str) -> bool:
        """Whether works, whose submission was not answered, may have arrived: the group has tasks that nobody knows."""
        self._strangers |= self._service.group(group) - self._ledger.known(group) - set(self._watched)
        if not self._strangers:
            return False
        self._nameless.update({work.digest: work for work in works})
        return True

    def _too_large(self, works: Sequence[Work], error: TooLargeError) -> None:
        """The service takes less than it says; each of its own."""
        for work in works if len(works) > 1 else ():
            self._send([work])
        if len(works) == 1:
            self._end(works[0], error, None)

    def _watch(self, work: Work, task: str) -> None:
        work.task, work.since = task, time.monotonic()
        self._watched[task] = work

    # Answers

    def _look(self) -> None:
        """Ask for what is not answered yet."""
        before = len(self.open)
        ids = [*self._watched, *self._strangers]
        for start in range(0, len(ids), _MOST_TASKS):
            some = ids[start : start + _MOST_TASKS]
            told = self._service.tasks(some)
            for one in some:
                self._hear(one, told.get(one) or self._unmentioned(one))
        if not self._strangers:
            self._again(list(self._nameless.values()))
            self._nameless.clear()
        if len(self.open) < before:
            self._pause = _FIRST_LOOK
            self._vigil.heard()
        else:
            self._pause = min(self._pause * _SLOWER, self._spec.poll_seconds)
        self._due = time.monotonic() + self._pause
        self._vigil.look()

    def _unmentioned(self, task: str) -> Mapping[str, Any]:
        """A task that the service does not mention may be one that it has only just taken."""
        self._missed[task] += 1
        return {"status": "pending" if self._missed[task] < _MISSED else "failed"}

    def _hear(self, task: str, told: Mapping[str, Any]) -> None:
        """The service's word on one task."""
        work = self._watched.get(task)
        if str(told.get("status", "")).lower() not in ("success", "failed"):
            self._give_up_hung(work)
            return
        self._watched.pop(task, None)
        self._strangers.discard(task)
        if "result" in told:
            digest, answer = wire_text.decoded(self._serializer.deserialize(told["result"]))
            work = work or self._nameless.pop(digest, None)
            if work is not None:
                self._settle(work, answer)
        elif work is not None and "exception" in told:
            self._end(work, translated(str(told["exception"]), self._where), None)
        elif work is not None:
            self._lost(work, "the service lost it, or dropped its result")

    def _give_up_hung(self, work: Work | None) -> None:
        late = self._spec.lost_after
        if work is not None and late is not None and time.monotonic() - work.since > late:
            self._watched.pop(str(work.task))
            self._lost(work, f"it was not answered for {late:.0f} s (lost_after)")

    def _lost(self, work: Work, why: str) -> None:
        """Submit again, within limits."""
        if work.tries >= self._spec.retries:
            self._end(work, NodeLostError(f"{self._where}: {why}, {work.tries + 1} times"), None)
        else:
            self._again([work])

    def _again(self, works: Iterable[Work]) -> None:
        for work in works:
            work.tries, work.task = work.tries + 1, None
            with self._change:
                self._waiting.append(work)

    def _settle(self, work: Work, raw: bytes) -> None:
        """An answer: kept on disk until the client has surely written its records down."""
        try:
            result = wire.answer(raw)
        except (EndpointError, WorkerLostError, TooLargeError) as told:
            self._end(work, type(told)(f"{self._where}: {told}"), None)
        except Exception as told:
            self._end(work, told, None)
        else:
            if work.kept:
                self._ledger.keep_answer(work.digest, raw)
            self._end(work, None, result)

    def _end(self, work: Work, error: BaseException | None, result: Any) -> None:
        with self._change:
            self.open.discard(work)
        if work.future.done():
            return
        if error is None:
            work.future.set_result(result)
            return
        if work.kept and not isinstance(error, EndpointError):
            self._ledger.forget(work.digest)  # it is tried again as something else, or reported
        work.future.set_exception(error)
