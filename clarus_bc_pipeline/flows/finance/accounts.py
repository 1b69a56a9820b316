"""The accounts that the journals post to, each with its nominal code.

What belongs here: which accounts there are, and their codes. What does not: when one is debited (`journals.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarus_bc_pipeline.settings import FinanceSettings

BANK = "bank"
DEFERRED_INCOME = "deferred_income"
REVENUE = "revenue"
CHARGES = "charges"
REFUNDS = "refunds"
VAT = "vat"
REFUNDS_OWED = "refunds_owed"
COST_OF_SALES = "cost_of_sales"
STOCK = "stock"
STOCK_WRITTEN_OFF = "stock_written_off"


@dataclass(frozen=True, slots=True)
class Account:
    """`nominal` is the default: the nearest code of the chart that Sage 50 sets up (gb-kb.sage.com, nominal codes)."""

    nominal: str
    title: str


ACCOUNTS: Mapping[str, Account] = {
    BANK: Account("1250", "Card and other receipts, to be paid out by the provider"),
    DEFERRED_INCOME: Account("2109", "Deferred income: paid, not sent"),
    REVENUE: Account("4000", "Sales of goods"),
    CHARGES: Account("4905", "Delivery and other charges, less discounts of whole orders"),
    REFUNDS: Account("4000", "Refunds of goods and charges that were sent"),
    VAT: Account("2200", "VAT on sales"),
    REFUNDS_OWED: Account("2102", "Owed to customers: paid, cancelled, not paid back"),
    COST_OF_SALES: Account("5000", "Cost of sales"),
    STOCK: Account("1001", "Stock"),
    STOCK_WRITTEN_OFF: Account("5002", "Returned goods that cannot be sold"),
}


class UnknownAccount(ValueError):
    """The settings give a nominal code to an account that there is not."""


def nominals(settings: FinanceSettings) -> dict[str, str]:
    """The code of every account: the store's own, else the default. Raises `UnknownAccount`."""
    if unknown := sorted(set(settings.nominals) - set(ACCOUNTS)):
        raise UnknownAccount(f"finance.nominals: no account {', '.join(unknown)}; there are {', '.join(ACCOUNTS)}")
    return {account: settings.nominals.get(account, known.nominal) for account, known in ACCOUNTS.items()}
