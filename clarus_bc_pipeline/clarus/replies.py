"""What a reply of Clarus means, errors inside a success included.

What belongs here: from status and body to a value or to one of the outcomes of `http.py`. What does not:
sending (`client.py`), and what a record's fields mean (the resource's module).

Clarus answers errors in three shapes: `{error}` with 401; `{errors: [{code, symbol, details}]}` from REST,
which the guides also show with 200; and GraphQL's `{errors: [{message}], data}` with 200.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec

from clarus_bc_pipeline.http import (
    Ambiguous,
    AuthFailed,
    CallFailed,
    Gone,
    NotApplied,
    Refused,
    raise_for_status,
)  # fmt: skip

# Clarus documents no throttling, so it is known by its words where the status does not tell.
_THROTTLED = re.compile(r"rate.?limit|throttl|too many requests", re.IGNORECASE)
_SIGNED_OUT = re.compile(
    r"unauthenticated|unauthori[sz]ed|forbidden|not signed in"
    r"|(access )?token (is |was |has )?(been )?(invalid|expired|revoked)",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(r"\bnot_found\b|record_not_found", re.IGNORECASE)
_BROKEN_INSIDE = re.compile(r"internal|timeout|timed out|unavailable", re.IGNORECASE)


class _Problem(msgspec.Struct, frozen=True):
    """One error of either surface. Fields that are not there are empty."""

    message: str | None = None
    symbol: str | None = None
    details: Any = None
    code: Any = None
    extensions: dict[str, Any] | None = None

    @property
    def words(self) -> str:
        kind = self.symbol or (self.extensions or {}).get("code") or self.code
        text = self.message or self.details
        if text is not None and not isinstance(text, str):
            text = msgspec.json.encode(text).decode()
        return ": ".join(str(part) for part in (kind, text) if part)


class _Body(msgspec.Struct, frozen=True):
    data: msgspec.Raw = msgspec.Raw(b"")  # empty: not in the reply
    errors: list[_Problem | str] | dict[str, Any] | str | None = None
    error: str | None = None

    @property
    def has_data(self) -> bool:
        return bytes(self.data) not in (b"", b"null")

    @property
    def words(self) -> str:
        problems = self.errors if isinstance(self.errors, list) else [self.errors] if self.errors else []
        listed = [p.words if isinstance(p, _Problem) else str(p) for p in problems]
        return "; ".join(text for text in (*listed, self.error or "") if text)


_BODY = msgspec.json.Decoder(_Body)


def graphql_data(call: str, response: httpx.Response) -> msgspec.Raw:
    """The `data` of a GraphQL reply. Data that came with errors is never taken for the whole."""
    body = _checked(call, response)
    if body.errors or body.error:
        raise _error_inside(call, body, query=True)
    if not body.has_data:
        raise Ambiguous(call, "the reply holds neither data nor errors", status=response.status_code)
    return body.data


def resource_data(call: str, response: httpx.Response) -> msgspec.Raw | None:
    """The `data` of a JSON:API reply, or None where Clarus answers without a body (204)."""
    if response.status_code == 204:
        return None
    body = _checked(call, response)
    if body.errors or body.error:
        raise _error_inside(call, body, query=False)
    return body.data if body.has_data else None


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the reply asks to wait, where it says so in seconds."""
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdigit() else None


def _checked(call: str, response: httpx.Response) -> _Body:
    """The body of a 2xx reply; every other reply is raised as what it means."""
    try:
        body: _Body | None = _BODY.decode(response.content)
    except msgspec.DecodeError:
        body = None
    status = response.status_code
    if not response.is_success:
        words = body.words if body else ""
        if status in (423, 429) or (_THROTTLED.search(words) and status != 401):
            raise NotApplied(
                call,
                f"{status}: asked to wait",
                status=status,
                detail=words,
                retry_after=retry_after(response),
            )
        if status == 503 and response.request.url.path.endswith("/graphql"):  # a read: it changed nothing
            raise NotApplied(call, "503: not available", status=status, detail=words, retry_after=retry_after(response))
        raise_for_status(response, detail=words)
    if body is None:
        raise Ambiguous(call, f"{status} with a body that is not whole JSON, or not Clarus's", status=status)
    return body


def _error_inside(call: str, body: _Body, *, query: bool) -> CallFailed:
    """What an error inside a success means. For a write that says both data and errors: part of it may be
    applied.
    """
    words = body.words
    if _THROTTLED.search(words) and not body.has_data:
        return NotApplied(call, "asked to wait", status=200, detail=words)
    if _SIGNED_OUT.search(words) and not body.has_data:
        return AuthFailed(call, "credentials or scope not accepted", status=200, detail=words)
    if body.has_data or (query and bytes(body.data)):
        # GraphQL specification 7.1: with `data`, even null, the query was run and failed on the way.
        return Ambiguous(call, "data came with errors, so it is not whole", status=200, detail=words)
    if _BROKEN_INSIDE.search(words):
        return Ambiguous(call, "Clarus failed", status=200, detail=words)
    if not query and _NOT_FOUND.search(words):
        return Gone(call, "no such record", status=200, detail=words)
    return Refused(call, "refused", status=200, detail=words)
