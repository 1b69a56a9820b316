"""What later changes mean for an order that the warehouse has: any combination of both sides' states."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.clarus.goods_outs import STATUSES
from clarus_bc_pipeline.flows.orders.after_release import ReleasedOrder, after_release, what_changed
from clarus_bc_pipeline.flows.orders.rules import FINISHED
from clarus_bc_pipeline.settings import OrdersSettings
from clarus_bc_pipeline_tests.flows.orders.test_rules import ADDRESS, SETTINGS, decided, line, order

DEFAULTS = OrdersSettings()


def released(**given: Any) -> ReleasedOrder:
    known: dict[str, Any] = {
        "order_id": 10432, "reference": "BC-10432", "business_key": "BC-10432", "push_state": "delivered",
        "last_error": "", "order_status_id": 11, "is_deleted": False, "is_shown_as_sent": False,
        "release_hash": "h", "released_hash": "h", "value": Decimal(36), "currency": "GBP", "goods_out_id": 914,
        "goods_out_status": "PENDING", "missing": False, "cancel_state": None, "is_unsent": False,
        "order_is_unsent": False, "changes": (),
    }  # fmt: skip
    return ReleasedOrder(**(known | given))


ANY = st.builds(
    released,
    push_state=st.sampled_from(["pending", "sending", "ambiguous", "parked", "delivered"]),
    order_status_id=st.sampled_from([3, 4, 5, 11, 99]),
    is_deleted=st.booleans(),
    is_shown_as_sent=st.booleans(),
    release_hash=st.sampled_from(["h", "other"]),
    goods_out_id=st.sampled_from([None, 914]),
    goods_out_status=st.sampled_from(STATUSES),
    missing=st.booleans(),
    cancel_state=st.sampled_from([None, "pending", "delivered", "parked"]),
    changes=st.sampled_from([(), ("street",)]),
)


@given(ANY)
def test_only_an_order_that_is_off_in_the_shop_is_cancelled_and_only_what_clarus_still_holds(of: ReleasedOrder) -> None:
    decision = after_release(of, DEFAULTS)
    if decision.pushes:
        assert of.is_deleted or of.order_status_id in (4, 5)
        assert of.goods_out_id is not None
        assert not of.missing
        assert of.goods_out_status not in FINISHED


@given(ANY)
def test_what_clarus_holds_is_never_set_aside_or_made_anew(of: ReleasedOrder) -> None:
    decision = after_release(of, DEFAULTS)
    if decision.set_aside:
        assert of.goods_out_id is None
        assert of.push_state in ("pending", "parked")
    assert not decision.make_anew, "none of these is known to be unsent"


@given(ANY)
def test_an_order_that_is_off_never_leaves_the_warehouse_unnoticed(of: ReleasedOrder) -> None:
    if of.order_status_id == 5 and of.goods_out_id and of.goods_out_status == "COMPLETED" and not of.is_deleted:
        assert [f.code for f in after_release(of, DEFAULTS).findings] == ["manual_cancel_needed"]


def test_an_unsent_order_that_changed_is_made_anew() -> None:
    of = released(push_state="pending", goods_out_id=None, release_hash="other", order_is_unsent=True)
    assert after_release(of, DEFAULTS).make_anew


def test_what_differs_is_named_by_field_and_by_sku() -> None:
    (push,) = decided(order(line(1, quantity=2), line(2))).pushes
    now = order(
        line(1, quantity=3),
        personal={"addresses": [ADDRESS | {"zip": "YO1 7HH", "first_name": "Eve"}], "customer_message": "Ring"},
    )
    changed = what_changed(now, push.payload, SETTINGS, released_addresses={1})
    assert changed == ("SKU-1: 2 -> 3", "SKU-2: 1 -> 0", "name", "postcode", "packing_notes")


def test_a_line_for_a_new_address_is_a_change_of_every_goods_out() -> None:
    (push,) = decided(order(line(1))).pushes
    now = order(line(1), line(2, order_address_id=8), personal={"addresses": [ADDRESS, ADDRESS | {"id": 8}]})
    assert what_changed(now, push.payload, SETTINGS, released_addresses={1}) == ("SKU-2: 0 -> 1",)
    assert what_changed(now, push.payload, SETTINGS, released_addresses={1, 8}) == ()


def test_of_an_emptied_payload_only_lines_are_compared() -> None:
    (push,) = decided(order(line(1))).pushes
    kept = {key: value for key, value in push.payload.items() if key != "body"}
    now = order(line(1), personal={"addresses": []})
    assert what_changed(now, kept, SETTINGS, released_addresses={1}) == ()
