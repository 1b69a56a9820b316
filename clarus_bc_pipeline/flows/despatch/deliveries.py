"""How a despatch's pushes reach BigCommerce, and how they are found there again.

What belongs here: the calls, and the facts that a delivery makes true. What does not: when to make them (the outbox).
A shipment is sent with no look-up before: what it needs was kept from the pull. It is found again by its marker.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.orders import get_order, set_order_status
from clarus_bc_pipeline.bigcommerce.shipments import (
    Shipment,
    create_shipment,
    list_shipments,
    update_shipment,
)
from clarus_bc_pipeline.flows.despatch import facts
from clarus_bc_pipeline.flows.despatch.rules import ORDER_STATUS, SHIPMENT, SHIPMENT_TRACKING
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Delivery, Receipt


def shipment_delivery(store: Store) -> Delivery:
    """Create a shipment; the customer may be e-mailed at once, so a second one is never an option."""

    def send(push: ClaimedPush) -> Receipt:
        return _receipt(create_shipment(store.shop, push.payload["order_id"], push.payload["body"]))

    def find(push: ClaimedPush) -> Receipt | None:
        shipments = list_shipments(store.shop, push.payload["order_id"])
        found = next((s for s in shipments if s.marker == push.payload["marker"]), None)
        return _receipt(found) if found else None

    return Delivery(kind=SHIPMENT, send=send, find=find, record=_keep(store))


def tracking_delivery(store: Store) -> Delivery:
    """Correct the tracking of a shipment. A PUT is repeatable; read back, it is there when the number is."""

    def send(push: ClaimedPush) -> Receipt:
        payload = push.payload
        return _receipt(update_shipment(store.shop, payload["order_id"], payload["shipment_id"], payload["body"]))

    def find(push: ClaimedPush) -> Receipt | None:
        shipments = list_shipments(store.shop, push.payload["order_id"])
        found = next(
            (
                s
                for s in shipments
                if s.id == push.payload["shipment_id"] and s.tracking_number == push.payload["body"]["tracking_number"]
            ),
            None,
        )
        return _receipt(found) if found else None

    return Delivery(kind=SHIPMENT_TRACKING, send=send, find=find, record=_keep(store))


def status_delivery(store: Store) -> Delivery:
    """Set an order's status where BigCommerce did not move it by itself."""

    def send(push: ClaimedPush) -> Receipt:
        set_order_status(store.shop, push.payload["order_id"], push.payload["status_id"])
        return Receipt(str(push.payload["order_id"]))

    def find(push: ClaimedPush) -> Receipt | None:
        order = get_order(store.shop, push.payload["order_id"])
        return Receipt(str(order.id)) if order.status_id == push.payload["status_id"] else None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        table = tables.bigcommerce_order
        connection.execute(
            sa.update(table)
            .where(
                table.c.store == store.key,
                table.c.order_id == push.payload["order_id"],
            )
            .values(status_id=push.payload["status_id"], source=f"push {push.push_id}", seen_at=store.now())
        )

    return Delivery(kind=ORDER_STATUS, send=send, find=find, record=record)


def _receipt(shipment: Shipment) -> Receipt:
    return Receipt(str(shipment.id), msgspec.to_builtins(shipment))


def _keep(store: Store) -> Callable[[sa.Connection, ClaimedPush, Receipt], None]:
    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        shipment = msgspec.convert(receipt.reply, Shipment)
        facts.keep_shipment(
            connection, store=store.key, shipment=shipment, source=f"push {push.push_id}", now=store.now()
        )

    return record
