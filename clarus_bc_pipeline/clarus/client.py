"""One stock owner's account in one Clarus tenant: sign-in, calls, paging, retries of reads, errors in words.

What belongs here: what every call has in common. What does not: any resource's fields (`fields.py` and the
modules beside it), nor a retry of a write: a write is repeated by the outbox alone, which looks first
whether it happened.

Clarus reads by GraphQL (`POST /graphql`) and writes by REST in a JSON:API envelope (API reference,
introduction).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import httpx
import msgspec
import stamina

from clarus_bc_pipeline.clarus import replies
from clarus_bc_pipeline.clarus.fields import ACCOUNTS, WAREHOUSES, Resource
from clarus_bc_pipeline.clarus.sign_in import SignIn
from clarus_bc_pipeline.clarus.throttle import Throttle
from clarus_bc_pipeline.http import Ambiguous, AuthFailed, Contact, NotApplied, new_client, send
from clarus_bc_pipeline.settings import ClarusSettings, SettingsError

T = TypeVar("T")

READ_ATTEMPTS = 5
READ_PATIENCE_SECONDS = 180.0
# A write waits inside its outbox lease: with the call's own deadline (45 s) it must stay well under 150 s.
WRITE_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Call:
    """One call to make: as it is counted, as errors name it, and what is sent. `patience` in seconds."""

    operation: str
    name: str
    method: str
    path: str
    content: bytes
    patience: float


class Clarus:
    """The API of one tenant, seen from one account. Thread-safe; close it, or use it as a context manager.

    `calls` counts calls sent by operation: `token`, `graphql goods_outs`, `POST goods_outs`. Every method
    raises a `CallFailed` when no usable reply comes.
    """

    def __init__(
        self,
        settings: ClarusSettings,
        client_id: str,
        client_secret: str,
        *,
        throttle: Throttle | None = None,
    ) -> None:
        self.settings = settings
        self.calls: Counter[str] = Counter()
        self.contact = Contact("Clarus")
        self._counting = threading.Lock()
        self._throttle = throttle or Throttle()
        self._places = threading.BoundedSemaphore(settings.max_parallel_calls)
        self._client = new_client(
            settings.base_url, {"X-Clarus-Subdomain": settings.subdomain, "Accept": "application/json"}
        )
        self._sign_in = SignIn(self._client, client_id, client_secret, count=self._count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def total_calls(self) -> int:
        """Calls sent since the start: refused and repeated ones and those for a token included."""
        with self._counting:
            return self.calls.total()

    @cached_property
    def account_id(self) -> int:
        """The id of the account (stock owner) of the settings.

        Raises `SettingsError` naming the codes that exist when there is none of that code.
        """
        return self._id_of(ACCOUNTS, "account", self.settings.account)

    @cached_property
    def warehouse_id(self) -> int:
        """The id of the warehouse of the settings.

        Raises `SettingsError` naming the codes that exist when there is none of that code.
        """
        return self._id_of(WAREHOUSES, "warehouse", self.settings.warehouse)

    def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, *, operation: str = "query"
    ) -> msgspec.Raw:
        """Read: the whole `data` of the reply as JSON. Repeated a few times by itself while no usable reply
        comes.

        Errors inside a 200 raise: `AuthFailed`, `NotApplied` when throttled, `Refused` for a query that the
        schema does not allow, `Ambiguous` for one that failed on the way, with or without a part of the
        data.
        """
        content = msgspec.json.encode({"query": query, "variables": dict(variables or {})})
        name = f"graphql {operation}"
        call = _Call(name, name, "POST", "/graphql", content, READ_PATIENCE_SECONDS)
        for attempt in stamina.retry_context(
            on=_pause_before_retry, attempts=READ_ATTEMPTS, timeout=READ_PATIENCE_SECONDS
        ):
            with attempt:
                return self._call(call, replies.graphql_data)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def connection(
        self, root: str, node_fields: str, *, filter_type: str, filter: Mapping[str, Any]
    ) -> Iterator[list[msgspec.Raw]]:
        """Pages of nodes of a relay connection, each node once.

        Clarus documents no order and no snapshot: a record that joins or leaves the filter while we page
        can move another one past us. Whoever needs all of them reads again later (the despatch sweep does).

        Raises `Ambiguous` when the cursor stands still or a page comes again, which would otherwise never
        end.
        """
        query = (
            f"query($filter: {filter_type}, $first: Int, $after: String) {{ {root} {{ "
            f"all(first: $first, after: $after, filter: $filter) {{ "
            f"pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {node_fields} }} }} }} }} }}"
        )
        call = f"graphql {root}"
        after: str | None = None
        cursors: set[str] = set()
        last: list[str | bytes] = []
        seen: set[str | bytes] = set()
        while True:
            variables = {"filter": filter, "first": self.settings.page_size, "after": after}
            data = self.graphql(query, variables, operation=root)
            page = _page(call, root, data)
            keys = [_key(edge.node) for edge in page.edges]
            fresh = [edge.node for key, edge in zip(keys, page.edges, strict=True) if key not in seen]
            if page.edges and not fresh and (page.page_info.has_next_page or keys == last):
                raise Ambiguous(call, f"the page after {after!r} holds only records of earlier pages")
            seen.update(keys)
            last = keys
            yield fresh
            if not page.page_info.has_next_page:
                return
            after = page.page_info.end_cursor
            if not after or after in cursors:
                raise Ambiguous(call, f"more pages are promised and the cursor does not move on from {after!r}")
            cursors.add(after)

    def write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> msgspec.Raw | None:
        """Write, once: the `data` of the JSON:API reply, None where there is none. Never repeated here.

        `path` is below the API's own: `/goods_outs/914/cancel`. Raises `Refused` with Clarus's reasons
        (422, or errors inside a 200), `Gone`, `NotApplied`, or `Ambiguous`: then look before sending again.
        """
        parts = "/".join(part for part in path.split("/") if part and not part.isdigit())
        full = f"{self.settings.api_path}{path}"
        content = msgspec.json.encode(body) if body is not None else b""
        call = _Call(f"{method} {parts}", f"{method} {full}", method, full, content, WRITE_PATIENCE_SECONDS)
        return self._call(call, replies.resource_data)

    def _call(self, call: _Call, read: Callable[[str, httpx.Response], T]) -> T:
        """One call; once more with a new token when Clarus does not know the one we have: then nothing was
        applied.
        """
        with self.contact.call(call.operation):
            token = self._sign_in.token()
            try:
                return self._send(call, token, read)
            except AuthFailed as error:
                self._sign_in.forget(token)
                if error.status == 403:
                    raise
            return self._send(call, self._sign_in.token(), read)

    def _send(self, call: _Call, token: str, read: Callable[[str, httpx.Response], T]) -> T:
        with self._places:
            if (left := self._throttle.wait(call.patience)) is not None:
                problem = f"Clarus asked to wait {left:.0f} s more"
                raise NotApplied(call.name, problem, status=429, retry_after=left)
            self._count(call.operation)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            response = send(self._client, call.method, call.path, content=call.content, headers=headers)
        try:
            value = read(call.name, response)
        except NotApplied as error:
            error.retry_after = self._throttle.throttled(error.retry_after)
            raise
        except Ambiguous:
            if response.status_code == 503:
                self._throttle.throttled(replies.retry_after(response))
            raise
        self._throttle.went_well()
        return value

    def _count(self, operation: str) -> None:
        with self._counting:
            self.calls[operation] += 1

    def _id_of(self, resource: Resource, setting: str, code: str) -> int:
        found = self._codes(resource, {"code": {"eq": code}})
        if code in found:
            return found[code]
        known = sorted(self._codes(resource, {}))
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        theirs = f"It has {listed}." if known else f"This client may see no {setting}."
        raise SettingsError(
            f"clarus.{setting} = {code!r}: tenant {self.settings.subdomain!r} has no {setting} of that code. " + theirs
        )

    def _codes(self, resource: Resource, filter: Mapping[str, Any]) -> dict[str, int]:
        call = f"graphql {resource.root}"
        pages = self.connection(resource.root, resource.selection, filter_type=resource.filter_type, filter=filter)
        try:
            nodes = [msgspec.json.decode(node, type=_Coded, strict=False) for page in pages for node in page]
        except msgspec.DecodeError as error:
            raise Ambiguous(call, f"the reply breaks the specification: {error}") from error
        return {node.code: node.id for node in nodes}


class _Coded(msgspec.Struct, frozen=True):
    id: int
    code: str


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Edge(msgspec.Struct, frozen=True):
    node: msgspec.Raw


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    page_info: _PageInfo
    edges: list[_Edge]


class _All(msgspec.Struct, frozen=True):
    all: _Page


class _Keyed(msgspec.Struct, frozen=True):
    id: str | int | None = None


_ROOT = msgspec.json.Decoder(dict[str, _All])
_KEYED = msgspec.json.Decoder(_Keyed)


def _page(call: str, root: str, data: msgspec.Raw) -> _Page:
    try:
        return _ROOT.decode(data)[root].all
    except (msgspec.DecodeError, KeyError) as error:
        raise Ambiguous(call, f"the reply is not a connection of {root}: {error}") from error


def _key(node: msgspec.Raw) -> str | bytes:
    """What tells a node from another: its id, or all of it where it has none (stock balances)."""
    try:
        found = _KEYED.decode(node).id
    except msgspec.DecodeError:  # a node that cannot be read is the resource's to report
        found = None
    return str(found) if found is not None else bytes(node)


def _pause_before_retry(error: Exception) -> bool | float:
    """True for stamina's exponential pause, 0 where the shared throttle holds the next attempt, False for
    never.
    """
    if isinstance(error, NotApplied):
        return 0.0 if error.retry_after is not None else True
    return isinstance(error, Ambiguous)
