"""Parcels: how units are shared out over them, what is wrong with their tracking, and the shipment that announces each.

What belongs here: one parcel at a time, as pure functions. What does not: when to announce (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from clarus_bc_pipeline.bigcommerce.shipments import with_marker
from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.despatch.carriers import resolve_carrier, tracking_fields
from clarus_bc_pipeline.flows.despatch.goods_out import (
    AnnouncedParcel,
    Despatch,
    DespatchedLine,
    GoodsOut,
    Parcel,
    finding_on,
)
from clarus_bc_pipeline.flows.despatch.tracking import MAX_LENGTH, Verdict, check_tracking
from clarus_bc_pipeline.settings import DespatchSettings

SHIPMENT = "shipment"


def tracking_faults(goods_out: GoodsOut, parcel: Parcel, settings: DespatchSettings) -> list[Finding]:
    """What is wrong with a parcel's carrier and tracking number; a missing number is `decide`'s business, not this."""
    if not parcel.tracking_number:
        return []
    subject = f"parcel {parcel.tracking_number}"
    carrier = resolve_carrier(parcel.carrier_code, settings.carriers)
    unmapped = (
        []
        if carrier
        else [
            finding_on(
                goods_out,
                "unmapped_carrier",
                f"left with carrier {parcel.carrier_code!r}, which is not mapped; set "
                f"[despatch.carriers.{parcel.carrier_code or 'CODE'}]",
                f"carrier {parcel.carrier_code!r}",
                subject_only=True,
            )
        ]
    )
    check = check_tracking(carrier.key if carrier else "", parcel.tracking_number)
    match check.verdict:
        case Verdict.MISSING:
            code, problem = "despatch_without_tracking", "which is no number"
        case Verdict.SEVERAL_NUMBERS:
            code, problem = "tracking_multiple", check.reason
        case Verdict.INVALID:
            code, problem = "tracking_invalid", check.reason
        case _:
            return unmapped
    return [
        *unmapped,
        finding_on(
            goods_out, code, f"has {parcel.tracking_number!r} in its tracking field: {problem}", subject
        ),
    ]


def spread(units: Sequence[tuple[int, int]], parcels: int) -> list[list[tuple[int, int]]]:
    """Share (order line, quantity) out over `parcels`, each getting at least one unit where there are enough.

    Clarus publishes no contents of a package (docs/decisions/0004), so the whole is exact and the split is ours:
    the first parcel carries most, every further one a unit, so that the customer gets every tracking number.
    """
    filled = min(parcels, sum(quantity for _, quantity in units))
    shares: list[dict[int, int]] = [{} for _ in range(filled)]
    rest = [[line, quantity] for line, quantity in units]
    for share in reversed(shares[1:]):
        last = rest[-1]
        share[last[0]] = 1
        last[1] -= 1
        if last[1] == 0:
            rest.pop()
    for line, quantity in rest:
        shares[0][line] = shares[0].get(line, 0) + quantity
    return [list(share.items()) for share in shares]


def plan(
    goods_out: GoodsOut, units: Sequence[tuple[DespatchedLine, int]], parcels: Sequence[Parcel]
) -> tuple[Despatch, list[list[tuple[int, int]]], Sequence[Parcel]]:
    by_order_line: dict[int, int] = {}
    for line, quantity in units:
        assert line.order_product_id is not None  # newly_despatched returns matched lines only
        by_order_line[line.order_product_id] = by_order_line.get(line.order_product_id, 0) + quantity
    shares = spread(sorted(by_order_line.items()), len(parcels))
    announced = tuple(
        AnnouncedParcel(n, parcel.package_id, parcel.carrier_code, parcel.tracking_number)
        for n, (parcel, _) in enumerate(zip(parcels, shares, strict=False), start=1)
    )
    lines = tuple(
        (line.goods_out_line_id, line.order_product_id, quantity)
        for line, quantity in units
        if line.order_product_id is not None
    )
    return Despatch(goods_out.last_sequence + 1, lines, announced), shares, parcels[len(shares) :]


def shipment_push(
    goods_out: GoodsOut,
    despatch: Despatch,
    parcel: AnnouncedParcel,
    share: Iterable[tuple[int, int]],
    surplus: Sequence[Parcel],
    settings: DespatchSettings,
) -> Push:
    marker = goods_out.marker(despatch.sequence, parcel.parcel)
    parts = [f"Parcel {parcel.parcel} of {len(despatch.parcels)}."] if len(despatch.parcels) > 1 else []
    parts += (
        [f"Also sent: {', '.join(p.tracking_number for p in surplus if p.tracking_number)}."]
        if surplus
        else []
    )
    body = {
        "order_address_id": goods_out.order_address_id,
        "items": [{"order_product_id": line, "quantity": quantity} for line, quantity in share],
        **tracking_body(goods_out, parcel.carrier_code, parcel.tracking_number, settings),
        "comments": with_marker(" ".join(parts), marker),
    }
    return Push(
        kind=SHIPMENT,
        business_key=marker,
        lane=f"order:{goods_out.order_id}",
        priority=Priority.SHIPMENT,
        payload={"order_id": goods_out.order_id, "marker": marker, "body": body},
        due_at=goods_out.despatched_at + timedelta(minutes=settings.sla_minutes),
        cause={
            "goods_out_id": goods_out.goods_out_id,
            "sequence": despatch.sequence,
            "despatched_at": goods_out.despatched_at.isoformat(),
        },
    )


def tracking_body(
    goods_out: GoodsOut, carrier_code: str, number: str, settings: DespatchSettings
) -> dict[str, Any]:
    """The carrier and tracking fields of a shipment. A carrier is never guessed, and a number is never cut.

    Of two numbers in one field the first is sent, so that the customer has one link that works; what is no number, or
    longer than BigCommerce takes, is left out. Each has its finding (`tracking_faults`).
    """
    carrier = resolve_carrier(carrier_code, settings.carriers)
    check = check_tracking(carrier.key if carrier else "", number)
    sent = check.parts[0] if check.verdict == Verdict.SEVERAL_NUMBERS and check.parts else check.number
    if check.verdict == Verdict.MISSING or len(sent) > MAX_LENGTH:
        return {"tracking_number": "", "shipping_provider": "", "tracking_carrier": ""}
    if carrier is None:
        return {"tracking_number": sent, "shipping_provider": "", "tracking_carrier": ""}
    fields = tracking_fields(carrier, sent, goods_out.postcode)
    body = {
        "tracking_number": sent,
        "shipping_provider": fields.shipping_provider,
        "tracking_carrier": fields.tracking_carrier,
    }
    return body | ({"tracking_link": fields.tracking_link} if fields.tracking_link else {})
