"""Stock balances: units of each product that the account holds in each warehouse.

What belongs here: the calls and the wire format. What does not: what may be offered for sale (the stock flow).

Source: API reference page ListStockBalances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import STOCK_BALANCES
from clarus_bc_pipeline.clarus.records import Coded, Page, Reader, by_chunks

MOST_UNITS = 2_147_483_647  # BigCommerce: the largest level that it keeps (inventory-adjustments page)


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One product in one warehouse, in units. A part of a unit, or fewer than none, is kept as Clarus says it.

    Whether `available` excludes what is allocated is not documented: a setting of the stock flow says it.
    """

    product_id: int
    product_code: str
    warehouse: str
    available: int | Decimal
    allocated: int | Decimal
    received: int | Decimal
    picked: int | Decimal
    ordered: int | Decimal


class _Product(msgspec.Struct, frozen=True):
    id: int
    code: str


class _Node(msgspec.Struct, frozen=True):
    product: _Product
    warehouse: Coded
    available: Decimal
    allocated: Decimal
    received: Decimal
    picked: Decimal
    ordered: Decimal


def _balance(node: _Node) -> Balance:
    return Balance(
        product_id=node.product.id,
        product_code=node.product.code,
        warehouse=node.warehouse.code,
        available=_units("available", node.available),
        allocated=_units("allocated", node.allocated),
        received=_units("received", node.received),
        picked=_units("picked", node.picked),
        ordered=_units("ordered", node.ordered),
    )


def _units(field: str, value: Decimal) -> int | Decimal:
    """Raises `ValueError` for what can be no count of units, such as 1.23E+12 from a spreadsheet."""
    if not value.is_finite() or abs(value) > MOST_UNITS:
        raise ValueError(f"{field}: {value} is no number of units; at most {MOST_UNITS} can be shown")
    return int(value) if value == value.to_integral_value() else value


_BALANCES = Reader(STOCK_BALANCES, "stock balance of", _Node, _balance, name_field="product.code")


def pull_balances(warehouse: Clarus) -> Iterator[Page[Balance]]:
    """All balances of the account, a page a call."""
    return _BALANCES.pages(warehouse, {"account_id": {"eq": warehouse.account_id}})


def balances_of(warehouse: Clarus, product_ids: Iterable[int]) -> Page[Balance]:
    """Balances of these products in every warehouse, 200 products a call. A product without stock may have none."""
    product_ids = list(product_ids)
    if not product_ids:
        return Page([], [])
    return _BALANCES.all(warehouse, by_chunks("product_id", product_ids, account_id={"eq": warehouse.account_id}))
