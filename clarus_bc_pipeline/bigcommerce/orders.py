"""Orders of the shop: pulled by when they were modified, so that none is lost while the shop goes on
changing.

What belongs here: the calls. What does not: an order's fields (`order_record.py`) or the cursor between two
pulls (the flow).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.dates import from_rfc2822, to_filter
from clarus_bc_pipeline.bigcommerce.order_record import (
    FormField,
    Order,
    OrderAddress,
    OrderLine,
    decode_order,
    decode_orders,
    modified_at_of,
    storable,
    unreadable_order,
)
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.http import Ambiguous

__all__ = [
    "FormField", "Order", "OrderAddress", "OrderLine", "OrderPage",
    "get_order", "newest_change", "pull_orders", "set_order_status",
]  # fmt: skip

# One call brings lines and addresses along (order_includes, orders.v2.oas2.yml): no further call per order.
INCLUDES = {"include": "consignments.line_items", "consignment_structure": "object"}
ONE_SECOND = timedelta(seconds=1)  # the resolution of date_modified
_RAW_PAGE = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class OrderPage:
    """What one call brought and the pull had not seen before."""

    orders: list[Order]
    unreadable: list[Unreadable]


@dataclass(frozen=True, slots=True)
class _Row:
    """One record of a page: `order` or, where it cannot be read, `unreadable`."""

    order_id: int | None
    modified_at: datetime | None
    order: Order | None
    unreadable: Unreadable | None

    @property
    def key(self) -> tuple[object, ...]:
        return self.order_id, self.modified_at, self.unreadable


def pull_orders(shop: BigCommerce, *, modified_since: datetime, page_size: int | None = None) -> Iterator[OrderPage]:
    """All orders modified at or after `modified_since` (aware), oldest change first, each version once.

    Page numbers are not used: an order that changes while we page moves to the end of the list, and every
    order behind it moves up one place, across a page's border and past a reader who counts places. Instead
    each call asks from the second that the last one ended in, and drops what it has seen. A second that fills
    a page by itself (a bulk edit) is walked by order id. An order that changes into such a second after its
    walk is left to the next pull's overlap.

    Raises a `CallFailed` when a page cannot be had. A record that cannot be read never fails its page.
    """
    limit = page_size or shop.settings.page_size
    since = modified_since.astimezone(UTC).replace(microsecond=0)
    seen: set[tuple[object, ...]] = set()
    while True:
        rows = _page(shop, {"min_date_modified": to_filter(since), "sort": "date_modified:asc", "limit": limit})
        last = _last_modified(rows)
        yield from _unseen(rows, seen)
        if len(rows) < limit:
            return
        if last > since:
            since = last
        else:
            yield from _walk_second(shop, since, limit, seen)
            since += ONE_SECOND
        seen = {key for key in seen if key[1] is None or key[1] >= since}  # type: ignore[operator]


def get_order(shop: BigCommerce, order_id: int, *, priority: Priority = Priority.READ) -> Order:
    """One order. Raises `Gone` when there is none, `Ambiguous` naming the field when it cannot be read."""
    path = f"v2/orders/{order_id}"
    body = shop.get(path, INCLUDES, priority=priority)
    try:
        return decode_order(storable(body))
    except ValueError as error:
        reason = unreadable_order(body, error).reason
        raise Ambiguous(f"GET {path}", f"the reply breaks the specification: {reason}") from error


def set_order_status(
    shop: BigCommerce, order_id: int, status_id: int, *, priority: Priority = Priority.SHIPMENT
) -> None:
    """Move the order to a status (GET /v2/order_statuses lists the ids). May send the customer an e-mail."""
    shop.put(f"v2/orders/{order_id}", {"status_id": status_id}, priority=priority)


class _Change(msgspec.Struct, frozen=True):
    id: int
    date_modified: str


_CHANGES = msgspec.json.Decoder(list[_Change])


def newest_change(shop: BigCommerce) -> tuple[int, datetime] | None:
    """The order changed last, as (id, modified_at in UTC), or None in a shop without any: one small call."""
    body = shop.get("v2/orders", {"sort": "date_modified:desc", "limit": 1})
    changes = decoded("GET v2/orders", body, _CHANGES) if body else []
    if not changes:
        return None
    try:
        return changes[0].id, from_rfc2822(changes[0].date_modified)
    except ValueError as error:
        raise Ambiguous("GET v2/orders", f"order {changes[0].id}: date_modified: {error}") from error


def _walk_second(shop: BigCommerce, second: datetime, limit: int, seen: set[tuple[object, ...]]) -> Iterator[OrderPage]:
    """The orders modified in one second, by id.

    Whether the upper bounds of the filters include their own value is not documented, so both readings are
    served: the second after is asked for too, and the last id again.
    """
    from_id = 0
    while True:
        rows = _page(shop, {
            "min_date_modified": to_filter(second), "max_date_modified": to_filter(second + ONE_SECOND),
            "min_id": from_id, "sort": "id:asc", "limit": limit,
        })  # fmt: skip
        yield from _unseen(rows, seen)
        if len(rows) < limit:
            return
        highest = max((row.order_id for row in rows if row.order_id is not None), default=from_id)
        from_id = highest if highest > from_id else from_id + 1


def _page(shop: BigCommerce, params: Mapping[str, str | int]) -> list[_Row]:
    body = shop.get("v2/orders", {**INCLUDES, **params})
    if not body:  # 204: V2's word for a list without rows
        return []
    text = storable(body)
    try:
        return [_Row(order.id, order.modified_at, order, None) for order in decode_orders(text)]
    except ValueError:  # one order in it cannot be read: which
        pass
    try:
        records = _RAW_PAGE.decode(text)
    except msgspec.DecodeError as error:
        raise Ambiguous("GET v2/orders", "the reply breaks the specification: expected an array of orders") from error
    return [_row(record) for record in records]


def _row(record: msgspec.Raw) -> _Row:
    try:
        order = decode_order(record)
    except ValueError as error:  # msgspec.DecodeError is one
        unreadable = unreadable_order(record, error)
        number = unreadable.record.removeprefix("order ")
        return _Row(int(number) if number.isdigit() else None, modified_at_of(record), None, unreadable)
    return _Row(order.id, order.modified_at, order, None)


def _last_modified(rows: list[_Row]) -> datetime:
    """The last time on the page. Raises `Ambiguous` where it cannot be trusted to page on from."""
    if not rows:
        return datetime.min.replace(tzinfo=UTC)
    times = [row.modified_at for row in rows if row.modified_at is not None]
    if not times:
        raise Ambiguous("GET v2/orders", f"none of {len(rows)} orders carries a date_modified that can be read")
    if any(a > b for a, b in pairwise(times)):
        raise Ambiguous("GET v2/orders", "the orders did not come in order of date_modified, as sort asked for")
    return times[-1]


def _unseen(rows: list[_Row], seen: set[tuple[object, ...]]) -> Iterator[OrderPage]:
    fresh = [row for row in rows if row.key not in seen]
    seen.update(row.key for row in fresh)
    if fresh:
        yield OrderPage(
            orders=[row.order for row in fresh if row.order is not None],
            unreadable=[row.unreadable for row in fresh if row.unreadable is not None],
        )
