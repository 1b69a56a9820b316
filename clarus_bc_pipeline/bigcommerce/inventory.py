"""Stock as the shop keeps it, by SKU and location: read, set, and what governs it.

What belongs here: the calls. What does not: which levels are wanted (the stock flow) or which items a refusal names
(`refused_levels.py`).

BigCommerce takes levels asynchronously: a read may show the old one for a while, and nothing resolves a transaction_id
(inventory-adjustments page). `quantity` sets what is on hand; what shoppers can buy is that less the safety stock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.paging import pages_by_number
from clarus_bc_pipeline.bigcommerce.refused_levels import Level, LevelsRefused, refused_items, refused_levels
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.http import Refused

__all__ = [
    "InventoryItem", "InventorySettings", "Level", "LevelsRefused", "Location", "inventory_settings", "items_of",
    "pull_inventory", "pull_locations", "refused_items", "refused_levels", "set_levels",
]  # fmt: skip

ITEMS = "v3/inventory/items"
LOCATIONS = "v3/inventory/locations"
SETTINGS = "v3/settings/inventory"
ABSOLUTE = "v3/inventory/adjustments/absolute"
VARIANTS = "v3/catalog/variants"
PAGE_SIZE = 1000  # at most 1000 items or locations a page (inventory.v3.yml, locations.v3.yml)
LEVELS_PER_CALL = 2000  # at most 2000 items a request (inventory.v3.yml)
# The lists of `sku:in` go into the address, whose length BigCommerce does not limit in writing: 8 kB pass everywhere.
SKUS_PER_CALL, LETTERS_PER_CALL = 250, 6000


class InventoryItem(msgspec.Struct, frozen=True):
    """A SKU's stock at one location. `available_to_sell` is `on_hand` less `safety_stock`, in units.

    `variant_id` is None where the shop tells none: a product whose stock is kept as a whole.
    """

    sku: str
    variant_id: int | None
    product_id: int
    location_id: int
    location_code: str
    available_to_sell: int
    on_hand: int
    safety_stock: int


class Location(msgspec.Struct, frozen=True):
    """A place that holds stock; 1 is the default one. One that is not enabled refuses new levels."""

    id: int
    code: str = ""
    label: str = ""
    enabled: bool = True


class InventorySettings(msgspec.Struct, frozen=True):
    """Who else changes levels, and when. None: the shop did not say.

    `update_stock_behavior`: order_placed or order_completed_or_shipped. The other two: whether the shop itself puts
    units back when an order is edited, or refunded or cancelled.
    """

    update_stock_behavior: str | None = None
    edit_order_stock_adjustment: bool | None = None
    refund_order_stock_adjustment: bool | None = None


class _Identity(msgspec.Struct, frozen=True):
    product_id: int
    variant_id: int | None = None
    sku: str | None = None


class _Stocking(msgspec.Struct, frozen=True):
    safety_stock: int = 0


class _At(msgspec.Struct, frozen=True):
    location_id: int
    available_to_sell: int
    total_inventory_onhand: int
    location_code: str = ""
    settings: _Stocking = _Stocking()


class _Item(msgspec.Struct, frozen=True):
    identity: _Identity
    locations: list[_At]


class _Settings(msgspec.Struct, frozen=True):
    data: InventorySettings


class _Transaction(msgspec.Struct, frozen=True):
    transaction_id: str


class _Variant(msgspec.Struct, frozen=True):
    id: int


_ITEM = msgspec.json.Decoder(_Item)
_LOCATION = msgspec.json.Decoder(Location)
_SETTINGS = msgspec.json.Decoder(_Settings)
_TRANSACTION = msgspec.json.Decoder(_Transaction)
_VARIANT = msgspec.json.Decoder(_Variant)


def pull_inventory(shop: BigCommerce) -> Iterator[list[InventoryItem]]:
    """The stock of every SKU at every location, 1000 SKUs a call. What has no SKU is left out: no level can name it.

    Raises `Ambiguous` naming a field that is wrong.
    """
    return _items(shop, {})


def items_of(shop: BigCommerce, skus: Iterable[str]) -> list[InventoryItem]:
    """The stock of exactly these SKUs at every location, 250 SKUs a call. A SKU that the shop does not hold gives none.

    A SKU with a comma cannot stand in the filter's list: it is asked for by its variant, at one call more.
    """
    wanted = {sku for sku in skus if sku}
    filters: list[dict[str, str]] = [{"sku:in": ",".join(chunk)} for chunk in _chunks(sorted(wanted))]
    for sku in sorted(sku for sku in wanted if "," in sku):
        rows = [row for page in pages_by_number(shop, VARIANTS, {"sku": sku}, limit=250) for row in page]
        ids = [decoded(f"GET {VARIANTS}", bytes(row), _VARIANT).id for row in rows]
        filters += [{"variant_id:in": str(variant_id)} for variant_id in ids]
    return [
        item for params in filters for page in _items(shop, params) for item in page if item.sku in wanted
    ]  # fmt: skip


def set_levels(shop: BigCommerce, levels: Sequence[Level], *, reason: str, priority: Priority = Priority.STOCK) -> str:
    """Set what is on hand, absolute: 1 to 2000 levels, each SKU once a location. Returns the transaction_id.

    Accepted is not yet shown. To set a level twice does no harm; requests must follow one another, never overlap.
    Raises `LevelsRefused` when the shop refuses: for one bad item it refuses all (inventory.v3.yml).
    """
    if not 1 <= len(levels) <= LEVELS_PER_CALL:
        raise ValueError(f"{len(levels)} levels in one call: BigCommerce takes 1 to {LEVELS_PER_CALL}")
    sent = sorted(levels, key=lambda level: (level.location_id, level.sku))
    items = [{"location_id": each.location_id, "sku": each.sku, "quantity": each.quantity} for each in sent]
    try:
        body = shop.put(ABSOLUTE, {"reason": reason, "items": items}, priority=priority)
    except Refused as error:
        raise LevelsRefused(error, sent) from error
    return decoded(f"PUT {ABSOLUTE}", body, _TRANSACTION).transaction_id


def pull_locations(shop: BigCommerce) -> list[Location]:
    """All locations of the shop, those that are not enabled too."""
    pages = pages_by_number(shop, LOCATIONS, {}, limit=PAGE_SIZE)
    return [decoded(f"GET {LOCATIONS}", bytes(raw), _LOCATION) for page in pages for raw in page]


def inventory_settings(shop: BigCommerce, *, channel_id: int | None = None) -> InventorySettings:
    """What the shop does to levels by itself: for orders made by hand, or for those of a channel.

    A channel that says nothing of a setting has the shop's own (settings.v3.yml): one call more.
    """
    own = _settings(shop, {})
    if channel_id is None:
        return own
    given = msgspec.to_builtins(_settings(shop, {"channel_id": channel_id}))
    return msgspec.structs.replace(own, **{name: value for name, value in given.items() if value is not None})


def _settings(shop: BigCommerce, params: dict[str, str | int]) -> InventorySettings:
    return decoded(f"GET {SETTINGS}", shop.get(SETTINGS, params), _SETTINGS).data


def _items(shop: BigCommerce, params: dict[str, str]) -> Iterator[list[InventoryItem]]:
    for page in pages_by_number(shop, ITEMS, params, limit=PAGE_SIZE):
        items = [decoded(f"GET {ITEMS}", bytes(raw), _ITEM) for raw in page]
        found = [_at(item.identity, at) for item in items if item.identity.sku for at in item.locations]
        if found:
            yield found


def _at(identity: _Identity, at: _At) -> InventoryItem:
    return InventoryItem(
        identity.sku or "", identity.variant_id, identity.product_id, at.location_id, at.location_code,
        at.available_to_sell, at.total_inventory_onhand, at.settings.safety_stock,
    )  # fmt: skip


def _chunks(skus: Iterable[str]) -> Iterator[list[str]]:
    """Lists of SKUs that an address can carry."""
    chunk: list[str] = []
    letters = 0
    for sku in skus:
        if "," in sku:
            continue
        size = len(quote(sku, safe="")) + 3  # a comma is %2C
        if chunk and (len(chunk) == SKUS_PER_CALL or letters + size > LETTERS_PER_CALL):
            yield chunk
            chunk, letters = [], 0
        chunk.append(sku)
        letters += size
    if chunk:
        yield chunk
