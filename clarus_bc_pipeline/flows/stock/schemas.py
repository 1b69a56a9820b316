"""What balances must look like, as a pandera schema: whole units, none negative, parts that add up.

What belongs here: rules that one row can be held to, each named after the finding type it belongs to. What does not:
what is published (`rules.py`).
"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa


def _check(rule: str, words: str) -> pa.Check:
    def holds(values: pd.Series) -> pd.Series:
        return values.map(lambda v: v >= 0 if rule == "positive" else v == v.to_integral_value()).astype(bool)

    return pa.Check(holds, name="stock_arithmetic_broken", error=words)


balances = pa.DataFrameSchema(
    {
        name: pa.Column(
            object,
            [
                _check("positive", f"{name} units are zero or more"),
                _check("whole", f"{name} units are whole"),
            ],
        )
        for name in ("available", "allocated", "received", "picked", "ordered")
    }
    | {
        "mapped": pa.Column(
            bool,
            pa.Check(lambda s: s, name="warehouse_unmapped", error="the warehouse is shown at a location of the shop"),
        ),
        "believed": pa.Column(
            bool,
            pa.Check(lambda s: s, name="stock_drop_doubted", error="no sudden drop waits to be read again"),
        ),
    }
)
