"""Parcels: how their share of the units, what is wrong with their tracking, and their shipments.

What belongs here: one parcel at a time, as pure functions. What does not: when to announce (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from clarus_bc_pipeline.bigcommerce.markers import with_marker
from clarus_bc_pipeline.bigcommerce.shipments import LIMITS
from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.despatch.carriers import resolve_carrier, tracking_fields
from clarus_bc_pipeline.flows.despatch.goods_out import (
    Announced,
    AnnouncedParcel,
    Despatch,
    DespatchedLine,
    GoodsOut,
    Parcel,
    finding_on,
)
from clarus_bc_pipeline.flows.despatch.tracking import MAX_LENGTH, Verdict, check_tracking, normalise
from clarus_bc_pipeline.settings import DespatchSettings

SHIPMENT = "shipment"
SHIPMENT_TRACKING = "shipment_tracking"

MARKER_ROOM = 100  # characters of a comment that are kept for the marker


def number_of(parcel: Parcel | Announced) -> str:
    """The number by which two parcels are the same; "" when the field holds none, whatever is written there
    ("N/A").
    """
    if check_tracking("", parcel.tracking_number).verdict == Verdict.MISSING:
        return ""
    return normalise("", parcel.tracking_number)


def unannounced(goods_out: GoodsOut) -> list[Parcel]:
    """Parcels with a label that the shop was not told of, those with a number first.

    Packages that share a number (a consignment) are one parcel, and so is a package whose number was
    announced for another: a second shipment would e-mail the customer the same link again.
    """
    told = {number_of(parcel) for parcel in goods_out.announced}
    parcels: dict[str | int | None, Parcel] = {}
    for parcel in goods_out.parcels:
        if not parcel.is_void and parcel.announced_as is None:
            parcels.setdefault(number_of(parcel) or parcel.package_id, parcel)
    fresh = [parcel for parcel in parcels.values() if not number_of(parcel) or number_of(parcel) not in told]
    return sorted(fresh, key=lambda parcel: not number_of(parcel))


def tracking_faults(goods_out: GoodsOut, parcel: Parcel | Announced, settings: DespatchSettings) -> list[Finding]:
    """What is wrong with a parcel's carrier and number.

    Without a number nothing is: that is `without_tracking`.
    """
    if not number_of(parcel):
        return []
    carrier = resolve_carrier(parcel.carrier_code, settings.carriers)
    findings: list[Finding] = []
    if carrier is None:
        findings.append(
            finding_on(
                goods_out,
                "unmapped_carrier",
                f"left with carrier {parcel.carrier_code!r}, which is not mapped; set "
                f"[despatch.carriers.{parcel.carrier_code or 'CODE'}]",
                f"carrier {parcel.carrier_code!r}",
                subject_only=True,
            )
        )
    check = check_tracking(carrier.key if carrier else "", parcel.tracking_number)
    code = {Verdict.SEVERAL_NUMBERS: "tracking_multiple", Verdict.INVALID: "tracking_invalid"}.get(check.verdict)
    if code:
        sentence = f"has {parcel.tracking_number!r} in its tracking field: {check.reason}"
        findings.append(finding_on(goods_out, code, sentence, f"parcel {parcel.tracking_number}"))
    return findings


def is_held(faults: Iterable[Finding], settings: DespatchSettings) -> bool:
    """Whether the store holds a parcel back for `faults`.

    An unmapped carrier only costs the link: it never holds.
    """
    return settings.invalid_tracking == "hold" and any(f.code != "unmapped_carrier" for f in faults)


def without_tracking(goods_out: GoodsOut) -> Finding:
    """One finding a goods-out, however many of its parcels lack a number."""
    return finding_on(
        goods_out,
        "despatch_without_tracking",
        "was despatched and Clarus shows no tracking number",
        f"goods-out {goods_out.goods_out_id}",
    )


def without_units(goods_out: GoodsOut, surplus: Sequence[Parcel]) -> list[Finding]:
    """Parcels that left and have no shipment of their own, because there are fewer units than parcels."""
    if not surplus:
        return []
    numbers = ", ".join(sorted(parcel.tracking_number for parcel in surplus))
    return [
        finding_on(
            goods_out,
            "parcel_without_units",
            f"left in more parcels than units; {numbers} has no shipment of its own",
            f"goods-out {goods_out.goods_out_id}",
        )
    ]


def spread(units: Sequence[tuple[int, int]], parcels: int) -> list[list[tuple[int, int]]]:
    """Share (order line, quantity) out over `parcels`, each getting at least one unit where there are enough.

    Clarus publishes no contents of a package (docs/decisions/0004), so the whole is exact and the split is
    ours: the first parcel carries most, every further one a unit, so that the customer gets every tracking
    number.
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
    """The despatch that `units` make, each parcel's share of (order line, quantity), and the parcels left
    without one.
    """
    by_order_line: dict[int, int] = {}
    for line, quantity in units:
        assert line.order_product_id is not None  # newly_despatched returns matched lines only
        by_order_line[line.order_product_id] = by_order_line.get(line.order_product_id, 0) + quantity
    shares = spread(sorted(by_order_line.items()), len(parcels))
    announced = tuple(
        AnnouncedParcel(n, parcel.package_id, parcel.carrier_code, parcel.tracking_number if number_of(parcel) else "")
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
    share: Sequence[tuple[int, int]],
    surplus: Sequence[Parcel],
    settings: DespatchSettings,
) -> Push:
    """The shipment that announces one parcel; `surplus` parcels are named in its comment.

    Due `sla_minutes` after it left.
    """
    marker = goods_out.marker(despatch.sequence, parcel.parcel)
    price = {line.order_product_id: line.price_inc_tax for line in goods_out.lines}
    body = {
        "order_address_id": goods_out.order_address_id,
        "items": [{"order_product_id": line, "quantity": quantity} for line, quantity in share],
        **tracking_body(goods_out, parcel.carrier_code, parcel.tracking_number, settings),
        "comments": with_marker(_comment(parcel, len(despatch.parcels), surplus), marker),
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
            "value_at_risk": f"{sum(price[line] * quantity for line, quantity in share):f}",
            "currency": goods_out.currency,
        },
    )


def _comment(parcel: AnnouncedParcel, parcels: int, surplus: Sequence[Parcel]) -> str:
    """The shipment's comment without its marker.

    Numbers beyond the field's limit are in `without_units`'s finding only.
    """
    text = f"Parcel {parcel.parcel} of {parcels}." if parcels > 1 else ""
    also = f"{text} Also sent: {', '.join(p.tracking_number for p in surplus)}.".strip() if surplus else text
    return also if len(also) <= LIMITS["comments"] - MARKER_ROOM else text


def tracking_push(goods_out: GoodsOut, told: Announced, current: Parcel, settings: DespatchSettings) -> Push:
    """The correction of a shipment's tracking.

    The link is always sent, so that one made for the old number goes.
    """
    marker = goods_out.marker(told.sequence, told.parcel)
    body = tracking_body(goods_out, current.carrier_code, current.tracking_number, settings)
    return Push(
        kind=SHIPMENT_TRACKING,
        business_key=f"{marker}#{told.changes + 1}",
        lane=f"order:{goods_out.order_id}",
        priority=Priority.SHIPMENT,
        payload={
            "order_id": goods_out.order_id,
            "shipment_id": told.shipment_id,
            "marker": marker,
            "body": {"tracking_link": "", **body},
        },
        cause={"goods_out_id": goods_out.goods_out_id, "was": told.tracking_number},
    )


def tracking_body(goods_out: GoodsOut, carrier_code: str, number: str, settings: DespatchSettings) -> dict[str, Any]:
    """The carrier and tracking fields of a shipment. A carrier is never guessed, and a number is never cut.

    Of two numbers in one field the first is sent, so that the customer has one link that works; what is no
    number, or longer than BigCommerce takes, is left out. Each has its finding (`tracking_faults`).
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
