"""The catalogue flow's verbs as assets: thin, with the numbers worth watching in their metadata."""

from collections import Counter
from typing import Any

import dagster as dg

from clarus_bc_pipeline.flows.catalogue import sync
from clarus_bc_pipeline.flows.catalogue.plot import trend_plot
from clarus_bc_pipeline.flows.resources import RETRY, SHOP_POOL, STORES, WAREHOUSE_POOL, Stores, calls, table

GROUP: dict[str, Any] = {
    "partitions_def": STORES,
    "group_name": "catalogue",
    "owners": ["team:ecommerce"],
    "retry_policy": RETRY,
}


@dg.asset(**GROUP, kinds={"clarus", "postgres"}, pool=WAREHOUSE_POOL, code_version="1")
def clarus_products(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** Every product code of the account in Clarus, with its id: what an order line is released against."""
    with stores.open(context.partition_key) as store:
        return dg.MaterializeResult(metadata={"dagster/row_count": sync.pull_warehouse(store), **calls(store)})


@dg.asset(**GROUP, kinds={"bigcommerce", "postgres"}, pool=SHOP_POOL, code_version="1")
def bigcommerce_variants(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** Every SKU of the shop."""
    with stores.open(context.partition_key) as store:
        return dg.MaterializeResult(metadata={"dagster/row_count": sync.pull_shop(store), **calls(store)})


@dg.asset(**GROUP, kinds={"postgres"}, deps=[clarus_products, bigcommerce_variants], code_version="2")
def sku_differences(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Prove.** Both catalogues compared SKU by SKU: missing, lost zeros, case clashes, spaces, look-alikes."""
    with stores.open(context.partition_key) as store:
        findings = sync.decide(store)
        by_type = [{"type": f"{code}", "SKUs": n} for code, n in Counter(f.code for f in findings).most_common()]
        rows = [{"SKU": f.subject, "type": f.code, "what": f.message} for f in findings]
        pairs = [
            {"SKU": f.subject, "suggested": f.evidence["suggested"], "sure": f.evidence["confidence"],
             "why": f.evidence["reason"]}
            for f in findings
            if f.evidence.get("suggested")
        ]  # fmt: skip
        with store.engine.connect() as connection:
            picture = trend_plot(sync.trend(connection, store=store.key), now=store.now())
        return dg.MaterializeResult(
            metadata={
                "differences": len(findings),
                "by_type": table(by_type),
                "first_50": table(rows),
                "suggested_pairs": table(sorted(pairs, key=lambda pair: -float(pair["sure"]))),
                "trend": dg.MetadataValue.md(picture or "nothing has differed yet"),
            }
        )


ASSETS = [clarus_products, bigcommerce_variants, sku_differences]
