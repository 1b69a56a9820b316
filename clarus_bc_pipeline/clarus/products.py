"""Products of the stock owner's account: their ids, codes and barcodes.

What belongs here: the calls and the wire format. What does not: how a shop's SKU becomes a product code
(the catalogue flow).

Source: API reference page ListProducts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import PRODUCTS
from clarus_bc_pipeline.clarus.records import Page, Reader, by_chunks


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product. `code` is exact, case and spaces included. Texts that are not set are empty.

    `withdrawn`: "stopped" (from all operations), "obsolete (2)" with Clarus's code, whose list is not documented, or
    empty.
    """

    id: int
    code: str
    barcode: str
    description: str
    withdrawn: str = ""


class _Node(msgspec.Struct, frozen=True):
    id: int
    code: str
    barcode: str | None = None
    description: str | None = None
    stop: bool | None = None
    obsolete: int | None = None


def _product(node: _Node) -> Product:
    return Product(
        id=node.id,
        code=node.code,
        barcode=node.barcode or "",
        description=node.description or "",
        withdrawn="stopped" if node.stop else f"obsolete ({node.obsolete})" if node.obsolete else "",
    )


_PRODUCTS = Reader(PRODUCTS, "product", _Node, _product)


def pull_products(warehouse: Clarus) -> Iterator[Page[Product]]:
    """All products of the account, a page a call."""
    return _PRODUCTS.pages(warehouse, {"account_id": {"eq": warehouse.account_id}})


def products_by_code(warehouse: Clarus, codes: Iterable[str]) -> Page[Product]:
    """Products of the account with exactly one of `codes`, 200 a call. An unknown code gives none."""
    codes = list(codes)
    if not codes:
        return Page([], [])
    return _PRODUCTS.all(warehouse, by_chunks("code", codes, account_id={"eq": warehouse.account_id}))
