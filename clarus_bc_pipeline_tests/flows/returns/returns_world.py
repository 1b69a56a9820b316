"""A shop that takes and pays money and a warehouse that takes parcels, behind the clients' functions, on a real ledger.

What belongs here: the two systems as far as returns go, with the faults of a call. What does not: HTTP (`test_story.py`
has it). `World.install` puts them in the place of the clients' functions.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.metafields import Metafield
from clarus_bc_pipeline.bigcommerce.refunds import (
    Quote,
    Refund,
    RefundedItem,
    RefundItem,
    RefundPage,
    RefundPayment,
    Tender,
)
from clarus_bc_pipeline.bigcommerce.transactions import Transaction
from clarus_bc_pipeline.clarus.receipts import RECEIPT_STATUSES, RECEIVED_STATUSES, Receipt, ReceiptLine
from clarus_bc_pipeline.clarus.records import Page
from clarus_bc_pipeline.flows.returns import deliveries, pulling, sync
from clarus_bc_pipeline.flows.returns.currency import part, rounded
from clarus_bc_pipeline.flows.returns.document import Document, DocumentLine, key_of, write_document
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Ambiguous, NotApplied, Refused
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.settings import StoreSettings

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OPEN = next(status for status in RECEIPT_STATUSES if status not in RECEIVED_STATUSES)
DONE = RECEIVED_STATUSES[0]
NAMES = itertools.count(1)


@dataclass
class Line:
    """A line of an order; its id is its order's times ten, and on."""

    line_id: int
    sku: str
    quantity: int
    total: Decimal
    shipped: int
    refunded: int = 0


@dataclass
class ShopOrder:
    """An order as the shop holds it. `paid` is captured."""

    order_id: int
    lines: list[Line]
    shipping: Decimal
    paid: Decimal
    currency: str
    modified_at: datetime
    is_deleted: bool = False
    shipping_refunded: Decimal = Decimal(0)


@dataclass
class World:
    """Both systems, the clock, and what reached them. `faults` are what the next calls meet, in order."""

    engine: sa.Engine
    settings: dict[str, Any] = field(default_factory=dict)
    key: str = field(default_factory=lambda: f"r{next(NAMES)}")
    at: datetime = NOON
    orders: dict[int, ShopOrder] = field(default_factory=dict)
    metafields: dict[tuple[int, str], tuple[int, str, datetime]] = field(default_factory=dict)
    refunds: list[Refund] = field(default_factory=list)
    receipts: dict[int, Receipt] = field(default_factory=dict)
    receipt_lines: dict[int, ReceiptLine] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    methods: list[str] = field(default_factory=lambda: ["card", "storecredit"])
    declines: bool = False
    quote_more: Decimal = Decimal(0)
    has_refund_token: bool = True

    def __post_init__(self) -> None:
        settings = StoreSettings.model_validate(
            {
                "key": self.key,
                "bigcommerce": {"store_hash": "main"},
                "clarus": {"subdomain": "sandbox", "account": "ACME", "warehouse": "WHS01"},
                "outbox": {"settle_seconds": 30, "threads": 1, "first_retry_seconds": 0.001},
                "returns": self.settings,
            }
        )
        shop = cast("Any", SimpleNamespace())
        warehouse = cast("Any", SimpleNamespace(account_id=1, warehouse_id=2))
        refunds_shop = shop if self.has_refund_token else None
        self.store = Store(settings, self.engine, shop, warehouse, lambda: self.at, refunds_shop=refunds_shop)
        with self.engine.begin() as connection:
            said = {"store": self.key, "description": "", "barcode": "", "source": "test", "seen_at": NOON}
            products = [said | {"product_id": i, "product_code": sku} for i, sku in enumerate("ABCD", 1)]
            upsert(connection, tables.clarus_product, products)

    def install(self, patch: pytest.MonkeyPatch) -> World:
        """Stand where the clients' functions are."""
        patch.setattr(pulling, "pull_order_metafields", self._pull_metafields)
        patch.setattr(pulling, "pull_refunds", self._pull_refunds)
        patch.setattr(pulling, "transactions_of", self._transactions_of)
        patch.setattr(pulling, "returns_open", self._returns_open)
        patch.setattr(pulling, "receipt_lines_of", self._receipt_lines_of)
        for module in (pulling, deliveries):
            patch.setattr(module, "receipts_by_reference", self._receipts_by_reference)
        patch.setattr(deliveries, "create_receipt", self._create_receipt)
        patch.setattr(deliveries, "quote_refund", self._quote_refund)
        patch.setattr(deliveries, "create_refund", self._create_refund)
        patch.setattr(deliveries, "refunds_of", self._refunds_of)
        patch.setattr(sync, "return_receipt_payload", lambda **given: given)
        return self

    def tick(self, seconds: float = 60) -> None:
        self.at += timedelta(seconds=seconds)

    def turn(self) -> sync.Proven:
        """The four verbs once."""
        self.tick()
        self.pull_orders()
        sync.pull(self.store)
        sync.decide(self.store)
        sync.deliver(self.store)
        return sync.prove(self.store)

    # --- what people do ---

    def place(self, *lines: tuple[str, int, str], paid: str | None = None, shipping: str = "0", **changes: Any) -> int:
        """An order of (SKU, units, total of the line), paid in full and despatched whole."""
        order_id = 100 + len(self.orders)
        made = [
            Line(order_id * 10 + i, sku, units, Decimal(total), units) for i, (sku, units, total) in enumerate(lines)
        ]
        total = sum((line.total for line in made), Decimal(shipping))
        captured = total if paid is None else Decimal(paid)
        given: dict[str, Any] = {"currency": "GBP", "modified_at": self.at} | changes
        self.orders[order_id] = ShopOrder(order_id, made, Decimal(shipping), captured, **given)
        self.pull_orders()
        return order_id

    def open(self, order_id: int, *lines: tuple[int, int] | tuple[int, int, str], number: str = "", **more: Any) -> str:
        """An RMA of (line's index, units[, reason])."""
        number = number or f"RMA-{order_id}-{len(self.metafields) + 1}"
        said = tuple(
            DocumentLine(self.orders[order_id].lines[i].line_id, units, str(reason[0]) if reason else "unwanted")
            for i, units, *reason in lines
        )
        self.write(order_id, key_of(number), write_document(Document(said, **more)))
        return number

    def write(self, order_id: int, key: str, value: str) -> None:
        held = self.metafields.get((order_id, key))
        self.metafields[order_id, key] = (held[0] if held else len(self.metafields) + 1, value, self.at)

    def receive(
        self, reference: str, *units: tuple[str, str | int, str], complete: bool = True, unit: str = "unit"
    ) -> int:
        """A parcel of (SKU, units, grade) on the receipt of the reference; without one, on a receipt of its own."""
        receipt = next((r for r in self.receipts.values() if r.reference == reference), None)
        if receipt is None:
            receipt = Receipt(id=len(self.receipts) + 1, reference=reference, kind="return", status=OPEN)
        self.receipts[receipt.id] = msgspec.structs.replace(
            receipt, status=DONE if complete else OPEN, received_at=receipt.received_at or self.at
        )
        for sku, count, grade in units:
            line = next(
                (x for x in self.receipt_lines.values() if x.receipt_id == receipt.id and x.product_code == sku), None
            )
            if line is None:
                line = self._add_line(receipt.id, sku, None, 0)
            slots = {"string1": grade} if grade else {}
            self.receipt_lines[line.id] = msgspec.structs.replace(line, received=Decimal(count), slots=slots, unit=unit)
        return receipt.id

    def refund_by_hand(self, order_id: int, index: int, units: int) -> None:
        line = self.orders[order_id].lines[index]
        self._refund(order_id, [RefundItem("PRODUCT", line.line_id, units, None, "by hand")], None)

    def read_stock(self, **units: int) -> None:
        """The stock flow reads balances: so many units of each product."""
        for i, sku in enumerate("ABCD", 1):
            with self.engine.begin() as connection:
                count = Decimal(units.get(sku, 0))
                row = (self.key, i, "WHS01", sku, count, *(Decimal(0),) * 4, self.at, None, None, "test", self.at)
                upsert(connection, tables.stock_balance, [row])

    # --- what the tests ask ---

    def state(self, number: str) -> str:
        rma = tables.rma
        with self.engine.connect() as connection:
            query = sa.select(rma.c.state).where(rma.c.store == self.key, rma.c.rma == number)
            return str(connection.scalar(query))

    def events(self, number: str) -> list[str]:
        event = tables.rma_event
        query = sa.select(event.c.state).where(event.c.store == self.key, event.c.rma == number)
        with self.engine.connect() as connection:
            return sorted(connection.scalars(query))

    def findings(self) -> list[OpenFinding]:
        with self.engine.connect() as connection:
            return open_findings(connection, store=self.key)

    def codes(self) -> list[str]:
        return sorted(finding.code for finding in self.findings())

    def paid_back(self, order_id: int) -> Decimal:
        return sum((r.total for r in self.refunds if r.order_id == order_id), Decimal(0))

    # --- the shop ---

    def _fault(self) -> str:
        return self.faults.pop(0) if self.faults else ""

    def _pull_metafields(self, _: Any, *, modified_since: datetime, namespaces: Iterable[str]) -> Iterator[Any]:
        self.calls["metafields"] += 1
        page = [
            Metafield(id=ident, order_id=order_id, namespace="returns", key=key, value=value)
            for (order_id, key), (ident, value, at) in self.metafields.items()
            if at >= modified_since
        ]
        if page:
            yield page

    def _pull_refunds(self, _: Any, *, created_since: datetime) -> Iterator[RefundPage]:
        self.calls["refunds"] += 1
        yield RefundPage([r for r in self.refunds if r.created_at >= created_since], [])

    def _transactions_of(self, _: Any, order_id: int) -> list[Transaction]:
        self.calls["transactions"] += 1
        order = self.orders[order_id]
        return [
            Transaction(
                order_id, order_id, "purchase", "card", "gateway", f"g{order_id}", order.paid, order.currency, "ok",
                False, NOON,
            )
        ]  # fmt: skip

    def _amount(self, order_id: int, items: Sequence[RefundItem]) -> tuple[Decimal, list[RefundedItem]]:
        order = self.orders[order_id]
        total, made = self.quote_more, []
        for item in items:
            amount = item.amount or Decimal(0)
            if item.item_type == "PRODUCT":
                line = next(each for each in order.lines if each.line_id == item.item_id)
                if item.quantity > line.quantity - line.refunded:
                    raise Refused("POST refunds", "422: more units than are left", status=422)
                amount = part(
                    line.total, of=line.quantity, before=line.refunded, units=item.quantity, currency=order.currency
                )
            total += amount
            made.append(RefundedItem(item.item_type, item.item_id, item.quantity, amount, item.reason))
        return total, made

    def _quote_refund(self, _: Any, order_id: int, items: Sequence[RefundItem]) -> Quote:
        self.calls["quote"] += 1
        total = self._amount(order_id, items)[0]
        methods = tuple((Tender(name, total, name == "custom", name),) for name in self.methods)
        return Quote(order_id, total, rounded(total / 6, self.orders[order_id].currency), True, methods)

    def _create_refund(
        self, _: Any, order_id: int, items: Sequence[RefundItem], tenders: Sequence[Tender], *,
        total: Decimal | None = None, tax: Decimal | None = None,
    ) -> Refund:  # fmt: skip
        self.calls["refund"] += 1
        fault = self._fault()
        if fault == "throttled":
            raise NotApplied("POST refunds", "429: asked to wait", status=429, retry_after=0)
        if fault == "refused":
            raise Refused("POST refunds", "422: refused", status=422)
        if fault == "lost":
            raise Ambiguous("POST refunds", "no whole reply")
        refund = self._refund(order_id, items, total)
        assert sum(t.amount for t in tenders) == refund.total
        if fault == "unheard":
            raise Ambiguous("POST refunds", "no whole reply")
        return refund

    def _refund(self, order_id: int, items: Sequence[RefundItem], total: Decimal | None) -> Refund:
        amount, made = self._amount(order_id, items)
        order = self.orders[order_id]
        for item in items:
            if item.item_type == "PRODUCT":
                next(each for each in order.lines if each.line_id == item.item_id).refunded += item.quantity
        order.modified_at = self.at
        amount = amount if total is None else total
        ident = len(self.refunds) + 1
        payment = RefundPayment(ident, "card", amount, False, self.declines, "no" if self.declines else "")
        refund = Refund(
            ident, order_id, self.at, items[0].reason, amount, rounded(amount / 6, order.currency), tuple(made),
            (payment,),
        )  # fmt: skip
        self.refunds.append(refund)
        return refund

    def _refunds_of(self, _: Any, order_id: int) -> list[Refund]:
        self.calls["refunds of"] += 1
        return [r for r in self.refunds if r.order_id == order_id]

    # --- the warehouse ---

    def _create_receipt(self, _: Any, body: dict[str, Any]) -> Any:
        self.calls["create receipt"] += 1
        fault = self._fault()
        if fault == "lost":
            raise Ambiguous("POST receipts", "no whole reply")
        ident = len(self.receipts) + 1
        self.receipts[ident] = Receipt(id=ident, reference=body["reference"], kind=body["kind"], status=OPEN)
        for product_id, units, reference in body["lines"]:
            self._add_line(ident, "ABCD"[product_id - 1], reference, units)
        if fault == "unheard":
            raise Ambiguous("POST receipts", "no whole reply")
        return SimpleNamespace(id=ident)

    def _add_line(self, receipt_id: int, sku: str, reference: str | None, units: int) -> ReceiptLine:
        line = ReceiptLine(
            id=len(self.receipt_lines) + 1, receipt_id=receipt_id, product_code=sku, line_reference=reference,
            expected=Decimal(units), received=Decimal(0), unit="unit", slots={},
        )  # fmt: skip
        self.receipt_lines[line.id] = line
        return line

    def _receipts_by_reference(self, _: Any, references: Iterable[str]) -> Page[Receipt]:
        wanted = set(references)
        return Page([r for r in self.receipts.values() if r.reference in wanted], [])

    def _returns_open(self, _: Any, kind: str, statuses: Iterable[str]) -> Page[Receipt]:
        wanted = set(statuses)
        return Page([r for r in self.receipts.values() if r.kind == kind and r.status in wanted], [])

    def _receipt_lines_of(self, _: Any, receipt_ids: Iterable[int]) -> Page[ReceiptLine]:
        wanted = set(receipt_ids)
        return Page([x for x in self.receipt_lines.values() if x.receipt_id in wanted], [])

    # --- the ledger's rows that the orders flow would write ---

    def pull_orders(self) -> None:
        said = ("test", self.at)
        orders, lines = [], []
        for o in self.orders.values():
            total = sum((line.total for line in o.lines), o.shipping)
            orders.append(
                {
                    "store": self.key, "order_id": o.order_id, "status_id": 2, "payment_status": "captured",
                    "currency": o.currency, "total_inc_tax": total, "items_total": Decimal(1),
                    "items_shipped": Decimal(1), "is_deleted": o.is_deleted, "created_at": NOON,
                    "modified_at": o.modified_at, "release_hash": "", "source": said[0], "seen_at": said[1],
                }
            )  # fmt: skip
            lines += [
                {
                    "store": self.key, "order_product_id": x.line_id, "order_id": o.order_id,
                    "order_address_id": o.order_id, "product_id": 1, "sku": x.sku, "name": x.sku, "type": "physical",
                    "quantity": x.quantity, "quantity_shipped": x.shipped, "quantity_refunded": x.refunded,
                    "price_inc_tax": rounded(x.total / x.quantity, o.currency), "total_inc_tax": x.total,
                    "source": said[0], "seen_at": said[1],
                }
                for x in o.lines
            ]  # fmt: skip
        with self.engine.begin() as connection:
            upsert(connection, tables.bigcommerce_order, orders)
            upsert(connection, tables.bigcommerce_order_line, lines)
