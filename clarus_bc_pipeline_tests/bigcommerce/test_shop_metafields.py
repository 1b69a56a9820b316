"""Metafields that we write beside an order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.metafields import (
    create_order_metafield,
    pull_order_metafields,
    update_order_metafield,
)
from clarus_bc_pipeline.http import Gone, Refused
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld

MakeOrder = Callable[..., dict[str, Any]]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_a_metafield_is_made_once_then_written_anew(api: BigCommerce, world: ShopWorld, order: MakeOrder) -> None:
    order_id = world.add_order(order())
    made = create_order_metafield(api, order_id, "returns", "rma:RMA-7", '{"lines": []}', description="An RMA")
    assert (made.order_id, made.namespace, made.key, made.value) == (order_id, "returns", "rma:RMA-7", '{"lines": []}')
    with pytest.raises(Refused) as refusal:
        create_order_metafield(api, order_id, "returns", "rma:RMA-7", "again")
    assert refusal.value.status == 409
    again = update_order_metafield(api, order_id, made.id, "returns", "rma:RMA-7", "closed")
    assert (again.id, again.value) == (made.id, "closed")
    [[listed]] = pull_order_metafields(api, modified_since=LONG_AGO, namespaces=["returns"])
    assert listed == again


def test_a_metafield_of_no_order_or_of_no_number_is_gone(api: BigCommerce, world: ShopWorld, order: MakeOrder) -> None:
    with pytest.raises(Gone):
        create_order_metafield(api, 1, "returns", "rma:RMA-7", "x")
    with pytest.raises(Gone):
        update_order_metafield(api, world.add_order(order()), 99, "returns", "rma:RMA-7", "x")


@pytest.mark.parametrize("texts", [("", "k", "v"), ("n", "k" * 65, "v"), ("n", "k", ""), ("n", "k", "v" * 65_536)])
def test_a_metafield_that_the_shop_would_refuse_is_not_sent(api: BigCommerce, texts: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="BigCommerce takes 1 to"):
        create_order_metafield(api, 1, *texts)
    assert api.total_calls == 0
