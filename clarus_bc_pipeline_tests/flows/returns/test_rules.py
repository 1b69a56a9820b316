"""Whether an RMA is right, and its sequence: one step after the other, each with its proof."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from clarus_bc_pipeline.flows.returns.inspection import inspect
from clarus_bc_pipeline.flows.returns.rma import SEQUENCE, State
from clarus_bc_pipeline.flows.returns.rules import Facts, advance, announcement, claims, may_follow, refusals
from clarus_bc_pipeline_tests.flows.returns.rma_examples import (
    BACK,
    MUG,
    NOW,
    SETTINGS,
    TIN,
    back,
    order,
    receipt,
    refunded,
    rma,
)


def why(finding: object) -> str:
    return str(getattr(finding, "message", ""))


def test_what_was_shipped_may_come_back() -> None:
    assert refusals(rma((MUG, 3), (TIN, 2)), order(), {}) == []


def test_more_units_than_were_shipped_are_refused_with_the_counts() -> None:
    [finding] = refusals(rma((MUG, 3)), order(shipped=2), {})
    assert (finding.code, finding.order_id, finding.currency) == ("rma_refused", 7, "GBP")
    assert "asks for 3 of SKU MUG, and 2 were shipped, 0 refunded" in why(finding)
    assert str(finding.value_at_risk) == "10.00"


def test_a_line_of_another_order_is_refused() -> None:
    whole = order()
    [finding] = refusals(rma((MUG, 1)), replace(whole, lines={TIN: whole.lines[TIN]}), {})
    assert f"line {MUG} is no line of order 7" in why(finding)


def test_units_that_were_refunded_may_not_come_back() -> None:
    [finding] = refusals(rma((MUG, 2)), refunded(order(), MUG, 2), {})
    assert "2 refunded" in why(finding)


def test_a_second_rma_for_the_same_units_is_refused() -> None:
    first = rma((MUG, 2))
    [finding] = refusals(rma((MUG, 2), number="RMA-7-2"), order(), claims([first]))
    assert "2 are on other RMAs" in why(finding)
    assert refusals(rma((MUG, 1), number="RMA-7-3"), order(), claims([first])) == []


@pytest.mark.parametrize("state", [State.REFUNDED, State.RESTOCKED, State.CLOSED])
def test_a_refunded_or_closed_rma_holds_no_units(state: State) -> None:
    assert claims([rma((MUG, 2), state=state)]) == {}


def test_a_deleted_or_unknown_order_gives_a_finding_and_no_announcement() -> None:
    [deleted] = refusals(rma(), order(is_deleted=True), {})
    [unknown] = refusals(rma(), None, {})
    assert "deleted" in why(deleted)
    assert "not known" in why(unknown)


def test_one_receipt_is_announced_an_rma_whatever_it_holds() -> None:
    push = announcement(rma(), {"reference": "RMA-7-1"})
    assert (push.kind, push.business_key) == ("return_receipt", "RMA-7-1")


def test_only_the_next_state_may_follow_and_a_person_may_close_any() -> None:
    allowed = {(a, b) for a, b in itertools.product(State, State) if may_follow(b, a)}
    assert allowed == set(itertools.pairwise(SEQUENCE)) | {(state, State.CLOSED) for state in SEQUENCE}


def test_an_rma_goes_through_every_state_in_order_each_with_its_evidence() -> None:
    start = rma((MUG, 2), state=State.AUTHORISED)
    found = inspect(start, order(), [receipt(back(2))], SETTINGS)
    end, steps = advance(start, Facts((5,), found, refund_id=77, is_on_sale=True), now=NOW)
    assert [step.state for step in steps] == list(SEQUENCE[1:])
    assert all(step.evidence for step in steps)
    assert (end.state, end.received_at) == (State.RESTOCKED, BACK)


def test_no_state_is_left_out_when_a_later_fact_is_known_first() -> None:
    start = rma((MUG, 2), state=State.AUTHORISED)
    waits = inspect(start, order(), [receipt(back(2, ""))], SETTINGS)
    end, _ = advance(start, Facts((5,), waits, refund_id=77, is_on_sale=True), now=NOW)
    assert end.state is State.RECEIVED


def test_what_is_restocked_or_closed_moves_no_more() -> None:
    found = inspect(rma(), order(), [receipt(back(2))], SETTINGS)
    for state in (State.RESTOCKED, State.CLOSED):
        assert advance(rma(state=state), Facts((5,), found, 77, True), now=NOW)[1] == ()
