"""Stock as the shop shows it, by location. Read only: publishing stock is another room's.

Reads may lag behind writes: BigCommerce takes stock writes asynchronously (inventory-adjustments page).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.paging import pages_by_number

PATH = "v3/inventory/items"
PAGE_SIZE = 1000  # at most 1000 items a page (inventory.v3.yml)


class InventoryItem(msgspec.Struct, frozen=True):
    """A SKU's stock at one location. `available_to_sell` is `on_hand` less `safety_stock`, in units."""

    sku: str
    variant_id: int
    product_id: int
    location_id: int
    location_code: str
    available_to_sell: int
    on_hand: int
    safety_stock: int


class _Identity(msgspec.Struct, frozen=True):
    sku: str
    variant_id: int
    product_id: int


class _Stocking(msgspec.Struct, frozen=True):
    safety_stock: int = 0


class _Location(msgspec.Struct, frozen=True):
    location_id: int
    available_to_sell: int
    total_inventory_onhand: int
    location_code: str = ""
    settings: _Stocking = _Stocking()


class _Item(msgspec.Struct, frozen=True):
    identity: _Identity
    locations: list[_Location]


_ONE = msgspec.json.Decoder(_Item)


def pull_inventory(shop: BigCommerce) -> Iterator[list[InventoryItem]]:
    """The stock of every SKU at every location, 1000 SKUs a call.

    Raises `Ambiguous` naming a field that is wrong.
    """
    for page in pages_by_number(shop, PATH, {}, limit=PAGE_SIZE):
        items = [decoded(f"GET {PATH}", bytes(raw), _ONE) for raw in page]
        if items:
            yield [_at(item.identity, location) for item in items for location in item.locations]


def _at(identity: _Identity, location: _Location) -> InventoryItem:
    return InventoryItem(
        identity.sku, identity.variant_id, identity.product_id, location.location_id, location.location_code,
        location.available_to_sell, location.total_inventory_onhand, location.settings.safety_stock,
    )  # fmt: skip
