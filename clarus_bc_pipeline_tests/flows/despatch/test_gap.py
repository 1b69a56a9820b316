"""The gap names each line that is not the same on both sides, and says what it could not check."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.despatch import gap, sync
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.sandbox.clarus import Parcel
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline_tests.flows.despatch.despatch_world import (
    BAD,
    NOON,
    ONE,
    RM,
    STORE,
    DespatchWorld,
    despatch_world,
)
from clarus_bc_pipeline_tests.flows.despatch.ledger_facts import LedgerFacts

PAST_THE_SLA = {"minutes": 16}


def _only_row(measured: gap.Gap) -> gap.GapRow:
    (row,) = measured.rows
    return row


# --- each category, planted ---


def _despatched_not_shipped(world: DespatchWorld) -> int:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.shop.edit_line(order_id, next(iter(world.shop.orders[order_id].lines)), quantity_refunded=2)
    return order_id


def _shipped_not_despatched(world: DespatchWorld) -> int:
    order_id, _ = world.released()
    world.shop.ship_by_hand(order_id)
    return order_id


def _quantity_mismatch(world: DespatchWorld) -> int:
    order_id, goods_out = world.shipped()
    (line,) = world.line_ids(goods_out)
    world.warehouse.undespatch(goods_out, {line: 1})
    return order_id


def _tracking_mismatch(world: DespatchWorld) -> int:
    order_id, goods_out = world.shipped()
    world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], BAD)  # which the setting holds
    return order_id


def _missing_link(world: DespatchWorld) -> int:
    order_id, _ = world.shipped(tracking="VAN-0042", carrier="LOCALVAN")
    return order_id


@pytest.mark.parametrize(
    ("plant", "category", "owner", "value"),
    [
        (_despatched_not_shipped, "despatched_not_shipped", "integration", 20),
        (_shipped_not_despatched, "shipped_not_despatched", "warehouse", 20),
        (_quantity_mismatch, "quantity_mismatch", "integration", 10),
        (_tracking_mismatch, "tracking_mismatch", "integration", 0),
        (_missing_link, "missing_tracking_link", "integration", 0),
    ],
)
def test_each_kind_of_gap_is_found_with_its_order_owner_value_and_age(
    ledger: sa.Engine, plant: Callable[[DespatchWorld], int], category: str, owner: str, value: int
) -> None:
    with despatch_world(ledger, despatch={"invalid_tracking": "hold"}) as world:
        world.shipped()  # an order that is well is in no gap
        order_id = plant(world)
        measured = world.turn()
        row = _only_row(measured)
        assert (row.category, row.lines, row.orders, row.value_at_risk) == (category, 1, 1, Decimal(value))
        assert (measured.gap_lines, measured.not_checked_lines) == (1, 0)
        assert row.age_buckets == (1, 0, 0, 0, 0)
        world.clock.move(**PAST_THE_SLA)
        later = world.turn()
        assert later.oldest_minutes - measured.oldest_minutes == 17
        (finding,) = [f for f in world.findings() if f.code == category]
        assert (finding.order_id, finding.value_at_risk) == (order_id, Decimal(value))
        assert REGISTRY[category].owner == owner


def test_a_gap_opens_a_finding_past_the_sla_only_and_it_resolves_by_itself(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    with world.broken(Fault.UNAVAILABLE):
        measured = world.turn()
        assert (measured.gap_lines, _only_row(measured).category) == (1, "despatched_not_shipped")
        assert "despatched_not_shipped" not in world.codes(), "within the SLA it is simply on its way"
        world.clock.move(**PAST_THE_SLA)
        world.turn()
    assert "despatched_not_shipped" in world.codes()
    while not world.shipments(order_id):
        world.clock.move(minutes=15)
        assert world.clock.at < NOON + timedelta(hours=3), "the shipment does not go"
        measured = world.turn()
    assert measured.gap_lines == 0
    assert world.codes() == []


# --- not checked, because ---


def test_an_order_archived_after_its_despatch_is_not_checked_because_of_that(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.shop.archive_order(order_id)
    measured = world.turn()
    assert (measured.not_checked_lines, measured.gap_lines) == (1, 0)
    assert _only_row(measured).reason == "the order was deleted or archived in BigCommerce"


def test_a_despatched_line_that_fits_no_single_order_line_is_not_checked_because_of_that(
    world: DespatchWorld,
) -> None:
    order_id = world.order({"sku": "MUG"}, {"sku": "MUG"}, status_id=8)
    goods_out = world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order_id}", [("MUG", 1)])
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    measured = world.turn()
    assert (measured.not_checked_lines, measured.gap_lines) == (1, 0)
    assert _only_row(measured).reason == "the despatched line fits no single order line"


def test_a_shipment_that_no_reading_has_shown_is_not_checked_until_the_proof_reads_it_back(
    world: DespatchWorld,
) -> None:
    _, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.clock.move(minutes=1)
    sync.pull(world.store)
    sync.decide(world.store)
    sync.deliver(world.store)
    measured = gap.measure(world.store.engine, store=STORE, now=world.clock.at, full=False)
    assert (measured.confirmed_lines, measured.not_checked_lines, measured.gap_lines) == (0, 1, 0)
    assert _only_row(measured).reason == "the shipment was accepted and the order has not been read since"
    measured = sync.prove(world.store)
    assert (measured.confirmed_lines, measured.not_checked_lines, measured.gap_lines) == (1, 0, 0)


def test_an_order_from_before_the_go_live_line_is_not_checked_because_it_was_not_read(world: DespatchWorld) -> None:
    world.shipped()
    measured = gap.measure(
        world.store.engine, store=STORE, now=world.clock.at, full=True, since_created=NOON + timedelta(hours=1)
    )
    assert (measured.confirmed_lines, measured.not_checked_lines) == (0, 1)
    assert _only_row(measured).reason == "the order line was not read from BigCommerce"


# --- over time ---


def test_the_history_shows_health_as_well_as_gaps(world: DespatchWorld) -> None:
    order_id, _ = world.released()
    healthy_until = world.clock.at
    world.shop.ship_by_hand(order_id)
    world.turn()
    with world.store.engine.connect() as connection:
        rows = gap.history(connection, store=STORE, since=NOON)
    assert [(row["category"], row["lines"]) for row in rows if row["measured_at"] <= healthy_until] == [("all", 0)]
    assert [
        (row["category"], row["lines"], row["value_at_risk"]) for row in rows if row["measured_at"] > healthy_until
    ] == [("all", 1, Decimal(20)), ("shipped_not_despatched", 1, Decimal(20))]


def test_the_last_measure_is_told_without_measuring_again(world: DespatchWorld) -> None:
    with world.store.engine.connect() as connection:
        assert gap.last_measured(connection, store=STORE, now=NOON) is None, "not measured is not zero"
    _despatched_not_shipped(world)
    measured = world.turn()
    with world.store.engine.connect() as connection:
        told = gap.last_measured(connection, store=STORE, now=world.clock.at)
    assert told is not None
    assert (told.gap_lines, told.confirmed_lines, told.rows) == (1, 0, measured.rows)


def test_a_tick_measures_only_what_changed(world: DespatchWorld) -> None:
    for _ in range(3):
        world.shipped()
    world.clock.move(minutes=10)
    world.turn()
    world.clock.move(minutes=10)
    assert world.turn().orders_measured == 0
    world.order({"sku": "MUG", "quantity": 2})
    assert world.turn().orders_measured == 1


# Longer than a tick looks back over the last one, so that no tick sees another's changes.
MEASURED_AFTER = gap.OVERLAP + timedelta(minutes=1)
UNITS = st.integers(0, 2)
ORDER = st.integers(1, 3)
LINE = st.integers(0, 1)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("order"), ORDER, st.fixed_dictionaries({"is_deleted": st.booleans()})),
        st.tuples(st.just("order_line"), ORDER, st.fixed_dictionaries({"n": LINE, "shipped": UNITS})),
        st.tuples(
            st.just("goods_out_line"),
            ORDER,
            st.fixed_dictionaries({"n": LINE, "despatched": UNITS, "is_matched": st.booleans()}),
        ),
        st.tuples(
            st.just("shipment"),
            ORDER,
            st.fixed_dictionaries(
                {"units": st.integers(1, 2), "link": st.sampled_from(["", "link"]), "is_deleted": st.booleans()}
            ),
        ),
        st.tuples(
            st.just("parcel"),
            ORDER,
            st.fixed_dictionaries({"told": st.just("ONE"), "number": st.sampled_from(["", "ONE", "TWO"])}),
        ),
    ),
    min_size=1,
    max_size=6,
)
_stores = (f"store_{number}" for number in itertools.count())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ticks=st.lists(CHANGES, min_size=1, max_size=4))
@example(ticks=[[("order", 1, {"is_deleted": True})]])
@example(ticks=[[("order_line", 1, {"n": 0, "shipped": 0})]])
@example(ticks=[[("goods_out_line", 1, {"n": 0, "despatched": 2, "is_matched": True})]])
@example(ticks=[[("shipment", 1, {"units": 1, "link": "", "is_deleted": False})]])
@example(ticks=[[("parcel", 1, {"told": "ONE", "number": "TWO"})]])
def test_after_any_changes_the_totals_of_the_ticks_equal_a_full_measure(
    ledger: sa.Engine, ticks: list[list[tuple[str, int, dict[str, object]]]]
) -> None:
    store, now = next(_stores), NOON
    with ledger.begin() as connection:
        facts = LedgerFacts(connection, store, now)
        for order in (1, 2, 3):
            facts.order(order)
            facts.goods_out(order)
            for n in (0, 1):
                facts.order_line(order, n, shipped=1)
                facts.goods_out_line(order, n, despatched=1, is_matched=True)
    now += MEASURED_AFTER
    measured = gap.measure(ledger, store=store, now=now, full=True)
    assert (measured.despatched_lines, measured.confirmed_lines, measured.rows) == (6, 6, ())
    for changes in ticks:
        now += timedelta(minutes=1)
        with ledger.begin() as connection:
            facts = LedgerFacts(connection, store, now)
            for what, order, values in changes:
                getattr(facts, what)(order, **values)
        now += MEASURED_AFTER
        measured = gap.measure(ledger, store=store, now=now, full=False)
    lines = _lines(ledger, store)
    full = gap.measure(ledger, store=store, now=now, full=True)
    counted = [(getattr(measured, counter), getattr(full, counter)) for counter in gap.COUNTERS]
    assert all(tick == whole for tick, whole in counted), counted
    assert measured.rows == full.rows
    assert lines == _lines(ledger, store)


def _lines(ledger: sa.Engine, store: str) -> set[tuple[object, ...]]:
    line = tables.despatch_gap_line
    with ledger.connect() as connection:
        rows = connection.execute(sa.select(line).where(line.c.store == store))
        return {tuple(row) for row in rows}
