"""What despatched lines and parcels must look like, as pandera schemas: whole quantities, tracking by
carrier.

What belongs here: rules that one row or one table can be held to, each named after the finding type it
belongs to. What does not: what is announced (`rules.py`) and the carriers' formats (`tracking.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pandera.pandas as pa

from clarus_bc_pipeline.flows.despatch.carriers import resolve_carrier
from clarus_bc_pipeline.flows.despatch.tracking import Verdict, check_tracking
from clarus_bc_pipeline.settings import DespatchSettings

despatched_lines = pa.DataFrameSchema(
    {
        "despatched": pa.Column(
            object,
            [
                pa.Check(
                    lambda s: s.map(lambda q: q == q.to_integral_value()),
                    name="fractional_quantity",
                    error="despatched units are whole",
                ),
                pa.Check(
                    lambda s: s.map(lambda q: q >= 0),
                    name="unreadable_record",
                    error="despatched units are zero or more",
                ),
            ],
        ),
        "matched": pa.Column(
            bool,
            pa.Check(lambda s: s, name="ambiguous_line", error="a despatched line fits exactly one order line"),
        ),
        "not_over": pa.Column(
            bool,
            pa.Check(lambda s: s, name="over_despatched", error="no more is despatched than was ordered"),
        ),
    }
)

_WORDS = {
    "carrier": "the carrier is mapped to one that BigCommerce or a link template knows",
    Verdict.MISSING: "a despatched parcel has a tracking number",
    Verdict.SEVERAL_NUMBERS: "a parcel has one tracking number",
    Verdict.INVALID: "a tracking number has its carrier's published format and check digit",
}


def _is_not(verdict: Verdict) -> Callable[[pd.Series], pd.Series]:
    return lambda s: s != verdict.value


parcels = pa.DataFrameSchema(
    {
        "mapped": pa.Column(bool, pa.Check(lambda s: s, name="unmapped_carrier", error=_WORDS["carrier"])),
        "verdict": pa.Column(
            str,
            [
                pa.Check(_is_not(Verdict.MISSING), name="despatch_without_tracking", error=_WORDS[Verdict.MISSING]),
                pa.Check(
                    _is_not(Verdict.SEVERAL_NUMBERS),
                    name="tracking_multiple",
                    error=_WORDS[Verdict.SEVERAL_NUMBERS],
                ),
                pa.Check(_is_not(Verdict.INVALID), name="tracking_invalid", error=_WORDS[Verdict.INVALID]),
            ],
        ),
        "reused": pa.Column(
            bool,
            pa.Check(lambda s: ~s, name="tracking_reused", error="no two orders share a tracking number"),
        ),
    },
)


def parcel_frame(rows: Sequence[Mapping[str, Any]], settings: DespatchSettings) -> pd.DataFrame:
    """What the tracking rules say of parcels (order_id, carrier_code, tracking_number; None: unknown)."""
    mapped, verdicts, numbers = [], [], []
    for row in rows:
        carrier = resolve_carrier(row["carrier_code"] or "", settings.carriers)
        check = check_tracking(carrier.key if carrier else "", row["tracking_number"])
        mapped.append(carrier is not None or check.verdict == Verdict.MISSING)
        verdicts.append(str(check.verdict))
        numbers.append(check.number)
    orders: dict[str, set[int]] = {}
    for row, number in zip(rows, numbers, strict=True):
        orders.setdefault(number, set()).add(row["order_id"])
    return pd.DataFrame(
        {
            "mapped": pd.Series(mapped, dtype=bool),
            "verdict": pd.Series(verdicts, dtype=str),
            "reused": pd.Series([bool(n) and len(orders[n]) > 1 for n in numbers], dtype=bool),
        }
    )
