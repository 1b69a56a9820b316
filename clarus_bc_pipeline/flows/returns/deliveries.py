"""How a return's pushes reach Clarus and BigCommerce, are found there again, and what they make true.

What belongs here: the calls. What does not: when to make them (the outbox), and what may be refunded (`refunding.py`,
and the database's own interlock). A refund is quoted, chosen and sent in one go; it is found again by its marker, and
where two looks miss it a person decides: money is never sent a second time by itself.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.refunds import Refund, RefundItem, create_refund, quote_refund, refunds_of
from clarus_bc_pipeline.clarus.receipts import CANCELLED, create_receipt, receipts_by_reference
from clarus_bc_pipeline.clarus.receipts import Receipt as ClarusReceipt
from clarus_bc_pipeline.flows.returns.currency import shown
from clarus_bc_pipeline.flows.returns.keeping import keep_refunds
from clarus_bc_pipeline.flows.returns.payments import read_paid
from clarus_bc_pipeline.flows.returns.refunding import REFUND, payment
from clarus_bc_pipeline.flows.returns.rules import RETURN_RECEIPT
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Ambiguous, NotApplied, Refused
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Delivery, Receipt

BY_HAND = "somebody refunded a part of the order since it was approved"


# --- the announcement ---


def receipt_delivery(store: Store) -> Delivery:
    """Announce a return to Clarus, or adopt the receipt that has its reference already: two would be booked twice."""

    def send(push: ClaimedPush) -> Receipt:
        reference = push.payload["reference"]
        try:
            existing = _live(store, reference)
        except Ambiguous as error:
            raise NotApplied(error.call, f"not sent, for the look before failed: {error.problem}") from error
        if existing is not None:
            return _adopted(existing)
        return Receipt(str(create_receipt(store.warehouse, push.payload["body"]).id))

    def find(push: ClaimedPush) -> Receipt | None:
        existing = _live(store, push.payload["reference"])
        return _adopted(existing) if existing is not None else None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        row = (
            store.key, int(receipt.remote_id), push.payload["reference"],
            receipt.reply.get("kind", store.settings.returns.receipt_kind), receipt.reply.get("status", "pending"),
            f"push {push.push_id}", store.now(),
        )  # fmt: skip
        columns = ("store", "receipt_id", "reference", "kind", "status", "source", "seen_at")
        upsert(connection, tables.clarus_receipt, [row], columns=columns)

    return Delivery(kind=RETURN_RECEIPT, send=send, find=find, record=record)


def _live(store: Store, reference: str) -> ClarusReceipt | None:
    """The receipt of the reference, but for a cancelled one. Raises `Ambiguous` for one that cannot be read."""
    page = receipts_by_reference(store.warehouse, [reference])
    if page.unreadable:
        raise Ambiguous(page.unreadable[0].record, page.unreadable[0].reason)
    return next((r for r in page.records if r.status != CANCELLED), None)


def _adopted(existing: ClarusReceipt) -> Receipt:
    return Receipt(str(existing.id), {"status": existing.status, "kind": existing.kind, "adopted": True})


# --- the refund ---


def refund_delivery(store: Store, shop: BigCommerce) -> Delivery:
    """Pay an RMA's refund back, once: quote, choose, send. `shop` is the client whose token may.

    A quote above the approval, or above what is left of the payment, is refused here: the push is set aside with the
    reason and a person decides.
    """

    def send(push: ClaimedPush) -> Receipt:
        payload, number = push.payload, push.business_key
        items = [_item(item, number) for item in payload["items"]]
        quote = quote_refund(shop, payload["order_id"], items)
        with store.engine.connect() as connection:
            paid = read_paid(connection, store=store.key, order_ids=[payload["order_id"]])[payload["order_id"]]
        before = Decimal(payload["refunded_before"])
        if paid.refunded > before:
            more = shown(paid.refunded - before, payload["currency"])
            raise Refused(
                f"refund of RMA {number}", f"{BY_HAND} ({more}); close the RMA, or send it again if it is owed"
            )
        chosen = payment(
            quote,
            approved=Decimal(payload["amount"]),
            fee=Decimal(payload["restocking_fee"]),
            left=Decimal(payload["captured"]) - paid.refunded,
            currency=payload["currency"],
            settings=store.settings.returns,
        )
        if isinstance(chosen, str):
            raise Refused(f"refund of RMA {number}", chosen)
        refund = create_refund(
            shop,
            payload["order_id"],
            items,
            chosen.tenders,
            **({"total": chosen.total, "tax": chosen.tax} if chosen.is_override else {}),
        )
        return _receipt(refund, quoted=str(chosen.total), tenders=[_plain(tender) for tender in chosen.tenders])

    def find(push: ClaimedPush) -> Receipt | None:
        refunds = refunds_of(shop, push.payload["order_id"])
        found = next((refund for refund in refunds if refund.marker == push.business_key), None)
        return _receipt(found) if found else None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        refund = msgspec.convert(receipt.reply["refund"], Refund)
        keep_refunds(connection, store, [refund], source=f"push {push.push_id}")
        approval = tables.refund_approval
        said = {name: receipt.reply[name] for name in ("quoted", "tenders") if name in receipt.reply}
        if "quoted" in said:
            said["quoted"] = Decimal(said["quoted"])
        connection.execute(
            sa.update(approval)
            .where(approval.c.store == store.key, approval.c.rma == push.business_key)
            .values(refund_id=refund.id, **said)
        )

    return Delivery(kind=REFUND, send=send, find=find, record=record, person_after_misses=True)


def _item(item: dict[str, Any], number: str) -> RefundItem:
    amount = item.get("amount")
    return RefundItem(
        item_type=item["item_type"],
        item_id=item["item_id"],
        quantity=item.get("quantity", 0),
        amount=None if amount is None else Decimal(amount),
        reason=f"Return {number} [clarus:{number}]",
    )


def _receipt(refund: Refund, **more: Any) -> Receipt:
    return Receipt(str(refund.id), {"refund": _plain(refund), **more})


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(dataclasses.asdict(value))
