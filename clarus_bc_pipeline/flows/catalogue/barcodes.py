"""Barcodes: whether one is a GTIN, and whether two are the same.

What belongs here: one barcode at a time, as pure functions. What does not: products and catalogues (`faults.py`).
"""

from __future__ import annotations

from functools import lru_cache

from stdnum import ean

LENGTHS = (8, 12, 13, 14)  # GTIN-8, GTIN-12 (UPC-A), GTIN-13 (EAN-13), GTIN-14: GS1 General Specifications


def normal(barcode: str) -> str:
    """The barcode as 14 digits, the form in which GTINs of every length compare; as it is where it is no number."""
    text = barcode.strip()
    return text.zfill(14) if text.isascii() and text.isdigit() else text


@lru_cache(maxsize=2**18)  # each is asked of both sides, more than once
def is_gtin(barcode: str) -> bool:
    """The length and the check digit are right."""
    return bool(ean.is_valid(barcode.strip()))


def barcode_damage(barcode: str) -> str | None:
    """What is wrong with a barcode, in words; None for a GTIN and where there is no barcode."""
    text = barcode.strip()
    if not text or is_gtin(text):
        return None
    if not (text.isascii() and text.isdigit()):
        return "is not a number"
    if len(text) not in LENGTHS:
        padded = next((text.zfill(n) for n in LENGTHS if n > len(text) and is_gtin(text.zfill(n))), None)
        lost = f"; with its leading zeros it would be {padded}" if padded else ""
        return f"has {len(text)} digits and a GTIN has 8, 12, 13 or 14{lost}"
    return f"has a wrong check digit: {text[-1]} stands where {ean.calc_check_digit(text[:-1])} is due"
