"""Tracking that comes late, changes, is shared, cancelled or wrong: what the shop is told, and when."""

from __future__ import annotations

import pytest

from clarus_bc_pipeline.flows.despatch.rules import Decision, decide
from clarus_bc_pipeline.settings import CarrierMapping, DespatchSettings
from clarus_bc_pipeline_tests.flows.despatch.goods_outs import (
    BAD,
    HOLD,
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


class TestTrackingThatComesLate:
    def test_all_wait_for_the_number_of_one(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE), parcel(2)])
        assert decide(left, settings=SETTINGS, now=SOON) == Decision(is_waiting=True)

    def test_a_despatch_without_any_package_record_waits_too(self) -> None:
        assert decide(goods_out([line(despatched=5)]), settings=SETTINGS, now=SOON).is_waiting

    def test_after_the_agreed_time_all_are_announced_with_a_finding(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1), parcel(2, TWO)])
        decision = decide(left, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO, ""]
        assert codes(decision) == ["despatch_without_tracking"]

    def test_a_single_unit_goes_to_the_parcel_that_has_a_number(self) -> None:
        left = goods_out([line(despatched=1)], [parcel(1), parcel(2, TWO)])
        decision = decide(left, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO]

    def test_no_waiting_when_the_setting_is_zero(self) -> None:
        at_once = DespatchSettings(wait_for_tracking_minutes=0)
        assert items(decide(goods_out([line(despatched=5)]), settings=at_once, now=LEFT)) == {101: 5}

    @pytest.mark.parametrize("words", ["N/A", "tbc", " - ", "0"])
    def test_words_that_say_no_number_are_no_number(self, words: str) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, words)])
        assert decide(left, settings=SETTINGS, now=SOON).is_waiting
        decision = decide(left, settings=HOLD, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [""]
        assert decision.despatch is not None
        assert [p.tracking_number for p in decision.despatch.parcels] == [""]
        assert codes(decision) == ["despatch_without_tracking"]

    def test_the_finding_stays_open_while_the_number_is_missing(self) -> None:
        after = goods_out([line(despatched=5, announced=5, open_in_shop=0)], [], [told(None, "")])
        assert codes(decide(after, settings=SETTINGS, now=LATER)) == ["despatch_without_tracking"]

    def test_the_number_corrects_the_shipment_when_it_comes(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, announced_as=(1, 1))],
            [told(1, "")],
        )
        decision = decide(after, settings=SETTINGS, now=LATER)
        [push] = decision.pushes
        assert (push.kind, push.business_key) == ("shipment_tracking", "GO-914/1/1#1")
        assert push.payload["shipment_id"] == 501
        assert push.payload["body"]["tracking_number"] == ONE
        assert decision.retracked == {(1, 1): after.parcels[0]}
        assert not decision.findings

    def test_a_number_between_decision_and_delivery_waits_for_the_shipment_to_exist(self) -> None:
        lines, parcels = (
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, announced_as=(1, 1))],
        )
        before = goods_out(lines, parcels, [told(1, "", shipment_id=None)])
        assert decide(before, settings=SETTINGS, now=LATER) == Decision()
        delivered = goods_out(lines, parcels, [told(1, "", shipment_id=501)])
        assert len(decide(delivered, settings=SETTINGS, now=LATER).pushes) == 1

    def test_a_label_on_the_shipment_alone_is_a_parcel(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(None, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert [body["tracking_number"] for body in bodies(decision)] == [ONE]
        after = goods_out([line(despatched=5, announced=5, open_in_shop=0)], [parcel(None, ONE)], [told(None, ONE)])
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_a_label_without_a_package_that_comes_late_corrects_the_shipment(self) -> None:
        after = goods_out([line(despatched=5, announced=5, open_in_shop=0)], [parcel(None, ONE)], [told(None, "")])
        decision = decide(after, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision, "shipment_tracking")] == [ONE]


class TestTrackingThatChanges:
    DONE = (line(despatched=5, announced=5, open_in_shop=0),)

    def test_a_changed_number_is_corrected_once(self) -> None:
        changed = goods_out(self.DONE, [parcel(1, TWO, announced_as=(1, 1))], [told(1, ONE, changes=2)])
        [push] = decide(changed, settings=SETTINGS, now=LATER).pushes
        assert push.business_key == "GO-914/1/1#3"
        mended = goods_out(self.DONE, [parcel(1, TWO, announced_as=(1, 1))], [told(1, TWO, changes=3)])
        assert decide(mended, settings=SETTINGS, now=LATER) == Decision()

    def test_the_same_number_written_otherwise_is_no_change(self) -> None:
        spaced = goods_out(self.DONE, [parcel(1, "ab 1000 0000 3 gb", announced_as=(1, 1))], [told(1, ONE)])
        assert decide(spaced, settings=SETTINGS, now=LATER) == Decision()

    def test_a_number_that_is_taken_away_leaves_the_shop_as_it_is(self) -> None:
        emptied = goods_out(self.DONE, [parcel(1, "", announced_as=(1, 1))], [told(1, ONE)])
        assert decide(emptied, settings=SETTINGS, now=LATER) == Decision()

    def test_another_carrier_is_corrected_and_a_link_made_for_the_old_one_is_cleared(self) -> None:
        moved = goods_out(self.DONE, [parcel(1, ONE, announced_as=(1, 1))], [told(1, ONE, carrier_code="APC")])
        [push] = decide(moved, settings=SETTINGS, now=LATER).pushes
        assert push.payload["body"]["shipping_provider"] == "royalmail"
        assert push.payload["body"]["tracking_link"] == ""

    def test_a_wrong_correction_is_held_by_setting_or_sent_with_its_finding(self) -> None:
        wrong = goods_out(self.DONE, [parcel(1, BAD, announced_as=(1, 1))], [told(1, ONE)])
        held = decide(wrong, settings=HOLD, now=LATER)
        assert (held.pushes, held.retracked, codes(held)) == ((), {}, ["tracking_invalid"])
        sent = decide(wrong, settings=SETTINGS, now=LATER)
        assert (len(sent.pushes), codes(sent)) == (1, ["tracking_invalid"])

    def test_a_finding_on_a_number_that_was_sent_stays_until_the_number_is_right(self) -> None:
        sent = goods_out(self.DONE, [parcel(1, BAD, announced_as=(1, 1))], [told(1, BAD)])
        assert codes(decide(sent, settings=SETTINGS, now=LATER)) == ["tracking_invalid"]

    def test_a_replaced_label_is_a_correction_of_the_same_shipment(self) -> None:
        replaced = goods_out(
            self.DONE, [parcel(1, ONE, is_void=True), parcel(2, TWO)], [told(1, ONE)], status="COMPLETED"
        )
        decision = decide(replaced, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision, "shipment_tracking")] == [TWO]
        assert decision.retracked == {(1, 1): replaced.parcels[1]}
        assert codes(decision) == []

    def test_a_replaced_label_is_found_though_a_surplus_stands_unannounced(self) -> None:
        over = line(despatched=7, announced=5, open_in_shop=0)
        replaced = goods_out([over], [parcel(1, ONE, is_void=True), parcel(2, TWO)], [told(1, ONE)])
        decision = decide(replaced, settings=SETTINGS, now=LATER)
        assert len(bodies(decision, "shipment_tracking")) == 1
        assert codes(decision) == ["over_despatched"]

    def test_a_cancelled_label_without_a_new_one_is_a_finding(self) -> None:
        void = goods_out(self.DONE, [parcel(1, ONE, is_void=True)], [told(1, ONE)])
        decision = decide(void, settings=SETTINGS, now=LATER)
        assert (decision.pushes, codes(decision)) == ((), ["voided_despatch"])

    def test_a_new_label_beside_a_live_one_replaces_nothing(self) -> None:
        bought = goods_out(self.DONE, [parcel(None, ONE), parcel(2, TWO)], [told(None, ONE)])
        assert decide(bought, settings=SETTINGS, now=LATER) == Decision()

    def test_a_label_that_goes_with_new_units_does_not_replace_a_cancelled_one(self) -> None:
        both = goods_out(
            [line(despatched=5, announced=3, open_in_shop=2)],
            [parcel(1, ONE, is_void=True), parcel(2, TWO)],
            [told(1, ONE)],
        )
        decision = decide(both, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO]
        assert codes(decision) == ["voided_despatch"]

    def test_a_label_cancelled_before_any_announcement_is_no_parcel(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE, is_void=True), parcel(2, TWO)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO]
        assert codes(decision) == []


class TestPackagesThatShareANumber:
    def test_a_consignment_is_one_shipment(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE), parcel(2, ONE), parcel(3, ONE)])
        assert len(decide(left, settings=SETTINGS, now=SOON).pushes) == 1

    def test_and_its_other_packages_are_not_announced_later(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, announced_as=(1, 1)), parcel(2, ONE)],
            [told(1, ONE)],
            status="COMPLETED",
        )
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_and_losing_one_package_does_not_void_the_number(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, is_void=True), parcel(2, ONE)],
            [told(1, ONE)],
        )
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_units_that_leave_later_under_the_same_number_carry_it_after_the_wait(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=3, open_in_shop=2)],
            [parcel(1, ONE, announced_as=(1, 1)), parcel(2, ONE)],
            [told(1, ONE)],
        )
        assert decide(after, settings=SETTINGS, now=SOON).is_waiting
        decision = decide(after, settings=SETTINGS, now=LATER)
        assert [(b["tracking_number"], b["items"]) for b in bodies(decision)] == [
            (ONE, [{"order_product_id": 101, "quantity": 2}])
        ]
        assert codes(decision) == []


class TestTrackingThatIsWrong:
    def test_it_is_sent_with_its_finding_by_default(self) -> None:
        decision = decide(goods_out([line(despatched=5)], [parcel(1, BAD)]), settings=SETTINGS, now=SOON)
        assert [body["tracking_number"] for body in bodies(decision)] == [BAD]
        assert codes(decision) == ["tracking_invalid"]

    def test_it_holds_the_despatch_where_the_store_says_so(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, BAD), parcel(2, TWO)])
        decision = decide(left, settings=HOLD, now=LATER)
        assert (decision.despatch, decision.is_waiting) == (None, True)
        assert codes(decision) == ["tracking_invalid"]

    def test_an_unmapped_carrier_never_holds_and_is_never_guessed(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE, carrier="ZZ-7")])
        decision = decide(left, settings=HOLD, now=SOON)
        [body] = bodies(decision)
        assert (body["shipping_provider"], body["tracking_carrier"], body["tracking_number"]) == ("", "", ONE)
        assert "tracking_link" not in body
        [finding] = decision.findings
        assert (finding.code, finding.subject) == ("unmapped_carrier", "carrier 'ZZ-7'")
        assert "[despatch.carriers.ZZ-7]" in finding.message

    def test_a_mapped_carrier_gets_its_fields(self) -> None:
        mapped = DespatchSettings(carriers={"ZZ-7": CarrierMapping(carrier="evri")})
        left = goods_out([line(despatched=5)], [parcel(1, "X" * 16, carrier="ZZ-7")])
        assert bodies(decide(left, settings=mapped, now=SOON))[0]["tracking_carrier"] == "myhermes-uk"
