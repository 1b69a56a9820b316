"""Asset checks of both catalogues: SKU rules, in a report that names each SKU."""

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.check_reports import CheckReport, check_result, validate
from clarus_bc_pipeline.flows.resources import STORES, Stores
from clarus_bc_pipeline.ledger import tables


def _report(engine: sa.Engine, store: str, column: sa.Column[str]) -> CheckReport:
    import pandas as pd

    from clarus_bc_pipeline.flows.catalogue.schemas import catalogue_skus

    with engine.connect() as connection:
        skus = connection.scalars(sa.select(column).where(column.table.c.store == store).order_by(column)).all()
    frame = pd.DataFrame({"sku": pd.Series(skus, dtype=str)})
    return validate(frame, catalogue_skus, name={i: f"SKU {sku!r}" for i, sku in enumerate(skus)})


@dg.asset_check(asset="clarus_products", partitions_def=STORES)
def clarus_skus_are_sound(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Length, characters, case and spreadsheet damage of every product code in Clarus."""
    return check_result(_report(stores.engine, context.partition_key, tables.clarus_product.c.product_code))


@dg.asset_check(asset="bigcommerce_variants", partitions_def=STORES)
def bigcommerce_skus_are_sound(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Blank SKUs, length, characters, case and spreadsheet damage of every SKU in the shop."""
    return check_result(_report(stores.engine, context.partition_key, tables.bigcommerce_variant.c.sku))


CHECKS = [clarus_skus_are_sound, bigcommerce_skus_are_sound]
