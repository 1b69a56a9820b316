"""Goods-outs and their lines: read, created, cancelled, and reported where they cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.goods_outs import (
    FIELD_LIMITS,
    GoodsOut,
    cancel_goods_out,
    create_goods_out,
    goods_out_payload,
    goods_outs_by_reference,
    goods_outs_with_status,
    lines_of,
    update_goods_out,
)  # fmt: skip
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.http import Ambiguous, Gone, Refused
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld
from clarus_bc_pipeline.sandbox.clarus.writes import LIMITS
from clarus_bc_pipeline_tests.clarus.conftest import NOON, Warehouse

ADDRESS = {
    "name": "Jo Bloggs", "address_1": "1 Example Street", "address_3": "Leeds", "postcode": "LS1 1AA",
    "country_code": "GB", "email_address": "jo@example.com", "phone_number": "01632 960123",
}  # fmt: skip


def payload(**fields: Any) -> dict[str, Any]:
    """A body for two mugs and a tin."""
    given: dict[str, Any] = {
        "account_id": 1, "warehouse_id": 1, "reference": "BC-10432", "external_reference": "10432",
        "expected_despatch_at": NOON, "address": ADDRESS, "lines": [(1, 2, "20881"), (3, 1, "20882")],
        "notes": {"packing_notes": "Fragile"}, "priority": 50,
    }  # fmt: skip
    return goods_out_payload(**{**given, **fields})


def test_a_created_goods_out_is_read_back_as_it_was_sent(api: Clarus, world: WarehouseWorld) -> None:
    created = create_goods_out(api, payload())
    assert goods_outs_by_reference(api, ["BC-10432"]).records == [
        GoodsOut(
            id=created.id, reference="BC-10432", status="PENDING", carrier_code=None, account_code="ACME",
            external_reference="10432", despatched_at=None,
        )
    ]  # fmt: skip
    lines = lines_of(api, [created.id]).records
    assert [(line.product_code, line.ordered, line.line_reference) for line in lines] == [
        ("MUG", Decimal(2), "20881"), ("TIN", Decimal(1), "20882"),
    ]  # fmt: skip
    stored = world.goods_outs.rows[created.id]
    assert (stored["packing_notes"], stored["address"]) == ("Fragile", ADDRESS)


def test_a_despatch_shows_on_header_and_lines(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 3, "7"), ("TIN", 1, "8")])
    mug, tin = world.lines(order)
    left_at = NOON - timedelta(minutes=5)
    world.despatch(order, {mug["id"]: 2}, parcels=[{"carrier": "DPD", "tracking": "1"}], at=left_at)
    world.short_lines(order, {tin["id"]: 1})
    (header,) = goods_outs_by_reference(api, ["BC-1"]).records
    assert (header.status, header.carrier_code, header.despatched_at) == ("PICK", "DPD", left_at)
    assert [(line.despatched, line.picked, line.short_status) for line in lines_of(api, [order]).records] == [
        (Decimal(2), Decimal(3), ""), (Decimal(0), Decimal(1), "SHORT"),
    ]  # fmt: skip


def test_goods_outs_of_another_owner_are_not_seen(api: Clarus, world: WarehouseWorld) -> None:
    world.create_goods_out("BETA", "WHS01", "BC-1", [("MUG", 1)])
    ours = world.create_goods_out("ACME", "WHS02", "BC-1", [("MUG", 1)])
    assert [g.id for g in goods_outs_by_reference(api, ["BC-1"]).records] == [ours]
    assert [g.id for g in goods_outs_with_status(api, ["PENDING"]).records] == [ours]


def test_the_same_reference_twice_is_shown_twice(api: Clarus) -> None:
    first, second = create_goods_out(api, payload()), create_goods_out(api, payload())
    assert [g.id for g in goods_outs_by_reference(api, ["BC-10432"]).records] == [first.id, second.id]


def test_a_tenant_that_refuses_duplicates_says_so(api: Clarus, world: WarehouseWorld) -> None:
    world.refuse_duplicates = True
    create_goods_out(api, payload())
    with pytest.raises(Refused, match="reference_exists"):
        create_goods_out(api, payload())
    assert len(world.by_reference("BC-10432")) == 1


def test_a_goods_out_deleted_by_hand_is_gone_from_every_answer(api: Clarus, world: WarehouseWorld) -> None:
    order = create_goods_out(api, payload()).id
    world.delete(order)
    assert goods_outs_by_reference(api, ["BC-10432"]).records == []
    assert lines_of(api, [order]).records == []
    with pytest.raises(Gone):
        cancel_goods_out(api, order)
    with pytest.raises(Gone):
        update_goods_out(api, order, {"priority": 1})


def test_five_hundred_references_are_asked_for_once_each_in_three_calls(warehouse: Warehouse) -> None:
    api = warehouse.client()
    assert api.account_id
    before = warehouse.calls()
    assert goods_outs_by_reference(api, (f"BC-{n % 500}" for n in range(1500))).records == []
    assert warehouse.calls() - before == 3


def test_nothing_asked_for_is_no_call(api: Clarus, warehouse: Warehouse) -> None:
    assert goods_outs_by_reference(api, []).records == []
    assert lines_of(api, []).records == []
    assert warehouse.calls() == 0


def test_an_update_is_seen(api: Clarus, world: WarehouseWorld) -> None:
    order = create_goods_out(api, payload()).id
    update_goods_out(api, order, {"packing_notes": "Double wrap"})
    assert world.goods_outs.rows[order]["packing_notes"] == "Double wrap"


def test_an_order_that_is_being_picked_refuses_changes(api: Clarus, world: WarehouseWorld) -> None:
    order = create_goods_out(api, payload()).id
    world.pick(order)
    with pytest.raises(Refused, match="PICK"):
        update_goods_out(api, order, {"packing_notes": "Too late"})


def test_an_unknown_product_is_refused_by_name_and_nothing_is_created(api: Clarus, world: WarehouseWorld) -> None:
    with pytest.raises(Refused, match="product_id 999"):
        create_goods_out(api, payload(lines=[(1, 1, "1"), (999, 1, "2")]))
    assert not world.goods_outs.rows


def test_a_reply_that_names_no_goods_out_is_ambiguous(api: Clarus, world: WarehouseWorld) -> None:
    order = create_goods_out(api, payload()).id
    world.goods_outs.rows[order]["id"] = None
    with pytest.raises(Ambiguous):
        create_goods_out(_Without(api), payload())  # type: ignore[arg-type]


class _Without:
    """A client whose write is answered without data."""

    def __init__(self, api: Clarus) -> None:
        self._api = api

    def write(self, *_: Any) -> None:
        return None


# --- records that break their description ---


def test_an_unknown_status_is_reported_under_the_reference_beside_the_good_ones(
    api: Clarus, world: WarehouseWorld
) -> None:
    good = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    odd = world.create_goods_out("ACME", "WHS01", "BC-2", [("MUG", 1)])
    world.goods_outs.change(world.goods_outs.rows[odd], goods_out_status={"code": "FROZEN", "name": "Frozen"})
    page = goods_outs_by_reference(api, ["BC-1", "BC-2"])
    assert [g.id for g in page.records] == [good]
    (unreadable,) = page.unreadable
    assert (unreadable.system, unreadable.record) == ("Clarus", "BC-2")
    assert unreadable.reason.startswith("goods_out_status.code: 'FROZEN' is none of DRAFT, PENDING")


def test_null_where_a_reference_is_promised_is_reported_by_id_and_field(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    world.goods_outs.change(world.goods_outs.rows[order], reference=None)
    assert goods_outs_with_status(api, ["PENDING"]).unreadable == [
        Unreadable("Clarus", f"goods-out {order}", "reference: expected str, got null")
    ]


def test_null_where_a_quantity_is_promised_is_not_zero(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1), ("TIN", 1)])
    mug, tin = world.lines(order)
    mug["dispatch_quantity"] = None
    page = lines_of(api, [order])
    assert [line.id for line in page.records] == [tin["id"]]
    assert page.unreadable == [
        Unreadable("Clarus", f"goods-out line {mug['id']}", "dispatch_quantity: expected decimal, got null", order)
    ]


def test_a_line_without_its_product_is_reported(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    world.lines(order)[0]["product"] = None
    assert [u.reason for u in lines_of(api, [order]).unreadable] == ["product: expected object, got null"]


@pytest.mark.parametrize("time", ["2026-11-24T10:00:00", "24/11/2026"])
def test_a_time_without_its_zone_is_reported_and_never_guessed(api: Clarus, world: WarehouseWorld, time: str) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    world.goods_outs.rows[order]["actual_date_of_dispatch"] = time
    (unreadable,) = goods_outs_by_reference(api, ["BC-1"]).unreadable
    assert unreadable.reason.startswith(f"actual_date_of_dispatch: '{time}'")


# --- the body that creates ---


def test_the_double_has_the_limits_that_the_client_keeps() -> None:
    here = {name: limit for name, limit in FIELD_LIMITS.items() if name != "product_code"}
    assert here.items() <= LIMITS.items()
    assert FIELD_LIMITS["product_code"] == LIMITS["code"]


@pytest.mark.parametrize("field", [f for f in FIELD_LIMITS if f not in ("product_code", "reference")])
def test_a_field_at_its_limit_passes_and_one_over_it_is_refused_by_name(api: Clarus, field: str) -> None:
    where = "notes" if field == "packing_notes" else "address"
    base = {} if where == "notes" else ADDRESS
    limit = FIELD_LIMITS[field]
    create_goods_out(api, payload(**{where: {**base, field: "x" * limit}}))
    with pytest.raises(ValueError, match=f"{field}: {limit + 1} characters, Clarus takes {limit}"):
        payload(**{where: {**base, field: "x" * (limit + 1)}})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reference": "B" * 51}, "reference: 51 characters"),
        ({"reference": ""}, "reference: is empty"),
        ({"lines": []}, "lines: a goods-out needs at least one"),
        ({"lines": [(1, 0, "1")]}, "lines: 0 units of product 1"),
        ({"priority": 100}, "priority: 100"),
        ({"expected_despatch_at": datetime(2026, 1, 1)}, "expected_despatch_at"),  # noqa: DTZ001
    ],
)
def test_a_body_that_clarus_would_refuse_is_not_built(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        payload(**fields)


def test_empty_fields_are_left_out() -> None:
    body = payload(notes={"packing_notes": ""}, address={**ADDRESS, "address_2": ""}, priority=None)
    attributes = body["data"]["attributes"]
    assert {"packing_notes", "priority"}.isdisjoint(attributes)
    assert "address_2" not in body["data"]["relationships"]["address"]["data"]["attributes"]


@given(
    units=st.one_of(st.integers(1, 10**6), st.decimals("0.01", "1000", places=2)),
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001
)
def test_quantities_and_times_survive_the_way_to_json(units: int | Decimal, at: datetime) -> None:
    attributes = payload(lines=[(1, units, "9")], expected_despatch_at=at)["data"]["attributes"]
    assert Decimal(str(attributes["lines_changes"][0]["attributes"]["order_quantity"])) == units
    assert datetime.fromisoformat(attributes["expected_date_of_dispatch"]) == at.replace(microsecond=0)
