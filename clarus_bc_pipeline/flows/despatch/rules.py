"""What left the warehouse, and which shipments tell the shop so.

What belongs here: decisions, as pure functions of facts. What does not: reading or writing anything (`sync.py`), and
what one parcel's shipment looks like (`parcels.py`).

A despatch is the rise of a goods-out's despatched quantities since the last announcement: it is announced on that fact,
never on "label bought". Each parcel becomes one shipment, because BigCommerce gives a shipment one tracking number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.despatch.goods_out import Despatch, DespatchedLine, GoodsOut, Parcel, finding_on
from clarus_bc_pipeline.flows.despatch.parcels import plan, shipment_push, tracking_body, tracking_faults
from clarus_bc_pipeline.settings import DespatchSettings

SHIPMENT_TRACKING = "shipment_tracking"
ORDER_STATUS = "order_status"


@dataclass(frozen=True, slots=True)
class Decision:
    """`despatch` is None when nothing new is announced now; `is_waiting` when units wait. `retracked` maps (sequence, parcel) to its new parcel."""

    despatch: Despatch | None = None
    pushes: tuple[Push, ...] = ()
    findings: tuple[Finding, ...] = ()
    retracked: Mapping[tuple[int, int], Parcel] = field(default_factory=dict)
    is_waiting: bool = False


def decide(goods_out: GoodsOut, *, settings: DespatchSettings, now: datetime) -> Decision:
    """Announce what has newly left, correct what was announced wrongly, and say what a person must mend."""
    units, findings = newly_despatched(goods_out)
    retracked, tracking_pushes, tracking_findings = changed_tracking(goods_out, settings)
    findings += tracking_findings + shorted(goods_out)
    if not units:
        return Decision(None, tracking_pushes, tuple(findings), retracked)
    replacing = {parcel.package_id for parcel in retracked.values()}
    parcels = [
        p
        for p in goods_out.parcels
        if not p.is_void
        and p.announced_as is None
        and (p.package_id is None or p.package_id not in replacing)
    ]
    parcels = parcels or [Parcel(None, "", "")]
    if any(not p.tracking_number for p in parcels):
        wait_until = goods_out.despatched_at + timedelta(minutes=settings.wait_for_tracking_minutes)
        if now < wait_until:
            return Decision(None, tracking_pushes, tuple(findings), retracked, is_waiting=True)
        findings.append(
            finding_on(
                goods_out,
                "despatch_without_tracking",
                "was despatched and Clarus shows no tracking "
                f"number after {settings.wait_for_tracking_minutes} minutes",
            )
        )
    held = False
    for parcel in parcels:
        faults = tracking_faults(goods_out, parcel, settings)
        findings += faults
        held = held or (
            settings.invalid_tracking == "hold" and any(f.code != "unmapped_carrier" for f in faults)
        )
    if held:
        return Decision(None, tracking_pushes, tuple(findings), retracked, is_waiting=True)
    despatch, shares, surplus = plan(goods_out, units, parcels)
    if surplus:
        findings.append(
            finding_on(
                goods_out,
                "parcel_without_units",
                f"left in {len(parcels)} parcels and holds fewer units; "
                f"{', '.join(p.tracking_number or 'a parcel without a number' for p in surplus)} "
                "has no shipment of its own",
            )
        )
    pushes = tuple(
        shipment_push(goods_out, despatch, parcel, share, surplus if parcel.parcel == 1 else (), settings)
        for parcel, share in zip(despatch.parcels, shares, strict=True)
    )
    return Decision(despatch, (*tracking_pushes, *pushes), tuple(findings), retracked)


def newly_despatched(goods_out: GoodsOut) -> tuple[list[tuple[DespatchedLine, int]], list[Finding]]:
    """The units that left since the last announcement, line by line, and the lines that cannot be announced."""
    units: list[tuple[DespatchedLine, int]] = []
    findings: list[Finding] = []
    room: dict[int, int] = {}
    for line in goods_out.lines:
        what = f"line {line.goods_out_line_id} ({line.product_code})"
        if line.despatched != line.despatched.to_integral_value():
            findings.append(
                finding_on(
                    goods_out,
                    "fractional_quantity",
                    f"{what} shows {line.despatched} units despatched; BigCommerce takes whole units",
                    what,
                )
            )
            continue
        rise = int(line.despatched) - line.announced
        if rise < 0:
            findings.append(
                finding_on(
                    goods_out,
                    "voided_despatch",
                    f"{what}: {line.announced} units were announced and Clarus "
                    f"now shows {int(line.despatched)} despatched",
                    what,
                    line=line,
                    units=-rise,
                )
            )
        if rise <= 0:
            continue
        if line.order_product_id is None:
            code = "ambiguous_line" if line.candidates > 1 else "unknown_line"
            why = (
                f"fits {line.candidates} lines of the order and carries no line reference"
                if line.candidates > 1
                else "is on no line of the order"
            )
            findings.append(
                finding_on(goods_out, code, f"{what} was despatched and {why}", what, line=line, units=rise)
            )
            continue
        open_units = room.setdefault(line.order_product_id, line.open_in_shop)
        if rise > open_units:
            findings.append(
                finding_on(
                    goods_out,
                    "over_despatched",
                    f"{what}: {rise} units were despatched and the order still expects {max(open_units, 0)}",
                    what,
                    line=line,
                    units=rise - max(open_units, 0),
                )
            )
        take = min(rise, max(open_units, 0))
        if take:
            room[line.order_product_id] -= take
            units.append((line, take))
    return units, findings


def changed_tracking(
    goods_out: GoodsOut, settings: DespatchSettings
) -> tuple[dict[tuple[int, int], Parcel], tuple[Push, ...], list[Finding]]:
    """Late, changed or replaced tracking of parcels that the shop was already told of: a PUT for each."""
    by_package = {p.package_id: p for p in goods_out.parcels if p.package_id is not None}
    spare = [p for p in goods_out.parcels if not p.is_void and p.announced_as is None and p.tracking_number]
    nothing_new_left = all(int(line.despatched) <= line.announced for line in goods_out.lines)
    retracked: dict[tuple[int, int], Parcel] = {}
    pushes: list[Push] = []
    findings: list[Finding] = []
    for told in goods_out.announced:
        current = by_package.get(told.package_id) if told.package_id is not None else None
        if current is None or current.is_void:
            # A new label for the same goods: nothing more has left, so an unannounced parcel replaces the voided one.
            current_is_gone = current is not None or told.package_id is None
            replacement = spare.pop(0) if spare and nothing_new_left and current_is_gone else None
            if replacement is None:
                if current is not None:
                    findings.append(
                        finding_on(
                            goods_out,
                            "voided_despatch",
                            f"parcel {told.tracking_number or told.parcel} was "
                            "announced and its label was cancelled in Clarus, with no new one",
                            f"parcel {told.sequence}/{told.parcel}",
                        )
                    )
                continue
            current = replacement
        if not current.tracking_number or (current.tracking_number, current.carrier_code) == (
            told.tracking_number,
            told.carrier_code,
        ):
            continue
        if told.shipment_id is None:
            continue  # the first announcement is still on its way; its correction waits for it
        retracked[told.sequence, told.parcel] = current
        findings += tracking_faults(goods_out, current, settings)
        marker = goods_out.marker(told.sequence, told.parcel)
        pushes.append(
            Push(
                kind=SHIPMENT_TRACKING,
                business_key=f"{marker}#{told.changes + 1}",
                lane=f"order:{goods_out.order_id}",
                priority=Priority.SHIPMENT,
                payload={
                    "order_id": goods_out.order_id,
                    "shipment_id": told.shipment_id,
                    "marker": marker,
                    "body": tracking_body(goods_out, current.carrier_code, current.tracking_number, settings),
                },
                cause={"goods_out_id": goods_out.goods_out_id, "was": told.tracking_number},
            )
        )
    return retracked, tuple(pushes), findings


def shorted(goods_out: GoodsOut) -> list[Finding]:
    """Units that Clarus closed short on a finished goods-out: they will not be sent."""
    if goods_out.status != "COMPLETED":
        return []
    return [
        finding_on(
            goods_out,
            "short_decision_needed",
            f"line {line.goods_out_line_id} ({line.product_code}): "
            f"{line.ordered - line.despatched:f} of {line.ordered:f} units were closed short",
            f"line {line.goods_out_line_id}",
            line=line,
            units=int(line.ordered - line.despatched),
        )
        for line in goods_out.lines
        if line.despatched < line.ordered
    ]


@dataclass(frozen=True, slots=True)
class ShippedOrder:
    """An order as read back from the shop after its last shipment. Quantities are physical units."""

    order_id: int
    status_id: int
    to_ship: int
    shipped: int
    last_shipment_id: int


def status_push(order: ShippedOrder) -> Push | None:
    """Set Shipped (2) or Partially Shipped (3) where BigCommerce did not do so by itself; else no call.

    Only from statuses that mean "not yet shipped" (Order Status ids, V2 reference): a refund, a dispute or a
    person's own choice is never overwritten.
    """
    wanted = 2 if order.shipped >= order.to_ship else 3
    movable = {2: {3, 7, 8, 9, 11}, 3: {7, 9, 11}}[wanted]
    if order.shipped == 0 or order.status_id not in movable:
        return None
    return Push(
        kind=ORDER_STATUS,
        business_key=f"order {order.order_id} status {wanted} after shipment {order.last_shipment_id}",
        lane=f"order:{order.order_id}",
        priority=Priority.SHIPMENT,
        payload={"order_id": order.order_id, "status_id": wanted},
        cause={"status_id": order.status_id, "shipment_id": order.last_shipment_id},
    )
