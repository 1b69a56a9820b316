"""What left the warehouse, and which shipments tell the shop so.

What belongs here: decisions, as pure functions of facts. What does not: reading or writing anything
(`sync.py`), and what one parcel's shipment looks like (`parcels.py`).

A despatch is the rise of a goods-out's despatched quantities since the last announcement: it is announced on
that fact, never on "label bought". Each parcel becomes one shipment, because BigCommerce gives a shipment one
tracking number. Every decision also says anew what still stands wrong, told to the shop or not: a finding
that a later decision does not repeat counts as mended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.despatch.goods_out import (
    Announced,
    Despatch,
    DespatchedLine,
    GoodsOut,
    Parcel,
    finding_on,
)
from clarus_bc_pipeline.flows.despatch.parcels import (
    SHIPMENT,
    SHIPMENT_TRACKING,
    is_held,
    number_of,
    plan,
    shipment_push,
    tracking_faults,
    tracking_push,
    unannounced,
    without_tracking,
    without_units,
)
from clarus_bc_pipeline.settings import DespatchSettings

__all__ = [
    "ORDER_STATUS",
    "SHIPMENT",
    "SHIPMENT_TRACKING",
    "Announced",
    "Decision",
    "Despatch",
    "DespatchedLine",
    "GoodsOut",
    "Parcel",
    "Push",
    "ShippedOrder",
    "decide",
    "status_push",
]

ORDER_STATUS = "order_status"

COMPLETED = "COMPLETED"  # Clarus: the whole goods-out has left, and nothing more will (GoodsOutStatusId)


@dataclass(frozen=True, slots=True)
class Decision:
    """`despatch` is None when nothing new is announced now; `is_waiting` when units wait.

    `retracked` maps (sequence, parcel) to its new parcel.
    """

    despatch: Despatch | None = None
    pushes: tuple[Push, ...] = ()
    findings: tuple[Finding, ...] = ()
    retracked: Mapping[tuple[int, int], Parcel] = field(default_factory=dict)
    is_waiting: bool = False


def decide(goods_out: GoodsOut, *, settings: DespatchSettings, now: datetime) -> Decision:
    """Announce what has newly left, correct what was announced wrongly, and say what a person must mend."""
    units, findings = newly_despatched(goods_out)
    told = changed_tracking(goods_out, settings, may_replace=not units)
    findings += [*told.findings, *shorted(goods_out, units)]
    if not units:
        surplus = told.unused if goods_out.announced and goods_out.status == COMPLETED else []
        findings += without_units(goods_out, surplus)
        return Decision(None, told.pushes, tuple(findings), told.retracked)
    fresh = unannounced(goods_out)
    if not (fresh and all(map(number_of, fresh))) and now < _tracking_is_due(goods_out, settings):
        return Decision(None, told.pushes, tuple(findings), told.retracked, is_waiting=True)
    # With no parcel of their own, the units went with one that shares its number with an announced one, or
    # nobody knows.
    parcels = fresh or unannounced(replace(goods_out, announced=())) or [Parcel(None, "", "")]
    faults = [fault for parcel in parcels for fault in tracking_faults(goods_out, parcel, settings)]
    findings += faults
    if is_held(faults, settings):
        return Decision(None, told.pushes, tuple(findings), told.retracked, is_waiting=True)
    if not all(map(number_of, parcels)):
        findings.append(without_tracking(goods_out))
    despatch, shares, surplus = plan(goods_out, units, parcels)
    # Of a goods-out that is still being worked on, a parcel too many is a label for what has not left yet.
    surplus = [p for p in surplus if number_of(p) and goods_out.status == COMPLETED]
    pushes = tuple(
        shipment_push(goods_out, despatch, parcel, share, surplus if parcel.parcel == 1 else (), settings)
        for parcel, share in zip(despatch.parcels, shares, strict=True)
    )
    findings += without_units(goods_out, surplus)
    return Decision(despatch, (*told.pushes, *pushes), tuple(findings), told.retracked)


def newly_despatched(goods_out: GoodsOut) -> tuple[list[tuple[DespatchedLine, int]], list[Finding]]:
    """The units that left since the last announcement, by line, and the lines that cannot be announced."""
    units: list[tuple[DespatchedLine, int]] = []
    findings: list[Finding] = []
    room: dict[int, int] = {}
    for line in goods_out.lines:
        left = f"{line.despatched:f}"
        if line.despatched != line.despatched.to_integral_value():
            sentence = f"shows {left} units despatched; BigCommerce takes whole units"
            findings.append(_on_line(goods_out, line, "fractional_quantity", sentence))
            continue
        rise = int(line.despatched) - line.announced
        if rise < 0:
            sentence = f"was announced with {line.announced} units and Clarus now shows {left} despatched"
            findings.append(_on_line(goods_out, line, "voided_despatch", sentence, units=-rise))
        if rise <= 0:
            continue
        if line.order_product_id is None:
            code, sentence = (
                ("ambiguous_line", f"fits {line.candidates} lines of the order and carries no line reference")
                if line.candidates > 1
                else ("unknown_line", "is on no line of the order")
            )
            findings.append(_on_line(goods_out, line, code, f"was despatched and {sentence}", units=rise))
            continue
        room.setdefault(line.order_product_id, max(line.open_in_shop, 0))
        take = min(rise, room[line.order_product_id])
        room[line.order_product_id] -= take
        if take:
            units.append((line, take))
        if surplus := rise - take:
            why = (
                "more than the warehouse was asked for"
                if line.despatched > line.ordered
                else "some were refunded, or shipped by hand in the shop"
            )
            sentence = f"left with {left} units, {surplus} more than the order still expects: {why}"
            findings.append(_on_line(goods_out, line, "over_despatched", sentence, units=surplus))
    return units, findings


def _on_line(
    goods_out: GoodsOut, line: DespatchedLine, code: str, sentence: str, *, units: Decimal | int = 0
) -> Finding:
    what = f"line {line.goods_out_line_id} ({line.product_code})"
    return finding_on(goods_out, code, f"{what} {sentence}", what, line=line, units=units)


def _tracking_is_due(goods_out: GoodsOut, settings: DespatchSettings) -> datetime:
    """Until then units wait for their numbers: a shipment e-mails the customer, and the e-mail should hold
    the link.
    """
    return goods_out.despatched_at + timedelta(minutes=settings.wait_for_tracking_minutes)


@dataclass(frozen=True, slots=True)
class Correction:
    """What is put right, and what stands wrong, in parcels that the shop was told of.

    `unused` parcels correct none.
    """

    retracked: Mapping[tuple[int, int], Parcel]
    pushes: tuple[Push, ...]
    findings: tuple[Finding, ...]
    unused: Sequence[Parcel]


def changed_tracking(goods_out: GoodsOut, settings: DespatchSettings, *, may_replace: bool) -> Correction:
    """Late, changed or replaced tracking of parcels that the shop was already told of: a PUT for each.

    With `may_replace` (nothing new has left) an unannounced parcel with a number is a new label for goods
    that were announced without one, or whose label was cancelled.
    """
    by_package = {p.package_id: p for p in goods_out.parcels if p.package_id is not None}
    alive = {number_of(p) for p in goods_out.parcels if not p.is_void} - {""}
    dead = {number_of(p) for p in goods_out.parcels if p.is_void} - {""}
    spare = [p for p in unannounced(goods_out) if number_of(p)]
    retracked: dict[tuple[int, int], Parcel] = {}
    pushes: list[Push] = []
    findings: list[Finding] = []
    for told in goods_out.announced:
        own = by_package.get(told.package_id) if told.package_id is not None else None
        is_void = number_of(told) not in alive and (number_of(told) in dead or (own is not None and own.is_void))
        current: Parcel | Announced | None = told if number_of(told) and not is_void else None
        if own is not None and not own.is_void:
            current = own if number_of(own) else current
        elif current is None and spare and may_replace:
            current = spare.pop(0)
        if current is None:
            findings.append(_label_cancelled(goods_out, told) if is_void else without_tracking(goods_out))
            continue
        faults = tracking_faults(goods_out, current, settings)
        findings += faults
        is_same = (number_of(current), current.carrier_code) == (number_of(told), told.carrier_code)
        # The first announcement may still be on its way: its correction waits for it.
        if is_same or isinstance(current, Announced) or told.shipment_id is None or is_held(faults, settings):
            continue
        retracked[told.sequence, told.parcel] = current
        pushes.append(tracking_push(goods_out, told, current, settings))
    return Correction(retracked, tuple(pushes), tuple(findings), spare)


def _label_cancelled(goods_out: GoodsOut, told: Announced) -> Finding:
    return finding_on(
        goods_out,
        "voided_despatch",
        f"parcel {told.tracking_number or told.parcel} was announced and its label was cancelled in Clarus, "
        "with no new one",
        f"parcel {told.sequence}/{told.parcel}",
    )


def shorted(goods_out: GoodsOut, units: Sequence[tuple[DespatchedLine, int]]) -> list[Finding]:
    """Units of a finished goods-out that will not be sent and that the order still expects, `units` being
    announced now.
    """
    if goods_out.status != COMPLETED:
        return []
    expected = {line.order_product_id: line.open_in_shop for line in goods_out.lines}
    for line, taken in units:
        expected[line.order_product_id] -= taken
    findings: list[Finding] = []
    for line in goods_out.lines:
        short = line.ordered - line.despatched
        if line.order_product_id is not None:  # else nobody knows what the order expects of it
            short = min(short, Decimal(expected[line.order_product_id]))
            expected[line.order_product_id] -= max(int(short), 0)
        if short > 0:
            sentence = f"was closed {short:f} short of {line.ordered:f} units"
            findings.append(_on_line(goods_out, line, "short_decision_needed", sentence, units=short))
    return findings


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
