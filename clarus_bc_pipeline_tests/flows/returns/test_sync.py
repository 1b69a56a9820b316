"""The returns flow's verbs on a real ledger: what is announced, refunded, held back, and what a person is told."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.returns import sync
from clarus_bc_pipeline.flows.returns.document import Closed
from clarus_bc_pipeline.flows.returns.keeping import NotClosable, close_rma
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline_tests.flows.returns.returns_world import NOON, World


@pytest.fixture
def world(ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(ledger).install(monkeypatch)


def world_with(ledger: sa.Engine, patch: pytest.MonkeyPatch, **settings: Any) -> World:
    return World(ledger, settings=settings).install(patch)


def returned(
    world: World, *, grade: str = "A", units: int = 2, reason: str = "unwanted", paid: str | None = None
) -> str:
    """An RMA for two units of A at 5.00, received and graded, and all turns taken."""
    order = world.place(("A", 2, "10.00"), paid=paid)
    number = world.open(order, (0, 2, reason))
    world.turn()
    world.receive(number, ("A", units, grade))
    world.turn()
    return number


def test_an_rma_goes_from_its_metafield_to_the_refund_and_back_on_sale(world: World) -> None:
    order = world.place(("A", 2, "10.00"), ("B", 1, "7.00"))
    number = world.open(order, (0, 1))
    world.turn()
    assert (world.state(number), [r.reference for r in world.receipts.values()]) == ("announced", [number])
    world.receive(number, ("A", 1, ""), complete=False)
    world.turn()
    assert (world.state(number), world.refunds) == ("received", [])
    world.receive(number, ("A", 1, "A"))
    proven = world.turn()
    [refund] = world.refunds
    assert (refund.total, refund.marker) == (Decimal("5.00"), number)
    assert (world.state(number), proven.refunds, proven.refunds_without_receipt) == ("refunded", 1, 0)
    world.read_stock(A=1)
    world.turn()
    assert world.state(number) == "restocked"
    assert world.events(number) == ["announced", "authorised", "inspected", "received", "refunded", "restocked"]
    assert world.codes() == []


def test_a_quiet_pull_costs_the_shop_two_calls(world: World) -> None:
    returned(world)
    world.turn()
    world.calls.clear()
    world.tick()
    sync.pull(world.store)
    assert world.calls == {"metafields": 1, "refunds": 1}
    assert sync.news(world.store) is None


def test_a_refund_costs_three_calls_with_the_list_that_proves_it(world: World) -> None:
    returned(world)
    world.turn()
    sending = {name: world.calls[name] for name in ("quote", "refund", "refunds of", "transactions")}
    assert sending == {"quote": 1, "refund": 1, "refunds of": 0, "transactions": 1}


def test_payments_that_were_read_are_not_read_again(world: World) -> None:
    from clarus_bc_pipeline.flows.returns.pulling import read_payments

    order = world.place(("A", 2, "10.00"))
    read_payments(world.store, {order: world.at})
    number = world.open(order, (0, 2))
    world.turn()
    world.receive(number, ("A", 2, "A"))
    world.turn()
    assert world.paid_back(order) == Decimal("10.00")
    assert world.calls["transactions"] == 1


def test_the_shops_list_confirms_a_refund(world: World) -> None:
    returned(world)
    assert sync.prove(world.store).unconfirmed == 1
    world.turn()
    assert sync.prove(world.store).unconfirmed == 0


def test_an_unheard_refund_is_found_by_its_marker_and_not_sent_again(world: World) -> None:
    world.faults = ["", "unheard"]  # the receipt's call, then the refund's
    number = returned(world)
    assert (len(world.refunds), world.state(number)) == (1, "inspected")
    world.turn()
    assert (len(world.refunds), world.state(number)) == (1, "refunded")


def test_a_refund_that_two_looks_miss_waits_for_a_person(world: World) -> None:
    world.faults = ["", "lost"]
    returned(world)
    for _ in range(4):
        world.turn()
    assert (world.calls["refund"], world.refunds) == (1, [])
    assert "write_unknown" in world.codes()


def test_a_refund_that_was_surely_not_applied_is_sent_again(world: World) -> None:
    world.faults = ["", "throttled"]
    number = returned(world)
    world.turn()
    assert (len(world.refunds), world.state(number)) == (1, "refunded")


def test_a_quote_above_the_approval_is_not_paid(world: World) -> None:
    world.quote_more = Decimal("0.01")
    number = returned(world)
    assert (world.refunds, world.state(number)) == ([], "inspected")
    [finding] = [f for f in world.findings() if f.code == "refund_differs"]
    assert (finding.value_at_risk, finding.evidence["rma"]) == (Decimal("10.00"), number)


def test_where_the_shop_offers_no_way_that_is_allowed_a_person_pays(world: World) -> None:
    world.methods = ["storecredit", "custom"]
    returned(world)
    assert world.refunds == []
    assert "refund_not_possible" in world.codes()


def test_a_quote_below_the_approval_is_paid_as_quoted(world: World) -> None:
    world.quote_more = Decimal("-1.00")  # a coupon's share
    returned(world)
    assert ([refund.total for refund in world.refunds], world.codes()) == ([Decimal("9.00")], [])


def test_an_order_captured_in_part_is_not_refunded_beyond(world: World) -> None:
    number = returned(world, paid="6.00")
    assert (world.refunds, world.state(number)) == ([], "inspected")
    [finding] = world.findings()
    assert finding.code == "refund_not_possible"
    assert "6.00 GBP is left" in finding.message


def test_a_restocking_fee_is_kept_back(ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with(ledger, monkeypatch, restocking_fee_percent="10")
    returned(world)
    assert [(r.total, r.tax) for r in world.refunds] == [(Decimal("9.00"), Decimal("1.50"))]


def test_damaged_units_are_refunded_for_a_fault_and_never_restocked(world: World) -> None:
    number = returned(world, grade="C", reason="faulty")
    assert (len(world.refunds), world.state(number)) == (1, "restocked")  # nothing is sellable


def test_damaged_units_of_a_change_of_mind_are_told_and_not_refunded(world: World) -> None:
    number = returned(world, grade="C")
    assert (world.refunds, world.state(number), world.codes()) == ([], "inspected", ["return_not_sellable"])


def test_two_rmas_of_one_order_are_refunded_one_after_the_other(world: World) -> None:
    order = world.place(("A", 1, "5.00"), ("B", 1, "7.00"))
    numbers = [world.open(order, (0, 1)), world.open(order, (1, 1))]
    world.turn()
    for number, sku in zip(numbers, "AB", strict=True):
        world.receive(number, (sku, 1, "A"))
    world.turn()
    assert len(world.refunds) == 1
    world.turn()
    assert (len(world.refunds), world.paid_back(order)) == (2, Decimal("12.00"))


def test_a_refund_made_by_hand_stops_ours(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    number = world.open(order, (0, 2))
    world.turn()
    world.receive(number, ("A", 2, "A"))
    world.refund_by_hand(order, 0, 1)
    world.turn()
    assert (len(world.refunds), world.state(number), world.codes()) == (1, "inspected", ["refund_by_hand"])


def test_units_refunded_by_hand_that_are_not_back_are_a_refund_without_receipt(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    world.refund_by_hand(order, 0, 1)
    assert world.turn().refunds_without_receipt == 1
    [finding] = world.findings()
    assert (finding.code, finding.value_at_risk, finding.order_id) == ("refund_without_receipt", Decimal(5), order)


def test_units_refunded_before_they_left_are_a_cancellation(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    world.orders[order].lines[0].shipped = 1
    world.refund_by_hand(order, 0, 1)
    assert world.turn().refunds_without_receipt == 0


def test_a_declined_refund_is_told(world: World) -> None:
    world.declines = True
    returned(world)
    assert "refund_declined" in world.codes()


def test_an_rma_for_more_than_was_shipped_moves_nothing_until_it_is_right(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    world.orders[order].lines[0].shipped = 1
    number = world.open(order, (0, 2))
    world.turn()
    assert (world.state(number), world.receipts, world.codes()) == ("authorised", {}, ["rma_refused"])
    world.orders[order].lines[0].shipped = 2
    world.turn()
    assert (world.state(number), world.codes()) == ("announced", [])


def test_an_rma_of_another_orders_line_is_refused(world: World) -> None:
    mine, other = world.place(("A", 1, "5.00")), world.place(("B", 1, "5.00"))
    line = world.orders[other].lines[0].line_id
    world.write(mine, "rma:RMA-X", f'{{"lines": [{{"order_product_id": {line}, "units": 1}}]}}')
    world.turn()
    assert (world.receipts, world.codes()) == ({}, ["rma_refused"])


def test_a_second_rma_for_the_same_units_is_refused(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    first, second = world.open(order, (0, 2)), world.open(order, (0, 1))
    world.turn()
    assert (world.state(first), world.state(second)) == ("announced", "authorised")
    assert world.codes() == ["rma_refused"]


def test_a_number_that_stands_on_two_orders_belongs_to_the_first(world: World) -> None:
    first, second = world.place(("A", 1, "5.00")), world.place(("A", 1, "5.00"))
    for order in (first, second):
        world.open(order, (0, 1), number="RMA-1")
    world.turn()
    assert world.codes() == ["rma_refused"]
    assert [finding.order_id for finding in world.findings()] == [second]


def test_a_metafield_that_is_no_rma_is_told_and_resolves_when_it_is_mended(world: World) -> None:
    order = world.place(("A", 1, "5.00"))
    world.write(order, "rma:RMA-1", '{"lines": [')
    world.turn()
    assert world.codes() == ["rma_unreadable"]
    world.open(order, (0, 1), number="RMA-1")
    world.turn()
    assert (world.codes(), world.state("RMA-1")) == ([], "announced")


def test_lines_changed_after_the_announcement_do_not_stand(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    number = world.open(order, (0, 1))
    world.turn()
    world.open(order, (0, 2), number=number)
    world.turn()
    assert world.codes() == ["rma_changed"]
    world.receive(number, ("A", 2, "A"))
    world.turn()
    assert world.paid_back(order) == Decimal("5.00")  # of the one that was authorised


def test_a_deleted_order_is_told_and_no_money_moves(world: World) -> None:
    order = world.place(("A", 1, "5.00"))
    world.orders[order].is_deleted = True
    world.open(order, (0, 1))
    world.turn()
    assert (world.receipts, world.codes()) == ({}, ["rma_refused"])


def test_a_parcel_without_an_rma_is_told_and_nobody_is_refunded(world: World) -> None:
    world.receive("SCRIBBLE", ("A", 1, "A"), complete=False)
    world.turn()
    assert (world.refunds, world.codes()) == ([], ["return_unknown"])


@pytest.mark.parametrize(
    ("units", "unit", "code"),
    [
        ("3", "unit", "return_over_received"),
        ("1", "unit", "return_missing_units"),
        ("2", "case", "return_unit_differs"),
    ],
)
def test_what_is_counted_otherwise_is_told(world: World, units: str, unit: str, code: str) -> None:
    order = world.place(("A", 2, "10.00"))
    number = world.open(order, (0, 2))
    world.turn()
    world.receive(number, ("A", units, "A"), unit=unit)
    world.turn()
    assert code in world.codes()
    assert world.paid_back(order) == {"3": Decimal(10), "1": Decimal(5), "2": Decimal(0)}[units]


def test_an_uninspected_return_is_told_late_then_due_then_overdue(world: World) -> None:
    order = world.place(("A", 1, "5.00"))
    number = world.open(order, (0, 1))
    world.turn()
    world.receive(number, ("A", 1, ""))
    seen = []
    for days in (1, 3, 11, 14):
        world.at = NOON + timedelta(days=days)
        world.turn()
        seen.append(world.codes())
    late = ["inspection_overdue"]
    assert seen == [[], late, [*late, "refund_due"], [*late, "refund_overdue"]]


def test_units_that_passed_and_stock_does_not_hold_are_told_after_a_day(world: World) -> None:
    returned(world)
    world.tick(25 * 3600)
    world.read_stock(A=0)
    world.turn()
    assert world.codes() == ["return_not_on_sale"]


def test_a_closed_rma_is_left_alone(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    number = world.open(order, (0, 2))
    world.turn()
    world.open(order, (0, 2), number=number, closed=Closed(NOON, "customer keeps it"))
    world.turn()
    world.receive(number, ("A", 2, "A"))
    world.turn()
    assert (world.state(number), world.refunds) == ("closed", [])


def test_closing_withdraws_a_refund_that_was_stopped_and_frees_the_order(world: World) -> None:
    world.quote_more = Decimal(1)
    number = returned(world)
    with world.engine.begin() as connection:
        close_rma(connection, world.store, number=number, because="paid in cash")
        approvals = connection.scalar(
            sa.select(sa.func.count())
            .select_from(tables.refund_approval)
            .where(tables.refund_approval.c.store == world.key)
        )
    world.turn()
    assert (approvals, world.refunds, world.codes()) == (0, [], [])


def test_an_rma_whose_refund_may_be_on_its_way_is_not_closed(world: World) -> None:
    world.faults = ["", "unheard"]
    number = returned(world)
    with world.engine.begin() as connection, pytest.raises(NotClosable, match="under way"):
        close_rma(connection, world.store, number=number, because="no")


def test_without_the_token_for_refunds_none_is_sent_and_the_variable_is_named(
    ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(ledger, has_refund_token=False).install(monkeypatch)
    returned(world)
    assert world.refunds == []
    [finding] = world.findings()
    assert finding.code == "auth_failed"
    assert f"CLARUS_BC_{world.key.upper()}_BC_REFUND_TOKEN is not set" in finding.message


def test_an_unheard_announcement_is_adopted_and_not_made_twice(world: World) -> None:
    world.faults = ["unheard"]
    order = world.place(("A", 1, "5.00"))
    number = world.open(order, (0, 1))
    for _ in range(3):
        world.turn()
    assert (len(world.receipts), world.state(number)) == (1, "announced")


def test_shop_rules_that_restock_by_themselves_are_told(world: World) -> None:
    from clarus_bc_pipeline.flows.stock.published import SHOP_RULES
    from clarus_bc_pipeline.ledger.cursors import write_cursor

    returned(world)
    with world.engine.begin() as connection:
        write_cursor(
            connection, store=world.key, feed=SHOP_RULES, position={"refund_order_stock_adjustment": True}, now=world.at
        )
    world.turn()
    assert "restocked_twice" in world.codes()
