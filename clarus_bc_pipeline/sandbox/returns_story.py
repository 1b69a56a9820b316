"""What comes back: the source's real cancellations as RMAs of another app, and what the goods-in bay makes of them.

What belongs here: the story of returns, and the truth about it. What does not: how the doubles behave, and the rest of
the story (`scenario.py`). Every trouble is in `Returns.planted`, by RMA or order.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld
from clarus_bc_pipeline.sandbox.bigcommerce.world import StoredOrder
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld
from clarus_bc_pipeline.sandbox.retail import RetailCancellation, load_cancellations

REASONS = ("unwanted", "unwanted", "faulty", "unwanted", "damaged_in_transit", "wrong_item")
APP = "returns app"
MARKED = re.compile(r"\[clarus:(\S+)\]$")


@dataclass
class Returns:
    """`sales` is store -> the source's invoice -> the order made of it; `opened` store -> RMA -> its order."""

    shops: Mapping[str, ShopWorld]
    warehouse: WarehouseWorld
    accounts: Mapping[str, str]
    place: str  # the warehouse's code
    sales: dict[str, dict[str, int]] = field(default_factory=dict)
    opened: dict[str, dict[str, int]] = field(default_factory=dict)
    planted: dict[str, dict[str, str]] = field(default_factory=dict)

    def open(self, quiet: Mapping[str, set[int]]) -> int:
        """Customers ask to send back what the source says was taken back, as far as it has left. `quiet`: store ->
        orders that nothing else befell."""
        for store in self.shops:
            self.opened[store], self.planted[store] = {}, {}
            for cancellation in load_cancellations():
                self._open_of(store, cancellation, quiet[store])
            self._plant(store, quiet[store] - set(self.opened[store].values()))
        return sum(len(rmas) for rmas in self.opened.values())

    def parcels_back(self) -> int:
        """The bay counts and inspects what was announced; every few parcels hold something else than they should."""
        troubles = cycle((None, None, self._damaged, None, self._short, None, self._over, self._uninspected))
        done = 0
        for store, rmas in self.opened.items():
            for number in rmas:
                receipt = next(iter(self.warehouse.goods_in_receipts.where(reference=number)), None)
                if receipt is None or receipt["status"] != "pending":
                    continue
                trouble = next(troubles)
                if trouble is None:
                    self._whole(receipt["id"])
                else:
                    self.planted[store][number] = trouble(receipt["id"])
                done += 1
            self._nobody_knows(store)
        return done

    # --- what customers and their apps do ---

    def _open_of(self, store: str, cancellation: RetailCancellation, quiet: set[int]) -> None:
        by_order: dict[int, list[tuple[str, int]]] = {}
        for line in cancellation.lines:
            order_id = self.sales[store].get(line.sale_invoice or "")
            if order_id in quiet:
                by_order.setdefault(order_id, []).append((line.stock_code, line.quantity))
        for order_id, taken_back in by_order.items():
            if order_id in self.opened[store].values():
                continue
            lines = list(_lines(self.shops[store].orders[order_id], taken_back))
            if lines:
                self._write(store, order_id, f"RMA-{cancellation.invoice_no.lstrip('C')}", lines)

    def _write(self, store: str, order_id: int, number: str, lines: list[tuple[int, int]]) -> None:
        reason = REASONS[len(self.opened[store]) % len(REASONS)]
        document = {
            "version": 1,
            "lines": [{"order_product_id": line, "units": units, "reason": reason} for line, units in lines],
            "opened_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.shops[store].add_metafield(order_id, "returns", f"rma:{number}", json.dumps(document), owner=APP)
        self.opened[store][number] = order_id

    def _plant(self, store: str, untouched: set[int]) -> None:
        """RMAs that cannot be right, and a refund that somebody made by hand."""
        shop = self.shops[store]
        left = sorted(
            (order_id for order_id in untouched if _shipped(shop.orders[order_id])),
            key=lambda order_id: (len(shop.orders[order_id].lines), order_id),
        )
        if len(left) < 3:
            return
        too_many, broken, by_hand = left[:3]
        line = _shipped(shop.orders[too_many])[0]
        self._write(store, too_many, "RMA-TOO-MANY", [(line["id"], line["quantity_shipped"] + 5)])
        self.planted[store]["RMA-TOO-MANY"] = "RMA for more units than were shipped"
        shop.add_metafield(broken, "returns", "rma:RMA-BROKEN", '{"lines": [{"units": "two"', owner=APP)
        self.planted[store]["RMA-BROKEN"] = "RMA that is not JSON"
        gone = _shipped(shop.orders[by_hand])[0]
        shop.payments.refund_by_hand(by_hand, [(gone["id"], 1)], reason="goodwill, by telephone")
        self.planted[store][f"order {by_hand}"] = "refunded by hand, nothing came back"

    # --- what the bay finds ---

    def _whole(self, receipt: int) -> None:
        self.warehouse.receive_return(receipt)
        self._grade_all(receipt, "A")

    def _grade_all(self, receipt: int, word: str) -> None:
        for line in self.warehouse.receipt_lines(receipt):
            if line["received_quantity"] > sum(line["graded"].values()):
                self.warehouse.grade(receipt, line["id"], word)

    def _damaged(self, receipt: int) -> str:
        self.warehouse.receive_return(receipt)
        self._grade_all(receipt, "B")
        return "came back damaged"

    def _short(self, receipt: int) -> str:
        first, *rest = self.warehouse.receipt_lines(receipt)
        counted = {first["id"]: first["expected_quantity"] - 1} | {
            line["id"]: line["expected_quantity"] for line in rest
        }
        self.warehouse.receive_return(receipt, counted)
        self._grade_all(receipt, "A")
        return "one unit fewer came back"

    def _over(self, receipt: int) -> str:
        first, *rest = self.warehouse.receipt_lines(receipt)
        counted = {first["id"]: first["expected_quantity"] + 1} | {
            line["id"]: line["expected_quantity"] for line in rest
        }
        self.warehouse.receive_return(receipt, counted)
        self._grade_all(receipt, "A")
        return "one unit more came back"

    def _uninspected(self, receipt: int) -> str:
        self.warehouse.receive_return(receipt)
        return "received, and not inspected yet"

    def _nobody_knows(self, store: str) -> None:
        account = self.accounts[store]
        code = min(p["code"] for p in self.warehouse.products.where(account_id=self._account_id(account)))
        self.warehouse.receive_unannounced(account, self.place, f"{account}-NO-PAPERS", {code: 1})
        self.planted[store][f"{account}-NO-PAPERS"] = "parcel back without an RMA"

    def _account_id(self, code: str) -> int:
        return int(self.warehouse.accounts.where(code=code)[0]["id"])

    # --- the truth ---

    def truth(self) -> dict[str, Any]:
        """From the doubles' own records: `early_refund_units` were refunded by an RMA and neither received nor passed;
        `double_refunds` are RMAs that were refunded more than once."""
        early: Counter[str] = Counter()
        refunds: Counter[str] = Counter()
        for store, shop in self.shops.items():
            paid: Counter[tuple[str, str]] = Counter()
            seen: set[tuple[str, int]] = set()
            for each in shop.payments.refunded:
                marked = MARKED.search(each.reason)
                if marked is None:
                    continue
                number = marked[1]
                seen.add((number, each.refund_id))
                if each.item_type == "PRODUCT":
                    paid[number, str(shop.orders[each.order_id].lines[each.line]["sku"])] += each.units
            refunds.update(number for number, _ in seen)
            for (number, sku), units in paid.items():
                back = self.warehouse.returned(number)
                passed = sum(there for (code, grade), there in back.items() if code == sku and grade in ("A", "B"))
                if units > passed:
                    early[f"{store} {number}"] += int(units - passed)
        return {
            "rmas_opened": sum(len(rmas) for rmas in self.opened.values()),
            "early_refund_units": dict(early),
            "double_refunds": sorted(number for number, times in refunds.items() if times > 1),
            "concurrent_refunds": sum(shop.payments.concurrent_refunds for shop in self.shops.values()),
            "planted_returns": self.planted,
        }


def _shipped(order: StoredOrder) -> list[Any]:
    return [line for line in order.lines.values() if line["quantity_shipped"]]


def _lines(order: StoredOrder, taken_back: list[tuple[str, int]]) -> Iterator[tuple[int, int]]:
    """The order's lines that were taken back, with units, as far as they were shipped; each line once."""
    left = {line["id"]: line for line in _shipped(order)}
    for sku, units in taken_back:
        line = next((line for line in left.values() if line["sku"] == sku), None)
        if line is not None:
            del left[line["id"]]
            yield line["id"], min(units, line["quantity_shipped"])
