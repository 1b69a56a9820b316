"""Stock transactions: what moved in the warehouse, and for which goods-out.

What belongs here: the call and the wire format. What does not: the cursor between two pulls (the despatch
flow).

Source: API reference page ListTransactions. Archived transactions are left out, as they are by default.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import TRANSACTIONS
from clarus_bc_pipeline.clarus.records import Coded, Page, Reader, moment


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One movement. `created_at` is UTC; `subtype` and `category` are Clarus's words, of which no list is
    documented.

    `goods_out_id` is None for a movement that belongs to none (received, counted, moved between bays).
    """

    id: int
    subtype: str
    category: str
    quantity: Decimal
    created_at: datetime
    product_code: str
    goods_out_id: int | None
    reference: str | None = None  # of the goods-out


class _Moved(msgspec.Struct, frozen=True):
    id: int
    reference: str | None = None


class _Node(msgspec.Struct, frozen=True):
    id: int
    subtype: str
    quantity: Decimal
    created_at: str
    product: Coded
    category: str | None = None
    goods_out: _Moved | None = None


def _transaction(node: _Node) -> Transaction:
    return Transaction(
        id=node.id,
        subtype=node.subtype,
        category=node.category or "",
        quantity=node.quantity,
        created_at=moment("created_at", node.created_at),
        product_code=node.product.code,
        goods_out_id=node.goods_out.id if node.goods_out else None,
        reference=node.goods_out.reference if node.goods_out else None,
    )


_TRANSACTIONS = Reader(TRANSACTIONS, "transaction", _Node, _transaction)


def transactions_since(warehouse: Clarus, created_from: datetime) -> Page[Transaction]:
    """Transactions of the account created at `created_from` (aware) or later, in no promised order.

    Clarus tells times in seconds, so the whole second of `created_from` is asked for.
    """
    since = created_from.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    account = {"eq": warehouse.account_id}
    return _TRANSACTIONS.all(warehouse, [{"account_id": account, "created_at": {"from": since}}])
