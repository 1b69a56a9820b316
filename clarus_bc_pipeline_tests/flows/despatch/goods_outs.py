"""Goods-outs for the tests of the despatch rules: lines of 5 units at 10.00, and Royal Mail numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from clarus_bc_pipeline.flows.despatch import rules
from clarus_bc_pipeline.flows.despatch.goods_out import Announced, DespatchedLine, GoodsOut, Parcel
from clarus_bc_pipeline.flows.despatch.rules import Decision
from clarus_bc_pipeline.settings import DespatchSettings

LEFT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
SOON = LEFT + timedelta(minutes=1)
LATER = LEFT + timedelta(minutes=11)  # past wait_for_tracking_minutes
SETTINGS = DespatchSettings()
HOLD = DespatchSettings(invalid_tracking="hold")

RM = "RM"
ONE, TWO, THREE = "AB100000003GB", "AB200000006GB", "AB300000009GB"
BAD = "AB100000004GB"  # check digit


def line(line_id: int = 1, *, despatched: str | int = 0, **other: object) -> DespatchedLine:
    """A line of 5 units at 10.00, matched to order line 100 + its id."""
    given = {
        "product_code": f"SKU{line_id}",
        "order_product_id": 100 + line_id,
        "candidates": 1,
        "ordered": Decimal(5),
        "announced": 0,
        "open_in_shop": 5,
        "short_status": "",
        "price_inc_tax": Decimal("10.00"),
    }
    return DespatchedLine(goods_out_line_id=line_id, despatched=Decimal(despatched), **(given | other))  # type: ignore[arg-type]


def goods_out(
    lines: Iterable[DespatchedLine] = (),
    parcels: Iterable[Parcel] = (),
    announced: Iterable[Announced] = (),
    *,
    status: str = "PICK",
) -> GoodsOut:
    told = tuple(announced)
    return GoodsOut(
        goods_out_id=914,
        order_id=10432,
        order_address_id=77,
        status=status,
        currency="GBP",
        postcode="LS1 4AP",
        despatched_at=LEFT,
        last_sequence=max((a.sequence for a in told), default=0),
        lines=tuple(lines),
        parcels=tuple(parcels),
        announced=told,
    )


def parcel(package_id: int | None, number: str = "", *, carrier: str = RM, **other: object) -> Parcel:
    return Parcel(package_id, carrier, number, **other)  # type: ignore[arg-type]


def told(package_id: int | None, number: str, *, shipment_id: int | None = 501, **other: object) -> Announced:
    given: dict[str, object] = {"sequence": 1, "parcel": 1, "carrier_code": RM} | other
    return Announced(package_id=package_id, tracking_number=number, shipment_id=shipment_id, **given)  # type: ignore[arg-type]


def codes(decision: Decision) -> list[str]:
    return sorted(finding.code for finding in decision.findings)


def bodies(decision: Decision, kind: str = rules.SHIPMENT) -> list[dict[str, object]]:
    return [push.payload["body"] for push in decision.pushes if push.kind == kind]


def items(decision: Decision) -> dict[int, int]:
    units: Counter[int] = Counter()
    for body in bodies(decision):
        for item in body["items"]:  # type: ignore[attr-defined]
            units[item["order_product_id"]] += item["quantity"]
    return dict(units)
