"""A few days of two shops that share a warehouse: real orders, what people do to them, and what goes wrong.

What belongs here: the world's contents and its story, step by step. What does not: how the doubles behave (their own
packages) or serve (`server.py`). The same seed makes the same world. Every planted trouble is in `Scenario.planted`, so
that a gap at the end is either planted, or ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld
from clarus_bc_pipeline.sandbox.bigcommerce.world import StoredOrder
from clarus_bc_pipeline.sandbox.clarus import Parcel, WarehouseWorld
from clarus_bc_pipeline.sandbox.returns_story import Returns
from clarus_bc_pipeline.sandbox.tracking import make_tracking_number

TOKEN, CLIENT_ID, CLIENT_SECRET = "sandbox-token", "sandbox-client", "sandbox-secret"
REFUND_TOKEN = "sandbox-refund-token"  # noqa: S105 (of the double's)
WAREHOUSE = "WHS01"
ACCOUNTS = {"gifts": "GIFTS", "homeware": "HOME"}
CARRIERS = {  # Clarus carrier code -> the carrier whose numbers it gives
    "ROYALMAIL": "royal-mail", "DPD": "dpd-uk", "DPDLOCAL": "dpd-local", "EVRI": "evri", "YODEL": "yodel", "UPS": "ups",
    "FEDEX": "fedex", "DHL": "dhl", "PARCELFORCE": "parcelforce", "APC": "apc",
}  # fmt: skip
LEEDS = {
    "first_name": "Hand", "last_name": "Typed", "street_1": "1 Desk Lane", "city": "Leeds", "zip": "LS1 1AA",
    "country": "United Kingdom", "country_iso2": "GB",
}  # fmt: skip
SMALL = 20  # trouble befalls one of so many smallest orders, so that it can be read line by line


@dataclass
class Scenario:
    """The two shops, the warehouse, and the story. `planted` is store -> order id -> what was planted there.

    `money` likewise, of what went wrong with payments only. `known` is store -> the SKUs that the warehouse was told
    of.
    """

    shops: Mapping[str, ShopWorld]
    warehouse: WarehouseWorld
    rng: Random
    returns: Returns
    planted: dict[str, dict[int, str]] = field(default_factory=lambda: {store: {} for store in ACCOUNTS})
    money: dict[str, dict[int, str]] = field(default_factory=lambda: {store: {} for store in ACCOUNTS})
    known: dict[str, set[str]] = field(default_factory=lambda: {store: set() for store in ACCOUNTS})
    _done: set[tuple[str, int]] = field(default_factory=set)
    _late: list[int] = field(default_factory=list)

    @property
    def steps(self) -> Mapping[str, Callable[[], int]]:
        """The story's steps in order; each returns how many things it did."""
        return {
            "payments": self.payments,
            "first_despatch": self.first_despatch,
            "changes": self.changes,
            "second_despatch": self.second_despatch,
            "late_news": self.late_news,
            "money_troubles": self.money_troubles,
            "stock_moves": self.stock_moves,
            "returns_opened": self.returns_opened,
            "parcels_back": self.returns.parcels_back,
        }

    def plant(self, store: str, order_id: int, what: str) -> None:
        self.planted[store][order_id] = what

    # --- the story ---

    def payments(self) -> int:
        """The orders that awaited payment are paid."""
        paid = 0
        for shop in self.shops.values():
            for order in list(shop.orders.values()):
                if order.record["status_id"] == 7:
                    shop.payments.capture(order.id)
                    shop.edit_order(order.id, status_id=11, status="Awaiting Fulfillment")
                    paid += 1
        return paid

    def first_despatch(self) -> int:
        """The morning wave: most goods-outs leave whole, some in part or in several parcels, some stay in picking."""
        left = 0
        for goods_out in self._open():
            chance = self.rng.random()
            if chance < 0.15:
                self.warehouse.allocate(goods_out)
            elif chance < 0.30:
                self.warehouse.pick(goods_out)
            elif chance < 0.45:
                left += self._despatch_part(goods_out)
            elif chance < 0.60:
                left += self._despatch(goods_out, parcels=self.rng.randint(2, 4))
            else:
                left += self._despatch(goods_out)
        return left

    def changes(self) -> int:
        """What people do in between: cancel, change an address, ship by hand, delete a goods-out."""
        for store in self.shops:
            mine = [g for g in self._open() if self._store_of(g) == store]
            mine = sorted(mine, key=lambda g: len(self.warehouse.lines(g)))[:SMALL]
            self.rng.shuffle(mine)
            plots = (
                self._cancel_in_shop,
                self._change_address,
                self._delete_in_clarus,
                self._ship_by_hand,
                self._short,
                self._archive_after_despatch,
                self._ambiguous_by_hand,
            )
            for plot in plots:
                if mine:
                    plot(store, mine.pop())
        return sum(len(planted) for planted in self.planted.values())

    def second_despatch(self) -> int:
        """The afternoon wave: what is still open leaves, with the warehouse's mistakes in its tracking."""
        left = 0
        mistakes: Iterator[Callable[[int], int]] = iter(
            [
                self._bad_check_digit,
                self._two_numbers,
                self._unknown_carrier,
                self._without_tracking,
                self._relabelled,
            ]
        )
        for goods_out in self._open():
            if self._order_of(goods_out) in self._skipped(goods_out):
                continue
            mistake = next(mistakes, None)
            left += mistake(goods_out) if mistake else self._despatch(goods_out)
        return left

    def late_news(self) -> int:
        """Tracking that comes late, a label that was made again, and a despatch that was undone after all."""
        for package in self._late:
            row = self.warehouse.packages.rows[package]
            carrier = CARRIERS[row["shipment"]["carrier"]["code"]]
            self.warehouse.set_tracking(package, make_tracking_number(carrier, self.rng))
        undone = [self._undo_in(store) for store in self.shops]
        return len(self._late) + sum(undone)

    def money_troubles(self) -> int:
        """Payments that do not agree with their orders: each befalls one of a shop's smallest orders that has left."""
        for store, shop in self.shops.items():
            left = [
                order
                for order in shop.orders.values()
                if order.id not in self.planted[store]
                and order.record["items_shipped"] == order.record["items_total"] > 0
            ]
            left.sort(key=lambda order: (len(order.lines), order.id))
            for plot, what in (
                (self._captured_twice, "captured twice"),
                (self._dearer_after_despatch, "price raised after despatch, not captured"),
                (self._paid_back_at_the_gateway, "paid back at the gateway only"),
                (self._called_refunded, "status Refunded, no money paid back"),
            ):
                if left:
                    order = left.pop(0)
                    plot(shop, order)
                    self.money[store][order.id] = what
        return sum(len(troubles) for troubles in self.money.values())

    def stock_moves(self) -> int:
        """Goods come in, a count falls short, a batch is put in quarantine, and a shopper buys more than is left."""
        for store, account in ACCOUNTS.items():
            received, counted, held, last = self._quiet_skus(store)[:4]
            self.warehouse.receive(received, 24, account=account)
            self._leave(account, counted, 3)
            self.warehouse.hold(held, self.warehouse.stock_of(held, account=account)["available"], account=account)
            self._leave(account, last, 2)
            self.shops[store].add_order({
                "id": max(self.shops[store].orders) + 1, "status_id": 11, "payment_status": "captured",
                "created_at": datetime.now(UTC), "addresses": [LEEDS],
                "lines": [{"sku": last, "name": last, "quantity": 5, "price_inc_tax": "4.95"}],
            })  # fmt: skip
        return 4 * len(ACCOUNTS)

    def returns_opened(self) -> int:
        """Customers ask to send back what the source says was taken back."""
        return self.returns.open(
            {store: set(shop.orders) - set(self.planted[store]) for store, shop in self.shops.items()}
        )

    # --- how money goes astray ---

    def _captured_twice(self, shop: ShopWorld, order: StoredOrder) -> None:
        shop.payments.capture(order.id)

    def _dearer_after_despatch(self, shop: ShopWorld, order: StoredOrder) -> None:
        line = next(iter(order.lines.values()))
        shop.edit_line_price(order.id, line["id"], Decimal(line["price_inc_tax"]) + Decimal("0.50"))

    def _paid_back_at_the_gateway(self, shop: ShopWorld, order: StoredOrder) -> None:
        shop.payments.add_transaction(order.id, "refund", "1.00")

    def _called_refunded(self, shop: ShopWorld, order: StoredOrder) -> None:
        shop.edit_order(order.id, status_id=4, status="Refunded")

    # --- how goods leave ---

    def _despatch(self, goods_out: int, *, parcels: int = 1) -> int:
        self.warehouse.pick(goods_out)
        self.warehouse.despatch(goods_out, parcels=self._parcels(parcels))
        return 1

    def _despatch_part(self, goods_out: int) -> int:
        """Half of the lines now; the rest stays open for the next wave."""
        self.warehouse.pick(goods_out)
        lines = self.warehouse.lines(goods_out)
        now = {line["id"]: line["order_quantity"] for line in lines[: max(1, len(lines) // 2)]}
        self.warehouse.despatch(goods_out, now, parcels=self._parcels(1))
        return 1

    def _parcels(self, count: int) -> list[Parcel]:
        code = self.rng.choice(list(CARRIERS))
        return [Parcel(code, make_tracking_number(CARRIERS[code], self.rng)) for _ in range(count)]

    def _bad_check_digit(self, goods_out: int) -> int:
        self._plant_on(goods_out, "tracking number with a wrong check digit")
        self.warehouse.despatch(goods_out, parcels=[Parcel("ROYALMAIL", "RB123456786GB")])
        return 1

    def _two_numbers(self, goods_out: int) -> int:
        self._plant_on(goods_out, "two tracking numbers in one field")
        numbers = " / ".join(make_tracking_number("dpd-uk", self.rng) for _ in range(2))
        self.warehouse.despatch(goods_out, parcels=[Parcel("DPD", numbers)])
        return 1

    def _unknown_carrier(self, goods_out: int) -> int:
        self._plant_on(goods_out, "carrier that nobody mapped")
        self.warehouse.despatch(goods_out, parcels=[Parcel("LOCALVAN", "VAN-0042")])
        return 1

    def _without_tracking(self, goods_out: int) -> int:
        self.warehouse.despatch(goods_out, parcels=[Parcel("EVRI", "")])
        self._late += [package["id"] for package in self.warehouse.packages_of(goods_out)]
        return 1

    def _relabelled(self, goods_out: int) -> int:
        self._despatch(goods_out)
        self._late.append(self.warehouse.packages_of(goods_out)[0]["id"])
        return 1

    # --- what people do ---

    def _cancel_in_shop(self, store: str, goods_out: int) -> None:
        self.shops[store].cancel_order(self._order_of(goods_out))

    def _change_address(self, store: str, goods_out: int) -> None:
        self.shops[store].edit_address(self._order_of(goods_out), street_1="12 New Road")

    def _delete_in_clarus(self, store: str, goods_out: int) -> None:
        self._plant_on(goods_out, "goods-out deleted by hand in Clarus")
        self.warehouse.delete(goods_out)

    def _ship_by_hand(self, store: str, goods_out: int) -> None:
        """Somebody types "shipped" into the shop while the parcel stands in the warehouse."""
        self._plant_on(goods_out, "shipped by hand in the shop, not despatched")
        self._done.add((store, self._order_of(goods_out)))
        self.shops[store].ship_by_hand(self._order_of(goods_out))

    def _short(self, store: str, goods_out: int) -> None:
        """Half of the units of one line cannot be found."""
        line = self.warehouse.lines(goods_out)[0]
        self.warehouse.short_lines(goods_out, {line["id"]: max(1.0, line["order_quantity"] // 2)})

    def _archive_after_despatch(self, store: str, goods_out: int) -> None:
        self._plant_on(goods_out, "order archived in the shop after its despatch")
        self._despatch(goods_out)
        self.shops[store].archive_order(self._order_of(goods_out))

    def _ambiguous_by_hand(self, store: str, goods_out: int) -> None:
        """Typed into Clarus by hand: one SKU on two lines of the order, and no line reference."""
        shop = self.shops[store]
        order_id = max(shop.orders) + 1
        sku = self.warehouse.lines(goods_out)[0]["product"]["code"]
        shop.add_order({
            "id": order_id, "status_id": 8, "payment_status": "captured", "created_at": datetime.now(UTC),
            "addresses": [LEEDS],
            "lines": [{"sku": sku, "name": "Typed twice", "quantity": 1, "price_inc_tax": "2.50"}] * 2,
        })  # fmt: skip
        self.plant(store, order_id, "goods-out typed by hand, without line references")
        made = self.warehouse.create_goods_out(ACCOUNTS[store], WAREHOUSE, f"BC-{order_id}", [(sku, 1)])
        self._despatch(made)

    def _undo_in(self, store: str) -> int:
        """A small parcel comes back to the packing desk after the customer was told."""
        gone = [
            g["id"]
            for g in list(self.warehouse.goods_outs.rows.values())
            if g["goods_out_status"]["code"] == "COMPLETED"
            and self._store_of(g["id"]) == store
            and self._order_of(g["id"]) not in self.planted[store]
        ]
        if gone:
            goods_out = min(gone, key=lambda g: len(self.warehouse.lines(g)))
            self._plant_on(goods_out, "despatch undone after the customer was told")
            self.warehouse.undespatch(goods_out)
        return len(gone[:1])

    def _leave(self, account: str, sku: str, units: int) -> None:
        """A count finds so many and no more."""
        there = self.warehouse.stock_of(sku, account=account)["available"]
        self.warehouse.adjust(sku, units - there, account=account)

    def _quiet_skus(self, store: str) -> list[str]:
        """Plain SKUs that no goods-out of the store holds."""
        busy = {
            line["product"]["code"]
            for line in self.warehouse.goods_out_lines.rows.values()
            if line["goods_out"]["account"]["code"] == ACCOUNTS[store]
        }
        return sorted(sku for sku in self.known[store] - busy if sku.isalnum())

    # --- who is who ---

    def _open(self) -> list[int]:
        return [
            g["id"]
            for g in list(self.warehouse.goods_outs.rows.values())
            if g["goods_out_status"]["code"] not in ("COMPLETED", "CANCELLED")
        ]

    def _store_of(self, goods_out: int) -> str:
        account = self.warehouse.goods_outs.rows[goods_out]["account"]["code"]
        return next(store for store, code in ACCOUNTS.items() if code == account)

    def _order_of(self, goods_out: int) -> int:
        reference: str = self.warehouse.goods_outs.rows[goods_out]["reference"]
        return int(reference.removeprefix("BC-").partition("-")[0])

    def _plant_on(self, goods_out: int, what: str) -> None:
        self.plant(self._store_of(goods_out), self._order_of(goods_out), what)

    def _skipped(self, goods_out: int) -> set[int]:
        return {order for store, order in self._done if store == self._store_of(goods_out)}
