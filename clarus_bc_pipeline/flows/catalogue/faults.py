"""What is wrong between two whole catalogues beyond the SKUs' spelling: duplicates, barcodes, products withdrawn.

What belongs here: rules over products with their names and barcodes, as pure functions. What does not: SKUs alone
(`rules.py`), what one was probably meant to be (`suggesting.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clarus_bc_pipeline.flows.catalogue.barcodes import barcode_damage, is_gtin, normal
from clarus_bc_pipeline.flows.catalogue.lookalikes import is_blank, shown
from clarus_bc_pipeline.flows.catalogue.rules import SkuFault, SkuMap

Side = Literal["BigCommerce", "Clarus"]


@dataclass(frozen=True, slots=True)
class Item:
    """One SKU or product code of one side, with what the side says of it. Texts that are not set are empty."""

    code: str
    name: str = ""
    barcode: str = ""
    is_on_sale: bool = True  # of the shop's
    withdrawn: str = ""  # of Clarus's: stopped, or obsolete


def duplicates(items: Iterable[Item], side: Side) -> list[SkuFault]:
    """Codes that stand on several products of one side: nobody can tell which of them is meant."""
    times: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if not is_blank(item.code):
            times[item.code].append(item.name)
    return [
        SkuFault(
            code,
            "sku_duplicate",
            f"SKU {shown(code)} stands on {len(names)} products of {side}: {_few(names)}. "
            "Give each product a SKU of its own.",
        )
        for code, names in times.items()
        if len(names) > 1
    ]


def still_on_sale(shop: Iterable[Item], clarus: Iterable[Item], sku_map: SkuMap) -> list[SkuFault]:
    """SKUs that the shop sells and whose product Clarus has stopped or made obsolete."""
    withdrawn = {item.code: item.withdrawn for item in clarus if item.withdrawn}
    return [
        SkuFault(
            item.code,
            "stopped_on_sale",
            f"SKU {shown(item.code)} is on sale, and product {shown(code)} is {withdrawn[code]} in Clarus. Take it off "
            "sale in BigCommerce, or lift that in Clarus.",
        )
        for item in shop
        if item.is_on_sale and (code := sku_map.to_clarus(item.code)) in withdrawn
    ]


def barcode_faults(shop: Sequence[Item], clarus: Sequence[Item], sku_map: SkuMap) -> list[SkuFault]:
    """Barcodes that are no GTIN, that stand on two products of one side, or that differ between the sides."""
    found: list[SkuFault] = []
    sides: tuple[tuple[Side, Sequence[Item]], ...] = (("BigCommerce", shop), ("Clarus", clarus))
    for side, items in sides:
        found += _wrong(items, side)
        found += _shared(items, side)
    theirs: Mapping[str, str] = {item.code: item.barcode for item in clarus if item.barcode}
    for item in shop:
        barcode = theirs.get(sku_map.to_clarus(item.code)) if item.barcode else None
        if barcode is not None and normal(barcode) != normal(item.barcode):
            found.append(
                SkuFault(
                    item.code,
                    "barcode_mismatch",
                    f"SKU {shown(item.code)} has barcode {shown(item.barcode)} in BigCommerce and {shown(barcode)} "
                    "in Clarus. Scan the product and correct the wrong one.",
                )
            )
    return found


def _wrong(items: Iterable[Item], side: Side) -> list[SkuFault]:
    return [
        SkuFault(
            item.code,
            "barcode_invalid",
            f"SKU {shown(item.code)}: barcode {shown(item.barcode)} in {side} {damage}. Scan the product again.",
        )
        for item in items
        if (damage := barcode_damage(item.barcode))
    ]


def _shared(items: Iterable[Item], side: Side) -> list[SkuFault]:
    holders: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if is_gtin(item.barcode):
            holders[normal(item.barcode)].append(item.code)
    return [
        SkuFault(
            code,
            "barcode_duplicate",
            f"SKU {shown(code)} shares barcode {barcode.lstrip('0')} in {side} with "
            f"{_few([other for other in dict.fromkeys(codes) if other != code])}. "
            "A scan finds only one of them; give each its own.",
        )
        for barcode, codes in holders.items()
        if len(set(codes)) > 1
        for code in dict.fromkeys(codes)
    ]


def _few(texts: Sequence[str]) -> str:
    return ", ".join(shown(text) for text in texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
