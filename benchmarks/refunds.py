"""Calls per refund: returns of a day from the parcel's arrival to the refund read back, and nothing refunded early.

Every despatched order's payments were read once by the finance flow before, as in life; what a refund needs beyond that
is counted from the shop's log, lists and read-backs included.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.figures import Figure
from benchmarks.worlds import World, despatch_and_decide, forget, release, served_world
from clarus_bc_pipeline.flows.catalogue import sync as catalogue
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.finance import sync as finance
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.returns import sync as returns
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import FinanceSettings

FLOOR = 2.0  # BigCommerce wants a quote before each refund


def run(*, refunds: int = 200) -> dict[str, Any]:
    """Calls per refund of so many returns that arrive together."""
    engine = open_ledger()
    try:
        forget(engine)
        with served_world(orders=refunds) as world:
            world = world.with_settings(finance=FinanceSettings(transactions_at_once=refunds))
            with world.store(engine) as store:
                return _refunded(world, store, refunds)
    finally:
        engine.dispose()


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measure of a `run` beside its target and its floor."""
    return [
        Figure(
            f"BigCommerce calls per refund, {result['refunds']:,} returns, reads included",
            result["calls_per_refund"],
            "calls",
            at_most=3,
            beside="a quote and a refund",
            beside_value=FLOOR,
        )
    ]


def _refunded(world: World, store: Store, refunds: int) -> dict[str, Any]:
    catalogue.pull_warehouse(store)
    catalogue.pull_shop(store)
    release(store)
    despatch_and_decide(world, store)
    despatch.deliver(store)
    orders.pull(store)
    for order in world.shop.orders.values():
        first = next(iter(order.lines))
        document = {"lines": [{"order_product_id": first, "units": 1, "reason": "unwanted"}]}
        world.shop.add_metafield(order.id, "returns", f"rma:RMA-{order.id}", json.dumps(document))
    _turn(store)
    read = finance.pull(store)
    assert read.orders == refunds, f"payments of {read.orders} orders of {refunds} were read"
    for receipt in world.warehouse.goods_in_receipts.where(status="pending"):
        world.warehouse.receive_return(receipt["id"])
        for line in world.warehouse.receipt_lines(receipt["id"]):
            world.warehouse.grade(receipt["id"], line["id"], "A")
    before = len(world.shop.log)
    _turn(store)
    returns.pull(store)  # which reads them back
    proven = returns.prove(store)
    made = len(world.shop.payments.refunds)
    assert made == proven.refunds == refunds, f"{made} refunds, {proven.refunds} proven, of {refunds}"
    calls = len(world.shop.log) - before
    return {"refunds": made, "calls": calls, "calls_per_refund": round(calls / made, 4)}


def _turn(store: Store) -> None:
    returns.pull(store)
    returns.decide(store)
    returns.deliver(store)
