"""Faults put in front of a double by seed, and the log of what truly happened behind them.

What belongs here: what both doubles share. What does not: any vendor's behaviour (`bigcommerce/`, `clarus`).

`FaultMiddleware` stands outermost. It decides from the seed and the call's number alone, so that a failing
run can be run again; it carries the request to the double, or not, and then breaks the reply, or not.
`TruthLog` holds each request with what the client saw and whether the double applied it: the judge of a test
is this log, never our tables.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Fault(enum.StrEnum):
    """What goes wrong with a call."""

    LATENCY = "latency"  # `seconds` late, otherwise well
    RESET_BEFORE = "reset_before"  # the connection drops, nothing is applied
    RESET_AFTER = "reset_after"  # applied, then the connection drops
    ERROR_AFTER = "error_after"  # applied, then 500
    APPLY_LATER = "apply_later"  # the connection drops, and it is applied `seconds` later
    THROTTLED = "throttled"  # 429 with the vendor's headers, not applied
    OVERLOADED = "overloaded"  # 429 without headers, not applied
    UNAVAILABLE = "unavailable"  # 503 and an HTML page, not applied
    TRUNCATED = "truncated"  # applied, the JSON of the reply cut in half


@dataclass(frozen=True, slots=True)
class FaultRule:
    """`fault` befalls `rate` (0..1) of the calls with one of `methods` and a path matching `path`."""

    fault: Fault
    rate: float
    methods: Sequence[str] = WRITES
    path: str = ""
    seconds: float = 0.0

    def concerns(self, method: str, path: str) -> bool:
        return method in self.methods and re.search(self.path, path) is not None


@dataclass
class FaultPlan:
    """Which call meets which fault. May be switched off and on while the double runs."""

    seed: int = 0
    rules: Sequence[FaultRule] = ()
    active: bool = True
    throttle_headers: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    def next(self, method: str, path: str) -> FaultRule | None:
        """The fault of the next call. Every call takes a number, whether or not a rule concerns it."""
        number = next(self._numbers)
        if not self.active:
            return None
        draw = random.Random(f"{self.seed}:{number}").random()  # noqa: S311 - repeatable by design
        for rule in self.rules:
            if rule.concerns(method, path):
                if draw < rule.rate:
                    return rule
                draw -= rule.rate
        return None


@dataclass(slots=True)
class Entry:
    """One request. `seen` is the status that the client got, None for a dropped connection; `status` is the
    double's own answer, None when the request never reached it. `applied`: a write that took effect. Times:
    seconds since 1970.
    """

    number: int
    at: float
    method: str
    path: str
    query: str
    status: int | None = None
    seen: int | None = None
    applied: bool = False
    applied_at: float | None = None
    fault: str | None = None
    request_body: bytes = b""
    reply_body: bytes = b""
    reply_type: str = ""

    def as_json(self) -> dict[str, Any]:
        row = asdict(self)
        del row["request_body"], row["reply_body"]
        return row


class TruthLog:
    """Every request that arrived, in order.

    Thread-safe. `keep_bodies` holds on to what was sent and answered.
    """

    def __init__(self, *, keep_bodies: bool = False, clock: Callable[[], float] = time.time) -> None:
        self.keep_bodies = keep_bodies
        self.clock = clock
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, scope: Scope) -> Entry:
        with self._lock:
            entry = Entry(
                len(self._entries),
                self.clock(),
                scope["method"],
                scope["path"],
                scope["query_string"].decode(),
            )
            self._entries.append(entry)
        return entry

    def entries(self, *, method: str | None = None, path: str = "", status: int | None = None) -> list[Entry]:
        """Entries with that method, a path that matches the regex, and that status seen by the client."""
        with self._lock:
            entries = list(self._entries)
        return [
            entry for entry in entries
            if (method is None or entry.method == method) and re.search(path, entry.path)
            and (status is None or entry.seen == status)
        ]  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Requests by method and path, ids as {id}; `status <n>` and `fault <name>` counted beside them."""
        counts: Counter[str] = Counter()
        for entry in self.entries():
            counts[f"{entry.method} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', entry.path)}"] += 1
            counts[f"status {entry.seen}"] += 1
            if entry.fault:
                counts[f"fault {entry.fault}"] += 1
        return dict(counts)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


class FaultMiddleware:
    """Runs `app` behind the plan's faults and writes the log.

    Paths under /_sandbox/ answer from the log itself.
    """

    def __init__(self, app: ASGIApp, *, plan: FaultPlan | None = None, log: TruthLog | None = None) -> None:
        self.app = app
        self.plan = plan or FaultPlan()
        self.log = log if log is not None else TruthLog()
        self._later: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith("/_sandbox/"):
            await self._report(scope, send)
            return
        entry = self.log.open(scope)
        rule = self.plan.next(scope["method"], scope["path"])
        body = await _whole_body(receive)
        if self.log.keep_bodies:
            entry.request_body = body
        if rule is None:
            await _answer(send, await self._run(entry, scope, body), entry)
            return
        entry.fault = rule.fault.value
        await self._break(rule, entry, scope, body, receive, send)

    async def _break(
        self, rule: FaultRule, entry: Entry, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> None:
        match rule.fault:
            case Fault.LATENCY:
                await asyncio.sleep(rule.seconds)
                await _answer(send, await self._run(entry, scope, body), entry)
            case Fault.RESET_BEFORE:
                await _drop(receive, send)
            case Fault.RESET_AFTER:
                await self._run(entry, scope, body)
                await _drop(receive, send)
            case Fault.ERROR_AFTER:
                await self._run(entry, scope, body)
                await _answer(send, _Reply.of(500, b'{"status":500,"title":"Internal error"}'), entry)
            case Fault.APPLY_LATER:
                task = asyncio.create_task(self._run_later(entry, scope, body, rule.seconds))
                self._later.add(task)
                task.add_done_callback(self._later.discard)
                await _drop(receive, send)
            case Fault.THROTTLED:
                headers = self.plan.throttle_headers
                await _answer(send, _Reply.of(429, b'{"status":429,"title":"Too many requests"}', headers), entry)
            case Fault.OVERLOADED:
                await _answer(send, _Reply.of(429, b""), entry)
            case Fault.UNAVAILABLE:
                page = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
                await _answer(send, _Reply.of(503, page, content_type="text/html"), entry)
            case Fault.TRUNCATED:
                reply = await self._run(entry, scope, body)
                await _answer(send, reply.cut(), entry)

    async def _run_later(self, entry: Entry, scope: Scope, body: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._run(entry, scope, body)

    async def _run(self, entry: Entry, scope: Scope, body: bytes) -> _Reply:
        """Let the double answer, and note what it did."""
        reply = _Reply()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            reply.take(message)

        await self.app(scope, receive, send)
        entry.status = reply.status
        if scope["method"] in WRITES and 200 <= reply.status < 300:
            entry.applied, entry.applied_at = True, self.log.clock()
        if self.log.keep_bodies:
            entry.reply_body = bytes(reply.body)
            entry.reply_type = dict(reply.headers).get(b"content-type", b"").decode()
        return reply

    async def _report(self, scope: Scope, send: Send) -> None:
        match scope["path"].removeprefix("/_sandbox/"):
            case "log":
                content: Any = [entry.as_json() for entry in self.log.entries()]
            case "counts":
                content = self.log.counts()
            case _:
                await _answer(send, _Reply.of(404, b'{"title":"try /_sandbox/log or /_sandbox/counts"}'), None)
                return
        await _answer(send, _Reply.of(200, json.dumps(content).encode()), None)


@dataclass
class _Reply:
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    @classmethod
    def of(
        cls,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> _Reply:
        listed = {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}
        return cls(status, [(k.lower().encode(), v.encode()) for k, v in listed.items()], bytearray(body))

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def cut(self) -> _Reply:
        """Half of the body, with a length that agrees: what a careless proxy passes on."""
        half = self.body[: len(self.body) // 2]
        kept = [(name, value) for name, value in self.headers if name != b"content-length"]
        return _Reply(self.status, [*kept, (b"content-length", str(len(half)).encode())], half)


async def _answer(send: Send, reply: _Reply, entry: Entry | None) -> None:
    if entry is not None:
        entry.seen = reply.status
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": bytes(reply.body)})


async def _whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)


async def _drop(receive: Receive, send: Send) -> None:
    """Close the connection without a word. On a server that does not show its transport: in mid-reply."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        while (await receive())["type"] != "http.disconnect":  # else the server sends a 500 of its own
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
