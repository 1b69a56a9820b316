"""The warehouse's orders as rows of the ledger, and the ledger's rows as what the despatch rules decide on.

What belongs here: turning one into the other. What does not: reading from Clarus (`sync.py`) or deciding (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.markers import marker_of
from clarus_bc_pipeline.bigcommerce.shipments import Shipment
from clarus_bc_pipeline.clarus.goods_outs import GoodsOut as ClarusGoodsOut
from clarus_bc_pipeline.clarus.goods_outs import GoodsOutLine
from clarus_bc_pipeline.clarus.shipments import ClarusShipment, Package
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.despatch import rules
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert

SOURCE = "Clarus"

OrderLines = Mapping[int, Sequence[tuple[int, str, int]]]  # order id -> (order_product_id, sku, order_address_id)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a goods-out goes: the shop's order and its address (None: not known, or no such order)."""

    order_id: int
    address_id: int | None


def keep_goods_outs(
    connection: sa.Connection,
    *,
    store: str,
    goods_outs: Iterable[ClarusGoodsOut],
    bound_for: Mapping[int, Bound],
    now: datetime,
) -> int:
    """Store goods-out headers; `bound_for` is goods-out id -> where it goes. Returns how many changed."""
    rows = []
    for g in goods_outs:
        bound = bound_for.get(g.id)
        order_id, address_id = (bound.order_id, bound.address_id) if bound else (None, None)
        where = (g.status, g.carrier_code, g.despatched_at, None, SOURCE, now)
        rows.append((store, g.id, g.reference, order_id, address_id, *where))
    kept = upsert(
        connection,
        tables.clarus_goods_out,
        rows,
        columns=(
            "store",
            "goods_out_id",
            "reference",
            "order_id",
            "order_address_id",
            "status",
            "carrier_code",
            "despatched_at",
            "missing_since",
            "source",
            "seen_at",
        ),
    )
    event = tables.clarus_goods_out_event
    if kept.inserted + kept.changed:
        changed = sa.select(
            tables.clarus_goods_out.c.store,
            tables.clarus_goods_out.c.goods_out_id,
            tables.clarus_goods_out.c.status,
            tables.clarus_goods_out.c.seen_at,
        ).where(
            tables.clarus_goods_out.c.store == store,
            tables.clarus_goods_out.c.seen_at == now,
            tables.clarus_goods_out.c.goods_out_id.in_([row[1] for row in rows]),
        )
        connection.execute(
            sa.dialects.postgresql.insert(event)
            .from_select(["store", "goods_out_id", "status", "seen_at"], changed)
            .on_conflict_do_nothing()
        )
    return kept.inserted + kept.changed


def keep_lines(
    connection: sa.Connection,
    *,
    store: str,
    lines: Iterable[GoodsOutLine],
    bound_for: Mapping[int, Bound],
    order_lines: OrderLines,
    sku_map: SkuMap,
    now: datetime,
) -> int:
    """Store goods-out lines, each matched to its order line; `bound_for` is goods-out id -> where it goes."""
    rows = []
    for line in lines:
        bound = bound_for.get(line.goods_out_id, Bound(0, None))
        candidates = match_line(line, order_lines.get(bound.order_id, ()), sku_map, bound.address_id)
        rows.append(
            (
                store,
                line.id,
                line.goods_out_id,
                candidates[0] if len(candidates) == 1 else None,
                len(candidates),
                line.product_code,
                line.ordered,
                line.allocated,
                line.picked,
                line.despatched,
                line.short_status,
                SOURCE,
                now,
            )
        )
    kept = upsert(
        connection,
        tables.clarus_goods_out_line,
        rows,
        columns=(
            "store",
            "goods_out_line_id",
            "goods_out_id",
            "order_product_id",
            "candidates",
            "product_code",
            "ordered",
            "allocated",
            "picked",
            "despatched",
            "short_status",
            "source",
            "seen_at",
        ),
    )
    return kept.inserted + kept.changed


def match_line(
    line: GoodsOutLine,
    order_lines: Sequence[tuple[int, str, int]],
    sku_map: SkuMap,
    address_id: int | None = None,
) -> list[int]:
    """The order lines that a goods-out line can be: the one it refers to, else those of its SKU at its address."""
    if line.line_reference:
        referred = [i for i, _, _ in order_lines if str(i) == line.line_reference]
        if referred:
            return referred
    return [
        i
        for i, sku, address in order_lines
        if sku_map.to_clarus(sku) == line.product_code and address_id in (None, address)
    ]


def keep_parcels(
    connection: sa.Connection,
    *,
    store: str,
    shipments: Sequence[ClarusShipment],
    packages: Sequence[Package],
    now: datetime,
) -> int:
    """Store the warehouse's shipments and packages."""
    kept = upsert(
        connection,
        tables.clarus_shipment,
        [
            (
                store,
                s.id,
                s.goods_out_id,
                s.reference,
                s.status,
                s.carrier_code,
                s.tracking_number,
                SOURCE,
                now,
            )
            for s in shipments
        ],
        columns=(
            "store",
            "clarus_shipment_id",
            "goods_out_id",
            "reference",
            "status",
            "carrier_code",
            "tracking_number",
            "source",
            "seen_at",
        ),
    )
    goods_out_of = {s.id: s.goods_out_id for s in shipments}
    kept_packages = upsert(
        connection,
        tables.clarus_package,
        [
            (store, p.id, p.shipment_id, goods_out_of[p.shipment_id], p.tracking_number, None, SOURCE, now)
            for p in packages
            if p.shipment_id in goods_out_of
        ],
        columns=(
            "store",
            "package_id",
            "clarus_shipment_id",
            "goods_out_id",
            "tracking_number",
            "missing_since",
            "source",
            "seen_at",
        ),
    )
    return kept.inserted + kept.changed + kept_packages.inserted + kept_packages.changed


def keep_shipment(connection: sa.Connection, *, store: str, shipment: Shipment, source: str, now: datetime) -> None:
    """Store one of the shop's shipments, as replied or as read."""
    upsert(
        connection,
        tables.bigcommerce_shipment,
        [
            (
                store,
                shipment.id,
                shipment.order_id,
                shipment.order_address_id,
                shipment.tracking_number,
                shipment.tracking_carrier,
                shipment.shipping_provider,
                shipment.link,
                marker_of(shipment.comments),
                shipment.created_at,
                None,
                source,
                now,
            )
        ],
        columns=(
            "store",
            "shipment_id",
            "order_id",
            "order_address_id",
            "tracking_number",
            "tracking_carrier",
            "shipping_provider",
            "tracking_link",
            "marker",
            "created_at",
            "deleted_at",
            "source",
            "seen_at",
        ),
    )
    upsert(
        connection,
        tables.bigcommerce_shipment_line,
        [(store, shipment.id, item.order_product_id, item.quantity, source, now) for item in shipment.items],
        columns=("store", "shipment_id", "order_product_id", "quantity", "source", "seen_at"),
    )


def goods_out(row: Mapping[str, Any]) -> rules.GoodsOut:
    """A row of `goods_outs_to_decide.sql` as the rules take it."""
    address = next((a for a in row["addresses"] or () if a["id"] == row["order_address_id"]), None)
    return rules.GoodsOut(
        goods_out_id=row["goods_out_id"],
        order_id=row["order_id"],
        order_address_id=row["order_address_id"],
        status=row["status"],
        currency=row["currency"],
        postcode=address["zip"] if address else None,
        despatched_at=row["despatched_at"],
        last_sequence=row["last_sequence"],
        lines=tuple(
            rules.DespatchedLine(
                **{
                    **line,
                    "ordered": Decimal(line["ordered"]),
                    "despatched": Decimal(line["despatched"]),
                    "price_inc_tax": Decimal(line["price_inc_tax"]),
                }
            )
            for line in row["lines"]
        ),
        parcels=tuple(_parcel(parcel) for parcel in row["parcels"] or ()),
        announced=tuple(rules.Announced(**told) for told in row["announced"] or ()),
    )


def _parcel(parcel: Mapping[str, Any]) -> rules.Parcel:
    announced_as = (parcel["sequence"], parcel["parcel"]) if parcel["sequence"] is not None else None
    return rules.Parcel(
        parcel["package_id"],
        parcel["carrier_code"],
        (parcel["tracking_number"] or "").strip(),
        parcel["is_void"],
        announced_as,
    )
