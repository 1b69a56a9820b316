"""How a push of levels reaches BigCommerce, is found there again, and what happens when the shop refuses a part of it.

What belongs here: the calls, and the facts that a delivery makes true. What does not: when to make them (the outbox)
and which levels are wanted (`rules.py`).

BigCommerce refuses a whole request for one bad item (422). What it names is kept as refused and the rest goes anew;
where it names none, the levels go anew in two halves, until one level stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.inventory import Level, items_of, refused_levels, set_levels
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.stock.rules import STOCK_LEVELS, At, levels_push, never_above
from clarus_bc_pipeline.flows.stock.targets import read_targets
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Refused
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Delivery, Receipt, enqueue
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

REASON = "Clarus stock"


def stock_delivery(store: Store) -> Delivery:
    """Set levels, absolute: to say one twice does no harm, to say an old one might."""

    def send(push: ClaimedPush) -> Receipt:
        with store.engine.connect() as connection:
            newest = read_targets(connection, store, of={sku for sku, _, _ in push.payload["levels"]}).units
        levels = never_above(push.payload["levels"], newest)
        if not levels:
            return Receipt("nothing left to send", {"sent": []})
        urgent = min(units for _, _, units in levels) <= store.settings.stock.near_zero
        try:
            transaction = set_levels(
                store.shop,
                [Level(sku, location_id, units) for sku, location_id, units in levels],
                reason=REASON,
                priority=Priority.STOCK_NEAR_ZERO if urgent else Priority.STOCK,
            )
        except Refused as error:
            return _refused(levels, error)
        return Receipt(transaction, {"sent": levels})

    def find(push: ClaimedPush) -> Receipt | None:
        levels = push.payload["levels"]
        shown = {
            At(item.sku, item.location_id): item.on_hand
            for item in items_of(store.shop, sorted({sku for sku, _, _ in levels}))
        }
        if all(shown.get(At(sku, location_id)) == units for sku, location_id, units in levels):
            return Receipt("read back", {"sent": levels})
        return None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        now = store.now()
        _keep_refused(connection, store, receipt.reply.get("refused", []))
        _keep_sent(connection, store, receipt.reply["sent"])
        anew = receipt.reply.get("anew", [])
        near_zero = store.settings.stock.near_zero
        pushes = [
            levels_push(part, decided_at=now, urgent=any(units <= near_zero for _, _, units in part))
            for part in anew
            if part
        ]
        enqueue(connection, store=store.key, pushes=pushes, now=now)

    return Delivery(kind=STOCK_LEVELS, send=send, find=find, record=record)


def _refused(levels: Sequence[tuple[str, int, int]], error: Refused) -> Receipt:
    """What a refusal comes to: the levels at fault, by SKU and location, and those that go anew."""
    sent = {(sku, location_id) for sku, location_id, _ in levels}
    named = {at: words for at, words in refused_levels(error).items() if at in sent}
    if named:
        rest = [level for level in levels if level[:2] not in named]
        told = [[sku, location_id, words] for (sku, location_id), words in named.items()]
        return Receipt("refused in part", {"sent": [], "refused": told, "anew": [rest]})
    if len(levels) == 1:
        [(sku, location_id, _)] = levels
        return Receipt("refused", {"sent": [], "refused": [[sku, location_id, error.detail or error.problem]]})
    half = len(levels) // 2
    return Receipt("refused, goes anew in halves", {"sent": [], "anew": [list(levels[:half]), list(levels[half:])]})


def _keep_refused(connection: sa.Connection, store: Store, refused: Sequence[Sequence[Any]]) -> None:
    if refused:
        skus, locations, words = zip(*refused, strict=True)
        given = {"store": store.key, "skus": list(skus), "locations": list(locations)}
        given["words"] = [each[:500] for each in words]
        connection.execute(SQL["keep_refused"], given | {"now": store.now()})


def _keep_sent(connection: sa.Connection, store: Store, levels: Sequence[Sequence[Any]]) -> None:
    if levels:
        skus, locations, units = zip(*levels, strict=True)
        given = {"store": store.key, "skus": list(skus), "locations": list(locations), "units": list(units)}
        connection.execute(SQL["keep_sent"], given | {"now": store.now()})
