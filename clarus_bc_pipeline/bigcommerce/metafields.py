"""Metafields of orders: what other apps, and our own returns, keep beside an order.

What belongs here: reading them. What does not: what a key or its value means (the flows).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.dates import to_filter
from clarus_bc_pipeline.bigcommerce.order_record import storable
from clarus_bc_pipeline.bigcommerce.paging import pages_by_cursor

PATH = "v3/orders/metafields"
PAGE_SIZE = 250


class Metafield(msgspec.Struct, frozen=True):
    """One metafield; (order_id, namespace, key) is unique for each client. `value` is never empty."""

    id: int
    order_id: int = msgspec.field(name="resource_id")
    namespace: str = msgspec.field()
    key: str = msgspec.field()
    value: str = msgspec.field()


_ONE = msgspec.json.Decoder(Metafield)


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
