"""A stand-in on loopback for the web services of Globus: the routes of Auth and Compute that clients and endpoints call.

Tasks and results go through a real RabbitMQ to and from a real ``globus-compute-endpoint``. It keeps the limits that the
service's documentation states (10 MB a request and a result, results kept until they were fetched, or for a while), counts
what it is asked, and fails on command: `Rule`. It answers as a proxy too, since an endpoint's address of a local
service is fixed in its code: ``HTTP_PROXY`` leads here.
"""

import hashlib
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pika
from globus_compute_common.messagepack import pack, unpack
from globus_compute_common.messagepack.message_types import EPStatusReport, Result, Task

LIMIT = 10_000_000
IDENTITY = str(uuid.uuid5(uuid.NAMESPACE_DNS, "hfx-test-user"))
DROP = "drop the connection"

Answer = tuple[int, dict[str, Any]]


@dataclass
class Rule:
    """Fail requests: ``answer`` is (status, content), with Retry-After if given, or `DROP`.

    `after`: what was asked is done before. `held`: the answer waits for it. `skip`: so many requests are left alone first.
    """

    method: str
    path: str
    answer: Any
    times: int = 1
    after: bool = False
    retry_after: int | None = None
    held: threading.Event | None = None
    skip: int = 0

    def meets(self, method: str, path: str) -> bool:
        if self.times == 0 or self.method != method or self.path not in path:
            return False
        self.skip -= 1
        if self.skip >= 0:
            return False
        self.times -= 1
        return True


@dataclass
class _State:
    functions: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)  # heartbeats
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)


class Standin:
    """The service; `submitted` counts the tasks by digest of their content."""

    def __init__(self, amqp: str) -> None:
        self.amqp = amqp
        self.state = _State()
        self.lock = threading.RLock()
        self.rules: list[Rule] = []
        self.requests: list[tuple[float, str, str, int]] = []
        self.submitted: Counter[str] = Counter()
        self.registered: list[dict[str, Any]] = []
        self.limit, self.kept_seconds = LIMIT, 1800.0
        self._closing = threading.Event()
        self._consumer = threading.Thread(target=self._consume, name="standin-results", daemon=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="standin", daemon=True)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        with self._channel() as channel:
            for exchange in ("results", "heartbeats"):
                channel.exchange_declare(exchange, "topic", durable=True)
                channel.queue_declare(exchange, durable=True)
                channel.queue_bind(exchange, exchange, f"*.{exchange}")
        self._consumer.start()
        self._serving.start()

    def stop(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in (self._serving, self._consumer):
            thread.join(10)

    def forget(self) -> None:
        """What tests count, and how they make it fail."""
        self.rules.clear()
        self.requests.clear()
        self.submitted.clear()

    def count(self, path: str) -> int:
        return sum(path in one[2] for one in self.requests)

    @contextmanager
    def _channel(self) -> Any:
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp))
        try:
            yield connection.channel()
        finally:
            connection.close()

    # Compute

    def _publishing(self, endpoint: str, kind: str) -> dict[str, Any]:
        told = {"exchange": kind, "routing_key": f"{endpoint}.{kind}", "mandatory": True, "properties": {"delivery_mode": 2}}
        return {"connection_url": self.amqp, "exchange": kind, "queue": kind, "queue_publish_kwargs": told}

    def register(self, endpoint: str | None, body: dict[str, Any]) -> dict[str, Any]:
        endpoint = endpoint or body.get("endpoint_uuid") or str(uuid.uuid4())
        with self._channel() as channel:
            channel.queue_declare(f"{endpoint}.commands", durable=True)
            channel.queue_purge(f"{endpoint}.commands")
        self.state.endpoints[endpoint] = body
        return {
            "endpoint_id": endpoint,
            "command_queue_info": {"connection_url": self.amqp, "queue": f"{endpoint}.commands"},
            "heartbeat_queue_info": self._publishing(endpoint, "heartbeats"),
            "result_queue_info": self._publishing(endpoint, "results"),
        }

    def submit(self, endpoint: str, body: dict[str, Any], size: int) -> Answer:
        if endpoint not in self.state.endpoints:
            return 404, {"code": "ENDPOINT_NOT_FOUND", "reason": f"Endpoint {endpoint} could not be resolved"}
        if size > self.limit:
            return 413, {"code": "REQUEST_TOO_LARGE", "reason": f"the request of {size} bytes is too large"}
        for function in body["tasks"]:
            if function not in self.state.functions:
                return 404, {"code": "FUNCTION_NOT_FOUND", "reason": f"Function {function} could not be resolved"}
        group = body.get("task_group_id") or str(uuid.uuid4())
        configuration = body.get("user_endpoint_config") or {}
        key = hashlib.sha256(json.dumps([endpoint, configuration], sort_keys=True).encode()).hexdigest()[:32]
        child = str(uuid.UUID(key))
        made: dict[str, list[str]] = {}
        with self.lock, self._channel() as channel:
            channel.queue_declare(f"{child}.tasks", durable=True)
            self._start_child(channel, endpoint, child, body)
            for function, payloads in body["tasks"].items():
                made[function] = [self._task(channel, child, function, payload, group, body) for payload in payloads]
        return 200, {"tasks": made, "task_group_id": group, "request_id": str(uuid.uuid4()), "endpoint_id": endpoint}

    def _start_child(self, channel: Any, endpoint: str, child: str, body: dict[str, Any]) -> None:
        credentials = {
            "endpoint_id": child,
            "task_queue_info": {"connection_url": self.amqp, "exchange": "tasks", "queue": f"{child}.tasks"},
            "result_queue_info": self._publishing(child, "results"),
            "heartbeat_queue_info": self._publishing(child, "heartbeats"),
        }
        command = {
            "command": "cmd_start_endpoint",
            "args": [],
            "kwargs": {
                "name": f"uep.{endpoint}.{child}",
                "user_opts": body.get("user_endpoint_config") or {},
                "user_runtime": body.get("user_runtime") or {},
                "amqp_creds": credentials,
            },
            "globus_username": "hfx@test",
            "globus_effective_identity": IDENTITY,
            "globus_identity_set": [{"sub": IDENTITY}],
        }
        about = pika.BasicProperties(content_type="application/json", timestamp=int(time.time()), app_id="standin")
        channel.basic_publish("", f"{endpoint}.commands", json.dumps(command), about)

    def _task(self, channel: Any, child: str, function: str, payload: str, group: str, body: dict[str, Any]) -> str:
        task = str(uuid.uuid4())
        self.submitted[hashlib.sha256(payload.encode()).hexdigest()] += 1
        self.state.tasks[task] = {"task_id": task, "status": "waiting-for-ep", "group": group, "child": child}
        headers = {
            "function_uuid": function,
            "task_uuid": task,
            "resource_specification": json.dumps(body.get("resource_specification")),
            "result_serializers": body.get("result_serializers") or [],
        }
        packed = pack(Task(task_id=task, task_buffer=self.state.functions[function]["function_code"] + payload))
        about = pika.BasicProperties(content_type="application/json", headers=headers)
        channel.basic_publish("", f"{child}.tasks", packed, about)
        return task

    def status(self, task: str) -> dict[str, Any]:
        """What the service tells of a task; a result is there once, and not for ever."""
        with self.lock:
            known = self.state.tasks.get(task)
            late = known is not None and time.time() - float(known.get("completion_t", time.time())) > self.kept_seconds
            if known is None or late:
                return {"task_id": task, "status": "failed", "reason": "unknown task"}
            told = {key: value for key, value in known.items() if key not in ("group", "child")}
            if "completion_t" in known:
                self.state.fetched.add(task)
                del self.state.tasks[task]
            return told

    def group(self, group: str) -> dict[str, Any]:
        with self.lock:
            there = [{"id": task} for task, known in self.state.tasks.items() if known["group"] == group]
        return {"taskgroup_id": group, "tasks": there}

    # Results and heartbeats of endpoints

    def _consume(self) -> None:
        while not self._closing.is_set():
            try:
                with self._channel() as channel:
                    for method, _, body in channel.consume("results", inactivity_timeout=0.02):
                        if method is not None:
                            self._took(unpack(body))
                            channel.basic_ack(method.delivery_tag)
                        beat, _, told = channel.basic_get("heartbeats", auto_ack=True)
                        if beat is not None:
                            self._took(unpack(told))
                        if self._closing.is_set():
                            break
            except (pika.exceptions.AMQPError, OSError):
                time.sleep(0.2)  # RabbitMQ is away; tests do that

    def _took(self, message: Any) -> None:
        with self.lock:
            if isinstance(message, Result) and str(message.task_id) in self.state.tasks:
                self._finish(str(message.task_id), message.data, bool(message.is_error))
            if isinstance(message, EPStatusReport):
                self.state.seen[str(message.endpoint_id)] = time.time()
                error = message.global_state.get("error")
                for task, known in list(self.state.tasks.items()) if error else ():
                    if known["child"] == str(message.endpoint_id) and "completion_t" not in known:
                        self._finish(task, str(error), True)

    def _finish(self, task: str, data: str, failed: bool) -> None:
        content = {"exception" if failed else "result": data}
        self.state.tasks[task] |= {"status": "failed" if failed else "success", "completion_t": str(time.time()), **content}

    # HTTP

    def answer(self, method: str, path: str, raw: bytes, authorization: str) -> Answer:
        parts = path.strip("/").split("/")
        if path == "/v2/oauth2/token":
            return 200, _token(raw)
        if path == "/v2/oauth2/userinfo":
            identity = {"sub": IDENTITY, "username": "hfx@test"}
            return 200, {"sub": IDENTITY, "preferred_username": "hfx@test", "identity_set": [identity]}
        if path == "/v2/version":
            return 200, {"api": "1.0", "min_sdk_version": "1.0.0", "min_ep_version": "1.0.0"}
        if not authorization.startswith("Bearer standin-"):
            return 401, {"code": "AUTHENTICATION_FAILED", "reason": "no token"}
        body = json.loads(raw) if raw else {}
        if method == "POST" and parts[1:] == ["endpoints"]:
            return 200, self.register(None, body)
        if method == "PUT" and parts[1] == "endpoints":
            return 200, self.register(parts[2], body)
        if method == "POST" and parts[1:] == ["functions"]:
            function = str(uuid.uuid4())
            self.registered.append(body)
            self.state.functions[function] = body
            return 200, {"function_uuid": function}
        if method == "POST" and parts[-1] == "submit":
            return self.submit(parts[2], body, len(raw))
        if method == "POST" and parts[1:] == ["batch_status"]:
            return 200, {"response": "batch", "results": {task: self.status(task) for task in body["task_ids"]}}
        if method == "GET" and parts[1] == "taskgroup":
            return 200, self.group(parts[2])
        if method == "GET" and parts[-1] == "status":
            if parts[2] not in self.state.endpoints:
                return 404, {"code": "ENDPOINT_NOT_FOUND", "reason": f"Endpoint {parts[2]} could not be resolved"}
            alive = time.time() - self.state.seen.get(parts[2], 0.0) < 30
            return 200, {"status": "online" if alive else "offline"}
        return 404, {"code": "NOT_FOUND", "reason": path}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _handle(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = urlsplit(self.path).path
                rule = next((rule for rule in service.rules if rule.meets(self.command, path)), None)
                ask: Callable[[], Answer] = lambda: service.answer(  # noqa: E731
                    self.command, path, raw, self.headers.get("authorization") or ""
                )
                if rule is not None:
                    if rule.after:
                        ask()
                    if rule.held is not None:
                        rule.held.wait(60)
                if rule is not None and rule.answer == DROP:
                    service.requests.append((time.time(), self.command, path, 0))
                    self.close_connection = True
                    return
                status, content = rule.answer if rule is not None else ask()
                service.requests.append((time.time(), self.command, path, status))
                told = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told)))
                if rule is not None and rule.retry_after is not None:
                    self.send_header("retry-after", str(rule.retry_after))
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the library's names

        return Handler


def _token(raw: bytes) -> dict[str, Any]:
    scopes = parse_qs(raw.decode()).get("scope", [""])[0].split()
    by_server: dict[str, list[str]] = {}
    for scope in scopes:
        by_server.setdefault("funcx_service" if "/scopes/facd" in scope else "auth.globus.org", []).append(scope)
    tokens = [
        {
            "access_token": f"standin-{server}",
            "expires_in": 172800,
            "token_type": "Bearer",
            "resource_server": server,
            "scope": " ".join(held),
        }
        for server, held in by_server.items()
    ]
    return {**tokens[0], "other_tokens": tokens[1:]}
