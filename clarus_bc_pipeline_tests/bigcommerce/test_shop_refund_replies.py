"""Replies that the shop should not give, or gives otherwise than its specification says: read, or named by their field.

What belongs here: refunds, quotes and transactions. What does not: a shop that answers well (`test_shop_refunds.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.refunds import (
    RefundItem,
    Tender,
    create_refund,
    pull_refunds,
    quote_refund,
    refunds_of,
)
from clarus_bc_pipeline.bigcommerce.transactions import transactions_of
from clarus_bc_pipeline.http import Ambiguous, NotApplied
from clarus_bc_pipeline.settings import BigCommerceSettings

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REASON = "Return RMA-7 [clarus:RMA-7]"


class Says:
    """A shop that answers every call with the same reply."""

    def __init__(self, body: str | bytes, status: int = 200) -> None:
        self.body, self.status = body.encode() if isinstance(body, str) else body, status
        self.heard: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.heard.append((await receive()).get("body", b""))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture
def says(wall_socket: Any) -> Callable[..., BigCommerce]:
    """A client of a shop that says this."""

    def client(body: str, status: int = 200) -> BigCommerce:
        wall_socket.app = Says(body, status)
        return BigCommerce(BigCommerceSettings(base_url=wall_socket.url, store_hash="odd", quota_share=1.0), "token")

    return client


# --- refunds and quotes ---

REFUND: dict[str, Any] = {
    "id": 77, "order_id": 5, "user_id": 0, "created": "2026-11-20T10:00:00-05:00", "reason": "",
    "total_amount": 4.5, "total_tax": 0.75, "uses_merchant_override_values": False,
    "items": [{"item_type": "PRODUCT", "item_id": 9, "quantity": 1, "requested_amount": None, "reason": REASON}],
    "payments": [{"id": 8, "provider_id": "stripe", "amount": 4.5, "offline": False, "is_declined": False,
                  "declined_message": None}],
}  # fmt: skip


def in_data(*records: Any) -> str:
    return msgspec.json.encode({"data": list(records), "meta": {}}).decode()


def test_a_refund_as_the_guide_shows_it_is_read_with_its_time_in_utc(says: Callable[..., BigCommerce]) -> None:
    [refund] = refunds_of(says(in_data(REFUND)), 5)
    assert refund.created_at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert refund.created_at.utcoffset() == UTC.utcoffset(None)
    assert (refund.items[0].amount, refund.payments[0].declined_message, refund.marker) == (None, "", "RMA-7")


def test_the_refunds_own_reason_carries_a_marker_too(says: Callable[..., BigCommerce]) -> None:
    odd = REFUND | {"reason": "Back [clarus:RMA-9]", "items": []}
    assert [refund.marker for refund in refunds_of(says(in_data(odd)), 5)] == ["RMA-9"]


def test_a_type_of_item_that_we_do_not_know_is_kept_as_it_came(says: Callable[..., BigCommerce]) -> None:
    odd = REFUND | {"items": [{"item_type": "DEPOSIT", "item_id": 1, "requested_amount": "1.30"}]}
    [refund] = refunds_of(says(in_data(odd)), 5)
    assert [(i.item_type, i.quantity, i.amount) for i in refund.items] == [("DEPOSIT", 0, Decimal("1.30"))]


def test_a_number_is_read_by_its_text_and_not_through_a_float(says: Callable[..., BigCommerce]) -> None:
    body = in_data(REFUND).replace('"total_amount":4.5', '"total_amount":90071992547409.931')
    assert [refund.total for refund in refunds_of(says(body), 5)] == [Decimal("90071992547409.931")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total_amount": None}, "total_amount: expected decimal, got null"),
        ({"total_amount": "NaN"}, "expected amounts, got NaN"),
        ({"created": "yesterday"}, "created: expected an ISO 8601 date, got 'yesterday'"),
        ({"payments": [REFUND["payments"][0] | {"is_declined": None}]}, "is_declined: expected bool, got null"),
        ({"items": None}, "items: expected array, got null"),
    ],
)
def test_a_refund_that_cannot_be_read_is_named_with_its_field(
    says: Callable[..., BigCommerce], changes: dict[str, Any], reason: str
) -> None:
    shop = says(in_data(REFUND | changes))
    with pytest.raises(Ambiguous, match=re.escape(reason)) as failure:
        refunds_of(shop, 5)
    assert "refund 77" in str(failure.value)


def test_a_refund_that_cannot_be_read_never_fails_its_page(says: Callable[..., BigCommerce]) -> None:
    shop = says(in_data(REFUND | {"total_tax": None}, REFUND | {"id": 78}, {"total_tax": 1}))
    [page] = pull_refunds(shop, created_since=LONG_AGO)
    assert [refund.id for refund in page.refunds] == [78]
    assert [(u.record, u.part_of) for u in page.unreadable] == [("refund 77", 5), ("refund without an id", None)]
    assert page.unreadable[0].reason == "total_tax: expected decimal, got null"


def test_a_made_refund_that_cannot_be_read_is_in_doubt(says: Callable[..., BigCommerce]) -> None:
    body = msgspec.json.encode({"data": REFUND | {"id": None}}).decode()
    with pytest.raises(Ambiguous, match="id: expected int, got null"):
        create_refund(says(body, 201), 5, [RefundItem("PRODUCT", 9, 1)], [Tender("stripe", Decimal("4.50"), False)])


QUOTE: dict[str, Any] = {
    "order_id": 5, "total_refund_amount": 4.5, "total_refund_tax_amount": 0.75, "tax_inclusive": True,
    "refund_methods": [[{"provider_id": "stripe", "amount": 4.5, "offline": False}]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total_refund_amount": None}, "data.total_refund_amount: expected decimal, got null"),
        (
            {"refund_methods": [[{"provider_id": "stripe", "amount": None, "offline": False}]]},
            "amount: expected decimal",
        ),
        ({"tax_inclusive": None}, "data.tax_inclusive: missing"),
        ({"order_id": 6}, "about another order"),
    ],
)
def test_a_quote_that_cannot_be_read_is_not_paid(
    says: Callable[..., BigCommerce], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotApplied, match=re.escape(reason)):
        quote_refund(
            says(msgspec.json.encode({"data": QUOTE | changes}).decode(), 201), 5, [RefundItem("PRODUCT", 9, 1)]
        )


def test_a_quote_by_the_guides_name_for_its_tax_is_read(says: Callable[..., BigCommerce]) -> None:
    body = {name: value for name, value in QUOTE.items() if name != "tax_inclusive"} | {"is_tax_included": False}
    quote = quote_refund(says(msgspec.json.encode({"data": body}).decode(), 201), 5, [RefundItem("PRODUCT", 9, 1)])
    assert (quote.tax_inclusive, quote.methods[0][0].description) == (False, "")


# --- transactions ---

TRANSACTION: dict[str, Any] = {
    "id": 3, "order_id": "5", "event": "purchase", "method": "credit_card", "amount": 12.1, "currency": "GBP",
    "gateway": None, "status": "ok", "date_created": "2026-11-20T10:00:00Z", "gateway_transaction_id": None,
}  # fmt: skip


def test_an_event_that_we_do_not_know_is_kept_as_it_came(says: Callable[..., BigCommerce]) -> None:
    [found] = transactions_of(says(in_data(TRANSACTION | {"event": "chargeback"})), 5)
    assert (found.event, found.gateway, found.gateway_transaction_id) == ("chargeback", "", None)
    assert (found.amount, found.is_test) == (Decimal("12.1"), False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": None}, "amount: expected decimal, got null"),
        ({"amount": "Infinity"}, "amount: expected an amount, got Infinity"),
        ({"status": None}, "status: expected str, got null"),
        ({"date_created": ""}, "date_created: expected an ISO 8601 date, got ''"),
        ({"order_id": "6"}, "order_id: expected 5, got '6'"),
    ],
)
def test_a_transaction_that_cannot_be_read_is_named_with_its_field(
    says: Callable[..., BigCommerce], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Ambiguous, match=re.escape(f"transaction 3: {reason}")):
        transactions_of(says(in_data(TRANSACTION, TRANSACTION | changes)), 5)
