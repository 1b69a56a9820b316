"""The ledger's tables, in SQLAlchemy Core.

What belongs here: columns, keys and indexes. What does not: queries (beside the flow or the mechanism they serve)
and changes of schema (`migrations/`). Every table is keyed by `store` first. Money is `numeric` with its currency;
times are `timestamptz` (UTC). Names, e-mail, phone and street live in `order_personal` only, and are purged.
"""

from clarus_bc_pipeline.ledger.tables.columns import metadata
from clarus_bc_pipeline.ledger.tables.despatch import (
    despatch,
    despatch_gap_history,
    despatch_gap_line,
    despatch_line,
    despatch_parcel,
    despatch_proof,
)
from clarus_bc_pipeline.ledger.tables.finance import (
    accounting_period,
    bigcommerce_transaction,
    finance_break,
    journal_line,
    payment_reading,
)
from clarus_bc_pipeline.ledger.tables.mechanism import cursor, finding, finding_event, push, push_attempt, worker_lease
from clarus_bc_pipeline.ledger.tables.returns import (
    bigcommerce_refund,
    bigcommerce_refund_item,
    clarus_receipt,
    clarus_receipt_line,
    refund_approval,
    refund_approval_line,
    rma,
    rma_event,
    rma_line,
)
from clarus_bc_pipeline.ledger.tables.shop import (
    bigcommerce_order,
    bigcommerce_order_address,
    bigcommerce_order_line,
    bigcommerce_shipment,
    bigcommerce_shipment_line,
    bigcommerce_variant,
    order_metafield,
    order_personal,
)
from clarus_bc_pipeline.ledger.tables.stock import stock_balance, stock_level, stock_location, stock_snapshot
from clarus_bc_pipeline.ledger.tables.warehouse import (
    clarus_goods_out,
    clarus_goods_out_event,
    clarus_goods_out_line,
    clarus_package,
    clarus_product,
    clarus_shipment,
)

__all__ = [
    "accounting_period",
    "bigcommerce_order",
    "bigcommerce_order_address",
    "bigcommerce_order_line",
    "bigcommerce_refund",
    "bigcommerce_refund_item",
    "bigcommerce_shipment",
    "bigcommerce_shipment_line",
    "bigcommerce_transaction",
    "bigcommerce_variant",
    "clarus_goods_out",
    "clarus_goods_out_event",
    "clarus_goods_out_line",
    "clarus_package",
    "clarus_product",
    "clarus_receipt",
    "clarus_receipt_line",
    "clarus_shipment",
    "cursor",
    "despatch",
    "despatch_gap_history",
    "despatch_gap_line",
    "despatch_line",
    "despatch_parcel",
    "despatch_proof",
    "finance_break",
    "finding",
    "finding_event",
    "journal_line",
    "metadata",
    "order_metafield",
    "order_personal",
    "payment_reading",
    "push",
    "push_attempt",
    "refund_approval",
    "refund_approval_line",
    "rma",
    "rma_event",
    "rma_line",
    "stock_balance",
    "stock_level",
    "stock_location",
    "stock_snapshot",
    "worker_lease",
]
