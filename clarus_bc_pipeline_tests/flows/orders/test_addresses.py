"""Addresses: nothing is lost or cut on the way to Clarus, and what is wrong is said by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.orders.addresses import (
    FIELD_LIMITS,
    clarus_address,
    normalise_eircode,
    normalise_postcode,
)

GOOD = {
    "first_name": "Ada", "last_name": "Sample", "company": "", "street_1": "1 Mill Lane", "street_2": "",
    "city": "Leeds", "state": "West Yorkshire", "zip": "ls1 4ap", "country": "United Kingdom",
    "country_iso2": "GB", "phone": "07700 900123", "email": "ada@example.com",
}  # fmt: skip

# Inputs of ideal-postcodes/postcode, test/data (MIT, copyright 2020 IDDQD Limited): valid, then not.
VALID = [
    "A9 9AA", "A99 9AA", "A999AA", "A99AA", "A9A 9AA", "A9A9AA", "AA9 9AA", "AA99 9AA", "AA999AA", "AA99AA",
    "AA9A 9AA", "AA9A9AA", "BT35 8GE", "BT358GE", "EC1A 1BB", "L27 8XY", "L278XY", "MA1 1AA", "N1C 0AB",
    "NE69 7AW", "NE697AW", "NR10 3EZ", "NR103EZ", "NW1W1AA", "RG4 5AY", "RG45AY", "SE23 2NF", "W1A0AX",
    "ZE1 0AA",
]  # fmt: skip
INVALID = ["12FSSD", "1A1 1AA", "Definitely wrong", "EH 1JS", "EH1 JS", "EH1JS"]


def problems(**changes: object) -> list[tuple[str, str]]:
    return [(p.code, p.field) for p in clarus_address(GOOD | changes)[1]]


def fields(**changes: object) -> dict[str, str]:
    result, found = clarus_address(GOOD | changes)
    assert found == []
    return result


# --- postcodes


@pytest.mark.parametrize("text", VALID)
def test_a_valid_postcode_gets_its_one_space(text: str) -> None:
    packed = text.replace(" ", "")
    assert normalise_postcode(text) == f"{packed[:-3]} {packed[-3:]}"
    assert normalise_postcode(f"  {text.lower()} ") == normalise_postcode(text)


@pytest.mark.parametrize("text", [*INVALID, "", "LS1", "LS1 4CP", "QS1 4AP", "LI1 4AP", "LS1I 4AP", "LS1 4AP 2"])
def test_what_has_not_the_form_of_a_postcode_is_none(text: str) -> None:
    assert normalise_postcode(text) is None


@pytest.mark.parametrize(
    ("text", "postcode"),
    [("im91ex", "IM9 1EX"), ("je2 4tj", "JE2 4TJ"), ("GY11GX", "GY1 1GX"), ("gir0aa", "GIR 0AA"),
     ("BF1 0AP", "BF1 0AP"), ("bfpo 57", "BFPO 57"), ("BFPO1234", "BFPO 1234"),
     ("GIR 1AA", None), ("BFPO", None)],
)  # fmt: skip
def test_the_islands_the_forces_and_girobank_have_theirs(text: str, postcode: str | None) -> None:
    assert normalise_postcode(text) == postcode


@given(st.text("ABCIOQVZ0123 9", max_size=9))
def test_a_normal_postcode_stays_as_it_is(text: str) -> None:
    postcode = normalise_postcode(text)
    if postcode is not None:
        assert normalise_postcode(postcode) == postcode
        assert postcode.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(("text", "code"), [("d02af30", "D02 AF30"), ("D6W XY00", "D6W XY00"), ("Dublin 2", None)])
def test_ireland_has_eircodes(text: str, code: str | None) -> None:
    assert normalise_eircode(text) == code


def test_a_slip_of_the_keyboard_is_named_and_never_corrected() -> None:
    (problem,) = clarus_address(GOOD | {"zip": "LS1 4A0"})[1]
    assert 'postcode "LS1 4A0" is not a UK postcode' in problem.message
    assert "closest" not in problem.message  # LS1 4AO would break the rule as well
    result, (problem,) = clarus_address(GOOD | {"zip": "LSI 4AP"})
    assert '(closest: "LS1 4AP")' in problem.message
    assert "postcode" not in result


# --- the whole address


def test_each_field_goes_to_its_own() -> None:
    assert fields(company="Sample Ltd", street_2="Armley") == {
        "name": "Ada Sample", "address_1": "Sample Ltd", "address_2": "1 Mill Lane", "address_5": "Armley",
        "address_3": "Leeds", "address_4": "West Yorkshire", "postcode": "LS1 4AP", "country_code": "GB",
        "phone_number": "07700 900123", "email_address": "ada@example.com",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first_name": "", "last_name": None}, "name"),
        ({"street_1": " "}, "street_1"),
        ({"city": None}, "city"),
        ({"zip": ""}, "zip"),
        ({"country_iso2": "", "country": ""}, "country_iso2"),
        ({"country_iso2": "XX"}, "country_iso2"),
        ({"country_iso2": None, "country": "European Community"}, "country_iso2"),
        ({"zip": "SW1A"}, "zip"),
        ({"zip": "75001"}, "zip"),
        ({"country_iso2": "IE", "zip": "LS1 4AP"}, "zip"),
        ({"country_iso2": "DE", "zip": ""}, "zip"),
        ({"street_1": "1 Mill\nLane"}, "street_1"),
        ({"last_name": "Sam\u0000ple"}, "name"),
        ({"city": "\u202eLeeds"}, "city"),
        ({"email": "not one"}, "email"),
    ],
)
def test_what_the_carrier_would_refuse_is_a_bad_address(changes: dict[str, object], field: str) -> None:
    assert problems(**changes) == [("bad_address", field)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"street_1": "x" * 81}, "street_1"),
        ({"company": "word " * 60}, "company"),
        ({"city": "x" * 81}, "city"),
        ({"state": "x" * 81}, "state"),
        ({"phone": "0" * 51}, "phone"),
        ({"email": "x" * 250 + "@a.uk"}, "email"),
        ({"country_iso2": "US", "zip": "12345-67890"}, "zip"),
    ],
)
def test_what_does_not_fit_is_too_long_and_is_not_cut(changes: dict[str, object], field: str) -> None:
    result, (problem,) = clarus_address(GOOD | changes)
    assert (problem.code, problem.field) == ("field_too_long", field)
    assert all(len(text) <= FIELD_LIMITS.get(target, 999) for target, text in result.items())


@pytest.mark.parametrize(
    ("text", "code"), [("UK", "GB"), ("gb", "GB"), ("EIRE", "IE"), ("Éire", "IE"), ("Isle of Man", "IM")]
)
def test_a_country_by_another_name_is_no_finding(text: str, code: str) -> None:
    changes = {"country_iso2": text} | ({"zip": "D02 AF30"} if code == "IE" else {})
    assert fields(**changes)["country_code"] == code
    assert fields(**changes | {"country_iso2": "", "country": text})["country_code"] == code


def test_the_channel_islands_are_told_apart_by_the_postcode() -> None:
    named = {"country_iso2": "", "country": "Channel Islands"}
    assert fields(**named, zip="JE2 4TJ")["country_code"] == "JE"
    assert fields(**named, zip="GY1 1GX")["country_code"] == "GG"
    assert problems(**named, zip="LS1 4AP") == [("bad_address", "country_iso2")]


def test_a_country_without_postcodes_needs_none() -> None:
    assert "postcode" not in fields(country_iso2="HK", zip="")


def test_a_long_line_flows_over_the_free_lines_at_a_words_end() -> None:
    street = "Unit 12 " + "Very " * 16 + "Long Industrial Estate"
    result = fields(street_1=street)
    assert "address_5" not in result
    assert f"{result['address_1']} {result['address_2']}" == street


def test_company_and_street_share_lines_when_each_on_its_own_would_not_fit() -> None:
    result = fields(company="Company " * 11 + "Ltd", street_1="1 Mill Lane", street_2="Armley")
    assert result["address_2"].endswith("Ltd, 1 Mill Lane, Armley")
    assert "address_5" not in result


def test_emoji_stay_and_count_as_characters() -> None:
    assert fields(street_1="🏠" * 80)["address_1"] == "🏠" * 80
    assert fields(first_name="Zoë 👩‍🚀")["name"] == "Zoë 👩‍🚀 Sample"
    assert problems(street_1="🏠" * 81) == [("field_too_long", "street_1")]


def test_a_contact_is_asked_for_only_where_the_packing_desk_needs_it() -> None:
    bare = GOOD | {"phone": "", "email": ""}
    assert clarus_address(bare)[1] == []
    found = clarus_address(bare, require_contact=True)[1]
    assert [(p.field, p.is_warning) for p in found] == [("phone", True), ("email", True)]


texts = st.text(st.sampled_from("ab 1,é🏠\n\u200d") | st.characters(), max_size=12)
lines = st.one_of(texts, st.lists(st.text("abcé🏠,.", min_size=1, max_size=90), max_size=12).map(" ".join))


@given(
    st.fixed_dictionaries(
        {key: lines | st.none() for key in ("company", "street_1", "street_2", "city", "state", "first_name")}
        | {
            "zip": texts | st.just("LS1 4AP"),
            "country_iso2": st.sampled_from(["GB", "UK", "DE", "HK", "", "??"]),
        }
        | {"phone": lines, "email": lines}
    )
)
def test_every_character_arrives_or_a_problem_names_its_field(address: dict[str, str | None]) -> None:
    result, found = clarus_address(address)
    assert {p.code for p in found} <= set(REGISTRY)
    assert all(0 < len(text) <= FIELD_LIMITS.get(target, len(text)) for target, text in result.items())
    named = {p.field for p in found} | ({"first_name"} if any(p.field == "name" for p in found) else set())
    arrived = "".join("".join(result.values()).split())
    for key, text in address.items():
        for word in (text or "").split() if key not in named | {"country_iso2"} else ():
            assert word in arrived or (key == "zip" and word.upper() in arrived)


@given(st.fixed_dictionaries(dict.fromkeys(("first_name", "street_1", "phone", "email"), lines)))
def test_a_message_quotes_nothing_personal(address: dict[str, str]) -> None:
    marked = {key: f"SECRET{text}SECRET" for key, text in address.items()}
    for problem in clarus_address(marked, require_contact=True)[1]:
        assert "SECRET" not in problem.message
        assert "SECRET" not in repr(problem)
