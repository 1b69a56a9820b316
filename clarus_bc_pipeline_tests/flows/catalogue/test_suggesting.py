"""What a missing SKU probably is: the surest pair first, each product in one pair at most, and why in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.catalogue.faults import Item
from clarus_bc_pipeline.flows.catalogue.suggesting import LEAST, Suggestion, sentence, suggest_pairs

EAN = "5012345678900"


def only(shop: Item, *clarus: Item) -> Suggestion:
    (pair,) = suggest_pairs([shop], list(clarus))
    return pair


@pytest.mark.parametrize(
    ("sku", "code", "reason"),
    [
        ("00123", "123", "leading zeros"),
        ("mug-blue", "MUG-BLUE", "upper and lower case"),
        ("\u0410123X", "A123X", "look alike"),
        ("IOC-1000", "IOC1000", "punctuation"),
        ("1.23E+12", "1230000000000", "spreadsheet"),
    ],
)
def test_a_damaged_sku_is_paired_with_what_it_was(sku: str, code: str, reason: str) -> None:
    pair = only(Item(sku), Item(code), Item("ZZZ-9"))
    assert (pair.code, reason in pair.reason, pair.confidence >= 0.85) == (code, True, True)


def test_one_barcode_pairs_codes_that_share_nothing() -> None:
    pair = only(Item("LAMP", "", EAN), Item("X9", "", f"0{EAN}"), Item("LAMB"))
    assert (pair.code, pair.confidence) == ("X9", 0.98)
    assert "barcode" in pair.reason


def test_two_valid_barcodes_that_differ_make_a_likely_pair_unlikely() -> None:
    assert suggest_pairs([Item("00123", "", EAN)], [Item("123", "", "4006381333931")]) == []


def test_a_name_that_says_the_code_pairs_them() -> None:
    pair = only(Item("D1680", "Uniden phone"), Item("B00X", "New UNIDEN D1680 cordless"), Item("B00Y", "Uniden phone"))
    assert pair.code == "B00X"


def test_the_surest_pair_takes_the_code_and_nothing_takes_it_twice() -> None:
    pairs = suggest_pairs([Item("MUG.1"), Item("mug-1")], [Item("MUG-1")])
    assert [(pair.sku, pair.code) for pair in pairs] == [("mug-1", "MUG-1")]


def test_what_nothing_is_like_has_no_suggestion() -> None:
    assert suggest_pairs([Item("LAMP-9", "Lamp")], [Item("0005512", "Cushion"), Item("", "Lamp")]) == []


def test_the_sentence_shows_what_cannot_be_seen() -> None:
    assert sentence(Suggestion("A\u200b1", "A1", 0.97, "they look alike")) == (
        'SKU "A\\u200b1" is probably "A1" of Clarus (97%): they look alike.'
    )


items = st.builds(
    Item, st.text("01Aa-. ", max_size=5), st.text("red mug ", max_size=8), st.sampled_from(["", EAN, "12"])
)


@given(st.lists(items, max_size=6), st.lists(items, max_size=6))
def test_each_side_is_in_one_pair_at_most_and_confidence_is_a_share(shop: list[Item], clarus: list[Item]) -> None:
    pairs = suggest_pairs(shop, clarus)
    assert len({p.sku for p in pairs}) == len({p.code for p in pairs}) == len(pairs)
    assert all(LEAST <= p.confidence <= 1 and p.reason for p in pairs)
    assert {p.sku for p in pairs} <= {i.code for i in shop}
    assert {p.code for p in pairs} <= {i.code for i in clarus}
