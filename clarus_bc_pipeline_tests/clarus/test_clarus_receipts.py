"""Receipts, their lines and the stock they became: announced, read, and reported where they cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.receipts import (
    CANCELLED,
    RECEIPT_STATUSES,
    RECEIVED_STATUSES,
    Receipt,
    ReceiptLine,
    create_receipt,
    receipt_lines_of,
    receipts_by_reference,
    received_stock_of,
    return_receipt_payload,
    returns_open,
)
from clarus_bc_pipeline.http import Ambiguous, Refused
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline_tests.clarus.conftest import NOON, Warehouse

STILL_OPEN = tuple(status for status in RECEIPT_STATUSES if status not in RECEIVED_STATUSES)


def payload(**fields: Any) -> dict[str, Any]:
    """A body that announces two mugs and a tin."""
    given: dict[str, Any] = {
        "account_id": 1, "warehouse_id": 1, "reference": "RMA-10432-1", "kind": "return",
        "lines": [(1, 2, "20881"), (3, 1, "20882")],
    }  # fmt: skip
    return return_receipt_payload(**{**given, **fields})


def announce(api: Clarus, reference: str = "RMA-10432-1", **fields: Any) -> int:
    return create_receipt(api, payload(reference=reference, **fields)).id


def test_an_announced_return_is_read_back_as_it_was_sent(api: Clarus, world: WarehouseWorld) -> None:
    expected_at = NOON.astimezone(timezone(timedelta(hours=1)))
    created = announce(api, expected_at=expected_at, notes="2 x MUG: unwanted")
    assert receipts_by_reference(api, ["RMA-10432-1"]).records == [
        Receipt(id=created, reference="RMA-10432-1", kind="return", status="pending", received_at=None)
    ]
    lines = receipt_lines_of(api, [created]).records
    assert [(x.product_code, x.expected, x.received, x.line_reference, x.unit, x.slots) for x in lines] == [
        ("MUG", Decimal(2), Decimal(0), "20881", "unit", {}), ("TIN", Decimal(1), Decimal(0), "20882", "unit", {}),
    ]  # fmt: skip
    stored = world.goods_in_receipts.rows[created]
    assert stored["receipt_type"] == "return"
    assert (stored["external_system_reference1"], stored["notes"]) == ("RMA-10432-1", "2 x MUG: unwanted")
    assert stored["expected_date_of_receipt"] == "2026-11-24T12:00:00Z"


def test_what_came_and_how_it_was_graded_is_read(api: Clarus, warehouse: Warehouse) -> None:
    receipt = announce(api)
    warehouse.clock.pass_(hours=1)
    warehouse.world.receive_return(receipt, {"MUG": 2}, complete=False)
    warehouse.world.grade(receipt, "MUG", "A", 1)
    warehouse.world.grade(receipt, "MUG", "B", 1)
    (read,) = receipts_by_reference(api, ["RMA-10432-1"]).records
    assert (read.status, read.received_at) == ("receiving", NOON + timedelta(hours=1))
    mug, tin = receipt_lines_of(api, [receipt]).records
    assert (mug.received, mug.slots) == (Decimal(2), {"string1": "A:1 B:1"})
    assert (tin.received, tin.slots) == (Decimal(0), {})
    warehouse.world.receive_return(receipt, {"TIN": 1})
    assert [r.status for r in receipts_by_reference(api, ["RMA-10432-1"]).records] == list(RECEIVED_STATUSES)


def test_a_line_that_nobody_announced_expects_none(api: Clarus, world: WarehouseWorld) -> None:
    receipt = world.receive_unannounced("ACME", "WHS01", "", {"TIN": 3})
    (line,) = receipt_lines_of(api, [receipt]).records
    assert line == ReceiptLine(
        id=line.id, receipt_id=receipt, product_code="TIN", line_reference=None, expected=Decimal(0),
        received=Decimal(3), unit="unit", slots={},
    )  # fmt: skip
    world.goods_in_receipt_lines.rows[line.id]["expected_quantity"] = None
    assert [x.expected for x in receipt_lines_of(api, [receipt]).records] == [Decimal(0)]


def test_a_line_in_cases_says_so(api: Clarus, world: WarehouseWorld) -> None:
    receipt = announce(api)
    world.goods_in_receipt_lines.rows[1]["stock_configuration"] = "CASE"
    assert [line.unit for line in receipt_lines_of(api, [receipt]).records] == ["case", "unit"]


def test_a_blank_slot_is_left_out_and_the_others_are_as_they_were_typed(api: Clarus, world: WarehouseWorld) -> None:
    receipt = announce(api)
    world.goods_in_receipt_lines.rows[1].update(string1="  ", string2=" a:1 ", string5="LOT 7")
    assert receipt_lines_of(api, [receipt]).records[0].slots == {"string2": " a:1 ", "string5": "LOT 7"}


# --- finding receipts ---


def test_a_reference_gives_every_receipt_of_it_and_an_unknown_one_none(api: Clarus, world: WarehouseWorld) -> None:
    first, second = announce(api), announce(api)
    world.cancel_receipt(first)
    theirs = world.announce_return("BETA", "WHS01", "RMA-10432-1", [("MUG", 1)])
    read = receipts_by_reference(api, ["RMA-10432-1", "RMA-NONE"]).records
    assert {(r.id, r.status) for r in read} == {(first, "cancelled"), (second, "pending")}
    assert theirs not in {r.id for r in read}


def test_without_a_reference_nothing_is_asked(api: Clarus) -> None:
    assert api.account_id == 1
    before = api.total_calls
    assert receipts_by_reference(api, [""]).records == []
    assert returns_open(api, "return", []).records == []
    assert receipt_lines_of(api, []).records == []
    assert received_stock_of(api, []).records == []
    assert api.total_calls == before


def test_references_and_receipts_are_asked_for_two_hundred_a_call(warehouse: Warehouse) -> None:
    api, world = warehouse.client(page_size=250), warehouse.world
    ids = [world.announce_return("ACME", "WHS01", f"RMA-{n}", [("MUG", 1)]) for n in range(201)]
    assert len(receipts_by_reference(api, [f"RMA-{n}" for n in range(201)]).records) == 201
    assert len(receipt_lines_of(api, ids).records) == 201
    assert api.calls["graphql goods_in_receipts"] == api.calls["graphql goods_in_receipt_lines"] == 2


def test_open_returns_are_those_of_the_kind_in_an_open_status(api: Clarus, world: WarehouseWorld) -> None:
    pending, begun, done, cancelled = (announce(api, f"RMA-{n}") for n in range(4))
    world.receive_return(begun, {"MUG": 1}, complete=False)
    world.receive_return(done)
    world.cancel_receipt(cancelled)
    world.announce_return("ACME", "WHS01", "PO-1", [("MUG", 24)], kind="standard")
    assert {r.id for r in returns_open(api, "return", STILL_OPEN).records} == {pending, begun}
    assert {r.id for r in returns_open(api, "return", RECEIVED_STATUSES).records} == {done}
    assert {r.id for r in returns_open(api, "return", RECEIPT_STATUSES).records} == {pending, begun, done}
    assert {r.id for r in returns_open(api, "return", [CANCELLED]).records} == {cancelled}


@pytest.mark.parametrize(
    ("written", "status"), [("PENDING", "pending"), ("RCV", "receiving"), ("received", "receiving"), ("Part", "part")]
)
def test_a_status_is_found_and_read_however_the_tenant_writes_it(
    api: Clarus, world: WarehouseWorld, written: str, status: str
) -> None:
    receipt = announce(api)
    world.goods_in_receipts.change(world.goods_in_receipts.rows[receipt], status=written)
    assert [r.status for r in returns_open(api, "return", STILL_OPEN).records] == [status]
    assert returns_open(api, "return", [s for s in STILL_OPEN if s != status]).records == []


# --- what a receipt's stock says ---


def test_stock_of_a_receipt_is_told_by_what_became_of_it(api: Clarus, world: WarehouseWorld) -> None:
    receipt, other = announce(api), announce(api, "RMA-2")
    world.receive_return(receipt, {"MUG": 2, "TIN": 1})
    world.receive_return(other, {"MUG": 1})
    world.pass_inspection(receipt, "MUG", 1)
    world.fail_inspection(receipt, "MUG", 1, "DAMAGED")
    read = received_stock_of(api, [receipt])
    assert read.unreadable == []
    assert {(s.receipt_id, s.product_code, s.quantity, s.status, s.reason_code) for s in read.records} == {
        (receipt, "MUG", Decimal(1), "available", None),
        (receipt, "MUG", Decimal(1), "held", "DAMAGED"),
        (receipt, "TIN", Decimal(1), "held", None),
    }


def test_where_the_products_are_known_the_lines_are_not_read_again(api: Clarus, world: WarehouseWorld) -> None:
    receipt = announce(api)
    world.receive_return(receipt, {"MUG": 2, "TIN": 1})
    assert [s.product_code for s in received_stock_of(api, [receipt], product_codes=["TIN"]).records] == ["TIN"]
    assert (api.calls["graphql goods_in_receipt_lines"], api.calls["graphql stocks"]) == (0, 1)


def test_stock_that_came_by_no_receipt_is_nobodys_return(api: Clarus, world: WarehouseWorld) -> None:
    receipt = announce(api)
    world.receive_return(receipt, {"MUG": 2})
    world.stocks.rows[1]["goods_in_receipt"] = None
    assert received_stock_of(api, [receipt]).records == []


def test_stock_of_our_receipts_that_cannot_be_read_is_named_and_others_do_not_matter(
    api: Clarus, world: WarehouseWorld
) -> None:
    receipt, other = announce(api), announce(api, "RMA-2")
    for each in (receipt, other):
        world.receive_return(each, {"MUG": 2})
    for stock in world.stocks.rows.values():
        stock["quantity"] = None
    page = received_stock_of(api, [receipt])
    assert page.records == []
    assert [(u.record, u.reason, u.part_of) for u in page.unreadable] == [
        ("stock record 1", "quantity: expected decimal, got null", receipt)
    ]


# --- records that break the description ---


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "ON THE LORRY"}, "status: 'on the lorry' is none of draft, pending,"),
        ({"status": None}, "status: expected str, got null"),
        ({"actual_date_of_receipt": "2026-11-24T12:00:00"}, "actual_date_of_receipt: '2026-11-24T12:00:00' has no"),
        ({"actual_date_of_receipt": "yesterday"}, "actual_date_of_receipt: 'yesterday' is not an ISO 8601 time"),
    ],
)
def test_a_receipt_that_cannot_be_read_is_named_and_its_neighbours_are_read(
    api: Clarus, world: WarehouseWorld, fields: dict[str, Any], reason: str
) -> None:
    broken, good = announce(api, "RMA-1"), announce(api, "RMA-2")
    world.goods_in_receipts.change(world.goods_in_receipts.rows[broken], **fields)
    page = receipts_by_reference(api, ["RMA-1", "RMA-2"])
    assert [r.id for r in page.records] == [good]
    assert [u.record for u in page.unreadable] == ["RMA-1"]
    assert page.unreadable[0].reason.startswith(reason)


def test_a_receipt_without_a_reference_or_kind_has_them_empty(api: Clarus, world: WarehouseWorld) -> None:
    receipt = announce(api)
    world.goods_in_receipts.change(world.goods_in_receipts.rows[receipt], reference=None, receipt_type=None)
    (read,) = returns_open(api, "", STILL_OPEN).records
    assert (read.id, read.reference, read.kind) == (receipt, "", "")


@pytest.mark.parametrize("told", ["2026-11-24", "2026-11-24T00:00:00Z", "2026-11-24T01:00:00+01:00"])
def test_a_day_without_a_time_is_its_first_moment(api: Clarus, world: WarehouseWorld, told: str) -> None:
    receipt = announce(api)
    world.goods_in_receipts.rows[receipt]["actual_date_of_receipt"] = told
    (read,) = receipts_by_reference(api, ["RMA-10432-1"]).records
    assert read.received_at == datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("received_quantity", None, "received_quantity: expected decimal, got null"),  # not said is not zero
        ("received_quantity", -1.0, "received_quantity: -1.0 is no count; 0 or more can be counted"),
        ("expected_quantity", -2.0, "expected_quantity: -2.0 is no count; 0 or more can be counted"),
        ("product", None, "product: expected object, got null"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_receipt(
    api: Clarus, world: WarehouseWorld, field: str, value: Any, reason: str
) -> None:
    receipt = announce(api)
    world.goods_in_receipt_lines.rows[1][field] = value
    page = receipt_lines_of(api, [receipt])
    assert [line.product_code for line in page.records] == ["TIN"]
    assert [(u.record, u.reason, u.part_of) for u in page.unreadable] == [("receipt line 1", reason, receipt)]


# --- announcing ---


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reference": ""}, "reference: 0 characters; a receipt needs 1 to 50"),
        ({"reference": "R" * 51}, "reference: 51 characters; a receipt needs 1 to 50"),
        ({"lines": []}, "lines: a receipt needs at least one"),
        ({"lines": [(1, 0, "20881")]}, r"lines: 0 units of product 1 \(line 20881\); announce 1 or more"),
        ({"expected_at": datetime(2026, 11, 24)}, "expected_at: 2026-11-24 00:00:00 has no time zone"),  # noqa: DTZ001
    ],
)
def test_a_body_that_clarus_would_refuse_is_not_made(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        payload(**fields)


def test_without_a_kind_clarus_is_left_to_its_own(api: Clarus) -> None:
    assert "receipt_type" not in payload(kind="")["data"]["attributes"]
    announce(api, kind="")
    assert [r.kind for r in receipts_by_reference(api, ["RMA-10432-1"]).records] == [""]


def test_a_refusal_says_why_and_announces_nothing(api: Clarus) -> None:
    with pytest.raises(Refused, match="product_id 99 does not exist"):
        announce(api, lines=[(1, 2, "20881"), (99, 1, "20882")])
    assert receipts_by_reference(api, ["RMA-10432-1"]).records == []


def test_an_announcement_whose_reply_is_lost_is_found_again_by_its_reference(api: Clarus, warehouse: Warehouse) -> None:
    assert (api.account_id, api.warehouse_id) == (1, 1)
    warehouse.fail(Fault.RESET_AFTER, path="/api/goods_in_receipts")
    with pytest.raises(Ambiguous):
        announce(api)
    warehouse.heal()
    (read,) = receipts_by_reference(api, ["RMA-10432-1"]).records
    assert [line.expected for line in receipt_lines_of(api, [read.id]).records] == [Decimal(2), Decimal(1)]
