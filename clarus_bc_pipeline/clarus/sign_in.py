"""Signing in to Clarus: OAuth 2.0 client credentials, the token kept in memory only.

What belongs here: getting a token and knowing when it ends. What does not: any other call (`client.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx
import msgspec

from clarus_bc_pipeline.http import Ambiguous, AuthFailed, NotApplied, raise_for_status, send

PATH = "/oauth/token"
CALL = f"POST {PATH}"
# A token is given up a little before its end, so that none ends between our check and Clarus's.
MARGIN_SECONDS = 60.0
# RFC 6749 section 5.2: errors which say that the credentials are wrong. Some servers send them with 400.
_WRONG_CREDENTIALS = frozenset({"invalid_client", "unauthorized_client", "invalid_grant"})


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float | None = None


class _Problem(msgspec.Struct, frozen=True):
    error: str = ""
    error_description: str = ""


class SignIn:
    """One client's token. Thread-safe: threads that need a new one at once make one call together."""

    def __init__(
        self,
        client: httpx.Client,
        client_id: str,
        client_secret: str,
        *,
        count: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._form = {
            "grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret,
        }  # fmt: skip
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._ends_at: float | None = None  # None: Clarus did not say, a 401 will

    def token(self) -> str:
        """A token that has not ended.

        Raises `AuthFailed` when Clarus does not accept the client, else `NotApplied`: whatever happened to
        the token, the call it was for has not been made.
        """
        with self._lock:
            if self._token is None or (self._ends_at is not None and self._clock() >= self._ends_at):
                self._sign_in()
            assert self._token is not None
            return self._token

    def forget(self, token: str) -> None:
        """Clarus refused `token`: get another the next time, unless that has happened meanwhile."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _sign_in(self) -> None:
        self._count("token")
        try:
            response = send(self._client, "POST", PATH, data=self._form)
            if response.status_code in (400, 401):
                _raise_if_not_accepted(response)
            token = msgspec.json.decode(raise_for_status(response).content, type=_Token)
        except Ambiguous as error:
            raise NotApplied(CALL, f"no token: {error.problem}", status=error.status) from error
        except msgspec.DecodeError as error:
            raise NotApplied(CALL, "no token: the reply is not an OAuth 2.0 token") from error
        self._token = token.access_token
        self._ends_at = None
        if token.expires_in is not None:
            self._ends_at = self._clock() + max(token.expires_in - MARGIN_SECONDS, token.expires_in / 2)


def _raise_if_not_accepted(response: httpx.Response) -> None:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    if response.status_code == 401 or problem.error in _WRONG_CREDENTIALS:
        raise AuthFailed(
            CALL,
            "Clarus did not accept this client id and secret",
            status=response.status_code,
            detail=problem.error_description or problem.error,
        )
