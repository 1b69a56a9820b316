"""One call, and whether it was applied: every outcome by a real socket; and what a client's calls tell besides."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline import http
from clarus_bc_pipeline.http import (
    Ambiguous,
    AuthFailed,
    CallFailed,
    Contact,
    Gone,
    NotApplied,
    Refused,
    new_client,
    raise_for_status,
    redacted,
    send,
)


@contextmanager
def answering(reply: bytes) -> Iterator[httpx.Client]:
    """A client of a server that reads one request, sends `reply` as it is and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply)

        threading.Thread(target=serve, daemon=True).start()
        with new_client(f"http://127.0.0.1:{server.getsockname()[1]}") as client:
            yield client


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (301, Refused), (400, Refused), (401, AuthFailed), (403, AuthFailed), (404, Gone), (409, Refused), (410, Gone),
        (422, Refused), (423, NotApplied), (429, NotApplied), (500, Ambiguous), (502, Ambiguous), (503, Ambiguous),
    ],
)  # fmt: skip
def test_a_status_says_whether_the_call_was_applied(status: int, outcome: type[CallFailed]) -> None:
    with answering(reply(status, b"because", Location="http://elsewhere/")) as client, pytest.raises(outcome) as failed:
        raise_for_status(send(client, "POST", "/things"))
    assert type(failed.value) is outcome
    assert failed.value.status == status
    assert str(failed.value).startswith("POST /things: ")


def test_a_refused_connection_was_surely_not_applied() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        new_client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(NotApplied, match=r"no connection to 127\.0\.0\.1"),
    ):
        send(client, "POST", "/things")


@pytest.mark.parametrize(
    "cut", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"HTTP/1.1 200 OK\r\nConte"]
)
def test_a_reply_that_is_not_whole_leaves_the_call_in_doubt(cut: bytes) -> None:
    with answering(cut) as client, pytest.raises(Ambiguous):
        send(client, "POST", "/things")


def test_a_reply_over_the_limit_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_REPLY_BYTES", 3)
    with answering(reply(200, b"1234")) as client, pytest.raises(Ambiguous, match="4 bytes is over the limit of 3"):
        send(client, "GET", "/things")


def test_what_a_vendor_says_of_a_person_is_not_kept() -> None:
    with (
        answering(reply(400, b"ann@example.com, +44 20 7946 0958 is unknown")) as client,
        pytest.raises(Refused) as failed,
    ):
        raise_for_status(send(client, "GET", "/things"))
    assert "[e-mail] [phone] is unknown" in str(failed.value)


@given(st.text(), st.from_regex(r"[a-z0-9.]{1,20}@[a-z0-9]{1,20}\.(com|co\.uk)", fullmatch=True), st.text())
def test_an_e_mail_address_is_taken_out_of_any_text(before: str, address: str, after: str) -> None:
    assert address not in redacted(f"{before} {address} {after}")


def test_urls_are_not_logged() -> None:
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_all_clients_share_one_tls_context() -> None:
    assert http._tls() is http._tls()


def test_a_failure_carries_whose_call_it_was_and_an_answer_is_told_once() -> None:
    contact = Contact("BigCommerce")
    with contact.call("GET orders"):
        pass
    with pytest.raises(Refused) as failed, contact.call("POST orders/shipments"):
        raise Refused("POST v2/orders/1/shipments", "400")
    assert (failed.value.system, failed.value.operation) == ("BigCommerce", "POST orders/shipments")
    assert contact.answered() == {"GET orders"}
    assert contact.answered() == set()


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=5), timedelta(hours=-2)])
def test_the_vendors_clock_is_read_from_its_reply(ahead: timedelta) -> None:
    contact = Contact("BigCommerce")
    contact.read_clock(httpx.Response(200, headers={"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)}))
    assert contact.clock_ahead is not None
    assert abs(contact.clock_ahead - ahead) < timedelta(seconds=30)


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": ""}])
def test_a_reply_without_a_readable_date_says_nothing_of_the_clock(headers: dict[str, str]) -> None:
    contact = Contact("BigCommerce")
    contact.read_clock(httpx.Response(200, headers=headers))
    assert contact.clock_ahead is None
