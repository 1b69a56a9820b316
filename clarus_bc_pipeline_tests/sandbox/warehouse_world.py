"""A small warehouse for tests of the double. Not here: what one test alone needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def new_world(**settings: Any) -> WarehouseWorld:
    world = WarehouseWorld(now=lambda: NOON, **settings)
    for account in ("ACME", "BETA"):
        world.add_account(account)
        world.add_product(account, "MUG")
    world.add_product("ACME", "TIN")
    world.add_warehouse("WHS01")
    return world


def status(world: WarehouseWorld, order: int) -> str:
    return str(world.goods_outs.rows[order]["goods_out_status"]["code"])
