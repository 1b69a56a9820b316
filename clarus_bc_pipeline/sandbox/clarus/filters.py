"""The filters that Clarus documents, root by root, and where in the double's records their values are.

What belongs here: names. What does not: operators (`tables.py`) and their types (`schema.graphql`).
Source: the `/graphql#List...` pages of Clarus's API reference, "Available Filters".
"""

from __future__ import annotations

from collections.abc import Mapping

from clarus_bc_pipeline.sandbox.clarus.tables import Path

_ACCOUNT: Path = ("account", "id")
_WAREHOUSE: Path = ("warehouse", "id")
_CARRIER: Path = ("carrier", "id")
_PRODUCT: Path = ("product", "id")
_GOODS_OUT: Path = ("goods_out", "id")


def _own(*names: str) -> dict[str, Path]:
    """Filters on fields of the same name."""
    return {name: (name,) for name in names}


FILTERS: Mapping[str, Mapping[str, Path]] = {
    "accounts": {**_own("code", "name", "is_short_pickable"), "warehouse_id": _WAREHOUSE},
    "warehouses": {**_own("code", "name"), "site_id": ("site", "id")},
    "carriers": _own(
        "code", "name", "active", "carrier_type", "carrier_externally_registered",
        "external_system_reference1", "created_at",
    ),
    "products": {
        **_own("code", "barcode", "description", "product_type"),
        "all_codes": ("code",), "account_id": _ACCOUNT,
    },
    "goods_outs": {
        **_own("reference", "expected_date_of_dispatch"),
        "goods_out_status_code": ("goods_out_status", "code"),
        "account_id": _ACCOUNT, "warehouse_id": _WAREHOUSE, "carrier_id": _CARRIER,
    },
    "goods_out_lines": {
        **_own("order_quantity", "pick_quantity", "created_at"),
        "goods_out_status_code": ("goods_out", "goods_out_status", "code"),
        "goods_out_id": _GOODS_OUT, "product_id": _PRODUCT, "carrier_id": _CARRIER,
        "account_id": ("goods_out", *_ACCOUNT), "warehouse_id": ("goods_out", *_WAREHOUSE),
    },
    "shipments": {
        **_own("reference", "status"),
        "carrier_id": _CARRIER, "warehouse_id": _WAREHOUSE, "goods_out_id": _GOODS_OUT,
    },
    "packages": {
        **_own("tracking_number"),
        "shipment_id": ("shipment", "id"), "shipment_reference": ("shipment", "reference"),
        "storage_unit_id": ("storage_unit", "id"), "storage_unit_type_code": ("storage_unit_type", "code"),
    },
    "transactions": {
        **_own("subtype", "category", "created_at"),
        "product_id": _PRODUCT, "account_id": _ACCOUNT,
        "warehouse_id": _WAREHOUSE, "goods_out_id": _GOODS_OUT,
        "location_from_id": ("location_from", "id"), "location_to_id": ("location_to", "id"),
    },
    "stock_balances": {
        **_own("available", "allocated", "picked"),
        "product_id": _PRODUCT, "product_code": ("product", "code"),
        "account_id": _ACCOUNT, "warehouse_id": _WAREHOUSE,
    },
    "goods_in_receipts": {
        **_own("reference", "status", "expected_date_of_receipt"),
        "account_id": _ACCOUNT, "warehouse_id": _WAREHOUSE,
    },
    # Not published: by analogy with goods_out_lines.
    "goods_in_receipt_lines": {"goods_in_receipt_id": ("goods_in_receipt", "id")},
    "stocks": {
        **_own("status", "quantity", "fifo_date"),
        "product_id": _PRODUCT, "product_code": ("product", "code"),
        "account_id": _ACCOUNT, "warehouse_id": _WAREHOUSE,
        "location_id": ("location", "id"), "location_code": ("location", "code"),
        "storage_unit_id": ("storage_unit", "id"),
    },
}  # fmt: skip

# Filters by which records are found without looking at all of them.
INDEXED: Mapping[str, tuple[str, ...]] = {
    "accounts": ("code",),
    "warehouses": ("code",),
    "carriers": ("code",),
    "products": ("code",),
    "goods_outs": ("reference", "goods_out_status_code"),
    "goods_out_lines": ("goods_out_id",),
    "shipments": ("goods_out_id",),
    "packages": ("shipment_id",),
    "transactions": ("goods_out_id",),
    "stock_balances": ("product_id",),
    "goods_in_receipts": ("reference", "status"),
    "goods_in_receipt_lines": ("goods_in_receipt_id",),
    "stocks": ("product_id", "product_code"),
}
