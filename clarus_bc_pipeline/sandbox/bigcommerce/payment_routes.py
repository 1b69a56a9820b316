"""Payments of the double as the API shows them: transactions, quotes and refunds, with money as JSON numbers.

What belongs here: shapes, filters and handlers, after orders.v3.yml. What does not: rules (`payments.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from clarus_bc_pipeline.sandbox.bigcommerce import lists
from clarus_bc_pipeline.sandbox.bigcommerce.calls import Answer, Call, Handler
from clarus_bc_pipeline.sandbox.bigcommerce.payments import METHODS, Option, Refund
from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record
from clarus_bc_pipeline.sandbox.bigcommerce.world import REFUND_SCOPE

REFUNDS = re.compile(r"v3/orders/([0-9]+)/payment_actions/refunds")
ORDERS, TRANSACTIONS = "store_v2_orders", "store_v2_transactions_read_only"
BY_HAND = "This is an offline payment provider."

_NUMBERS = msgspec.json.Encoder(decimal_format="number")


def _transactions(call: Call) -> Answer:
    found = call.world.payments.transactions_of(call.ids[0])
    if not found:
        return Answer(status=204)
    page = lists.v3_page([_transaction(each) for each in found], {"limit": str(len(found))}, most=len(found))
    return Answer(_NUMBERS.encode(page))


def _quote(call: Call) -> Answer:
    quoted = call.world.payments.quote(call.ids[0], call.body.get("items"))
    offline = call.world.payments.offline_gateways
    data = {
        "order_id": call.ids[0], "total_refund_amount": quoted.total, "total_refund_tax_amount": quoted.tax,
        "order_level_refund_amount": 0, "rounding": 0, "adjustment": quoted.adjustment, "tax_inclusive": True,
        "refund_methods": [[_option(option, offline) for option in method] for method in quoted.methods],
    }  # fmt: skip
    return Answer(_NUMBERS.encode({"data": data, "meta": {}}), 201)


def _post_refund(call: Call) -> Answer:
    refund = call.world.payments.refund(call.ids[0], call.body)
    return Answer(_NUMBERS.encode({"data": _refund(refund), "meta": {}}), 201)


def _order_refunds(call: Call) -> Answer:
    call.world.order(call.ids[0])
    refunds = [each for each in call.world.payments.refunds.values() if each.order_id == call.ids[0]]
    return Answer(_NUMBERS.encode({"data": [_refund(each) for each in _by_transaction(call, refunds)], "meta": {}}))


def _refunds(call: Call) -> Answer:
    """By id; the reply does not count its pages, as its specification does not."""
    refunds = _by_transaction(call, list(call.world.payments.refunds.values()))
    for name, attribute in (("id:in", "id"), ("order_id:in", "order_id")):
        if name in call.query:
            refunds = [r for r in refunds if str(getattr(r, attribute)) in call.query[name].split(",")]
    earliest, latest = lists.moment(call.query, "created:min"), lists.moment(call.query, "created:max")
    refunds = [r for r in refunds if (earliest or 0) <= r.at.timestamp() <= (2**62 if latest is None else latest)]
    page = lists.v3_page([_refund(each) for each in refunds], call.query, most=250)
    return Answer(_NUMBERS.encode({"data": page["data"], "meta": {}}))


def _by_transaction(call: Call, refunds: list[Refund]) -> list[Refund]:
    wanted = call.query.get("transaction_id")
    if wanted is None:
        return refunds
    return [r for r in refunds if any(payment.get("transaction_id") == wanted for payment in r.payments)]


def _transaction(given: Mapping[str, Any]) -> Record:
    shown = {
        "id": given["id"], "order_id": str(given["order_id"]), "event": given["event"], "method": given["method"],
        "amount": given["amount"], "currency": given["currency"], "gateway": given["gateway"],
        "gateway_transaction_id": given["gateway_transaction_id"], "payment_method_id": given["gateway"],
        "status": given["status"], "test": given["test"], "fraud_review": False,
        "date_created": given["at"].isoformat(), "offline": None, "custom": None,
    }  # fmt: skip
    return shown | ({"reference_transaction_id": given["reference"]} if given["reference"] else {})


def _option(option: Option, offline: set[str]) -> Record:
    by_hand = option.provider in offline
    return {
        "provider_id": option.provider,
        "provider_description": METHODS.get(option.provider, option.provider).replace("_", " ").title(),
        "amount": option.amount, "offline": option.offline, "offline_provider": by_hand,
        "offline_reason": BY_HAND if by_hand else "",
    }  # fmt: skip


def _refund(refund: Refund) -> Record:
    """The reasons are the items'; the refund's own is empty, for a request has none."""
    return {
        "id": refund.id, "order_id": refund.order_id, "user_id": 0, "created": refund.at.isoformat(), "reason": "",
        "total_amount": refund.total, "total_tax": refund.tax, "uses_merchant_override_values": refund.is_override,
        "items": [
            {
                "item_type": part.item_type, "item_id": part.item_id, "reason": part.reason,
                **({"quantity": part.units} if part.units else {"requested_amount": part.amount}),
            }
            for part in refund.parts
        ],
        "payments": refund.payments,
    }  # fmt: skip


ROUTES: Mapping[str, Mapping[str, tuple[str, Handler]]] = {
    "v3/orders/{}/transactions": {"GET": (TRANSACTIONS, _transactions)},
    "v3/orders/{}/payment_actions/refund_quotes": {"POST": (REFUND_SCOPE, _quote)},
    "v3/orders/{}/payment_actions/refunds": {"GET": (ORDERS, _order_refunds), "POST": (REFUND_SCOPE, _post_refund)},
    "v3/orders/payment_actions/refunds": {"GET": (ORDERS, _refunds)},
}
