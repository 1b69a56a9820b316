"""One shop's API: sign-in, base address, quota, retries of reads, and errors in words.

What belongs here: what every call has in common. What does not: any resource's path, paging or fields (the
modules beside this one), nor a retry of a write: a write is repeated by the outbox alone, which looks first
whether it happened.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import httpx
import msgspec
import stamina

from clarus_bc_pipeline.bigcommerce.quota import Quota, QuotaExhausted, RateLimit
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.http import Ambiguous, Contact, NotApplied, new_client, raise_for_status, send
from clarus_bc_pipeline.settings import BigCommerceSettings

T = TypeVar("T")

READ_ATTEMPTS = 4
READ_PATIENCE_SECONDS = 300.0  # a read may wait out a backlog of shipments
# A write waits inside its outbox lease: with the call's own deadline (45 s) it must stay well under 150 s.
WRITE_PATIENCE_SECONDS = 60.0

Params = Mapping[str, str | int]


class BigCommerce:
    """The API of one shop. Thread-safe; close it, or use it as a context manager.

    Paths are relative to the store: `v2/orders`, `v3/catalog/products`. Every method returns the body as
    bytes of valid JSON, or b"" for 204 (which V2 answers for a list without rows), and raises a `CallFailed`
    otherwise.

    `beside`: another client of the same shop, by another token. The two share the quota, which is the store's, and the
    count of calls.
    """

    def __init__(self, settings: BigCommerceSettings, token: str, *, beside: BigCommerce | None = None) -> None:
        self.settings = settings
        self.quota: Quota = beside.quota if beside else Quota(share=settings.quota_share)
        self.calls: Counter[str] = beside.calls if beside else Counter()
        self.contact = Contact("BigCommerce")
        self._counting: threading.Lock = beside._counting if beside else threading.Lock()
        self._client = new_client(
            f"{settings.base_url.rstrip('/')}/stores/{settings.store_hash}",
            {"X-Auth-Token": token, "Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def total_calls(self) -> int:
        """Calls sent since the start, refused and repeated ones included."""
        with self._counting:
            return self.calls.total()

    def get(self, path: str, params: Params | None = None, *, priority: Priority = Priority.READ) -> bytes:
        """Read; repeated a few times by itself while no usable reply comes."""
        for attempt in stamina.retry_context(
            on=_pause_before_retry, attempts=READ_ATTEMPTS, timeout=READ_PATIENCE_SECONDS
        ):
            with attempt:
                return self._call("GET", path, priority, READ_PATIENCE_SECONDS, params=dict(params or {}))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def post(self, path: str, body: Any, *, priority: Priority = Priority.SHIPMENT) -> bytes:
        """Create, once. Never repeated here."""
        return self._write("POST", path, body, priority)

    def put(self, path: str, body: Any, *, priority: Priority = Priority.SHIPMENT) -> bytes:
        """Change, once. Never repeated here."""
        return self._write("PUT", path, body, priority)

    def _write(self, method: str, path: str, body: Any, priority: Priority) -> bytes:
        return self._call(
            method, path, priority, WRITE_PATIENCE_SECONDS,
            content=msgspec.json.encode(body), headers={"Content-Type": "application/json"},
        )  # fmt: skip

    def _call(self, method: str, path: str, priority: Priority, patience: float, **request: Any) -> bytes:
        call, operation = f"{method} {path}", f"{method} {resource(path)}"
        with self.contact.call(operation):
            try:
                with self.quota.call(priority, patience=patience) as turn:
                    with self._counting:
                        self.calls[operation] += 1
                    response = send(self._client, method, f"/{path}", **request)
                    turn.status = response.status_code
                    turn.limit = RateLimit.from_headers(response.headers)
            except QuotaExhausted as error:
                raise NotApplied(call, str(error), retry_after=error.retry_after) from error
            self.contact.read_clock(response)
            return _body(call, response, turn.limit)


def decoded(call: str, body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """`body` as the decoder's type.

    Raises `Ambiguous`, naming the field, when it breaks the specification.
    """
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Ambiguous(call, f"the reply breaks the specification: {field_problem(error)}") from error


def field_problem(error: msgspec.DecodeError) -> str:
    """What is wrong with which field: "consignments.shipping[0].id: expected int, got null"."""
    words, _, path = str(error).partition(" - at `")
    path = path.rstrip("`").removeprefix("$").removeprefix(".")
    if words.startswith("Object missing required field `"):
        name = words.split("`")[1]
        return f"{path}.{name}: missing" if path else f"{name}: missing"
    words = words[:1].lower() + words[1:].replace("`", "").replace("int | float", "number")
    return f"{path}: {words}" if path else words


def resource(path: str) -> str:
    """The path without version and ids, as calls are counted: orders/shipments of v2/orders/1/shipments."""
    return "/".join(part for part in path.split("/")[1:] if not part.isdigit())


def _body(call: str, response: httpx.Response, limit: RateLimit | None) -> bytes:
    status = response.status_code
    if status in (423, 429):
        raise NotApplied(
            call, f"{status}: asked to wait", status=status, detail=_words(response),
            retry_after=_retry_after(response, limit),
        )  # fmt: skip
    raise_for_status(response, detail=None if response.is_success else _words(response))
    if status == 207:  # status-codes page: saved in part
        raise Ambiguous(call, "207: applied in part", status=status, detail=_words(response))
    if status == 204:
        return b""
    try:
        msgspec.json.decode(response.content, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise Ambiguous(call, f"{status} with a body that is not whole JSON", status=status) from error
    return response.content


def _retry_after(response: httpx.Response, limit: RateLimit | None) -> float | None:
    if limit is not None:
        return limit.reset
    seconds = response.headers.get("X-Retry-After") or response.headers.get("Retry-After") or ""
    return float(seconds) if seconds.isdigit() else None


def _words(response: httpx.Response) -> str:
    """The vendor's reasons.

    V2 sends an array of {status, message, details}, V3 {title, detail, errors: {field: why}} (refunds: in {data: []}).
    """
    try:
        problem = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return "" if response.text.lstrip().startswith("<") else response.text
    parts: list[str] = []
    if isinstance(problem, dict) and isinstance(problem.get("data"), list):
        problem = problem["data"]
    for item in problem if isinstance(problem, list) else [problem]:
        if not isinstance(item, dict):
            parts.append(str(item))
            continue
        parts += [str(item[key]) for key in ("title", "message", "detail", "error") if item.get(key)]
        for key in ("errors", "details"):
            reasons = item.get(key)
            if isinstance(reasons, dict):
                parts += [f"{field}: {_plain(why)}" for field, why in reasons.items()]
            elif reasons:
                parts.append(_plain(reasons))
    return "; ".join(parts)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _pause_before_retry(error: Exception) -> bool | float:
    """Seconds before a read is tried again, True for stamina's exponential pause, False for never."""
    if isinstance(error, NotApplied):
        if error.status == 429:
            return 0.0  # the quota's queue, which it joins again, knows when its turn comes
        if error.retry_after is not None:
            spread = random.uniform(1.0, 1.1)  # noqa: S311 - keeps threads apart, guards nothing
            return error.retry_after * spread
        return True
    return isinstance(error, Ambiguous)
