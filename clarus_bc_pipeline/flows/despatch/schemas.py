"""What despatched lines and parcels must look like, as pandera schemas: whole quantities, tracking by carrier.

What belongs here: rules that one row or one table can be held to, each named after the finding type it belongs to.
What does not: what is announced (`rules.py`) and the carriers' formats (`tracking.py`).
"""

from __future__ import annotations

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
                    lambda s: s.map(lambda q: q == int(q)),
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
            pa.Check(
                lambda s: s, name="ambiguous_line", error="a despatched line fits exactly one order line"
            ),
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


def _is_not(verdict: Verdict):  # type: ignore[no-untyped-def]
    return lambda s: s != verdict.value


parcels = pa.DataFrameSchema(
    {
        "mapped": pa.Column(bool, pa.Check(lambda s: s, name="unmapped_carrier", error=_WORDS["carrier"])),
        "verdict": pa.Column(
            str,
            [
                pa.Check(
                    _is_not(Verdict.MISSING), name="despatch_without_tracking", error=_WORDS[Verdict.MISSING]
                ),
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


def parcel_frame(rows: list[dict], settings: DespatchSettings) -> pd.DataFrame:  # type: ignore[type-arg]
    """Parcels (order_id, carrier_code, tracking_number) with what the tracking rules say of each."""
    frame = pd.DataFrame(rows, columns=["order_id", "carrier_code", "tracking_number"])
    carriers = frame["carrier_code"].map(lambda code: resolve_carrier(code, settings.carriers))
    frame["mapped"] = [
        carrier is not None or not number
        for carrier, number in zip(carriers, frame["tracking_number"], strict=True)
    ]
    frame["verdict"] = [
        str(check_tracking(carrier.key if carrier else "", number).verdict)
        for carrier, number in zip(carriers, frame["tracking_number"], strict=True)
    ]
    by_number = frame.groupby("tracking_number")["order_id"].transform("nunique")
    frame["reused"] = (by_number > 1) & (frame["tracking_number"] != "")
    return frame.astype({"mapped": bool, "verdict": str, "reused": bool})
