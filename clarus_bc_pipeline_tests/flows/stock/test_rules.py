"""Targets, splits, differences and doubt: what the shop may offer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.stock import rules
from clarus_bc_pipeline.flows.stock.rules import At, Kept, Known, Place, ShopLocation, Stock
from clarus_bc_pipeline.settings import StockSettings

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HERE = {"WHS01": (Place(1),)}
units = st.integers(0, 5000)
weights = st.lists(st.integers(0, 50), min_size=1, max_size=5)


def target(stock: Stock, *, demand: int = 0, **settings: object) -> int:
    found = rules.targets(
        skus={"MUG": "MUG"},
        stock={"MUG": {"WHS01": stock}},
        demand={"MUG": demand},
        places=HERE,
        settings=StockSettings.model_validate(settings),
    )
    return found[At("MUG", 1)]


def test_what_is_paid_and_not_set_aside_and_the_buffer_are_not_offered() -> None:
    assert target(Stock(10, 0), demand=3, buffer=2) == 5


def test_nothing_is_offered_below_zero() -> None:
    assert target(Stock(2, 0), demand=3) == 0


def test_a_part_of_a_unit_cannot_be_sold() -> None:
    assert target(Stock(Decimal("2.9"), 0)) == 2


def test_what_is_allocated_counts_off_where_available_still_holds_it() -> None:
    assert target(Stock(10, 4), available_excludes_allocated=False) == 6
    assert target(Stock(10, 4), available_excludes_allocated=True) == 10


def test_a_skus_own_buffer_comes_before_the_stores() -> None:
    assert target(Stock(10, 0), buffer=1, buffer_by_sku={"MUG": 4}) == 6


def test_a_categorys_buffer_comes_after_the_skus_own_and_before_the_stores_and_the_largest_holds() -> None:
    settings = StockSettings.model_validate(
        {"buffer": 1, "buffer_by_category": {"7": 3, "8": 5, "9": 0}, "buffer_by_sku": {"MUG": 2}}
    )
    assert [settings.buffer_of("MUG", (7, 8)), settings.buffer_of("TIN", (7, 8)), settings.buffer_of("TIN", (1,))] == [
        2, 5, 1,
    ]  # fmt: skip
    assert settings.buffer_of("TIN", (9,)) == 0
    assert settings.model_copy(update={"safety_stock": "bigcommerce"}).buffer_of("TIN", (8,)) == 0


def test_the_shops_own_safety_stock_takes_the_place_of_the_buffer() -> None:
    assert target(Stock(10, 0), buffer=4, safety_stock="bigcommerce") == 10


def test_a_product_whose_balance_was_never_read_has_no_target() -> None:
    found = rules.targets(skus={"MUG": "MUG"}, stock={}, demand={}, places=HERE, settings=StockSettings())
    assert found == {}


def test_two_warehouses_of_one_location_are_added_up() -> None:
    stock = {"MUG": {"A": Stock(3, 0), "B": Stock(4, 0)}}
    places = {"A": (Place(1),), "B": (Place(1),)}
    found = rules.targets(skus={"MUG": "MUG"}, stock=stock, demand={}, places=places, settings=StockSettings())
    assert found == {At("MUG", 1): 7}


@pytest.mark.parametrize(("rule", "wanted"), [("share", (8, 3)), ("first", (11, 0))])
def test_one_warehouse_of_two_locations_is_split(rule: str, wanted: tuple[int, int]) -> None:
    found = rules.targets(
        skus={"MUG": "MUG"},
        stock={"MUG": {"A": Stock(11, 0)}},
        demand={},
        places={"A": (Place(1, 0.75), Place(2, 0.25))},
        settings=StockSettings.model_validate({"split": rule}),
    )
    assert (found[At("MUG", 1)], found[At("MUG", 2)]) == wanted


def test_skus_of_one_product_share_its_units() -> None:
    found = rules.targets(
        skus={"MUG": "M", "MUG-OLD": "M"}, stock={"M": {"WHS01": Stock(5, 0)}}, demand={}, places=HERE,
        settings=StockSettings(),
    )  # fmt: skip
    assert sum(found.values()) == 5


@given(units, weights)
def test_a_split_loses_no_unit_and_makes_none(number: int, by: list[int]) -> None:
    parts = rules.split(number, by)
    assert sum(parts) == number
    assert all(part >= 0 for part in parts)
    total = sum(by)
    if total:
        assert all(abs(part - number * weight / total) < 1 for part, weight in zip(parts, by, strict=True))


settings = st.builds(
    StockSettings,
    buffer=st.integers(0, 5),
    split=st.sampled_from(["share", "first"]),
    available_excludes_allocated=st.booleans(),
)
a_stock = st.builds(Stock, st.integers(-5, 500), st.integers(0, 50))
stocks = st.dictionaries(st.sampled_from("ABC"), a_stock, max_size=3)
some_places = st.dictionaries(
    st.sampled_from("ABC"),
    st.lists(st.integers(1, 3), unique=True, max_size=3).map(lambda ids: tuple(Place(i, 1.0 / i) for i in ids)),
    max_size=3,
)


@given(stocks, some_places, units, settings)
def test_all_locations_together_never_offer_more_than_the_stock_less_demand(
    stock: dict[str, Stock], places: dict[str, tuple[Place, ...]], demand: int, given_settings: StockSettings
) -> None:
    found = rules.targets(
        skus={"X": "x", "Y": "x"}, stock={"x": stock}, demand={"x": demand}, places=places, settings=given_settings
    )
    free = sum(rules.free_units(s, given_settings) for w, s in stock.items() if places.get(w))
    offered = sum(found.values())
    assert offered <= max(0, free - demand)
    if given_settings.buffer == 0 and found:
        assert offered == max(0, free - demand)


levels = st.dictionaries(st.builds(At, st.sampled_from(["A", "B", "C", "D"]), st.integers(1, 2)), units)


@given(levels, levels)
def test_only_what_differs_is_sent_and_once_shown_nothing_is(wanted: dict[At, int], shown: dict[At, int]) -> None:
    known = {at: Known(n) for at, n in shown.items()}
    changed = rules.changes(wanted, known)
    assert all(shown.get(at) != n and wanted[at] == n for at, n in changed.items())
    assert rules.changes(wanted, known | {at: Known(n) for at, n in changed.items()}) == {}


def test_a_level_that_nobody_knows_is_sent_and_one_that_was_refused_is_not() -> None:
    wanted = {At("A", 1): 3, At("B", 1): 3}
    known = {At("A", 1): Known(None), At("B", 1): Known(None, refused=True)}
    assert rules.changes(wanted, known) == {At("A", 1): 3}


def test_a_call_carries_two_thousand_levels_and_what_falls_near_zero_goes_first() -> None:
    changed = {At(f"S{i:04}", 1): 50 for i in range(2400)} | {At("Z", 1): 1}
    known = {at: Known(80) for at in changed}
    made = rules.pushes(changed, known, settings=StockSettings(), decided_at=NOON)
    assert [len(p.payload["levels"]) for p in made] == [2000, 401]
    assert made[0].payload["levels"][0] == ["Z", 1, 1]
    assert [p.priority for p in made] == [Priority.STOCK_NEAR_ZERO, Priority.STOCK]
    assert {p.lane for p in made} == {"stock"}
    assert len({p.business_key for p in made}) == 2


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 2), units)), levels)
def test_an_old_push_is_never_sent_above_the_newest_target(
    old: list[tuple[str, int, int]], newest: dict[At, int]
) -> None:
    for sku, location_id, sent in rules.never_above(old, newest):
        assert sent <= newest[At(sku, location_id)]


def test_the_stores_warehouse_shows_at_the_first_enabled_location() -> None:
    locations = [ShopLocation(1, "Old", False), ShopLocation(2, "Main", True), ShopLocation(3, "Spare", True)]
    places, findings = rules.mapped_places(StockSettings(), warehouse="WHS01", locations=locations, store="main")
    assert places == {"WHS01": (Place(2),)}
    assert findings == []


def test_a_mapped_location_that_is_disabled_or_gone_is_named_and_left_out() -> None:
    given_settings = StockSettings.model_validate({"locations": {"A": [{"location_id": i} for i in (1, 2, 9)]}})
    locations = [ShopLocation(1, "Main", True), ShopLocation(2, "Barn", False)]
    places, findings = rules.mapped_places(given_settings, warehouse="A", locations=locations, store="main")
    assert places == {"A": (Place(1),)}
    assert [(f.code, f.subject) for f in findings] == [
        ("location_unusable", "location 2"),
        ("location_unusable", "location 9"),
    ]
    assert "disabled (Barn)" in findings[0].message


# --- doubt ---


@pytest.mark.parametrize(
    ("products", "in_stock", "believed"),
    [(100, 10_000, True), (0, 0, False), (49, 10_000, False), (100, 4_000, False), (60, 6_000, True)],
)
def test_an_empty_or_much_smaller_feed_is_not_believed(products: int, in_stock: int, believed: bool) -> None:
    fault = rules.snapshot_fault(
        products=products, units=in_stock, products_before=100, units_before=10_000, settings=StockSettings()
    )
    assert (fault is None) is believed


def test_the_first_feed_has_nothing_to_be_smaller_than_and_still_must_not_be_empty() -> None:
    def first(products: int) -> str | None:
        return rules.snapshot_fault(
            products=products, units=0, products_before=None, units_before=None, settings=StockSettings()
        )

    assert first(1) is None
    assert first(0)


def test_ten_thousand_units_gone_at_once_are_doubted_until_read_again_later() -> None:
    s = StockSettings(confirm_drop_minutes=10)
    first = rules.believe(Kept(10_000), 0, explained=False, at=NOON, settings=s)
    assert first == Kept(10_000, 0, NOON)
    soon = rules.believe(first, 0, explained=False, at=NOON + timedelta(minutes=9), settings=s)
    assert soon == first
    assert rules.believe(soon, 0, explained=False, at=NOON + timedelta(minutes=10), settings=s) == Kept(0)


def test_a_drop_that_a_transaction_explains_is_believed_at_once() -> None:
    assert rules.believe(Kept(10_000), 0, explained=True, at=NOON, settings=StockSettings()) == Kept(0)


def test_a_doubt_is_over_when_the_units_are_back() -> None:
    doubted = Kept(10_000, 0, NOON)
    assert rules.believe(doubted, 9_990, explained=False, at=NOON, settings=StockSettings()) == Kept(9_990)


def test_a_balance_that_is_gone_is_doubted_whatever_its_size() -> None:
    assert rules.believe(Kept(3), 0, explained=False, at=NOON, settings=StockSettings(), gone=True).doubted == 0


@given(units, units)
def test_what_is_believed_is_never_between_the_two_readings(kept: int, read: int) -> None:
    now_is = rules.believe(Kept(kept), read, explained=False, at=NOON, settings=StockSettings())
    assert now_is.available in (kept, read)
    assert read <= now_is.available  # a doubt only ever concerns a drop
