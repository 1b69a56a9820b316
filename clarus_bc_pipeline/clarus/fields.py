"""What this project asks Clarus's GraphQL for: fields and filters, resource by resource.

What belongs here: names on the wire and where they come from. What does not: what they mean (the resource's
module), or asking for them (`client.py`).

Sources: the `/graphql#List...` pages of Clarus's API reference. `documented` holds fields that those pages
show; `beyond` holds names of the same resource's REST attributes, or of a record that the page's filters
refer to, which the pages do not show for GraphQL. `tenant_schema.py` asks a tenant whether it has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One root of the GraphQL schema. `documented` and `beyond` are selections of a node.

    `only_for`: the one thing that a tenant without it has to do without; empty where all of the pipeline needs it.
    """

    root: str
    filter_type: str
    documented: str
    filters: tuple[str, ...]
    beyond: str = ""
    only_for: str = ""

    @property
    def selection(self) -> str:
        return f"{self.documented} {self.beyond}".strip()


ACCOUNTS = Resource("accounts", "AccountFilterType", "id code", filters=("code",))
WAREHOUSES = Resource("warehouses", "WarehouseFilterType", "id code", filters=("code",))
GOODS_OUTS = Resource(
    "goods_outs",
    "GoodsOutsFilterType",
    "id reference goods_out_status { code } account { code } carrier { code }",
    filters=("reference", "goods_out_status_code", "account_id"),
    beyond="external_system_reference1 actual_date_of_dispatch",
)
GOODS_OUT_LINES = Resource(
    "goods_out_lines",
    "GoodsOutLineFilterType",
    "id order_quantity allocated_quantity pick_quantity dispatch_quantity short_status"
    " product { code } goods_out { id }",
    filters=("goods_out_id",),
    beyond="alt_line_reference",
)
SHIPMENTS = Resource(
    "shipments",
    "ShipmentFilterType",
    "id reference status carrier { code name }",
    filters=("goods_out_id",),
    beyond="tracking_number goods_out { id }",
)
PACKAGES = Resource("packages", "PackageFilterType", "id tracking_number shipment { id }", filters=("shipment_id",))
TRANSACTIONS = Resource(
    "transactions",
    "TransactionFilterType",
    "id subtype category quantity created_at product { code }",
    filters=("account_id", "created_at"),
    beyond="goods_out { id reference }",
)
PRODUCTS = Resource(
    "products",
    "ProductsFilterType",
    "id code barcode description",
    filters=("account_id", "code"),
    beyond="stop obsolete",
)
# The page of stock balances shows the warehouse's id; its code is the one that the page of warehouses shows.
STOCK_BALANCES = Resource(
    "stock_balances",
    "StockBalancesFilterType",
    "available allocated ordered received picked product { id code } warehouse { code }",
    filters=("product_id", "account_id"),
)
GOODS_IN_RECEIPTS = Resource(
    "goods_in_receipts",
    "InboundGoodFilterType",
    "id reference status receipt_type actual_date_of_receipt",
    filters=("reference", "status", "account_id"),
    only_for="returns",
)
# No page shows a receipt's lines: by analogy with goods_out_lines (docs/decisions/0007).
GOODS_IN_RECEIPT_LINES = Resource(
    "goods_in_receipt_lines",
    "GoodsInReceiptLineFilterType",
    "",
    filters=("goods_in_receipt_id",),
    beyond="id expected_quantity received_quantity alt_line_reference stock_configuration product { code }"
    " goods_in_receipt { id } string1 string2 string3 string4 string5",
    only_for="returns",
)
STOCKS = Resource(
    "stocks",
    "StockFilterType",
    "id quantity status product { code }",
    filters=("product_code", "account_id"),
    beyond="goods_in_receipt { id } reason_code { code }",
    only_for='returns with inspection = "holds"',
)

RESOURCES: Mapping[str, Resource] = {
    resource.root: resource
    for resource in (
        ACCOUNTS, WAREHOUSES, GOODS_OUTS, GOODS_OUT_LINES, SHIPMENTS, PACKAGES, TRANSACTIONS, PRODUCTS,
        STOCK_BALANCES, GOODS_IN_RECEIPTS, GOODS_IN_RECEIPT_LINES, STOCKS,
    )
}  # fmt: skip
