"""The world of the orders flow's tests over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline_tests.flows.orders.orders_world import OrdersWorld, orders_world


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[OrdersWorld]:
    with orders_world(ledger) as made:
        yield made
