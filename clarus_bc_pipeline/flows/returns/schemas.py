"""What returns and refunds must look like, as pandera schemas: each rule is named after the finding that it opens.

What belongs here: rules that one row can be held to. What does not: what is refunded (`refunding.py`), and the shape of
the RMA's metafield (`document.py`).
"""

from __future__ import annotations

import pandera.pandas as pa


def _holds(code: str, words: str) -> pa.Column:
    """A column that says whether the row keeps the rule."""
    return pa.Column(bool, pa.Check(lambda s: s, name=code, error=words))


return_lines = pa.DataFrameSchema(
    {
        "shipped": _holds("rma_refused", "no more units are authorised than were despatched"),
        "not_over": _holds("return_over_received", "no more units come back than are authorised"),
        "not_missing": _holds("return_missing_units", "a complete receipt holds every authorised unit"),
        "passes": _holds("return_not_sellable", "a returned unit passes its inspection"),
        "on_time": _holds("refund_due", "a return is refunded well before the law's 14 days end"),
        "not_late": _holds("refund_overdue", "a return is refunded within the law's 14 days"),
        "on_sale": _holds("return_not_on_sale", "sellable units are in the stock that Clarus gives"),
    }
)

refunds = pa.DataFrameSchema(
    {
        "by_rma": _holds("refund_by_hand", "a refund is made by an RMA and not by hand"),
        "as_approved": _holds("refund_differs", "a refund is of the amount that was approved"),
        "paid": _holds("refund_declined", "the payment provider pays the refund"),
    }
)

refunded_orders = pa.DataFrameSchema(
    {"has_receipt": _holds("refund_without_receipt", "despatched units are refunded once they are back")}
)
