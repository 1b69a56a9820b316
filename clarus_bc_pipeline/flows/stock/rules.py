"""What the shop may offer: the target of every SKU at every location, and where a reading of stock is doubted.

What belongs here: decisions about units, as pure functions. What does not: reading or writing anything (`sync.py`), and
the words of oversells and of levels that did not stick (`exceptions.py`).

    target = max(0, free - paid orders that Clarus has not set stock aside for - buffer)

`free` is what Clarus can still give to an order: `available`, less `allocated` where the store's setting says that
`available` does not exclude it yet. Held and quarantined stock is not part of `available` (Clarus's own rule).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.settings import StockSettings

STOCK_LEVELS = "stock_levels"
LANE = "stock"  # BigCommerce: one absolute adjustment at a time, their order is not kept (inventory-adjustments)
MOST_LEVELS = 2000  # BigCommerce: at most 2000 items a call (inventory.v3.yml)
MOST_UNITS = 2_147_483_647  # BigCommerce stores nothing above (inventory.v3.yml)


class Stock(NamedTuple):
    """A product's units in one warehouse, as Clarus tells them."""

    available: int | Decimal
    allocated: int | Decimal


class Place(NamedTuple):
    """A location of the shop, and its part of a warehouse's stock."""

    location_id: int
    share: float = 1.0


class At(NamedTuple):
    """A SKU at a location."""

    sku: str
    location_id: int


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a published level. `shown` is None where nobody knows what the shop shows."""

    shown: int | None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ShopLocation:
    """A location as the shop tells it."""

    location_id: int
    label: str
    enabled: bool


def free_units(stock: Stock, settings: StockSettings) -> int:
    """Whole units of one warehouse that no order has yet; never negative. A part of a unit cannot be sold."""
    free = stock.available - (0 if settings.available_excludes_allocated else stock.allocated)
    return max(0, int(free // 1))


def split(units: int, weights: Sequence[float | int]) -> tuple[int, ...]:
    """`units` in whole parts by `weights`, none lost: what is left over goes to the largest remainders, first come.

    Weights that are all zero give everything to the first.
    """
    total = sum(weights)
    if total <= 0:
        return (units, *([0] * (len(weights) - 1)))
    exact = [units * weight / total for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: units - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def targets(
    *,
    skus: Mapping[str, str],
    stock: Mapping[str, Mapping[str, Stock]],
    demand: Mapping[str, int],
    places: Mapping[str, Sequence[Place]],
    settings: StockSettings,
    categories: Mapping[str, Collection[int]] | None = None,
) -> dict[At, int]:
    """The units that the shop may offer of each SKU at each location.

    `skus` is product code by SKU; SKUs of one product share its units, for each of them could sell. `stock` is by
    product code and warehouse, `demand` the paid units that Clarus has set nothing aside for, by product code, and
    `places` the locations of each warehouse that the shop shows. `categories` are of a SKU, for its buffer. A product
    whose balance was never read has no target: unknown is not zero.
    """
    by_code: dict[str, list[str]] = defaultdict(list)
    for sku, code in skus.items():
        by_code[code].append(sku)
    found: dict[At, int] = {}
    shown_at = sorted({place.location_id for where in places.values() for place in where})
    for code, sharing in by_code.items():
        balances = stock.get(code)
        if balances is None or not shown_at:
            continue
        free = dict.fromkeys(shown_at, 0)
        for warehouse, where in places.items():
            if where and (balance := balances.get(warehouse)) is not None:
                parts = _split_at(free_units(balance, settings), where, settings)
                for place, units in zip(where, parts, strict=True):
                    free[place.location_id] += units
        offered = max(0, sum(free.values()) - demand.get(code, 0))
        sharing.sort()
        for sku, units in zip(sharing, split(offered, [1] * len(sharing)), strict=True):
            buffer = settings.buffer_of(sku, categories.get(sku, ()) if categories else ())
            left = min(MOST_UNITS, max(0, units - buffer))
            for location_id, part in zip(shown_at, split(left, list(free.values())), strict=True):
                found[At(sku, location_id)] = part
    return found


def _split_at(units: int, where: Sequence[Place], settings: StockSettings) -> tuple[int, ...]:
    weights = [float(i == 0) for i in range(len(where))] if settings.split == "first" else [p.share for p in where]
    return split(units, weights)


def mapped_places(
    settings: StockSettings, *, warehouse: str, locations: Sequence[ShopLocation], store: str
) -> tuple[dict[str, tuple[Place, ...]], list[Finding]]:
    """Each mapped warehouse's usable locations, and a finding for each that the shop has not, or has switched off.

    A location that cannot take stock drops out of the split; stock is never moved to one that is not mapped.
    """
    by_id = {location.location_id: location for location in locations}
    if not settings.locations:
        usable = sorted(location.location_id for location in locations if location.enabled)
        if not usable:
            words = "The shop has no enabled location, so no stock can be shown. Enable one in BigCommerce."
            return {}, [Finding("location_unusable", "locations", words)]
        return {warehouse: (Place(usable[0]),)}, []
    places: dict[str, tuple[Place, ...]] = {}
    findings = []
    for code, where in settings.locations.items():
        places[code] = tuple(
            Place(place.location_id, place.share)
            for place in where
            if place.location_id in by_id and by_id[place.location_id].enabled
        )
        for place in where:
            here = by_id.get(place.location_id)
            if here is None or not here.enabled:
                what = f"is disabled ({here.label})" if here else "does not exist in the shop"
                findings.append(
                    Finding(
                        "location_unusable",
                        f"location {place.location_id}",
                        f"Location {place.location_id}, mapped to warehouse {code}, {what}. Enable it in BigCommerce, "
                        f"or change [stores.{store}.stock.locations].",
                        evidence={"warehouse": code, "location_id": place.location_id},
                    )
                )
    return places, findings


def changes(wanted: Mapping[At, int], known: Mapping[At, Known]) -> dict[At, int]:
    """The targets that the shop does not show yet, as far as we know. What it refused is left until it is tried again.

    What is not known is sent: to say a level twice does no harm, for it is absolute.
    """
    unknown = Known(None)
    return {
        at: units
        for at, units in wanted.items()
        if not (state := known.get(at, unknown)).refused and state.shown != units
    }


def pushes(
    changed: Mapping[At, int], known: Mapping[At, Known], *, settings: StockSettings, decided_at: datetime
) -> list[Push]:
    """The changed levels in as few calls as the shop takes; those that fell to near zero are in the first."""
    unknown = Known(None)

    def falls_near_zero(at: At) -> bool:
        shown = known.get(at, unknown).shown
        return changed[at] <= settings.near_zero and (shown is None or changed[at] < shown)

    in_order = sorted(changed, key=lambda at: (not falls_near_zero(at), at))
    return [
        levels_push(
            [(at.sku, at.location_id, changed[at]) for at in part],
            decided_at=decided_at,
            urgent=any(map(falls_near_zero, part)),
        )
        for part in (in_order[start : start + MOST_LEVELS] for start in range(0, len(in_order), MOST_LEVELS))
    ]


def levels_push(levels: Sequence[tuple[str, int, int]], *, decided_at: datetime, urgent: bool = False) -> Push:
    """One call's levels: (SKU, location, units). Its key is when it was decided and a hash of what it says."""
    payload = {"levels": [list(level) for level in levels]}
    content = hashlib.sha256(repr(payload).encode()).hexdigest()[:16]
    return Push(
        kind=STOCK_LEVELS,
        business_key=f"{decided_at:%Y-%m-%dT%H:%M:%S.%f}Z/{content}",
        lane=LANE,
        payload=payload,
        priority=Priority.STOCK_NEAR_ZERO if urgent else Priority.STOCK,
        cause={"decided_at": decided_at.isoformat()},
    )


def never_above(
    levels: Iterable[Sequence[str | int]], newest: Mapping[At, int], refused: Collection[At] = ()
) -> list[tuple[str, int, int]]:
    """A push's levels as they may be sent now: none above the target of the newest reading, none that was refused.

    A level that has no target any more (its location was unmapped, its balance gone) is not sent.
    """
    kept = []
    for sku, location_id, units in levels:
        at = At(str(sku), int(location_id))
        if at in newest and at not in refused:
            kept.append((at.sku, at.location_id, min(int(units), newest[at])))
    return kept


# --- whether a reading is believed ---


def snapshot_fault(
    *, products: int, units: int, products_before: int | None, units_before: int | None, settings: StockSettings
) -> str | None:
    """Why a whole reading is not believed, or None: it is empty, or much smaller than the last one (None: the first).

    A feed that was cut short looks just like stock that is gone; published, it would empty the shop.
    """
    if products == 0:
        return "it holds no product at all"
    if products_before is None or units_before is None:
        return None
    share = settings.largest_drop_share
    if products < products_before * (1 - share):
        return f"it holds {products:,} products, and the last one {products_before:,}"
    lost = units_before - units
    if lost > settings.largest_drop_units and lost > units_before * share:
        return f"it holds {units:,} units, and the last one {units_before:,}"
    return None


@dataclass(frozen=True, slots=True)
class Kept:
    """The balance we go by, and a newer value that is not believed yet (`doubted`, first read at `doubted_at`)."""

    available: int | Decimal
    doubted: int | Decimal | None = None
    doubted_at: datetime | None = None


def is_drop(kept: int | Decimal, read: int | Decimal, settings: StockSettings) -> bool:
    """Whether a product lost so much between two readings that the reading is the likelier fault."""
    lost = kept - read
    return lost >= settings.largest_drop_units and lost >= kept * Decimal(str(settings.largest_drop_share))


def believe(
    kept: Kept | None,
    read: int | Decimal,
    *,
    explained: bool,
    at: datetime,
    settings: StockSettings,
    gone: bool = False,
) -> Kept:
    """What to go by after reading `read` units at `at`.

    A drop that no transaction explains is believed when it is read again `confirm_drop_minutes` later; until then the
    last value stands. `gone`: the product has no balance in a whole reading any more; that is doubted at any size.
    """
    if kept is None or explained or not (gone or is_drop(kept.available, read, settings)) or kept.available == read:
        return Kept(read)
    if kept.doubted_at is None:
        since = at
    elif at - kept.doubted_at >= timedelta(minutes=settings.confirm_drop_minutes):
        return Kept(read)
    else:
        since = kept.doubted_at
    return Kept(kept.available, read, since)
