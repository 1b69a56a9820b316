"""Duplicates and barcodes: each fault named once, at the side that has it."""

from __future__ import annotations

import pytest

from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.catalogue.barcodes import barcode_damage
from clarus_bc_pipeline.flows.catalogue.faults import Item, barcode_faults, duplicates, still_on_sale
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.settings import SkuRule, SkuSettings

EAN, UPC = "5012345678900", "036000291452"
AS_IS = SkuMap(SkuSettings())


def codes(shop: list[Item], clarus: list[Item], sku_map: SkuMap = AS_IS) -> list[tuple[str, str]]:
    found = barcode_faults(shop, clarus, sku_map)
    assert all(fault.code in REGISTRY for fault in found)
    return sorted((fault.code, fault.sku) for fault in found)


@pytest.mark.parametrize("barcode", ["", EAN, UPC, "96385074", "10012345678902"])
def test_gtins_of_every_length_are_right(barcode: str) -> None:
    assert barcode_damage(barcode) is None


@pytest.mark.parametrize(
    ("barcode", "words"),
    [
        ("5012345678901", "1 stands where 0 is due"),
        ("36000291452", "with its leading zeros it would be 036000291452"),
        ("12345", "has 5 digits"),
        ("MUG-1", "not a number"),
        ("5.01E+12", "not a number"),
    ],
)
def test_what_is_no_gtin_is_told_why(barcode: str, words: str) -> None:
    assert words in (barcode_damage(barcode) or "")


def test_the_same_gtin_with_and_without_leading_zeros_agrees() -> None:
    assert codes([Item("A", "", UPC)], [Item("A", "", f"0{UPC}")]) == []


def test_barcodes_of_a_pair_that_differ_are_told_after_the_rules() -> None:
    upper = SkuMap(SkuSettings(rules=(SkuRule(rule="upper"),)))
    assert codes([Item("a", "", EAN)], [Item("A", "", UPC)], upper) == [("barcode_mismatch", "a")]


def test_a_side_that_says_nothing_disagrees_with_nobody() -> None:
    assert codes([Item("A", "", "")], [Item("A", "", UPC)]) == []


def test_one_barcode_on_two_products_names_both() -> None:
    assert codes([Item("A", "", EAN), Item("B", "", f"0{EAN}")], []) == [
        ("barcode_duplicate", "A"),
        ("barcode_duplicate", "B"),
    ]


def test_a_sku_on_two_products_is_told_once_with_their_names_and_blank_ones_are_another_fault() -> None:
    (fault,) = duplicates([Item("A", "Mug"), Item("A", "Tin"), Item("B"), Item(""), Item("")], "BigCommerce")
    assert (fault.sku, fault.code) == ("A", "sku_duplicate")
    assert '"Mug", "Tin"' in fault.message


def test_a_product_that_is_stopped_or_obsolete_and_still_on_sale_is_named() -> None:
    shop = [Item("a"), Item("B"), Item("C", is_on_sale=False), Item("D")]
    withdrawn = {"A": "stopped", "B": "obsolete (2)", "C": "stopped", "D": ""}
    clarus = [Item(code, withdrawn=words) for code, words in withdrawn.items()]
    upper = SkuMap(SkuSettings.model_validate({"rules": [{"rule": "upper"}]}))
    found = still_on_sale(shop, clarus, upper)
    assert [(fault.code, fault.sku) for fault in found] == [("stopped_on_sale", "a"), ("stopped_on_sale", "B")]
    assert "is obsolete (2) in Clarus" in found[1].message
