"""Products, variants and stock of the double.

What belongs here: holding and listing them. What does not: orders (`world.py`) or routes (`app.py`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce.shipping import Refusal
from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record

LEVELS_PER_CALL = 2000  # inventory.v3.yml
MOST_UNITS = 2_147_483_647


@dataclass(frozen=True, slots=True)
class TakenLevel:
    """A level that a client set and the shop took. Times: seconds since 1970; `due_at` is None where it is lost."""

    transaction_id: str
    sku: str
    location_id: int
    units: int
    taken_at: float
    due_at: float | None


class Catalogue:
    """The shop's products by id, and stock by variant and location. Location 1 is the default one.

    Levels that a client sets are taken at once and shown `apply_after_seconds` later, as BigCommerce does
    (inventory-adjustments page); of the next `loses_calls` calls, they are taken and never shown. `taken_levels` is the
    truth of what was taken when. A location in `disabled` refuses levels. `stock_settings` is what
    GET /v3/settings/inventory tells.
    """

    def __init__(self, lock: threading.RLock, clock: Callable[[], float]) -> None:
        self._lock = lock
        self._clock = clock
        self._taken: deque[tuple[float, int, int, int]] = deque()  # due, variant, location, units
        self.transactions = 0
        self.apply_after_seconds = 0.0
        self.loses_calls = 0
        self.taken_levels: list[TakenLevel] = []
        self.disabled: set[int] = set()
        self.stock_settings: Record = {
            "update_stock_behavior": "order_placed", "edit_order_stock_adjustment": True,
            "refund_order_stock_adjustment": False,
        }  # fmt: skip
        self.products: dict[int, Record] = {}
        self.locations: dict[int, str] = {1: "default"}
        self._stock: dict[int, dict[int, list[int]]] = {}  # variant -> location -> [on hand, safety stock]
        self._next_product, self._next_variant = 101, 501

    def add(self, given: Mapping[str, Any]) -> int:
        """A product from {name, sku, gtin, upc, mpn, stock, categories, variants: [{sku, options, gtin, upc, mpn,
        stock}]}.

        Without variants it gets its base variant. `options` are (name, label) pairs. Returns the product's
        id.
        """
        with self._lock:
            product_id = int(given.get("id", self._next_product))
            self._next_product = max(self._next_product, product_id) + 1
            product: Record = {
                "id": product_id,
                "name": str(given.get("name") or given.get("sku") or f"Product {product_id}"),
                "type": "physical", "sku": str(given.get("sku", "")), "weight": 1.0, "price": 10.0,
                "upc": str(given.get("upc", "")), "gtin": str(given.get("gtin", "")),
                "mpn": str(given.get("mpn", "")),
                "inventory_level": 0, "inventory_tracking": str(given.get("inventory_tracking", "variant")),
                "availability": str(given.get("availability", "available")),
                "categories": [int(each) for each in given.get("categories", ())],
                "is_visible": bool(given.get("is_visible", True)),
                "bin_picking_number": "", "date_modified": "2026-01-05T09:00:00+00:00",
            }  # fmt: skip
            base = {name: given[name] for name in ("sku", "gtin", "upc", "mpn", "stock") if name in given}
            variants = [self._variant(product_id, each) for each in given.get("variants") or (base,)]
            product["variants"], product["base_variant_id"] = variants, variants[0]["id"]
            self.products[product_id] = product
            return product_id

    def delete(self, product_id: int) -> None:
        with self._lock:
            for variant in self.products.pop(product_id)["variants"]:
                self._stock.pop(variant["id"], None)

    def variant(self, sku: str) -> Record:
        """The variant with that SKU, exactly. Raises KeyError."""
        with self._lock:
            for product in self.products.values():
                for variant in product["variants"]:
                    if variant["sku"] == sku:
                        found: Record = variant
                        return found
        raise KeyError(sku)

    def set_stock(self, sku: str, on_hand: int, *, location_id: int = 1, safety_stock: int = 0) -> None:
        with self._lock:
            self.locations.setdefault(location_id, f"location-{location_id}")
            self._stock.setdefault(self.variant(sku)["id"], {})[location_id] = [on_hand, safety_stock]

    def stock(self, sku: str, *, location_id: int = 1) -> int:
        """On hand, in units."""
        with self._lock:
            self._apply_what_is_due()
            return self._stock[self.variant(sku)["id"]][location_id][0]

    def all_variants(self) -> list[Record]:
        with self._lock:
            return [variant for _, product in sorted(self.products.items()) for variant in product["variants"]]

    def inventory(self) -> list[Record]:
        """Items as GET /v3/inventory/items lists them."""
        with self._lock:
            self._apply_what_is_due()
            return [
                {
                    "identity": {key: variant[source] for key, source in _IDENTITY},
                    "locations": [self._at(location, *stock) for location, stock in sorted(held.items())],
                }
                for variant in self.all_variants()
                if (held := self._stock.get(variant["id"]))
            ]

    def set_levels(self, items: Any) -> str:
        """PUT /v3/inventory/adjustments/absolute: all or none of `items`. Returns the transaction's id.

        Raises `Refusal` (422) with the words of inventory.v3.yml where one item is at fault.
        """
        if not isinstance(items, list) or not 1 <= len(items) <= LEVELS_PER_CALL:
            raise Refusal(422, f"items must be 1 to {LEVELS_PER_CALL}")
        with self._lock:
            by_sku = {variant["sku"]: variant for variant in self.all_variants()}
            taken = [self._checked(item, by_sku) for item in items]
            self.transactions += 1
            number, now = f"{self.transactions:032x}", self._clock()
            due = None if self.loses_calls else now + self.apply_after_seconds
            self.loses_calls = max(0, self.loses_calls - 1)
            if due is not None:
                self._taken += [(due, *level) for level in taken]
            self.taken_levels += [
                TakenLevel(number, item["sku"], item["location_id"], item["quantity"], now, due) for item in items
            ]
            return number

    def locations_listed(self) -> list[Record]:
        """As GET /v3/inventory/locations lists them."""
        with self._lock:
            return [
                {
                    "id": number, "code": code, "label": code, "type_id": "PHYSICAL",
                    "enabled": number not in self.disabled, "managed_by_external_source": False,
                }
                for number, code in sorted(self.locations.items())
            ]  # fmt: skip

    def _checked(self, item: Any, by_sku: Mapping[str, Record]) -> tuple[int, int, int]:
        """(variant, location, units). Raises `Refusal`."""
        sku, location, units = (item.get(name) for name in ("sku", "location_id", "quantity"))
        if not isinstance(units, int) or isinstance(units, bool) or not 0 <= units <= MOST_UNITS:
            raise Refusal(422, f"[Item with sku {sku} has an invalid quantity]")
        if location not in self.locations or location in self.disabled:
            raise Refusal(422, f"Location not found, identities: [{location}]")
        if sku not in by_sku:
            raise Refusal(422, f"Items with identity: [sku {sku}] not found")
        variant = by_sku[sku]
        tracking = self.products[variant["product_id"]]["inventory_tracking"]
        if tracking == "product":
            raise Refusal(422, f"[Item with sku {sku} is tracked by product, please update stock by product id]")
        if tracking == "none":
            raise Refusal(422, f"[Item with sku {sku} is not tracked]")
        return variant["id"], location, units

    def _apply_what_is_due(self) -> None:
        while self._taken and self._taken[0][0] <= self._clock():
            _, variant_id, location, units = self._taken.popleft()
            if (held := self._stock.get(variant_id)) is not None:
                held[location] = [units, held.get(location, (0, 0))[1]]

    def _variant(self, product_id: int, given: Mapping[str, Any]) -> Record:
        variant_id = int(given.get("id", self._next_variant))
        self._next_variant = max(self._next_variant, variant_id) + 1
        self._stock[variant_id] = {1: [int(given.get("stock", 0)), 0]}
        return {
            "id": variant_id, "product_id": product_id, "sku": str(given.get("sku", "")),
            "sku_id": variant_id,
            "price": None, "weight": None, "purchasing_disabled": False,
            "inventory_level": int(given.get("stock", 0)),
            "upc": str(given.get("upc", "")), "gtin": str(given.get("gtin", "")), "mpn": str(given.get("mpn",
            "")),
            "bin_picking_number": "",
            "option_values": [
                {"id": number, "option_id": number, "option_display_name": str(name), "label": str(label)}
                for number, (name, label) in enumerate(given.get("options", ()), start=1)
            ],
        }  # fmt: skip

    def _at(self, location_id: int, on_hand: int, safety_stock: int) -> Record:
        return {
            "location_id": location_id, "location_code": self.locations[location_id],
            "location_name": self.locations[location_id], "location_enabled": location_id not in self.disabled,
            "available_to_sell": on_hand - safety_stock, "total_inventory_onhand": on_hand,
            "settings": {
                "safety_stock": safety_stock, "is_in_stock": on_hand > safety_stock, "warning_level": 0,
                "bin_picking_number": "",
            },
        }  # fmt: skip


_IDENTITY = (("sku", "sku"), ("variant_id", "id"), ("product_id", "product_id"), ("sku_id", "sku_id"))
