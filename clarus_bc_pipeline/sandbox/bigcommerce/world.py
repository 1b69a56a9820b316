"""What the double's shop holds, the rules by which it changes, and the scenario's hand in it.

What belongs here: orders, shipments, metafields and their side effects. What does not: HTTP (`app.py`).
Rules of the double that BigCommerce does not document are settings here, so that a test can take either side.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from clarus_bc_pipeline.sandbox.bigcommerce import wire
from clarus_bc_pipeline.sandbox.bigcommerce.catalogue import Catalogue
from clarus_bc_pipeline.sandbox.bigcommerce.limits import StoreQuota
from clarus_bc_pipeline.sandbox.bigcommerce.payments import Payments
from clarus_bc_pipeline.sandbox.bigcommerce.shipping import (
    Refusal,
    checked_items,
    checked_texts,
    new_shipment,
    open_quantity,
)
from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record, rfc2822
from clarus_bc_pipeline.sandbox.faults import TruthLog

ALL_SCOPES = frozenset(
    {
        "store_v2_orders", "store_v2_products_read_only", "store_inventory", "store_v2_information_read_only",
        "store_v2_transactions", "store_v2_transactions_read_only",
    }
)  # fmt: skip
# What a refund needs here. BigCommerce lets store_v2_orders refund too; the double is stricter, so that a refund by the
# wrong one of a store's two tokens is seen.
REFUND_SCOPE = "store_v2_transactions"
FINAL_STATUSES = frozenset({4, 5, 10})  # a shipment does not move these


@dataclass
class StoredOrder:
    """An order with what hangs on it. `modified` is seconds since 1970; `cache` holds its JSON by shape."""

    record: Record
    lines: dict[int, Record]
    addresses: dict[int, Record]
    modified: int
    created: int
    shipments: dict[int, Record] = field(default_factory=dict)
    cache: dict[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return int(self.record["id"])


class ShopWorld:
    """One shop. Thread-safe: the server and the scenario may both use it.

    `tokens` maps each access token to its scopes. `moves_status`: whether a shipment moves the order's status
    by itself (BigCommerce's sources disagree). `clock` gives seconds since 1970. With a `refund_token` that one alone
    may refund; without, all `tokens` may whose scopes say so. `payments` holds the shop's money.
    """

    def __init__(
        self,
        store_hash: str = "sandbox",
        *,
        tokens: Mapping[str, Iterable[str]] | None = None,
        refund_token: str | None = None,
        quota: int = 150,
        window_seconds: float = 30.0,
        moves_status: bool = True,
        currency: str = "GBP",
        name: str = "Sandbox shop",
        clock: Callable[[], float] = time.time,
        log: TruthLog | None = None,
    ) -> None:
        self.store_hash = store_hash
        self.tokens = {token: frozenset(scopes) for token, scopes in (tokens or {"sandbox": ALL_SCOPES}).items()}
        if refund_token is not None:
            self.tokens = {token: scopes - {REFUND_SCOPE} for token, scopes in self.tokens.items()}
            self.tokens[refund_token] = ALL_SCOPES
        self.quota = StoreQuota(quota, window_seconds)
        self.moves_status = moves_status
        self.currency, self.name = currency, name
        self.clock = clock
        self.log = log if log is not None else TruthLog(clock=clock)
        self.lock = threading.RLock()
        self.catalogue = Catalogue(self.lock, lambda: self.clock())
        self.payments = Payments(self)
        self.orders: dict[int, StoredOrder] = {}
        self.metafields: dict[int, Record] = {}
        self._by_modified: list[tuple[int, int, int]] = []
        self._last: dict[str, int] = {
            "order": 100,
            "line": 1000,
            "address": 500,
            "shipment": 10,
            "metafield": 0,
        }

    # --- the scenario's hand ---

    def add_order(self, given: Mapping[str, Any]) -> int:
        """An order from a plain mapping; returns its id.

        `lines`: [{sku, name, quantity, price_inc_tax, type, options: [(name, value)], address: index, ...}];
        `addresses`: [{street_1, zip, ..., shipping_method, form_fields}]; `billing_address`; `created_at` and
        `modified_at` as aware datetimes; any other field of the reference (status_id, payment_status, ...) as
        it is.
        """
        with self.lock:
            now = datetime.fromtimestamp(self.clock(), UTC)
            created = given.get("created_at", now)
            modified = given.get("modified_at", created)
            order_id = self._id("order", given.get("id"))
            record = wire.new_order(given, order_id=order_id, now=created, currency=self.currency)
            addresses: dict[int, Record] = {}
            for each in given.get("addresses", ()):
                address_id = self._id("address", each.get("id"))
                method = str(each.get("shipping_method", "Royal Mail Tracked 48"))
                addresses[address_id] = {
                    "id": address_id, **wire.new_address(each), "shipping_method": method,
                }  # fmt: skip
            ids = list(addresses) or [0]
            lines: dict[int, Record] = {}
            for each in given.get("lines", ()):
                line_id = self._id("line", each.get("id"))
                lines[line_id] = wire.new_line(
                    each, line_id=line_id, order_id=order_id, address_id=ids[each.get("address", 0)]
                )
            stored = StoredOrder(record, lines, addresses, int(modified.timestamp()), int(created.timestamp()))
            record["date_modified"] = rfc2822(modified)
            self._count(stored, keep=given)
            self.orders[order_id] = stored
            insort(self._by_modified, _place(stored))
            self.payments.paid_on_arrival(stored)
            return order_id

    def edit_order(self, order_id: int, **fields: Any) -> None:
        """Set fields of the order as a person in the control panel would, and bump date_modified."""
        with self.lock:
            self.orders[order_id].record.update(fields)
            self.touch(order_id)

    def edit_address(self, order_id: int, address_id: int | None = None, **fields: Any) -> None:
        """Set fields of a delivery address (the first one when none is named)."""
        with self.lock:
            addresses = self.orders[order_id].addresses
            addresses[address_id if address_id is not None else next(iter(addresses))].update(fields)
            self.touch(order_id)

    def edit_line(self, order_id: int, line_id: int, **fields: Any) -> None:
        with self.lock:
            self.orders[order_id].lines[line_id].update(fields)
            self.touch(order_id)

    def edit_line_price(self, order_id: int, line_id: int, price: Decimal | str) -> None:
        """A person changes a line's price, tax included, after the order was placed: the order's total moves along."""
        with self.lock:
            order = self.orders[order_id]
            wire.reprice(order.lines[line_id], Decimal(price), str(order.record["default_currency_code"]))
            self._count(order)
            self.touch(order_id)

    def cancel_order(self, order_id: int) -> None:
        self.edit_order(order_id, status_id=5)

    def archive_order(self, order_id: int) -> None:
        """What DELETE does: the order stays, marked."""
        self.edit_order(order_id, is_deleted=True)

    def delete_order(self, order_id: int) -> None:
        """The order is gone for good: 404 from now on."""
        with self.lock:
            self._by_modified.remove(_place(self.orders.pop(order_id)))

    def ship_by_hand(self, order_id: int, items: Sequence[tuple[int, int]] | None = None, **fields: Any) -> list[int]:
        """Ship (line, quantity) pairs, or all that is left, as a person would; one shipment an address."""
        with self.lock:
            order = self.orders[order_id]
            chosen = (
                items if items is not None else [(line["id"], open_quantity(line)) for line in order.lines.values()]
            )
            by_address: dict[int, list[Record]] = {}
            for line_id, quantity in chosen:
                if quantity and (address_id := order.lines[line_id]["order_address_id"]):
                    item = {"order_product_id": line_id, "quantity": quantity}
                    by_address.setdefault(address_id, []).append(item)
            return [
                self.create_shipment(order_id, {"order_address_id": address_id, "items": batch, **fields})["id"]
                for address_id, batch in by_address.items()
            ]

    def add_metafield(self, order_id: int, namespace: str, key: str, value: str, *, owner: str = "other") -> int:
        body = {"namespace": namespace, "key": key, "value": value, "permission_set": "write"}
        return int(self.create_metafield(order_id, body, owner=owner)["id"])

    def touch(self, order_id: int, *, at: int | None = None) -> None:
        """Bump date_modified to now, or set it `at` seconds since 1970, and forget the cached JSON."""
        with self.lock:
            order = self.orders[order_id]
            del self._by_modified[bisect_left(self._by_modified, _place(order))]
            order.modified = int(self.clock()) if at is None else at
            order.record["date_modified"] = rfc2822(datetime.fromtimestamp(order.modified, UTC))
            order.cache.clear()
            insort(self._by_modified, _place(order))

    # --- what the API does ---

    def order(self, order_id: int) -> StoredOrder:
        if order_id not in self.orders:
            raise Refusal(404, "The requested resource was not found.")
        return self.orders[order_id]

    def shipments(self, order_id: int) -> list[Record]:
        with self.lock:
            return list(self.order(order_id).shipments.values())

    def by_modified(self, earliest: int | None = None, latest: int | None = None) -> list[int]:
        """Ids by date_modified, bounds included. Orders of one second come in no useful sequence."""
        with self.lock:
            start = 0 if earliest is None else bisect_left(self._by_modified, (earliest, -1, -1))
            end = None if latest is None else bisect_left(self._by_modified, (latest + 1, -1, -1))
            return [order_id for _, _, order_id in self._by_modified[start:end]]

    def update_order(self, order_id: int, body: Mapping[str, Any]) -> StoredOrder:
        """PUT: `status_id`, `staff_notes`, `external_order_id` and other plain fields."""
        with self.lock:
            order = self.order(order_id)
            if body.get("status_id", 0) not in wire.STATUSES:
                raise Refusal(400, f"The field 'status_id' is invalid: {body['status_id']!r}")
            if order.record["is_deleted"]:
                raise Refusal(400, "A deleted order cannot be changed.")
            order.record.update(body)
            self.touch(order_id)
            return order

    def create_shipment(self, order_id: int, body: Mapping[str, Any]) -> Record:
        """POST a shipment, with its side effects on lines, counts, status and date_modified."""
        with self.lock:
            order = self.order(order_id)
            address_id = body.get("order_address_id")
            if address_id not in order.addresses:
                raise Refusal(400, f"The field 'order_address_id' is invalid: {address_id!r}")
            items = checked_items(order.lines, address_id, body.get("items"))
            shipment = new_shipment(
                order.record, order.addresses[address_id], self._id("shipment", None), body, items,
                now=datetime.fromtimestamp(self.clock(), UTC),
            )  # fmt: skip
            order.shipments[shipment["id"]] = shipment
            for item in items:
                order.lines[item["order_product_id"]]["quantity_shipped"] += item["quantity"]
            self._after_shipment(order)
            return shipment

    def update_shipment(self, order_id: int, shipment_id: int, body: Mapping[str, Any]) -> Record:
        """PUT: tracking, carrier, link, comments, address; never lines."""
        with self.lock:
            shipment = self.shipment(order_id, shipment_id)
            if "items" in body:
                raise Refusal(400, "The field 'items' cannot be changed.")
            shipment.update({name: text for name, text in checked_texts(body).items() if name in body})
            if "order_address_id" in body:
                if body["order_address_id"] not in self.order(order_id).addresses:
                    raise Refusal(400, f"The field 'order_address_id' is invalid: {body['order_address_id']!r}")
                shipment["order_address_id"] = body["order_address_id"]
            shipment["generated_tracking_link"] = wire.generated_link(
                shipment["shipping_provider"], shipment["tracking_carrier"], shipment["tracking_number"],
                shipment["tracking_link"],
            )  # fmt: skip
            self.touch(order_id)
            return shipment

    def delete_shipment(self, order_id: int, shipment_id: int) -> None:
        """DELETE: quantities go back, the order's status does not."""
        with self.lock:
            shipment = self.shipment(order_id, shipment_id)
            order = self.order(order_id)
            del order.shipments[shipment_id]
            for item in shipment["items"]:
                order.lines[item["order_product_id"]]["quantity_shipped"] -= item["quantity"]
            self._count(order)
            self.touch(order_id)

    def shipment(self, order_id: int, shipment_id: int) -> Record:
        try:
            return self.order(order_id).shipments[shipment_id]
        except KeyError:
            raise Refusal(404, "The requested resource was not found.") from None

    def create_metafield(self, order_id: int, body: Mapping[str, Any], *, owner: str) -> Record:
        """POST: 409 where this client already has that namespace and key on that order."""
        with self.lock:
            self.order(order_id)
            self._check_metafield(order_id, body, owner, None)
            now = datetime.fromtimestamp(self.clock(), UTC).replace(microsecond=0).isoformat()
            metafield: Record = {
                "id": self._id("metafield", None), "resource_type": "order", "resource_id": order_id,
                "namespace": body["namespace"], "key": body["key"], "value": body["value"],
                "permission_set": body["permission_set"], "description": body.get("description", ""),
                "date_created": now, "date_modified": now, "owner_client_id": owner,
            }  # fmt: skip
            self.metafields[metafield["id"]] = metafield
            return metafield

    def update_metafield(self, metafield: Record, body: Mapping[str, Any]) -> None:
        """PUT: every field of it, as MetafieldPut wants."""
        with self.lock:
            self._check_metafield(metafield["resource_id"], body, metafield["owner_client_id"], metafield["id"])
            names = ("namespace", "key", "value", "permission_set", "description")
            metafield.update({name: body[name] for name in names if name in body})
            metafield["date_modified"] = datetime.fromtimestamp(int(self.clock()), UTC).isoformat()

    def visible_metafields(self, owner: str) -> list[Record]:
        """Those that a client may read, by id."""
        with self.lock:
            return [
                m
                for m in self.metafields.values()
                if m["permission_set"] != "app_only" or m["owner_client_id"] == owner
            ]

    # --- inside ---

    def _check_metafield(self, order_id: int, body: Mapping[str, Any], owner: str, own_id: int | None) -> None:
        wrong = {
            name: f"{name} must be a text of 1 to {limit} characters"
            for name, limit in (("namespace", 64), ("key", 64), ("value", 65_535), ("permission_set", 64))
            if not isinstance(body.get(name), str) or not 1 <= len(body[name]) <= limit
        }
        if wrong:
            raise Refusal(422, "JSON data is missing or invalid", wrong)
        identity = (owner, order_id, body["namespace"], body["key"])
        if any(_identity(each) == identity and each["id"] != own_id for each in self.metafields.values()):
            raise Refusal(409, "The metafield already exists for this namespace and key")

    def json(self, order: StoredOrder, shape: str, base_url: str) -> bytes:
        """The order's JSON, kept until it changes. `shape`: links | consignments | lines."""
        key = f"{shape} {base_url}"
        if key not in order.cache:
            shown = wire.order_json(order.record, order.lines, order.addresses, shape, base_url)
            order.cache[key] = msgspec.json.encode(shown)
        return order.cache[key]

    def _after_shipment(self, order: StoredOrder) -> None:
        self._count(order)
        physical = [line for line in order.lines.values() if line["order_address_id"]]
        complete = all(open_quantity(line) == 0 for line in physical)
        if complete:
            order.record["date_shipped"] = rfc2822(datetime.fromtimestamp(self.clock(), UTC))
        if self.moves_status and order.record["status_id"] not in FINAL_STATUSES:
            order.record["status_id"] = 2 if complete else 3
        self.touch(order.id)

    def _count(self, order: StoredOrder, keep: Mapping[str, Any] | None = None) -> None:
        """Totals that follow from the lines; those in `keep` stay as given."""
        wire.count(order.record, list(order.lines.values()), len(order.addresses), keep or {})

    def _id(self, kind: str, wanted: Any) -> int:
        number = int(wanted) if wanted is not None else self._last[kind] + 1
        self._last[kind] = max(self._last[kind], number)
        return number


def _place(order: StoredOrder) -> tuple[int, int, int]:
    """Where the order stands by date_modified. Ties are scrambled: no client may lean on their sequence."""
    return order.modified, order.id * 7919 % 10_007, order.id


def _identity(metafield: Mapping[str, Any]) -> tuple[str, int, str, str]:
    return metafield["owner_client_id"], metafield["resource_id"], metafield["namespace"], metafield["key"]
