"""One HTTP call as both vendors' clients make it, and what its outcome means for the caller.

What belongs here: time limits, redirects off, reply size, and the error taxonomy. What does not:
tokens, quotas, paging or any path of a vendor (see `bigcommerce/` and `clarus/`).

The taxonomy answers the one question a writer has after a failed call: *was it applied?*

* `NotApplied`: surely not. The connection was refused, or the vendor throttled the call. Send again later.
* `Ambiguous`: nobody knows. Time-out, reset, 5xx, a reply cut short. Look before sending again.
* `Refused`: no, and the same call will be refused again (4xx).
* `AuthFailed`: the credentials or their scope are wrong (401, 403).
* `Gone`: the thing addressed is not there (404, 410).
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx
import stamina.instrumentation

# httpx logs every URL at INFO; an order's path is not personal, but query strings can be.
logging.getLogger("httpx").setLevel(logging.WARNING)
# A read that is tried again is no news; a read that fails for good raises, with its last cause.
stamina.instrumentation.set_on_retry_hooks([])

TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=20.0, pool=10.0)
CALL_DEADLINE_SECONDS = 45.0  # the worst case of one call: pool, connect, write, read, none of them overlapping
MAX_REPLY_BYTES = 64 * 1024 * 1024  # 250 orders with their lines are about 1 MB; this is a guard, not a budget

_E_MAIL = re.compile(r"[^\s\"'<>@]+@[^\s\"'<>@]+")
_PHONE = re.compile(r"\+?\d[\d ()-]{8,}\d")


class CallFailed(Exception):
    """A call that did not give a usable reply. The message names the call and is safe to store and show.

    `status` is the HTTP status, or None where no reply came. `detail` is the vendor's own words,
    cut to 500 characters and with e-mail addresses and telephone numbers taken out; `words` are the same as they came,
    for the client that knows what they are about. `system` and `operation` ("BigCommerce", "GET orders") are filled in
    by the client whose `Contact` the call went through.
    """

    system = ""
    operation = ""

    def __init__(self, call: str, problem: str, *, status: int | None = None, detail: str = "") -> None:
        self.call = call
        self.problem = problem
        self.status = status
        self.words = detail
        self.detail = redacted(detail)
        super().__init__(f"{call}: {problem}" + (f": {self.detail}" if self.detail else ""))


class NotApplied(CallFailed):
    """Surely not applied; safe to send again after `retry_after` seconds (None: the caller chooses)."""

    def __init__(
        self,
        call: str,
        problem: str,
        *,
        status: int | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(call, problem, status=status, detail=detail)
        self.retry_after = retry_after


class Ambiguous(CallFailed):
    """May have been applied: read back before sending again."""


class Refused(CallFailed):
    """Refused for good: the same call would be refused again."""


class AuthFailed(CallFailed):
    """The credentials, or the scope they carry, were not accepted."""


class Gone(CallFailed):
    """The record addressed does not exist (any more)."""


class Contact:
    """What a client's calls tell besides their content, free of calls: which operations are answered, and the clock."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.clock_ahead: timedelta | None = None
        self._answered: set[str] = set()

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        """Around one call: notes that the operation was answered, or writes on the failure whose it was."""
        try:
            yield
        except CallFailed as error:
            error.system, error.operation = self.system, operation
            raise
        self._answered.add(operation)

    def answered(self) -> set[str]:
        """The operations that were answered since this was last asked."""
        answered, self._answered = self._answered, set()
        return answered

    def read_clock(self, response: httpx.Response) -> None:
        """Keep how far the vendor's clock, as told by the reply's `Date`, is ahead of ours (to the second)."""
        with suppress(ValueError, TypeError):
            self.clock_ahead = parsedate_to_datetime(response.headers.get("Date", "")) - datetime.now(UTC)


def redacted(text: str) -> str:
    """`text` without e-mail addresses and telephone numbers, at most 500 characters."""
    return _PHONE.sub("[phone]", _E_MAIL.sub("[e-mail]", text))[:500]


def new_client(base_url: str, headers: dict[str, str] | None = None) -> httpx.Client:
    """A synchronous HTTP/1.1 client: explicit time limits, no transport retries, no redirects.

    HTTP/1.1 because a graceful HTTP/2 GOAWAY makes every POST in flight ambiguous.
    """
    return httpx.Client(
        base_url=base_url.rstrip("/"),
        headers=headers,
        timeout=TIMEOUT,
        follow_redirects=False,
        http2=False,
        transport=httpx.HTTPTransport(verify=_tls(), retries=0, limits=httpx.Limits(max_connections=8)),
    )


@cache
def _tls() -> ssl.SSLContext:
    """One context for all clients: reading the certificates takes 40 ms."""
    return httpx.create_ssl_context()


def send(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:
    """Make one call and return its whole reply, whatever its status.

    Raises `NotApplied` when no connection was made, `Ambiguous` when the call may have reached the vendor.
    """
    call = f"{method} {path}"
    try:
        response = client.request(method, path, **request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotApplied(call, f"no connection to {client.base_url.host} ({type(error).__name__})") from error
    except httpx.TransportError as error:
        raise Ambiguous(call, f"no whole reply ({type(error).__name__})") from error
    if len(response.content) > MAX_REPLY_BYTES:
        raise Ambiguous(call, f"reply of {len(response.content)} bytes is over the limit of {MAX_REPLY_BYTES}")
    return response


def raise_for_status(response: httpx.Response, *, detail: str | None = None) -> httpx.Response:
    """Return `response` when its status is 2xx, else raise what the status means for the caller.

    A redirect is `Refused`: neither vendor documents one, and following it could leave the host.
    """
    status = response.status_code
    if 200 <= status < 300:
        return response
    call = f"{response.request.method} {response.request.url.path}"
    words = detail if detail is not None else response.text
    match status:
        case 401 | 403:
            raise AuthFailed(call, f"{status}: credentials or scope not accepted", status=status, detail=words)
        case 404 | 410:
            raise Gone(call, f"{status}: no such record", status=status, detail=words)
        case 423 | 429:
            raise NotApplied(call, f"{status}: asked to wait", status=status, detail=words)
        case _ if status >= 500:
            raise Ambiguous(call, f"{status}: the vendor failed", status=status, detail=words)
        case _:
            raise Refused(call, f"{status}: refused", status=status, detail=words)
