"""Tracking numbers: formats and check digits, on examples of tracking_number_data and some derived ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.despatch.tracking import (
    MAX_LENGTH,
    Verdict,
    carriers_formats,
    check_character,
    check_tracking,
    normalise,
    recognise,
)


class Example(NamedTuple):
    carrier: str
    number: str
    valid: bool
    checksum: str


def _examples() -> list[Example]:
    with Path(__file__).with_name("tracking_examples.csv").open(encoding="utf-8", newline="") as file:
        return [
            Example(row["carrier"], row["number"], row["valid"] == "1", row["checksum"]) for row in csv.DictReader(file)
        ]


EXAMPLES = _examples()
VALID = [example for example in EXAMPLES if example.valid]
CHECKED = [example for example in VALID if example.checksum]
KEYS = list(carriers_formats())
FORMATS_WITH_CHECK = {fmt.id: fmt for carrier in carriers_formats().values() for fmt in carrier.formats if fmt.check}


def test_every_published_and_derived_example_is_judged_as_labelled() -> None:
    assert len(EXAMPLES) > 480
    wrong = [
        (example, check_tracking(example.carrier, example.number).reason)
        for example in EXAMPLES
        if (check_tracking(example.carrier, example.number).verdict is Verdict.VALID) != example.valid
    ]
    assert wrong == []


def test_every_valid_example_is_recognised_as_its_carriers() -> None:
    assert [e for e in VALID if e.carrier not in recognise(e.number)] == []


@given(st.sampled_from(VALID), st.data())
def test_spaces_and_small_letters_make_no_difference(example: Example, data: st.DataObject) -> None:
    bare = "".join(example.number.split())
    gaps = data.draw(st.lists(st.sampled_from(["", "", " ", "\t", "\u00a0", "\u200b"]), min_size=len(bare)))
    written = "".join(c + gap for c, gap in zip(bare.lower(), gaps, strict=False))
    # Two whole numbers of the carrier side by side are two numbers; groups of one are not.
    check = check_tracking(example.carrier, written)
    assume(check.verdict is not Verdict.SEVERAL_NUMBERS)
    assert check == check_tracking(example.carrier, bare)
    assert check.number == bare.upper()


@given(st.sampled_from([*KEYS, "unheard-of"]), st.text(max_size=60))
def test_normalising_twice_changes_nothing(carrier: str, written: str) -> None:
    once = normalise(carrier, written)
    assert normalise(carrier, once) == once


@given(st.sampled_from([*KEYS, "unheard-of"]), st.text(max_size=70))
def test_any_text_gets_a_verdict_and_a_reason(carrier: str, written: str) -> None:
    check = check_tracking(carrier, written)
    assert check.reason
    assert (check.format is not None) == (check.verdict is Verdict.VALID)
    assert (len(check.parts) > 1) == (check.verdict is Verdict.SEVERAL_NUMBERS)
    if check.verdict is Verdict.VALID:
        assert len(check.number) <= MAX_LENGTH
        assert not any(c.isspace() for c in check.number)


@given(st.sampled_from(CHECKED), st.integers(1, 9))
def test_no_other_check_digit_is_accepted(example: Example, step: int) -> None:
    fmt = FORMATS_WITH_CHECK[check_tracking(example.carrier, example.number).format or ""]
    match = fmt.shape.fullmatch(normalise(example.carrier, example.number))
    assert match is not None
    assert match["check"] == check_character(fmt.check or {}, match["serial"])
    if match["check"].isdigit():
        at = match.start("check")
        other = str((int(match["check"]) + step) % 10)
        number = match[0][:at] + other + match[0][at + 1 :]
        check = check_tracking(example.carrier, number)
        if check.verdict is Verdict.VALID:  # another format of the same carrier has the last word
            assert check.format != fmt.id
        else:
            assert f"check digit is {other}, expected {match['check']}" in check.reason


@given(st.sampled_from(sorted(FORMATS_WITH_CHECK)), st.data())
def test_one_changed_digit_changes_the_check_digit_unless_the_rule_is_blind_to_it(
    format_id: str, data: st.DataObject
) -> None:
    rule = FORMATS_WITH_CHECK[format_id].check
    assert rule is not None
    length = {"s10": 8, "weighted": len(rule.get("weights", ()))}.get(rule["rule"], 13)
    serial = data.draw(st.text("0123456789", min_size=length, max_size=length))
    at = data.draw(st.integers(0, length - 1))
    other = data.draw(st.sampled_from("0123456789").filter(lambda c: c != serial[at]))
    prepend = rule.get("prepend", "")
    assume(not serial.startswith(prepend) or not prepend or at >= len(prepend))
    changed = serial[:at] + other + serial[at + 1 :]
    assume(not changed.startswith(prepend) or not prepend or serial.startswith(prepend))
    if check_character(rule, serial) == check_character(rule, changed):
        assert _blind(rule["rule"], abs(int(serial[at]) - int(other)), check_character(rule, serial))


def _blind(rule: str, difference: int, check: str) -> bool:
    """Whether the rule cannot see a digit change by `difference`: known arithmetic, apart from the code."""
    return {
        "mod7": difference == 7,
        "mod10": difference == 5,  # only on a place of weight 2
        "weighted": check == "0",  # remainder 10 and remainder 0 share a digit
        "s10": check in "05",  # so do remainders 1 and 10 + 1, and 0 and 6
    }.get(rule, False)


@pytest.mark.parametrize(
    ("carrier", "number", "format_id"),
    [
        ("royal-mail", "RB 1234 5678 5GB", "royal_mail_s10"),
        ("royal-mail", "rb123456785gb", "royal_mail_s10"),
        ("royal-mail", "3A0712345678B", "royal_mail_domestic"),
        ("parcelforce", "AA1234567", "parcelforce_9"),
        ("parcelforce", "AAAA1234567890", "parcelforce_14"),
        ("parcelforce", "123456789012", "parcelforce_12"),
        ("parcelforce", "RB123456785US", "s10"),
        ("evri", "1234567890123456", "evri_16"),
        ("evri", "H00ABCD123456789", "evri_letter"),
        ("dpd-uk", "1597 6950 6352 19", "dpd_uk_14"),
        ("dpd-local", "15976950635219*21421", "dpd_uk_14"),
        ("dpd-uk", "09980000020034D", "dpd_14"),
        ("dpd", "09980000020034d*21421", "dpd_14"),
        ("yodel", "JJD0002257639032020", "yodel"),
        ("ups", "1Z5R89390357567127", "ups"),
        ("fedex", "986578788855", "fedex_12"),
        ("dhl", "3318810014", "dhl_express"),
        ("apc", "2018073110099660003021", "apc_22"),
        ("tuffnells", "1234567890", "tuffnells_10"),
    ],
)
def test_the_united_kingdoms_carriers_numbers_fit(carrier: str, number: str, format_id: str) -> None:
    check = check_tracking(carrier, number)
    assert (check.verdict, check.format) == (Verdict.VALID, format_id), check.reason


@pytest.mark.parametrize(
    ("carrier", "number", "words"),
    [
        ("royal-mail", "RB123456786GB", "Royal Mail RB123456786GB: check digit is 6, expected 5"),
        ("royal-mail", "RB123456785US", "the country at the end of this is not GB. It fits Parcelforce"),
        ("royal-mail", "15976950635219", "this has 14 digits. It fits DHL or DPD UK or DPD Local"),
        ("parcelforce", "AA123456789GB", "check digit is 9, expected 5"),
        ("s10", "RB123456785ZZ", "ZZ is not the country code"),
        ("evri", "12345678", "calling card"),
        (
            "evri",
            "123456789012",
            "expected 16 digits, or a letter, 2 digits and 13 letters or digits; this has 12",
        ),
        ("dpd-uk", "1597695063521", "expected 14 digits and a check character"),
        ("yodel", "JD000224261764473", "this has 17 characters"),
        ("ups", "1Z-5R8-9390357567127", '20 characters with "-"'),
        ("dx", "1.59770E+13", "a spreadsheet has shortened it"),
        ("dhl-parcel-uk", "7" * 51, "51 characters; BigCommerce holds 50"),
    ],
)
def test_a_wrong_number_is_told_what_would_be_right(carrier: str, number: str, words: str) -> None:
    check = check_tracking(carrier, number)
    assert check.verdict is Verdict.INVALID
    assert words in check.reason
    assert check.number in check.reason


@pytest.mark.parametrize("carrier", ["dx", "dhl-parcel-uk", "unheard-of"])
def test_a_carrier_without_a_published_format_is_not_judged(carrier: str) -> None:
    check = check_tracking(carrier, "ab 123")
    assert (check.verdict, check.number, check.format) == (Verdict.UNKNOWN_FORMAT, "AB123", None)
    assert "was not checked" in check.reason


def test_a_parcel_whose_carrier_is_not_known_is_not_judged() -> None:
    assert check_tracking("", "123").reason.startswith("Unknown carrier 123: ")


@pytest.mark.parametrize("written", [None, "", "  ", "\n", "N/A", "n/a", "none", "TBC", "-", "\u200b"])
@pytest.mark.parametrize("carrier", ["dpd-uk", "dx"])
def test_no_number_is_missing_and_never_invalid(carrier: str, written: str | None) -> None:
    check = check_tracking(carrier, written)
    assert (check.verdict, check.number) == (Verdict.MISSING, "")


@pytest.mark.parametrize("between", [" ", ",", ", ", ";", " / ", "/", "\n", "\r\n", " and ", " AND ", "|", " & "])
@pytest.mark.parametrize(
    ("carrier", "first", "second"),
    [
        ("dpd-uk", "15976950635219", "15976950635226"),
        ("royal-mail", "RB123456785GB", "RB123456799GB"),
        ("ups", "1Z5R89390357567127", "1Z879E930346834440"),
        ("dx", "98765432", "98765433"),
    ],
)
def test_two_numbers_in_one_field_are_seen_and_told_apart(carrier: str, first: str, second: str, between: str) -> None:
    check = check_tracking(carrier, first + between + second)
    assert (check.verdict, check.parts) == (Verdict.SEVERAL_NUMBERS, (first, second))
    assert first in check.reason
    assert second in check.reason


def test_two_numbers_that_are_each_in_groups_are_told_apart() -> None:
    check = check_tracking("dpd-uk", "1597 6950 6352 19 1597 6950 6352 26")
    assert check.parts == ("15976950635219", "15976950635226")


def test_two_numbers_are_two_even_where_together_they_happen_to_be_a_longer_one() -> None:
    assert check_tracking("dpd-uk", "1597695063521915976950630398").format == "dpd"
    assert check_tracking("dpd-uk", "15976950635219 15976950630398").verdict is Verdict.SEVERAL_NUMBERS


def test_one_number_over_two_lines_is_one_number() -> None:
    assert check_tracking("evri", "12345678\n90123456").verdict is Verdict.VALID
    assert check_tracking("dpd", "0081 827 0998 0000\n0200 45 327 276 N").verdict is Verdict.VALID


def test_the_same_number_twice_is_said() -> None:
    assert "the same twice" in check_tracking("ups", "1Z5R89390357567127 1Z5R89390357567127").reason


@given(st.sampled_from(VALID), st.sampled_from(VALID), st.sampled_from([",", ";", "/", "\n", " and "]))
def test_two_valid_numbers_are_never_passed_as_one(one: Example, two: Example, between: str) -> None:
    same = [e for e in VALID if e.carrier == one.carrier]
    other = same[VALID.index(two) % len(same)]
    check = check_tracking(one.carrier, f"{one.number}{between}{other.number}")
    assert check.verdict is Verdict.SEVERAL_NUMBERS


def test_a_number_says_whose_it_looks_like() -> None:
    assert recognise("15976950635219*21421")[:2] == ("dpd-uk", "dpd-local")
    assert recognise("RB123456785GB") == ("royal-mail", "parcelforce", "s10")
    assert recognise("1Z5R89390357567127") == ("ups",)
    assert recognise("JD0002242617644732") == ("yodel",)


def test_a_check_digit_speaks_before_a_mere_shape() -> None:
    found = recognise("986578788855")  # 12 digits: Parcelforce has no check digit, FedEx's is right
    assert found.index("fedex") < found.index("parcelforce")


def test_formats_of_low_confidence_recognise_nothing() -> None:
    assert recognise("3A0712345678B") == ()
    assert "low confidence" in check_tracking("royal-mail", "3A0712345678B").reason


def test_an_unheard_of_rule_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mod97"):
        check_character({"rule": "mod97"}, "123")
