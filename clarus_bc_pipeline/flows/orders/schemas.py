"""What rows of open orders must look like, as pandera schemas: SKUs, quantities, money, addresses.

What belongs here: rules that one row or one table can be held to, each named after the finding type it belongs to.
What does not: whether an order is released (`rules.py`, which applies the same functions).
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.pandas as pa

from clarus_bc_pipeline.flows.catalogue.schemas import NO_CASE_CLASH, SKU_CHECKS
from clarus_bc_pipeline.flows.orders.addresses import clarus_address

open_order_lines = pa.DataFrameSchema(
    {
        "sku": pa.Column(str, SKU_CHECKS),
        "known_in_clarus": pa.Column(
            bool, pa.Check(lambda s: s, name="unknown_sku", error="Clarus has the SKU, as mapped")
        ),
        "quantity": pa.Column(
            "int64",
            pa.Check(lambda s: s > 0, name="zero_quantity_line", error="a line's quantity is above zero"),
        ),
        "price_inc_tax": pa.Column(
            object,
            pa.Check(
                lambda s: s.map(lambda price: price >= 0),
                name="unreadable_record",
                error="a unit price is zero or more",
            ),
        ),
    },
    checks=NO_CASE_CLASH,
)


open_order_addresses = pa.DataFrameSchema(
    {
        "problem_fields": pa.Column(
            str,
            pa.Check(
                lambda s: ~s.str.contains("bad_address"),
                name="bad_address",
                error="name, street, town, postcode and country are there, and the postcode is one",
            ),
        ),
        "long_fields": pa.Column(
            str,
            pa.Check(
                lambda s: s == "",
                name="field_too_long",
                error="every part of an address fits its Clarus field",
            ),
        ),
    }
)


def address_frame(addresses: list[dict[str, Any]]) -> pd.DataFrame:
    """Addresses as a frame that holds no personal data: which fields are wrong, never what they say."""
    rows = []
    for address in addresses:
        problems = clarus_address(address)[1]
        rows.append(
            {
                "problem_fields": ", ".join(f"bad_address: {p.field}" for p in problems if p.code == "bad_address"),
                "long_fields": ", ".join(p.field for p in problems if p.code == "field_too_long"),
            }
        )
    return pd.DataFrame(rows, columns=["problem_fields", "long_fields"], dtype=str)
