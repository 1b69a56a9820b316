"""Products, variants and stock of the double.

What belongs here: holding and listing them. What does not: orders (`world.py`) or routes (`app.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record


class Catalogue:
    """The shop's products by id, and stock by variant and location. Location 1 is the default one."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self.products: dict[int, Record] = {}
        self.locations: dict[int, str] = {1: "default"}
        self._stock: dict[int, dict[int, list[int]]] = {}  # variant -> location -> [on hand, safety stock]
        self._next_product, self._next_variant = 101, 501

    def add(self, given: Mapping[str, Any]) -> int:
        """A product from {name, sku, gtin, upc, mpn, stock, variants: [{sku, options, gtin, upc, mpn,
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
                "availability": "available", "is_visible": bool(given.get("is_visible", True)),
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
            return self._stock[self.variant(sku)["id"]][location_id][0]

    def all_variants(self) -> list[Record]:
        with self._lock:
            return [variant for _, product in sorted(self.products.items()) for variant in product["variants"]]

    def inventory(self) -> list[Record]:
        """Items as GET /v3/inventory/items lists them."""
        with self._lock:
            return [
                {
                    "identity": {key: variant[source] for key, source in _IDENTITY},
                    "locations": [self._at(location, *stock) for location, stock in sorted(held.items())],
                }
                for variant in self.all_variants()
                if (held := self._stock.get(variant["id"]))
            ]

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
            "location_name": self.locations[location_id], "location_enabled": True,
            "available_to_sell": on_hand - safety_stock, "total_inventory_onhand": on_hand,
            "settings": {
                "safety_stock": safety_stock, "is_in_stock": on_hand > safety_stock, "warning_level": 0,
                "bin_picking_number": "",
            },
        }  # fmt: skip


_IDENTITY = (("sku", "sku"), ("variant_id", "id"), ("product_id", "product_id"), ("sku_id", "sku_id"))
