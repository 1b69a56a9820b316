"""One parcel's shipment: its share of the units, its fields within BigCommerce's limits, and its marker."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.markers import marker_of
from clarus_bc_pipeline.bigcommerce.shipments import LIMITS
from clarus_bc_pipeline.flows.despatch.goods_out import DespatchedLine, GoodsOut, Parcel
from clarus_bc_pipeline.flows.despatch.parcels import number_of, spread, tracking_body, tracking_faults
from clarus_bc_pipeline.flows.despatch.rules import decide
from clarus_bc_pipeline.settings import CarrierMapping, DespatchSettings

LEFT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
LATER = LEFT + timedelta(hours=1)
SETTINGS = DespatchSettings(carriers={"OWN": CarrierMapping(link_template="https://track.example/?n={number}")})
RIGHT, ALSO_RIGHT = "AB100000003GB", "AB200000006GB"

UNITS = st.dictionaries(st.integers(1, 9), st.integers(1, 20), min_size=1, max_size=6).map(
    lambda units: sorted(units.items())
)


def left_with(*parcels: Parcel, units: int = 5) -> GoodsOut:
    line = DespatchedLine(1, "SKU1", 101, 1, Decimal(units), Decimal(units), 0, units, "", Decimal("2.50"))
    return GoodsOut(914, 10432, 77, "COMPLETED", "GBP", None, LEFT, 0, (line,), parcels)


@given(UNITS, st.integers(1, 40))
def test_spreading_units_over_parcels_loses_and_adds_none(units: list[tuple[int, int]], parcels: int) -> None:
    shares = spread(units, parcels)
    total: Counter[int] = Counter()
    for share in shares:
        total.update(dict(share))
    assert total == Counter(dict(units))


@given(UNITS, st.integers(1, 40))
def test_every_parcel_gets_a_unit_while_there_are_enough(units: list[tuple[int, int]], parcels: int) -> None:
    shares = spread(units, parcels)
    assert len(shares) == min(parcels, sum(quantity for _, quantity in units))
    assert all(share and all(quantity >= 1 for _, quantity in share) for share in shares)
    assert all(len(share) == len(dict(share)) for share in shares), "an order line stands twice in one shipment"


@given(st.integers(1, 12), st.integers(1, 12), st.randoms())
def test_every_number_gets_exactly_one_shipment_while_there_are_units(parcels: int, units: int, random: Random) -> None:
    numbered = [Parcel(n, "OWN", f"TRACK{n:04}") for n in range(1, parcels + 1)]
    shared = [Parcel(100 + p.package_id, "OWN", p.tracking_number) for p in numbered[::2] if p.package_id]
    packages = numbered + shared
    random.shuffle(packages)
    decision = decide(left_with(*packages, units=units), settings=SETTINGS, now=LATER)
    shown = Counter(push.payload["body"]["tracking_number"] for push in decision.pushes)
    assert len(shown) == min(parcels, units)
    assert set(shown.values()) == {1}
    assert len({push.business_key for push in decision.pushes}) == len(decision.pushes)
    unsaid = {p.tracking_number for p in numbered} - set(shown)
    message = "".join(f.message for f in decision.findings if f.code == "parcel_without_units")
    assert all(number in message for number in unsaid)
    assert all(number in decision.pushes[0].payload["body"]["comments"] for number in unsaid)


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=12)), max_size=5), st.integers(1, 8))
def test_whatever_clarus_writes_no_field_passes_a_limit_and_no_carrier_is_guessed(
    texts: list[tuple[str, str]], units: int
) -> None:
    packages = [Parcel(n, f"?{carrier}", number.strip()) for n, (number, carrier) in enumerate(texts)]
    decision = decide(left_with(*packages, units=units), settings=SETTINGS, now=LATER)
    assert sum(i["quantity"] for p in decision.pushes for i in p.payload["body"]["items"]) == units
    for push in decision.pushes:
        body = push.payload["body"]
        assert all(len(body.get(field, "")) <= limit for field, limit in LIMITS.items())
        assert marker_of(body["comments"]) == push.payload["marker"] == push.business_key
        if not any(c.isalnum() for c in "".join(carrier for _, carrier in texts)):
            assert (body["shipping_provider"], body["tracking_carrier"]) == ("", "")


def test_a_number_longer_than_bigcommerce_takes_is_left_out_and_named_never_cut() -> None:
    parcel = Parcel(1, "ZZ", "7" * 51)
    goods_out = left_with(parcel)
    assert tracking_body(goods_out, "ZZ", parcel.tracking_number, SETTINGS) == {
        "tracking_number": "",
        "shipping_provider": "",
        "tracking_carrier": "",
    }
    codes = [finding.code for finding in tracking_faults(goods_out, parcel, SETTINGS)]
    assert codes == ["unmapped_carrier", "tracking_invalid"]


def test_of_two_numbers_in_one_field_the_first_is_sent_so_that_one_link_works() -> None:
    parcel = Parcel(1, "RM", f"{RIGHT} {ALSO_RIGHT}")
    goods_out = left_with(parcel)
    assert tracking_body(goods_out, "RM", parcel.tracking_number, SETTINGS)["tracking_number"] == RIGHT
    [finding] = tracking_faults(goods_out, parcel, SETTINGS)
    assert finding.code == "tracking_multiple"
    assert finding.order_id == 10432
    assert RIGHT in finding.message
    assert ALSO_RIGHT in finding.message


def test_a_carrier_that_bigcommerce_lacks_gets_the_link_of_the_settings() -> None:
    body = tracking_body(left_with(), "OWN", "ABC 123", SETTINGS)
    assert (body["tracking_number"], body["tracking_link"]) == ("ABC123", "https://track.example/?n=ABC123")


def test_surplus_numbers_beyond_the_comments_limit_stay_in_the_finding_alone() -> None:
    parcels = [Parcel(n, "OWN", f"{n:049}X") for n in range(1, 1302)]
    decision = decide(left_with(*parcels, units=1), settings=SETTINGS, now=LATER)
    [push] = decision.pushes
    assert push.payload["body"]["comments"] == "[clarus:GO-914/1/1]"
    assert parcels[-1].tracking_number in decision.findings[-1].message


def test_words_for_no_number_and_invisible_characters_are_no_number() -> None:
    assert [number_of(Parcel(1, "RM", text)) for text in ("", "n/a", "\u200b", "ab 12")] == [
        "",
        "",
        "",
        "AB12",
    ]
