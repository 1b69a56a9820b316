"""The double's goods-in bay: what REST takes of a return, what people count and grade, and that stock follows once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarus_bc_pipeline.sandbox.bigcommerce import served
from clarus_bc_pipeline.sandbox.clarus import ReceivedReturn, WarehouseWorld, clarus_app
from clarus_bc_pipeline_tests.sandbox.warehouse_world import new_world

NUMBERS = ("available", "held", "received")
FORM = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
AT = "2026-11-24T12:00:00Z"


@pytest.fixture
def world() -> WarehouseWorld:
    world = new_world()
    world.add_product("ACME", "LAMP", stock=10)
    return world


@pytest.fixture
def receipt(world: WarehouseWorld) -> int:
    return world.announce_return("ACME", "WHS01", "RMA-1-1", [("LAMP", 3, "501"), ("TIN", 1, "502")])


@pytest.fixture
def http(world: WarehouseWorld) -> Iterator[httpx.Client]:
    """A signed-in caller without our client's manners."""
    with (
        served(clarus_app(world)) as url,
        httpx.Client(base_url=url, headers={"X-Clarus-Subdomain": "sandbox"}) as client,
    ):
        token = client.post("/oauth/token", data=FORM).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def lamps(world: WarehouseWorld) -> tuple[float, ...]:
    balance = world.stock_of("LAMP")
    return tuple(balance[name] for name in NUMBERS)


def slot(world: WarehouseWorld, receipt: int | str, line: str = "501") -> Any:
    return world.receipt_line(receipt, line)["string1"]


def stock(world: WarehouseWorld) -> list[tuple[str, float, str, str | None]]:
    """Stock records: product, units, status and reason."""
    return [
        (row["product"]["code"], row["quantity"], row["status"], row["reason_code"] and row["reason_code"]["code"])
        for row in world.stocks.rows.values()
    ]


# --- announcing over REST ---


def body(**changed: Any) -> dict[str, Any]:
    line = {"product_id": 1, "expected_quantity": 2, "alt_line_reference": "501"}
    attributes = {
        "account_id": 1, "warehouse_id": 1, "reference": "RMA-9-1", "receipt_type": "return",
        "lines_changes": [{"type": "ADD", "attributes": line}], **changed,
    }  # fmt: skip
    return {"data": {"type": "goods_in_receipts", "attributes": attributes}}


def change(**attributes: Any) -> list[dict[str, Any]]:
    return [{"type": "ADD", "attributes": {"product_id": 1, "expected_quantity": 1, **attributes}}]


def test_an_announced_return_is_pending_with_its_lines_and_nothing_received(
    world: WarehouseWorld, http: httpx.Client
) -> None:
    reply = http.post("/api/goods_in_receipts", json=body(expected_date_of_arrival=AT))
    assert reply.status_code == 200
    row = world.receipt(reply.json()["data"]["id"])
    assert (row["status"], row["receipt_type"], row["expected_date_of_receipt"], row["actual_date_of_receipt"]) == (
        "pending", "return", AT, None,
    )  # fmt: skip
    (line,) = world.receipt_lines("RMA-9-1")
    assert (line["expected_quantity"], line["received_quantity"], line["alt_line_reference"]) == (2, 0, "501")
    assert (line["stock_configuration"], line["product"]["code"]) == ("unit", "MUG")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lines_changes": change(product_id=99)}, "product_id 99 does not exist"),
        ({"lines_changes": change(product_id=2)}, "does not exist in this account"),  # BETA's mug
        ({"lines_changes": change(expected_quantity=0)}, "expected_quantity must be greater than 0"),
        ({"lines_changes": change(stock_configuration="pallet")}, "stock_configuration must be"),
        ({"lines_changes": [{"type": "UPDATE", "id": 1}]}, "type must be ADD"),
        ({"lines_changes": []}, "lines_changes can't be blank"),
        ({"lines_changes": [*change(), *change(product_id=99)]}, "product_id 99"),  # the good line neither
        ({"reference": "R" * 51}, "reference is too long"),
        ({"gi_type": "Return"}, "gi_type is not an attribute"),
        ({"account_id": None}, "account_id can't be blank"),
        ({"warehouse_id": 9}, "warehouse_id 9 does not exist"),
    ],
)
def test_a_return_that_is_refused_leaves_nothing_behind(
    world: WarehouseWorld, http: httpx.Client, changed: dict[str, Any], words: str
) -> None:
    reply = http.post("/api/goods_in_receipts", json=body(**changed))
    assert (reply.status_code, words in reply.json()["errors"][0]["details"]) == (422, True)
    assert not world.goods_in_receipts.rows
    assert not world.goods_in_receipt_lines.rows


def test_a_reference_twice_is_two_receipts_unless_the_tenant_refuses_it(
    world: WarehouseWorld, http: httpx.Client
) -> None:
    assert [http.post("/api/goods_in_receipts", json=body()).status_code for _ in range(2)] == [200, 200]
    with pytest.raises(ValueError, match="there are 2"):
        world.receipt("RMA-9-1")
    world.refuse_duplicates = True
    assert http.post("/api/goods_in_receipts", json=body()).status_code == 422


# --- counting ---


def test_returned_units_are_counted_in_on_hold_and_not_for_sale(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return("RMA-1-1", {"501": 2})
    assert lamps(world) == (10, 2, 12)
    assert stock(world) == [("LAMP", 2, "held", None)]
    row = world.receipt(receipt)
    assert (row["status"], row["actual_date_of_receipt"]) == ("completed", AT)
    assert [(t["subtype"], t["quantity"], t["goods_out"]) for t in world.transactions.rows.values()] == [
        ("RCV", 2, None)
    ]
    assert world.received_returns == [ReceivedReturn("RMA-1-1", "LAMP", 2, "", AT)]


def test_all_that_is_expected_is_received_where_no_line_is_named(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt)
    assert world.returned("RMA-1-1") == {("LAMP", ""): 3, ("TIN", ""): 1}


def test_a_receipt_is_received_in_parts_until_it_is_complete(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt, {"501": 1}, complete=False)
    assert world.receipt(receipt)["status"] == "receiving"
    world.receive_return(receipt, {"501": 1}, complete=False)
    world.complete_receipt(receipt)
    assert world.receipt_line(receipt, "501")["received_quantity"] == 2
    with pytest.raises(ValueError, match="is completed"):
        world.receive_return(receipt, {"501": 1})


def test_more_than_was_expected_and_a_wrong_item_are_counted_as_they_are(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt, {"501": 5, "MUG": 1})
    lines = [
        (line["product"]["code"], line["alt_line_reference"], line["expected_quantity"], line["received_quantity"])
        for line in world.receipt_lines(receipt)
    ]
    assert lines == [("LAMP", "501", 3, 5), ("TIN", "502", 1, 0), ("MUG", None, 0, 1)]


def test_a_return_nobody_announced_expects_nothing(world: WarehouseWorld) -> None:
    receipt = world.receive_unannounced("ACME", "WHS01", "", {"LAMP": 2}, complete=False)
    row = world.receipt(receipt)
    assert (row["reference"], row["receipt_type"], row["status"]) == ("", "return", "receiving")
    (line,) = world.receipt_lines(receipt)
    assert (line["expected_quantity"], line["received_quantity"], line["alt_line_reference"]) == (0, 2, None)


def test_a_line_counted_in_cases_says_cases_and_the_stock_holds_units(world: WarehouseWorld, receipt: int) -> None:
    world.count_in(receipt, "501", "case", 6)
    world.receive_return(receipt, {"501": 2})
    line = world.receipt_line(receipt, "501")
    assert (line["received_quantity"], line["stock_configuration"]) == (2, "case")
    assert lamps(world) == (10, 12, 22)


def test_a_receipt_is_cancelled_only_while_nothing_came(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt, {"501": 1}, complete=False)
    with pytest.raises(ValueError, match="has begun to be received"):
        world.cancel_receipt(receipt)
    other = world.announce_return("ACME", "WHS01", "RMA-2-1", [("LAMP", 1)])
    world.cancel_receipt(other)
    with pytest.raises(ValueError, match="is cancelled"):
        world.receive_return(other)


def test_units_that_the_house_does_not_hold_on_return_are_free_at_once(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt, {"501": 2}, on_hold=False)
    assert lamps(world) == (12, 0, 12)
    assert stock(world) == [("LAMP", 2, "available", None)]
    assert world.returned("RMA-1-1") == {("LAMP", "available"): 2}


# --- inspection by a slot ---


def test_one_word_alone_grades_the_whole_line_and_several_are_counted(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt)
    world.grade(receipt, "502", "B")
    world.grade(receipt, "501", "A", 2)
    seen = [slot(world, receipt, "502"), slot(world, receipt)]
    world.grade(receipt, "501", "B", 1)
    assert [*seen, slot(world, receipt)] == ["B", "A:2", "A:2 B:1"]
    assert world.returned("RMA-1-1") == {("LAMP", "A"): 2, ("LAMP", "B"): 1, ("TIN", "B"): 1}


def test_sellable_units_are_released_once_and_damaged_ones_stay_held(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt)
    world.grade(receipt, "501", "A", 2)
    world.grade(receipt, "501", "C")
    assert lamps(world) == (12, 1, 13)
    assert [(t["subtype"], t["quantity"]) for t in world.transactions.where(subtype="RELEASE")] == [("RELEASE", 2)]
    with pytest.raises(ValueError, match="0 units to inspect"):
        world.grade(receipt, "501", "A", 1)
    assert lamps(world) == (12, 1, 13)


def test_units_of_an_empty_box_are_taken_off_again(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt, {"501": 2})
    world.grade(receipt, "501", "MISSING", 1)
    assert lamps(world) == (10, 1, 12)
    assert stock(world) == [("LAMP", 1, "held", None)]


def test_the_grade_goes_to_the_slot_that_the_house_uses_and_a_typing_error_moves_nothing(
    world: WarehouseWorld, receipt: int
) -> None:
    world.receive_return(receipt)
    world.grade(receipt, "502", "A", slot="string3")
    world.type_in_slot(receipt, "501", "A?")
    line = world.receipt_line(receipt, "502")
    assert (line["string1"], line["string3"], slot(world, receipt)) == (None, "A", "A?")
    assert lamps(world) == (10, 3, 13)


# --- inspection by holds ---


def test_passed_units_come_off_hold_and_failed_ones_stay_with_their_reason(world: WarehouseWorld, receipt: int) -> None:
    world.receive_return(receipt)
    world.pass_inspection(receipt, "501", 1)
    world.fail_inspection(receipt, "501", 1, "DAMAGED")
    assert lamps(world) == (11, 2, 13)
    assert sorted(stock(world), key=str) == [
        ("LAMP", 1, "available", None), ("LAMP", 1, "held", "DAMAGED"), ("LAMP", 1, "held", None),
        ("TIN", 1, "held", None),
    ]  # fmt: skip
    assert slot(world, receipt) is None
    world.pass_inspection(receipt, "501")
    assert world.returned("RMA-1-1") == {("LAMP", "available"): 2, ("LAMP", "DAMAGED"): 1, ("TIN", ""): 1}


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda w: w.pass_inspection("RMA-1-1", "501", 4), "3 units to inspect, not 4"),
        (lambda w: w.fail_inspection("RMA-1-1", "501", 0, "X"), "3 units to inspect, not 0"),
        (lambda w: w.grade("RMA-1-1", "503", "A"), "no line '503'"),
        (lambda w: w.receive_return("RMA-8-8"), "there are 0"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_changes_nothing(
    world: WarehouseWorld, receipt: int, act: Callable[[WarehouseWorld], None], words: str
) -> None:
    world.receive_return(receipt)
    with pytest.raises(ValueError, match=words):
        act(world)
    assert (lamps(world), world.returned("RMA-1-1")) == ((10, 3, 13), {("LAMP", ""): 3, ("TIN", ""): 1})


def test_what_truly_came_back_is_told_to_a_judge(world: WarehouseWorld, receipt: int, http: httpx.Client) -> None:
    world.receive_return(receipt, {"501": 1})
    world.grade(receipt, "501", "A")
    told = [(each["code"], each["units"], each["grade"]) for each in http.get("/_sandbox/returns").json()]
    assert told == [("LAMP", 1, ""), ("LAMP", -1, ""), ("LAMP", 1, "A")]


STEPS = ("receive", "A", "C", "MISSING", "pass", "fail", "hold", "release", "send")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4)), max_size=20))
@example([("receive", 3), ("release", 1), ("MISSING", 3)])  # what was released by hand is not there to be taken off
def test_no_return_makes_or_loses_a_unit_whatever_is_found(steps: list[tuple[str, int]]) -> None:
    world = new_world()
    world.add_product("ACME", "LAMP", stock=3)
    world.announce_return("ACME", "WHS01", "RMA-1-1", [("LAMP", 2, "501")])
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("LAMP", 40)])
    for step, units in steps:
        try:
            match step:
                case "receive":
                    world.receive_return("RMA-1-1", {"501": units}, complete=False)
                case "pass":
                    world.pass_inspection("RMA-1-1", "501", units)
                case "fail":
                    world.fail_inspection("RMA-1-1", "501", units, "DAMAGED")
                case "hold":
                    world.hold("LAMP", units)
                case "release":
                    world.release_hold("LAMP", units)
                case "send":
                    world.despatch(order, {world.lines(order)[0]["id"]: units})
                case _:
                    world.grade("RMA-1-1", "501", step, units)
        except ValueError:
            pass  # refused: nothing of it may have happened
        balance, truth = world.stock_of("LAMP"), world.returned("RMA-1-1")
        counted = world.receipt_line("RMA-1-1", "501")["received_quantity"]
        missing = truth.get(("LAMP", "MISSING"), 0)
        left = sum(each.quantity for each in world.despatched)
        assert min(balance[name] for name in (*NUMBERS, "allocated", "picked")) >= 0
        assert sum(truth.values()) == counted == balance["received"] - 3
        assert sum(row["quantity"] for row in world.stocks.rows.values()) == counted - missing
        kept = sum(balance[name] for name in ("available", "allocated", "picked", "held"))
        assert kept + left + missing == balance["received"]
