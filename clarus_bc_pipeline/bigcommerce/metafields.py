"""Metafields of orders: what other apps, and our own returns, keep beside an order.

What belongs here: reading and writing them. What does not: what a key or its value means (the flows).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.dates import to_filter
from clarus_bc_pipeline.bigcommerce.order_record import storable
from clarus_bc_pipeline.bigcommerce.paging import pages_by_cursor
from clarus_bc_pipeline.decisions.pushes import Priority

PATH = "v3/orders/metafields"
PAGE_SIZE = 250


class Metafield(msgspec.Struct, frozen=True):
    """One metafield; (order_id, namespace, key) is unique for each client. `value` is never empty."""

    id: int
    order_id: int = msgspec.field(name="resource_id")
    namespace: str = msgspec.field()
    key: str = msgspec.field()
    value: str = msgspec.field()


class _Reply(msgspec.Struct, frozen=True):
    data: msgspec.Raw


PermissionSet = Literal["app_only", "read", "write", "read_and_sf_access", "write_and_sf_access"]
# Characters, from 1 (description: from 0) (MetafieldBase_Post, orders.v3.yml).
LIMITS = {"namespace": 64, "key": 64, "value": 65_535, "description": 255}

_ONE = msgspec.json.Decoder(Metafield)
_REPLY = msgspec.json.Decoder(_Reply)


def pull_order_metafields(
    shop: BigCommerce, *, modified_since: datetime, namespaces: Collection[str]
) -> Iterator[list[Metafield]]:
    """The metafields of `namespaces` modified at or after `modified_since` (aware), a page at a time.

    Only what our token may see: `app_only` metafields of another client are not listed. Without namespaces
    nothing is asked for. Raises `Ambiguous` naming the field of a metafield that cannot be read.
    """
    if not namespaces:
        return
    params = {"namespace:in": ",".join(sorted(namespaces)), "date_modified:min": to_filter(modified_since)}
    for page in pages_by_cursor(shop, PATH, params, limit=PAGE_SIZE):
        if page:
            yield [decoded(f"GET {PATH}", storable(bytes(raw)), _ONE) for raw in page]


def create_order_metafield(
    shop: BigCommerce,
    order_id: int,
    namespace: str,
    key: str,
    value: str,
    *,
    description: str = "",
    permission_set: PermissionSet = "read",
) -> Metafield:
    """Make a metafield. Raises `Refused` (status 409) where our client has one of that name on that order already.

    That is the shop's one atomic "create if absent". Raises `Gone` without the order, `NotApplied`, `Ambiguous`, and
    ValueError for a text that is empty or too long.
    """
    path = f"v3/orders/{order_id}/metafields"
    body = _body(namespace, key, value, description, permission_set)
    return _metafield(f"POST {path}", shop.post(path, body, priority=Priority.REFUND))


def update_order_metafield(
    shop: BigCommerce,
    order_id: int,
    metafield_id: int,
    namespace: str,
    key: str,
    value: str,
    *,
    description: str = "",
    permission_set: PermissionSet = "read",
) -> Metafield:
    """Write a metafield anew, all of it (MetafieldPut wants every field). Repeatable. Raises `Gone` without it."""
    path = f"v3/orders/{order_id}/metafields/{metafield_id}"
    body = _body(namespace, key, value, description, permission_set)
    return _metafield(f"PUT {path}", shop.put(path, body, priority=Priority.REFUND))


def _body(namespace: str, key: str, value: str, description: str, permission_set: str) -> dict[str, Any]:
    texts = {"namespace": namespace, "key": key, "value": value, "description": description}
    for name, text in texts.items():
        if len(text) > LIMITS[name] or not (text or name == "description"):
            raise ValueError(f"{name}: {len(text)} characters, BigCommerce takes 1 to {LIMITS[name]}")
    return {"permission_set": permission_set, **texts}


def _metafield(call: str, body: bytes) -> Metafield:
    return decoded(call, storable(bytes(decoded(call, body, _REPLY).data)), _ONE)
