"""Which carrier a code means, and how BigCommerce is told."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.despatch.carriers import (
    CARRIERS,
    MAX_LINK,
    Carrier,
    TrackingFields,
    carriers_page,
    mapping_faults,
    resolve_carrier,
    tracking_fields,
)
from clarus_bc_pipeline.flows.despatch.tracking import carriers_formats
from clarus_bc_pipeline.settings import CarrierMapping

ROOT = Path(__file__).parents[3]
DOCUMENTED = ROOT.parent / "shared" / "specs" / "bigcommerce" / "tracking_carrier_values.csv"


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("ROYALMAIL", "royal-mail"),
        ("Royal Mail", "royal-mail"),
        ("RM24", "royal-mail"),
        ("rm-24", "royal-mail"),
        ("Hermes", "evri"),
        ("EVRI", "evri"),
        ("myhermes-uk", "evri"),
        ("Interlink", "dpd-local"),
        ("DPDLOCAL", "dpd-local"),
        ("DPD", "dpd-uk"),
        ("dpd_uk", "dpd-uk"),
        ("PARCELFORCE", "parcelforce"),
        ("UK Mail", "dhl-parcel-uk"),
        (" UPS ", "ups"),
        ("APC", "apc"),
    ],
)
def test_a_code_is_known_by_key_name_or_alias_whatever_its_case_and_punctuation(code: str, key: str) -> None:
    assert resolve_carrier(code, {}) is CARRIERS[key]


@pytest.mark.parametrize("code", ["", " ", "-", "COURIER", "DPDX", "ROYAL", "RM2", "CARRIER 7"])
def test_a_code_that_nobody_named_is_not_guessed(code: str) -> None:
    assert resolve_carrier(code, {}) is None
    assert resolve_carrier(code, {"--": CarrierMapping(carrier="dx")}) is None


def test_no_code_means_two_carriers() -> None:
    seen: dict[str, str] = {}
    for carrier in CARRIERS.values():
        for alias in (carrier.key, carrier.name, carrier.tracking_carrier, *carrier.aliases):
            bare = re.sub(r"[^a-z0-9]", "", alias.lower())
            assert seen.setdefault(bare, carrier.key) == carrier.key or not bare


def test_the_stores_mapping_comes_before_the_alias() -> None:
    mappings = {"DPD": CarrierMapping(carrier="dpd-local")}
    assert resolve_carrier("dpd", mappings) is CARRIERS["dpd-local"]
    assert resolve_carrier("RM24", mappings) is CARRIERS["royal-mail"]


def test_a_mapping_may_name_the_carrier_as_people_do() -> None:
    assert resolve_carrier("7", {"7": CarrierMapping(carrier="Royal Mail")}) is CARRIERS["royal-mail"]


def test_the_exact_code_comes_before_one_that_differs_by_punctuation() -> None:
    mappings = {"D-1": CarrierMapping(carrier="dx"), "D1": CarrierMapping(carrier="apc")}
    assert resolve_carrier("D1", mappings) is CARRIERS["apc"]
    assert resolve_carrier("d 1", mappings) is None  # fits both, so it is neither


def test_a_mapping_with_a_link_alone_is_a_carrier_of_its_own() -> None:
    van = resolve_carrier("OWN VAN", {"OWN VAN": CarrierMapping(link_template="https://van.example/{number}")})
    assert van == Carrier("custom-ownvan", "OWN VAN", link_template="https://van.example/{number}")
    assert tracking_fields(van, "A B/1") == TrackingFields("", "", "https://van.example/A%20B%2F1")


def test_a_mapping_with_a_link_alone_keeps_the_carrier_that_the_code_names() -> None:
    mine = "https://track.example/?n={number}"
    carrier = resolve_carrier("RM24", {"RM24": CarrierMapping(link_template=mine)})
    assert carrier is not None
    assert tracking_fields(carrier, "RB123456785GB") == TrackingFields(
        "royalmail", "", "https://track.example/?n=RB123456785GB"
    )


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (
            CarrierMapping(carrier="royalmial"),
            'carrier = "royalmial" is not a carrier; use one of royal-mail,',
        ),
        (CarrierMapping(link_template="http://a.example/{number}"), "begins with https://"),
        (CarrierMapping(link_template="https://a.example/x y/{number}"), "without spaces"),
        (CarrierMapping(link_template="https://{number}.example"), "and a host"),
        (CarrierMapping(link_template="https://a.example/{number}/{town}"), "must hold {number}"),
        (CarrierMapping(link_template="https://a.example/{number}{number:>99999999}"), "must hold {number}"),
        (CarrierMapping(link_template="https://a.example/{number}/{"), "must hold {number}"),
        (CarrierMapping(link_template="https://a.example/{number}" + "x" * 300), "at most 300"),
    ],
)
def test_a_faulty_mapping_is_named_and_never_used(mapping: CarrierMapping, words: str) -> None:
    (fault,) = mapping_faults({"DPD": mapping})
    assert fault.startswith('despatch.carriers."DPD": ')
    assert words in fault
    assert resolve_carrier("DPD", {"DPD": mapping}) is None


def test_good_mappings_have_no_faults() -> None:
    good = {
        "A": CarrierMapping(carrier="evri"),
        "B": CarrierMapping(carrier="dx", link_template="https://dx.example:8443/t?n={number}&p={postcode_plus}#x"),
    }
    assert mapping_faults(good) == ()


def test_royal_mail_is_told_as_a_provider_because_it_is_no_tracking_carrier() -> None:
    assert tracking_fields(CARRIERS["royal-mail"], "RB123456785GB", "SW1A 1AA") == TrackingFields("royalmail", "", "")


@pytest.mark.parametrize(
    ("key", "slug"),
    [
        ("parcelforce", "parcel-force"),
        ("evri", "myhermes-uk"),
        ("dpd-uk", "dpd-uk"),
        ("dpd-local", "interlink-express"),
        ("yodel", "yodel"),
        ("ups", "ups"),
        ("fedex", "fedex"),
        ("dhl", "dhl"),
        ("dhl-parcel-uk", "dhlparcel-uk"),
        ("tuffnells", "tuffnells"),
    ],
)
def test_a_documented_carrier_is_told_by_its_value_and_bigcommerce_makes_the_link(key: str, slug: str) -> None:
    assert tracking_fields(CARRIERS[key], "123", "SW1A 1AA") == TrackingFields("", slug, "")


def test_carriers_whose_page_asks_for_the_postcode_get_our_link_when_it_is_known() -> None:
    apc = tracking_fields(CARRIERS["apc"], "2018073110099660003021", " ws11 8ld ")
    assert apc == TrackingFields(
        "",
        "apc-overnight",
        "https://apc-overnight.com/track-parcel.php?id=2018073110099660003021&postcode=WS11+8LD",
    )
    assert tracking_fields(CARRIERS["dx"], "1/2", "ws118ld").tracking_link == (
        "https://my.dxdelivery.com/?t=1%2F2&p=WS118LD"
    )
    assert tracking_fields(CARRIERS["apc"], "2018073110099660003021", "  ") == TrackingFields("", "apc-overnight", "")


def test_there_is_no_link_without_a_number() -> None:
    assert tracking_fields(CARRIERS["apc"], "", "WS11 8LD").tracking_link == ""


def test_there_is_no_link_where_it_would_be_longer_than_bigcommerce_holds() -> None:
    van = Carrier("custom-van", "Van", link_template="https://van.example/{number}" + "x" * 100)
    assert len(tracking_fields(van, "€" * 40).tracking_link) == 480
    assert tracking_fields(van, "€" * 50).tracking_link == ""


_ANY_CARRIER = st.sampled_from(
    [*CARRIERS.values(), Carrier("custom-van", "Van", link_template="https://van.example/?n={number}")]
)


@given(_ANY_CARRIER, st.text(max_size=60), st.none() | st.text(max_size=12))
def test_a_link_is_always_a_valid_https_address_of_at_most_500_characters(
    carrier: Carrier, number: str, postcode: str | None
) -> None:
    link = tracking_fields(carrier, number, postcode).tracking_link
    if link:
        url = urlsplit(link)
        assert url.scheme == "https"
        assert url.hostname
        assert re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", link)
        assert len(link) <= MAX_LINK
        assert [number] in parse_qs(url.query, keep_blank_values=True).values()


def test_every_carrier_has_its_formats_and_a_way_to_tell_bigcommerce() -> None:
    for key, carrier in CARRIERS.items():
        assert key in carriers_formats()
        assert bool(carrier.shipping_provider) != bool(carrier.tracking_carrier)


@pytest.mark.skipif(not DOCUMENTED.exists(), reason="the vendor's list of values is not beside this checkout")
def test_every_tracking_carrier_is_one_of_the_vendors_documented_values() -> None:
    with DOCUMENTED.open(encoding="utf-8-sig", newline="") as file:
        documented = {row[-1].strip() for row in csv.reader(file)}
    ours = {carrier.tracking_carrier for carrier in CARRIERS.values() if carrier.tracking_carrier}
    assert ours <= documented


def test_the_handbooks_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "carriers.md").read_text(encoding="utf-8")
    assert page == carriers_page(), "run: python -m clarus_bc_pipeline.flows.despatch.carriers > docs/carriers.md"
