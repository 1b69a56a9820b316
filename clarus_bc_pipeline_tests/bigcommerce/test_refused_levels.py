"""Whose fault a refusal of levels was, told from the shop's words."""

from __future__ import annotations

import pytest

from clarus_bc_pipeline.bigcommerce.refused_levels import Level, LevelsRefused, refused_items, refused_levels
from clarus_bc_pipeline.http import Refused

SENT = [Level(sku, 1, 5) for sku in ("A", "A.1", "A B", "B,C", "5012345678900", "106")] + [Level("A", 2, 5)]


def refusal(words: str) -> LevelsRefused:
    return LevelsRefused(Refused("PUT levels", "422: refused", status=422, detail=words), SENT)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("[Item with sku A is tracked by product, please update stock by product id]", {"A"}),
        ("[Item with sku A.1 is tracked by product, please update stock by product id]", {"A.1"}),
        ("[Item with sku A B is tracked by product, please update stock by product id]", {"A B"}),
        ("[Item with sku A is not tracked, Item with sku B,C is not tracked]", {"A", "B,C"}),
        ("Items with identity: [sku 5012345678900] not found", {"5012345678900"}),
        ("Items not found, identities: [106, A.1]", {"106", "A.1"}),
        ("JSON data is missing or invalid; items.2.quantity: error.expected.jsnumber", {"A B"}),
        ("[Item with variant_id 106 is tracked by product, please update stock by product id]", set()),
        ("[Item with sku Z is tracked by product, please update stock by product id]", set()),
        ("JSON data is missing or invalid", set()),
    ],
)
def test_the_skus_that_the_words_name_are_told(words: str, named: set[str]) -> None:
    items = refused_items(refusal(words))
    assert set(items) == named
    assert all(told in words for told in items.values())


def test_a_location_that_is_named_is_that_of_its_levels_alone() -> None:
    assert set(refused_levels(refusal("Location not found, identities: [2]"))) == {("A", 2)}


def test_another_refusal_names_none() -> None:
    assert refused_items(Refused("PUT orders", "422: refused", detail="sku A is odd")) == {}


def test_what_is_shown_of_a_refusal_still_holds_no_telephone_number() -> None:
    error = refusal("Items with identity: [sku 5012345678900] not found")
    assert "5012345678900" not in error.detail
    assert error.status == 422
