"""Where is my order? One sentence for each state of an order, and the story as the ledger tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.despatch.story import order_story, sentence
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.findings import OpenFinding, record_findings

LEFT = datetime(2026, 11, 24, 16, 5, tzinfo=UTC)


def parcel(number: str = "AB100000003GB", *, shipment_id: int | None = 501) -> dict[str, Any]:
    return {"carrier": "RM", "tracking_number": number, "shipment_id": shipment_id, "despatched_at": LEFT}


def facts(**given: Any) -> dict[str, Any]:
    """An order of 5 paid items that nobody has touched yet, but for `given`."""
    return {
        "order_id": 10432,
        "status_id": 11,
        "payment_status": "paid",
        "is_deleted": False,
        "to_ship": Decimal(5),
        "shipped": Decimal(0),
        "despatched": None,
        "goods_out_status": None,
        "goods_out_missing": None,
        "push_state": None,
        "parcels": [],
    } | given


def finding(code: str, scope: str) -> OpenFinding:
    return OpenFinding(1, "main", scope, code, "order 10432", "…", 10432, {}, None, None, 1, LEFT, LEFT, None, None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "is not with the warehouse yet (payment paid)."),
        ({"payment_status": ""}, "is not with the warehouse yet (payment unknown)."),
        ({"push_state": "pending"}, "is on its way to the warehouse."),
        ({"goods_out_status": "PENDING"}, "waits in Clarus for its stock to be allocated."),
        ({"goods_out_status": "PICK"}, "is being picked."),
        ({"goods_out_status": "NEW_ONE"}, "is in Clarus with status NEW_ONE."),
        ({"goods_out_status": "PICK", "goods_out_missing": True}, "was deleted in Clarus."),
        ({"goods_out_status": "COMPLETED", "despatched": 0}, "was closed in Clarus with nothing despatched."),
        ({"despatched": 5}, "has left the warehouse. Its tracking is on its way to the shop."),
        (
            {"despatched": 2},
            "has left the warehouse in part (2 of 5 items). Its tracking is on its way to the shop.",
        ),
        ({"shipped": 5}, "is on its way: the shop shows it as shipped; the customer can see it."),
        ({"status_id": 5}, "was cancelled in BigCommerce."),
        (
            {"status_id": 5, "goods_out_status": "CANCELLED"},
            "was cancelled in BigCommerce; the warehouse order is cancelled in Clarus.",
        ),
        ({"status_id": 4, "to_ship": 0}, "was refunded in BigCommerce."),
        ({"to_ship": Decimal(0)}, "has nothing to pack: its items are digital or refunded."),
        ({"is_deleted": True}, "was deleted or archived in BigCommerce."),
        (
            {"is_deleted": True, "despatched": 5},
            "was deleted or archived in BigCommerce after goods had left the warehouse.",
        ),
    ],
)
def test_one_sentence_says_where_the_order_stands(given: dict[str, Any], says: str) -> None:
    assert sentence(facts(**given)) == f"Order 10432 {says}"


def test_a_shipped_order_names_carrier_number_and_time_of_what_the_shop_shows() -> None:
    told = sentence(facts(shipped=5, despatched=5, parcels=[parcel(), parcel("", shipment_id=502)]))
    assert told == (
        "Order 10432 is on its way: 2 parcels, RM AB100000003GB, a parcel without tracking, "
        "sent 24 Nov 16:05 UTC; the customer can see it."
    )


def test_a_parcel_that_the_shop_does_not_show_yet_is_not_promised() -> None:
    told = sentence(facts(shipped=2, despatched=5, parcels=[parcel(), parcel("SECRET", shipment_id=None)]))
    assert "SECRET" not in told
    assert "1 parcel, RM" in told


@pytest.mark.parametrize(
    ("given", "rest"),
    [
        ({"goods_out_status": "PICK", "despatched": 2}, "is being picked"),
        (
            {"goods_out_status": "COMPLETED", "despatched": 2},
            "was closed short by the warehouse and will not be sent",
        ),
        (
            {"goods_out_status": "COMPLETED", "despatched": 5},
            "has left the warehouse too, and its tracking is on its way to the shop",
        ),
    ],
)
def test_of_a_part_it_is_said_what_becomes_of_the_rest(given: dict[str, Any], rest: str) -> None:
    told = sentence(facts(shipped=2, parcels=[parcel()], **given))
    assert told.startswith("Order 10432 is partly on its way (2 of 5 items): 1 parcel, RM AB100000003GB")
    assert told.endswith(f"; the rest {rest}.")


def test_a_held_order_says_why_and_who_has_it() -> None:
    told = sentence(facts(), (finding("unknown_sku", "orders.release"),))
    assert told == "Order 10432 is held: SKU not in Clarus. Ecommerce has it."


def test_a_despatch_that_the_shop_refused_is_not_called_on_its_way() -> None:
    told = sentence(facts(despatched=5), (finding("push_parked", "outbox"),))
    assert told == (
        "Order 10432 has left the warehouse. The shop does not show it: Refused for good. Integration has it."
    )


def test_a_despatch_that_was_taken_back_is_not_called_on_its_way() -> None:
    told = sentence(facts(shipped=5, parcels=[parcel()]), (finding("voided_despatch", "despatch"),))
    assert told == "Order 10432 was announced as sent and the warehouse took that back. Warehouse has it."


def test_an_order_that_the_ledger_does_not_hold_has_no_story(ledger: sa.Engine) -> None:
    with ledger.connect() as connection:
        assert order_story(connection, store="main", order_id=1) is None


def test_the_ledger_tells_the_story_with_its_parcels_events_and_findings_in_order(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        _despatched_order(connection)
        record_findings(
            connection,
            store="main",
            scope="despatch",
            findings=[Finding("tracking_invalid", "order 10432, parcel X", "It is wrong.", order_id=10432)],
            now=datetime(2026, 11, 24, 17, 0, tzinfo=UTC),
        )
    with ledger.connect() as connection:
        story = order_story(connection, store="main", order_id=10432)
        assert order_story(connection, store="other", order_id=10432) is None
    assert story is not None
    assert story.sentence == (
        "Order 10432 is partly on its way (2 of 3 items): 1 parcel, RM AB100000003GB, sent 24 Nov 16:05 UTC; "
        "the rest was closed short by the warehouse and will not be sent."
    )
    assert [(event.system, event.what) for event in story.events] == [
        ("BigCommerce", "ordered, 36.00 GBP"),
        ("Clarus", "despatched, 2 units in 1 parcel(s)"),
        ("finding", "opened: It is wrong."),
    ]
    assert [f.code for f in story.findings] == ["tracking_invalid"]
    assert story.facts["parcels"][0]["tracking_link"] == "https://track.example/1"


def _despatched_order(connection: sa.Connection) -> None:
    """Three ordered, two despatched in one parcel that the shop shows, and the goods-out closed."""

    def insert(table: sa.Table, **values: Any) -> None:
        seen = {"source": "test", "seen_at": LEFT} if "seen_at" in table.c else {}
        blank = {c.name: "" for c in table.c if isinstance(c.type, sa.Text) and not c.nullable and not c.server_default}
        numbers = {
            c.name: 0
            for c in table.c
            if isinstance(c.type, sa.Numeric | sa.Integer) and not c.nullable and not c.server_default
        }
        times = {c.name: LEFT for c in table.c if isinstance(c.type, sa.DateTime) and not c.nullable}
        known = blank | numbers | times | seen | {"store": "main"} | values
        connection.execute(sa.insert(table).values({k: v for k, v in known.items() if k in table.c}))

    ordered = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    insert(
        tables.bigcommerce_order,
        order_id=10432,
        status_id=3,
        payment_status="paid",
        is_deleted=False,
        total_inc_tax=Decimal("36.00"),
        currency="GBP",
        created_at=ordered,
    )
    insert(
        tables.bigcommerce_order_line,
        order_id=10432,
        order_product_id=101,
        type="physical",
        quantity=3,
        quantity_shipped=2,
        currency="GBP",
    )
    insert(tables.clarus_goods_out, goods_out_id=914, order_id=10432, reference="BC-10432", status="COMPLETED")
    insert(
        tables.clarus_goods_out_line,
        goods_out_line_id=1,
        goods_out_id=914,
        order_product_id=101,
        ordered=3,
        despatched=2,
    )
    insert(tables.despatch, goods_out_id=914, sequence=1, order_id=10432, order_address_id=77)
    insert(
        tables.despatch_line,
        goods_out_id=914,
        sequence=1,
        goods_out_line_id=1,
        order_product_id=101,
        quantity=2,
    )
    insert(
        tables.despatch_parcel,
        goods_out_id=914,
        sequence=1,
        parcel=1,
        carrier_code="RM",
        tracking_number="AB100000003GB",
    )
    insert(
        tables.bigcommerce_shipment,
        shipment_id=501,
        order_id=10432,
        marker="GO-914/1/1",
        tracking_link="https://track.example/1",
    )
