"""How many decimals a currency has, and amounts rounded and written in it.

What belongs here: ISO 4217's minor units. What does not: any sum.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

# ISO 4217: the currencies whose minor unit is not a hundredth.
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_DECIMALS = dict.fromkeys(_NONE.split(), 0) | dict.fromkeys(_THREE.split(), 3)


def decimals(currency: str) -> int:
    """Decimals of an amount in `currency` (ISO 4217): 2 but for those listed above."""
    return _DECIMALS.get(currency, 2)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` in whole minor units, halves away from zero."""
    return amount.quantize(Decimal(1).scaleb(-decimals(currency)), rounding=ROUND_HALF_UP)


def shown(amount: Decimal, currency: str) -> str:
    """An amount for a person: 12.30 GBP, 1230 JPY."""
    return f"{rounded(amount, currency)} {currency}"


def part(total: Decimal, *, of: int, before: int, units: int, currency: str) -> Decimal:
    """What `units` of a line of `of` units come to, when `before` of them were told apart already.

    Each part is the difference of two rounded running totals, so that the parts of a line sum to its rounded total in
    whatever order and number they come. Raises `ValueError` when the line has not so many units.
    """
    if units < 0 or before < 0 or before + units > of:
        raise ValueError(f"{units} units after {before} are more than the line's {of}")
    if of == 0:
        return Decimal(0)
    return rounded(total * (before + units) / of, currency) - rounded(total * before / of, currency)
