"""A shop and a warehouse of counters behind the clients' functions, for histories of many steps on a real ledger.

What belongs here: the two systems as far as stock goes, with the faults of a call. What does not: HTTP (`test_story.py`
has it). `Counters.install` puts them in the place of the clients' functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.inventory import InventoryItem, InventorySettings, Level
from clarus_bc_pipeline.clarus.balances import Balance
from clarus_bc_pipeline.clarus.records import Page
from clarus_bc_pipeline.clarus.transactions import Transaction
from clarus_bc_pipeline.flows.stock import deliveries, published, pulling
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Ambiguous, NotApplied, Refused
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.settings import StoreSettings

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WAREHOUSE = "WHS01"


@dataclass
class Order:
    """One order of one line. `held`: the goods-out in Clarus, once it is there and has its stock."""

    order_id: int
    sku: str
    units: int
    placed_at: datetime = NOON
    refunded: int = 0
    held_units: int = 0
    status_id: int = 11
    is_pulled: bool = False
    is_held: bool = False
    held_known_at: datetime | None = None


@dataclass
class Counters:
    """Both systems, the clock, and what reached the shop."""

    engine: sa.Engine
    key: str
    skus: Sequence[str] = ("MUG", "TIN")
    settings: dict[str, Any] = field(default_factory=dict)
    at: datetime = NOON
    available: dict[str, int] = field(default_factory=dict)
    allocated: dict[str, int] = field(default_factory=dict)
    shop: dict[tuple[str, int], int] = field(default_factory=dict)
    applying: list[Sequence[Level]] = field(default_factory=list)
    calls: list[list[Level]] = field(default_factory=list)
    locations: list[tuple[int, bool]] = field(default_factory=lambda: [(1, True)])
    orders: list[Order] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    read: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    rules: InventorySettings = field(default_factory=lambda: InventorySettings("order_placed", True, False))
    excludes_allocated: bool = True
    fault: str | None = None
    untracked: set[str] = field(default_factory=set)
    names_refused: bool = True
    feed_holds: int | None = None  # balances of a feed that is cut short

    def __post_init__(self) -> None:
        self.available = dict.fromkeys(self.skus, 10) | self.available
        self.allocated = dict.fromkeys(self.skus, 0)
        self.shop = {(sku, 1): 0 for sku in self.skus}
        settings = StoreSettings.model_validate(
            {
                "key": self.key,
                "bigcommerce": {"store_hash": "main"},
                "clarus": {"subdomain": "sandbox", "account": "ACME", "warehouse": WAREHOUSE},
                "outbox": {"settle_seconds": 30, "threads": 1, "first_retry_seconds": 0.001},
                "stock": {"largest_drop_units": 1000, "settle_seconds": 0, **self.settings},
            }
        )
        nothing = cast("Any", SimpleNamespace())
        self.store = Store(settings, self.engine, nothing, nothing, lambda: self.at)
        said = ("test", NOON - timedelta(days=1))
        with self.engine.begin() as connection:
            for i, sku in enumerate(self.skus, 1):
                upsert(connection, tables.clarus_product, [(self.key, i, sku, "", "", "", *said)])
                upsert(connection, tables.bigcommerce_variant, [(self.key, i, i, sku, sku, "", True, [i], *said)])

    def install(self, patch: pytest.MonkeyPatch) -> Counters:
        """Stand where the clients' functions are."""
        patch.setattr(pulling, "pull_balances", self._pull_balances)
        patch.setattr(pulling, "balances_of", self._balances_of)
        patch.setattr(pulling, "transactions_since", self._transactions_since)
        patch.setattr(pulling, "pull_locations", lambda _: [self._location(*each) for each in self.locations])
        patch.setattr(pulling, "inventory_settings", lambda _: self.rules)
        patch.setattr(published, "pull_inventory", self._pull_inventory)
        patch.setattr(published, "items_of", self._items_of)
        patch.setattr(deliveries, "items_of", self._items_of)
        patch.setattr(deliveries, "set_levels", self._set_levels)
        patch.setattr(deliveries, "refused_levels", self._refused_levels)
        return self

    def tick(self, seconds: float = 1) -> None:
        self.at += timedelta(seconds=seconds)

    # --- what people and the two systems do ---

    def move(self, sku: str, units: int, *, told: bool = True) -> None:
        """Goods in, a count, a loss: `told` leaves a transaction."""
        self.available[sku] = max(0, self.available[sku] + units)
        if told:
            self.transactions.append(
                Transaction(
                    id=len(self.transactions) + 1,
                    subtype="adjustment",
                    category="",
                    quantity=Decimal(units),
                    created_at=self.at,
                    product_code=sku,
                    goods_out_id=None,
                )
            )

    def place(self, sku: str, units: int) -> Order:
        """The shop sells, and takes the units off its level by itself."""
        order = Order(len(self.orders) + 1, sku, units, self.at)
        self.orders.append(order)
        self.shop[sku, 1] -= units
        return order

    def refund(self, order: Order) -> None:
        """All of an order is paid back in the shop, which puts the units back where its setting says so."""
        if self.rules.refund_order_stock_adjustment:
            self.shop[order.sku, 1] += order.units - order.refunded
        order.refunded, order.status_id = order.units, 4
        if order.is_pulled:
            self._keep_order(order)

    def edit(self, order: Order, units: int) -> None:
        """The order is edited to so many units, and the shop's level follows where its setting says so."""
        if self.rules.edit_order_stock_adjustment:
            self.shop[order.sku, 1] += order.units - units
        order.units = units
        if order.is_pulled:
            self._keep_order(order)

    def meddle(self, sku: str, units: int) -> None:
        """Somebody sets a level in the shop by hand."""
        self.shop[sku, 1] = units

    def pull_orders(self) -> None:
        """The ledger learns of all orders."""
        for order in self.orders:
            if not order.is_pulled:
                order.is_pulled = True
                self._keep_order(order)

    def allocate(self) -> None:
        """The warehouse sets stock aside for the orders that it was given and has stock for."""
        for order in self.orders:
            is_wanted = order.is_pulled and not order.is_held and order.status_id == 11
            if is_wanted and self.available[order.sku] >= order.units:
                order.is_held, order.held_units = True, order.units
                self.available[order.sku] -= order.units
                self.allocated[order.sku] += order.units

    def pull_goods_outs(self) -> None:
        """The ledger learns what the warehouse set aside."""
        for order in self.orders:
            if order.is_held and order.held_known_at is None:
                order.held_known_at = self.at
                self._keep_goods_out(order)

    def apply(self) -> None:
        """The shop gets round to what it accepted."""
        for levels in self.applying:
            for level in levels:
                self.shop[level.sku, level.location_id] = level.quantity
        self.applying.clear()

    # --- the oracle: the target by the newest reading, told in another way than `rules.py` does ---

    def target(self, sku: str) -> int:
        units, as_of = self.read[sku]
        waiting = sum(
            max(0, o.units - (o.held_units if o.held_known_at is not None and o.held_known_at < as_of else 0))
            for o in self.orders
            if o.sku == sku and o.is_pulled and o.status_id == 11
        )
        return max(0, units - waiting - int(self.settings.get("buffer", 0)))

    # --- the clients' functions ---

    def _balance(self, sku: str) -> Balance:
        self.read[sku] = (self.available[sku], self.at)
        return Balance(
            product_id=self.skus.index(sku) + 1,
            product_code=sku,
            warehouse=WAREHOUSE,
            available=self.available[sku] + (0 if self.excludes_allocated else self.allocated[sku]),
            allocated=self.allocated[sku],
            received=self.available[sku] + self.allocated[sku],
            picked=0,
            ordered=0,
        )

    def _pull_balances(self, _: Any) -> Iterator[Page[Balance]]:
        if self.feed_holds is None:
            yield Page([self._balance(sku) for sku in self.skus], [])
        else:
            before = dict(self.read)
            yield Page([self._balance(sku) for sku in self.skus[: self.feed_holds]], [])
            self.read = before

    def _balances_of(self, _: Any, product_ids: Iterable[int]) -> Page[Balance]:
        return Page([self._balance(self.skus[i - 1]) for i in product_ids], [])

    def _transactions_since(self, _: Any, since: datetime) -> Page[Transaction]:
        return Page([t for t in self.transactions if t.created_at >= since.replace(microsecond=0)], [])

    def _items_of(self, _: Any, skus: Iterable[str]) -> list[InventoryItem]:
        wanted = set(skus)
        return [
            InventoryItem(sku, self.skus.index(sku) + 1, 1, location_id, "", units, units, 0)
            for (sku, location_id), units in self.shop.items()
            if sku in wanted
        ]

    def _pull_inventory(self, _: Any) -> Iterator[list[InventoryItem]]:
        yield self._items_of(None, self.skus)

    def _location(self, location_id: int, enabled: bool) -> Any:
        return SimpleNamespace(id=location_id, code=f"L{location_id}", label=f"Location {location_id}", enabled=enabled)

    def _set_levels(self, _: Any, levels: Sequence[Level], **__: Any) -> str:
        fault, self.fault = self.fault, None
        if fault == "not_applied":
            raise NotApplied("PUT levels", "429: asked to wait", status=429, retry_after=0)
        bad = [level.sku for level in levels if level.sku in self.untracked]
        if bad:
            self.calls.append(list(levels))
            raise Refused("PUT levels", "422: refused", status=422, detail=",".join(bad))
        if fault == "lost":
            raise Ambiguous("PUT levels", "no whole reply")
        self.calls.append(list(levels))
        self.applying.append(levels)
        if fault == "unheard":
            raise Ambiguous("PUT levels", "no whole reply")
        return f"transaction {len(self.calls)}"

    def _refused_levels(self, error: Refused) -> dict[tuple[str, int], str]:
        named = [at for at in self.shop if at[0] in error.detail.split(",")] if self.names_refused else []
        return dict.fromkeys(named, "is not tracked by variant")

    # --- the ledger's rows that other flows would write ---

    def _keep_order(self, order: Order) -> None:
        with self.engine.begin() as connection:
            said = {"store": self.key, "order_id": order.order_id, "source": "test", "seen_at": self.at}
            upsert(connection, tables.bigcommerce_order, [{
                **said, "status_id": order.status_id, "payment_status": "captured", "currency": "GBP",
                "total_inc_tax": Decimal(order.units * 10), "items_total": Decimal(order.units),
                "items_shipped": Decimal(0), "is_deleted": False, "created_at": order.placed_at,
                "modified_at": self.at, "release_hash": "",
            }])  # fmt: skip
            upsert(connection, tables.bigcommerce_order_line, [{
                **said, "order_product_id": order.order_id, "order_address_id": 1, "product_id": 1, "variant_id": None,
                "sku": order.sku, "name": order.sku, "type": "physical", "quantity": order.units,
                "quantity_shipped": 0, "quantity_refunded": order.refunded, "price_inc_tax": Decimal(10),
            }])  # fmt: skip

    def _keep_goods_out(self, order: Order) -> None:
        said = ("test", self.at)
        with self.engine.begin() as connection:
            upsert(
                connection,
                tables.clarus_goods_out,
                [
                    (
                        self.key,
                        order.order_id,
                        f"BC-{order.order_id}",
                        order.order_id,
                        1,
                        "ALLOCATED",
                        None,
                        None,
                        None,
                        *said,
                    )
                ],
            )
            units = Decimal(order.held_units)
            upsert(
                connection,
                tables.clarus_goods_out_line,
                [
                    (
                        self.key,
                        order.order_id,
                        order.order_id,
                        order.order_id,
                        1,
                        order.sku,
                        units,
                        units,
                        Decimal(0),
                        Decimal(0),
                        "",
                        *said,
                    )
                ],
            )
