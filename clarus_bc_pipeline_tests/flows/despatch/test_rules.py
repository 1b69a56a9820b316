"""What is announced of a despatch, and what is said of the lines and units that are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from clarus_bc_pipeline.flows.despatch.goods_out import DespatchedLine
from clarus_bc_pipeline.flows.despatch.rules import Decision, ShippedOrder, decide, status_push
from clarus_bc_pipeline_tests.flows.despatch.goods_outs import (
    LATER,
    LEFT,
    ONE,
    SETTINGS,
    SOON,
    TWO,
    bodies,
    codes,
    goods_out,
    items,
    line,
    parcel,
    told,
)


def test_a_whole_despatch_is_one_shipment_with_its_link_fields_address_and_marker() -> None:
    left = goods_out([line(despatched=5)], [parcel(1, ONE)], status="COMPLETED")
    decision = decide(left, settings=SETTINGS, now=SOON)
    [push] = decision.pushes
    assert push.payload["body"] == {
        "order_address_id": 77,
        "items": [{"order_product_id": 101, "quantity": 5}],
        "tracking_number": ONE,
        "shipping_provider": "royalmail",
        "tracking_carrier": "",
        "comments": "[clarus:GO-914/1/1]",
    }
    assert push.due_at == LEFT + timedelta(minutes=15)
    assert (push.cause["value_at_risk"], push.cause["currency"]) == ("50.00", "GBP")
    assert not decision.findings


def test_nothing_is_announced_before_it_left_though_the_label_is_bought() -> None:
    decision = decide(goods_out([line()], [parcel(1, ONE)]), settings=SETTINGS, now=LATER)
    assert decision == Decision()


def test_a_partial_despatch_announces_what_left_and_the_next_one_only_the_rise() -> None:
    first = decide(goods_out([line(despatched=2)], [parcel(1, ONE)]), settings=SETTINGS, now=SOON)
    assert items(first) == {101: 2}
    second = decide(
        goods_out(
            [line(despatched=5, announced=2, open_in_shop=3)],
            [parcel(1, ONE, announced_as=(1, 1)), parcel(2, TWO)],
            [told(1, ONE)],
        ),
        settings=SETTINGS,
        now=SOON,
    )
    assert items(second) == {101: 3}
    assert [push.business_key for push in second.pushes] == ["GO-914/2/1"]


def test_split_parcels_are_a_shipment_each_and_their_units_add_up() -> None:
    lines = [line(1, despatched=3), line(2, despatched=1)]
    decision = decide(goods_out(lines, [parcel(1, ONE), parcel(2, TWO)]), settings=SETTINGS, now=SOON)
    assert [body["tracking_number"] for body in bodies(decision)] == [ONE, TWO]
    assert items(decision) == {101: 3, 102: 1}
    assert [body["comments"] for body in bodies(decision)] == [
        "Parcel 1 of 2. [clarus:GO-914/1/1]",
        "Parcel 2 of 2. [clarus:GO-914/1/2]",
    ]


def test_of_two_addresses_each_goods_out_ships_to_its_own() -> None:
    decision = decide(
        replace(goods_out([line(despatched=1)], [parcel(1, ONE)]), order_address_id=78),
        settings=SETTINGS,
        now=SOON,
    )
    assert [body["order_address_id"] for body in bodies(decision)] == [78]


def test_more_parcels_than_units_name_the_surplus_in_the_comment_and_in_a_finding_that_stays() -> None:
    left = goods_out([line(despatched=1, ordered=Decimal(1))], [parcel(1, ONE), parcel(2, TWO)], status="COMPLETED")
    decision = decide(left, settings=SETTINGS, now=SOON)
    assert [body["comments"] for body in bodies(decision)] == [f"Also sent: {TWO}. [clarus:GO-914/1/1]"]
    after = goods_out(
        [line(despatched=1, ordered=Decimal(1), announced=1, open_in_shop=0)],
        [parcel(1, ONE, announced_as=(1, 1)), parcel(2, TWO)],
        [told(1, ONE)],
        status="COMPLETED",
    )
    again = decide(after, settings=SETTINGS, now=LATER)
    assert again.findings == decision.findings
    assert [f.code for f in again.findings] == ["parcel_without_units"]
    assert not again.pushes


def test_a_label_for_what_has_yet_to_leave_is_not_called_surplus() -> None:
    left = goods_out([line(despatched=1)], [parcel(1, ONE), parcel(2, TWO)], status="PICK")
    decision = decide(left, settings=SETTINGS, now=SOON)
    assert codes(decision) == []
    assert "Also sent" not in str(bodies(decision)[0]["comments"])


class TestLinesThatCannotBeAnnounced:
    @pytest.mark.parametrize(
        ("faulty", "code"),
        [
            (line(2, despatched="1.5"), "fractional_quantity"),
            (line(2, despatched=2, order_product_id=None, candidates=2), "ambiguous_line"),
            (line(2, despatched=2, order_product_id=None, candidates=0), "unknown_line"),
        ],
    )
    def test_they_are_named_and_the_others_go(self, faulty: DespatchedLine, code: str) -> None:
        left = goods_out([line(1, despatched=2), faulty], [parcel(1, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 2}
        [finding] = decision.findings
        assert finding.code == code
        assert (finding.order_id, "SKU2" in finding.message) == (10432, True)

    def test_a_whole_quantity_written_with_decimals_is_whole(self) -> None:
        left = goods_out([line(despatched="2.000")], [parcel(1, ONE)])
        assert items(decide(left, settings=SETTINGS, now=SOON)) == {101: 2}

    def test_more_than_ordered_is_announced_up_to_the_order_and_priced_above_it(self) -> None:
        decision = decide(goods_out([line(despatched=7)], [parcel(1, ONE)]), settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 5}
        [finding] = decision.findings
        assert (finding.code, finding.value_at_risk) == ("over_despatched", Decimal("20.00"))
        again = goods_out([line(despatched=7, announced=5, open_in_shop=0)], [], [told(None, ONE)])
        assert decide(again, settings=SETTINGS, now=LATER).findings == (finding,)

    def test_a_partly_refunded_line_is_announced_up_to_what_is_left_of_it(self) -> None:
        left = goods_out([line(despatched=5, open_in_shop=3)], [parcel(1, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 3}
        assert "refunded" in decision.findings[0].message

    @pytest.mark.parametrize("open_in_shop", [0, -2])
    def test_after_the_order_was_shipped_by_hand_nothing_is_sent_and_it_is_said(self, open_in_shop: int) -> None:
        left = goods_out([line(despatched=5, open_in_shop=open_in_shop)], [parcel(1, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert (decision.despatch, decision.pushes, decision.is_waiting) == (None, (), False)
        [finding] = decision.findings
        assert finding.code == "over_despatched"
        assert "by hand" in finding.message

    def test_two_warehouse_lines_of_one_order_line_share_its_room(self) -> None:
        lines = [line(1, despatched=3), line(2, despatched=4, order_product_id=101)]
        decision = decide(goods_out(lines, [parcel(1, ONE)]), settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 5}
        assert decision.findings[0].value_at_risk == Decimal("20.00")

    def test_units_taken_back_after_they_were_announced_are_a_finding(self) -> None:
        back = goods_out([line(despatched=1, announced=3)], [parcel(1, ONE, announced_as=(1, 1))], [told(1, ONE)])
        [finding] = decide(back, settings=SETTINGS, now=LATER).findings
        assert (finding.code, finding.value_at_risk) == ("voided_despatch", Decimal("20.00"))


class TestShortedLines:
    def test_units_closed_short_need_a_decision(self) -> None:
        left = goods_out([line(despatched=3)], [parcel(1, ONE)], status="COMPLETED")
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 3}
        [finding] = decision.findings
        assert (finding.code, finding.value_at_risk) == ("short_decision_needed", Decimal("20.00"))
        after = goods_out([line(despatched=3, announced=3, open_in_shop=2)], [], [told(None, ONE)], status="COMPLETED")
        assert decide(after, settings=SETTINGS, now=LATER).findings == (finding,)

    def test_once_they_are_refunded_the_finding_goes(self) -> None:
        after = goods_out([line(despatched=3, announced=3, open_in_shop=0)], [], [told(None, ONE)], status="COMPLETED")
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_only_what_the_order_still_expects_after_this_despatch_is_short(self) -> None:
        left = goods_out([line(despatched=3, open_in_shop=4)], [parcel(1, ONE)], status="COMPLETED")
        [finding] = decide(left, settings=SETTINGS, now=SOON).findings
        assert finding.value_at_risk == Decimal("10.00")

    def test_what_is_still_being_picked_is_not_short(self) -> None:
        left = goods_out([line(despatched=3)], [parcel(1, ONE)], status="PICK")
        assert codes(decide(left, settings=SETTINGS, now=SOON)) == []

    def test_a_line_nobody_could_match_is_short_too(self) -> None:
        unmatched = line(order_product_id=None, candidates=2)
        decision = decide(goods_out([unmatched], status="COMPLETED"), settings=SETTINGS, now=SOON)
        assert codes(decision) == ["short_decision_needed"]


class TestStatus:
    @staticmethod
    def order(status_id: int, *, shipped: int = 5, to_ship: int = 5) -> ShippedOrder:
        return ShippedOrder(10432, status_id, to_ship, shipped, last_shipment_id=501)

    @pytest.mark.parametrize("status_id", [3, 7, 8, 9, 11])
    def test_shipped_is_set_where_bigcommerce_did_not(self, status_id: int) -> None:
        push = status_push(self.order(status_id))
        assert push is not None
        assert push.payload == {"order_id": 10432, "status_id": 2}

    @pytest.mark.parametrize("status_id", [7, 9, 11])
    def test_partially_shipped_too(self, status_id: int) -> None:
        push = status_push(self.order(status_id, shipped=2))
        assert push is not None
        assert push.payload["status_id"] == 3

    @pytest.mark.parametrize("status_id", [2, 4, 5, 10, 13, 14])
    def test_no_call_where_it_moved_or_a_person_chose_otherwise(self, status_id: int) -> None:
        assert status_push(self.order(status_id)) is None

    def test_no_call_for_a_part_that_shows_already(self) -> None:
        assert status_push(self.order(3, shipped=2)) is None

    @pytest.mark.parametrize("to_ship", [5, 0])
    def test_no_call_before_anything_shipped(self, to_ship: int) -> None:
        assert status_push(self.order(11, shipped=0, to_ship=to_ship)) is None

    def test_a_later_shipment_is_another_push(self) -> None:
        first = status_push(self.order(11, shipped=2))
        second = status_push(replace(self.order(11, shipped=3), last_shipment_id=502))
        assert first is not None
        assert second is not None
        assert first.business_key != second.business_key
