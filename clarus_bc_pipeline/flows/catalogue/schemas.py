"""What the SKUs of one catalogue must look like, as a pandera schema.

What belongs here: rules for a SKU on its own and against its neighbours, each named after the finding type it belongs
to. What does not: comparing the two catalogues (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pandera.pandas as pa

from clarus_bc_pipeline.flows.catalogue.rules import CLARUS_CODE_LENGTH, sku_fault


def _no_fault(*codes: str) -> Callable[[pd.Series], pd.Series]:
    """A column check: none of `codes` is what is wrong with the SKU."""

    def check(skus: pd.Series) -> pd.Series:
        return skus.map(lambda sku: (fault := sku_fault(sku)) is None or fault.code not in codes)

    return check


SKU_CHECKS = [
    pa.Check(_no_fault("blank_sku"), name="blank_sku", error="every physical line has a SKU"),
    pa.Check(
        lambda s: s.str.len() <= CLARUS_CODE_LENGTH,
        name="sku_too_long",
        error=f"a SKU has at most {CLARUS_CODE_LENGTH} characters",
    ),
    pa.Check(
        _no_fault("sku_bad_characters"),
        name="sku_bad_characters",
        error="a SKU has no outer spaces, control characters or look-alike letters",
    ),
    pa.Check(
        _no_fault("sku_damaged_by_spreadsheet"),
        name="sku_damaged_by_spreadsheet",
        error="a SKU does not read like a spreadsheet's number or date",
    ),
]


def _clashes(frame: pd.DataFrame) -> pd.Series:
    folded = frame["sku"].str.casefold()
    return frame.groupby(folded)["sku"].transform("nunique") > 1


NO_CASE_CLASH = pa.Check(lambda frame: ~_clashes(frame), name="sku_case_clash", error="no two SKUs differ only by case")

catalogue_skus = pa.DataFrameSchema({"sku": pa.Column(str, SKU_CHECKS)}, checks=NO_CASE_CLASH)
