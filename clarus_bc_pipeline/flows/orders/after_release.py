"""What a change on either side means for an order that the warehouse holds, or is about to.

What belongs here: the lock after release, as pure functions of facts. What does not: the release itself (`rules.py`),
reading or writing anything (`sync.py`). Once Clarus may hold a goods-out it is never changed from here: a cancellation
cancels it, anything else is told to a person. A release that was surely never sent is set aside and made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.orders.addresses import clarus_address
from clarus_bc_pipeline.flows.orders.rules import (
    FINISHED,
    GOODS_OUT_CANCEL,
    PaidOrder,
    instructions_for,
    is_known_status,
)
from clarus_bc_pipeline.settings import DEFAULT_NOTE_LIMITS, OrdersSettings

REFUNDED = 4  # BigCommerce's status; after the shop shows the goods as sent it is an ordinary return
REFERENCE_TAKEN = "the reference is already used in Clarus for other lines"

# Clarus's address fields in the words of a person.
_ADDRESS_WORDS: Mapping[str, str] = {
    "name": "name", "address_1": "street", "address_2": "street", "address_5": "street", "address_3": "town",
    "address_4": "county", "postcode": "postcode", "country_code": "country", "email_address": "e-mail address",
    "phone_number": "telephone number",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReleasedOrder:
    """A goods-out of an order, with both sides' state; `goods_out_id` is None while Clarus is not known to hold it.

    `order_is_unsent`: none of the order's goods-outs can have reached Clarus; `is_unsent`: this one cannot.
    `changes` are names of what differs from what was released, never values. `is_shown_as_sent`: the shop shows every
    unit that left.
    """

    order_id: int
    reference: str
    business_key: str
    push_state: str
    last_error: str
    order_status_id: int
    is_deleted: bool
    is_shown_as_sent: bool
    release_hash: str
    released_hash: str
    value: Decimal
    currency: str
    goods_out_id: int | None
    goods_out_status: str | None
    missing: bool
    cancel_state: str | None
    is_unsent: bool
    order_is_unsent: bool
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AfterRelease:
    """`set_aside`: this push is pointless, never send it. `make_anew`: so are all of the order's; release it again."""

    pushes: tuple[Push, ...] = ()
    findings: tuple[Finding, ...] = ()
    set_aside: bool = False
    make_anew: bool = False


def after_release(order: ReleasedOrder, settings: OrdersSettings) -> AfterRelease:
    """Cancel it, set it aside, tell somebody, or nothing."""
    if not is_known_status(order.order_status_id, settings):
        return _tell(
            order,
            "unmapped_value",
            f"has status_id {order.order_status_id}, which is none of BigCommerce's (0 to 14); nothing was done about "
            f"goods-out {order.reference}",
        )
    if order.is_deleted or order.order_status_id in settings.cancelled_status_ids:
        return _called_off(order)
    if order.missing or order.goods_out_status == "CANCELLED":
        how = "deleted" if order.missing else "cancelled"
        return _tell(
            order,
            "cancelled_in_clarus",
            f"is live in BigCommerce, and goods-out {order.reference} was {how} in Clarus",
        )
    if order.release_hash != order.released_hash and order.goods_out_status != "COMPLETED":
        if order.order_is_unsent:
            return AfterRelease(make_anew=True)
        if order.changes:
            return _tell(
                order,
                "order_changed_after_release",
                f"was changed in BigCommerce ({', '.join(order.changes)}) after goods-out {order.reference} was "
                "released; Clarus still has the old one",
                changed=list(order.changes),
            )
    if order.push_state == "parked" and REFERENCE_TAKEN in order.last_error:
        return _tell(
            order,
            "reference_taken",
            f"was not released: goods-out {order.reference} is in Clarus already, for other lines "
            f"({order.last_error.partition(REFERENCE_TAKEN)[2].lstrip(': ')})",
        )
    return AfterRelease()


def _called_off(order: ReleasedOrder) -> AfterRelease:
    """The order was cancelled, refunded, deleted or archived in the shop."""
    what = "deleted or archived" if order.is_deleted else "cancelled"
    if order.goods_out_id is None:
        # What may be on its way is cancelled once it is known to be there.
        return AfterRelease(set_aside=order.push_state in ("pending", "parked"))
    if order.goods_out_status == "COMPLETED":
        if order.is_shown_as_sent and (order.is_deleted or order.order_status_id == REFUNDED):
            return AfterRelease()  # archived or returned after the customer was told: the usual end
        code = "order_deleted" if order.is_deleted else "manual_cancel_needed"
        return _tell(order, code, f"was {what} in BigCommerce and goods-out {order.reference} had already left")
    if order.missing or order.goods_out_status in FINISHED:
        return AfterRelease()
    if order.cancel_state == "parked":
        return _tell(
            order,
            "manual_cancel_needed",
            f"was {what} in BigCommerce, and Clarus refused to cancel goods-out {order.reference} "
            f"(status {order.goods_out_status})",
        )
    deleted = _about(
        order,
        "order_deleted",
        f"was deleted or archived in BigCommerce while Clarus holds goods-out {order.reference}; it is being "
        "cancelled there",
    )
    push = Push(
        kind=GOODS_OUT_CANCEL,
        business_key=order.reference,
        lane=f"order:{order.order_id}",
        priority=Priority.SHIPMENT,
        payload={"goods_out_id": order.goods_out_id, "reference": order.reference, "order_id": order.order_id},
        cause={
            "order_id": order.order_id,
            "status_id": order.order_status_id,
            "is_deleted": order.is_deleted,
            "value_at_risk": str(order.value),
            "currency": order.currency,
        },
    )
    # Queued before, it is queued once all the same.
    return AfterRelease((push,), (deleted,) if order.is_deleted else ())


def what_changed(
    order: PaidOrder,
    released: Mapping[str, Any],
    settings: OrdersSettings,
    *,
    released_addresses: Collection[int],
) -> tuple[str, ...]:
    """What of a goods-out differs from the order as it is now: quantities by SKU, and names of fields.

    `released` is the payload of its push, `released_addresses` those of all of the order's: a line for yet another
    address is new to each. The address and the notes are personal, so no value of theirs is given. Once the payload
    has been emptied (retention) only lines can be compared.
    """
    mine = released["order_address_id"]
    lines = [
        line
        for line in order.to_pack
        if line.order_address_id == mine or line.order_address_id not in released_addresses
    ]
    return (*_lines(released["lines"], lines, order), *_fields(order, released, settings))


def _lines(released: Sequence[Sequence[Any]], lines: Sequence[Any], order: PaidOrder) -> Iterator[str]:
    before = {line_id: quantity for line_id, _, quantity in released}
    now = {line.order_product_id: line.to_pack for line in lines}
    names = {line_id: code for line_id, code, _ in released} | {line.order_product_id: line.sku for line in order.lines}
    for line_id in sorted(before.keys() | now.keys()):
        if before.get(line_id, 0) != now.get(line_id, 0):
            yield f"{names[line_id]}: {before.get(line_id, 0)} -> {now.get(line_id, 0)}"


def _fields(order: PaidOrder, released: Mapping[str, Any], settings: OrdersSettings) -> Iterator[str]:
    if "body" not in released or not order.personal:
        return
    data = released["body"]["data"]
    address_id = released["order_address_id"]
    raw = next((a for a in order.personal["addresses"] if a["id"] == address_id), None)
    if raw is None:
        yield "delivery address removed"
    else:
        before = data["relationships"]["address"]["data"]["attributes"]
        now, _ = clarus_address(raw)
        changed = [words for field, words in _ADDRESS_WORDS.items() if before.get(field, "") != now.get(field, "")]
        yield from dict.fromkeys(changed)
    notes = instructions_for(order, address_id, settings).fields
    for target in DEFAULT_NOTE_LIMITS:
        if data["attributes"].get(target, "") != notes.get(target, ""):
            yield target


def _tell(order: ReleasedOrder, code: str, sentence: str, **evidence: Any) -> AfterRelease:
    return AfterRelease(findings=(_about(order, code, sentence, **evidence),))


def _about(order: ReleasedOrder, code: str, sentence: str, **evidence: Any) -> Finding:
    return Finding(
        code,
        f"order {order.order_id}, goods-out {order.reference}",
        f"Order {order.order_id} {sentence}.",
        order_id=order.order_id,
        evidence={"reference": order.reference, **evidence},
        value_at_risk=order.value,
        currency=order.currency,
    )
