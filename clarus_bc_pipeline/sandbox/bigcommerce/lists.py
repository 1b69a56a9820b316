"""Filters, sorting and paging of the double's lists: V2 and V3 by page, metafields by cursor."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce.shipping import Refusal
from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record
from clarus_bc_pipeline.sandbox.bigcommerce.world import ShopWorld, StoredOrder

Query = Mapping[str, str]

V2_DEFAULT, V2_MOST = 50, 250
_SORTS = ("id", "customer_id", "date_created", "date_modified", "status_id", "channel_id", "external_id")


def shape(query: Query) -> str:
    """How consignments are shown: links, consignments, or lines.

    Without consignment_structure the include is void.
    """
    if query.get("consignment_structure") != "object":
        return "links"
    included = query.get("include", "").split(",")
    if "consignments.line_items" in included:
        return "lines"
    return "consignments" if "consignments" in included else "links"


def orders(world: ShopWorld, query: Query) -> list[StoredOrder]:
    """One page of orders, sorted: by id unless `sort` says otherwise."""
    name, _, direction = query.get("sort", "id:asc").partition(":")
    if name not in _SORTS or direction not in ("", "asc", "desc"):
        raise Refusal(400, f"The field 'sort' is invalid: {query['sort']!r}")
    found = filtered(world, query)
    if name != "date_modified":
        found.sort(key=lambda order: (order.created if name == "date_created" else order.record[name] or 0, order.id))
    if direction == "desc":
        found.reverse()
    return v2_page(found, query)


def filtered(world: ShopWorld, query: Query) -> list[StoredOrder]:
    """The orders that the filters leave, by date_modified."""
    ids = world.by_modified(moment(query, "min_date_modified"), moment(query, "max_date_modified"))
    lowest, highest = _number(query, "min_id", 0), _number(query, "max_id", 2**62)
    found = [world.orders[order_id] for order_id in ids if lowest <= order_id <= highest]
    earliest, latest = moment(query, "min_date_created"), moment(query, "max_date_created")
    if earliest is not None or latest is not None:
        found = [o for o in found if (earliest or 0) <= o.created <= (2**62 if latest is None else latest)]
    for name in ("status_id", "customer_id", "channel_id", "external_order_id", "payment_method", "cart_id"):
        if name in query:
            found = [order for order in found if str(order.record[name]) == query[name]]
    if "email" in query:
        found = [order for order in found if order.record["billing_address"]["email"] == query["email"]]
    return found


def v2_page(rows: list[Any], query: Query) -> list[Any]:
    """The page that `page` and `limit` ask for; empty past the end."""
    page, limit = _number(query, "page", 1), _number(query, "limit", V2_DEFAULT)
    if limit > V2_MOST:
        raise Refusal(413, f"The limit is {limit}; at most {V2_MOST} records may be asked for.")
    if page < 1 or limit < 1:
        raise Refusal(400, "The fields 'page' and 'limit' must be 1 or more.")
    return rows[(page - 1) * limit : page * limit]


def products(world: ShopWorld, query: Query) -> Record:
    rows = [product for _, product in sorted(world.catalogue.products.items())]
    if "id:greater" in query:
        rows = [row for row in rows if row["id"] > _number(query, "id:greater", 0)]
    if "id:in" in query:
        rows = [row for row in rows if str(row["id"]) in query["id:in"].split(",")]
    if "sku" in query:
        rows = [row for row in rows if row["sku"] == query["sku"]]
    if query.get("direction") == "desc":
        rows.reverse()
    page = v3_page(rows, query, most=250)
    if "variants" not in query.get("include", "").split(","):
        page["data"] = [{name: value for name, value in row.items() if name != "variants"} for row in page["data"]]
    return page


def variants(world: ShopWorld, query: Query) -> Record:
    rows = world.catalogue.all_variants()
    if "sku" in query:
        rows = [row for row in rows if row["sku"] == query["sku"]]
    if "product_id:in" in query:
        rows = [row for row in rows if str(row["product_id"]) in query["product_id:in"].split(",")]
    return v3_page(rows, query, most=250)


def inventory(world: ShopWorld, query: Query) -> Record:
    rows = world.catalogue.inventory()
    for name in ("sku", "variant_id", "product_id"):
        if (wanted := query.get(f"{name}:in")) is not None:
            rows = [row for row in rows if str(row["identity"][name]) in wanted.split(",")]
    for name in ("location_id", "location_code"):
        if (wanted := query.get(f"{name}:in")) is not None:
            chosen = wanted.split(",")
            rows = [{**row, "locations": [at for at in row["locations"] if str(at[name]) in chosen]} for row in rows]
    return v3_page([row for row in rows if row["locations"]], query, most=1000)


def locations(world: ShopWorld, query: Query) -> Record:
    return v3_page(world.catalogue.locations_listed(), query, most=1000)


def metafields(rows: list[Record], query: Query) -> Record:
    """By id, with a cursor that `after` takes; `page` counts only without one."""
    for name in ("namespace", "key"):
        if name in query:
            rows = [row for row in rows if row[name] == query[name]]
        if f"{name}:in" in query:
            rows = [row for row in rows if row[name] in query[f"{name}:in"].split(",")]
    if (earliest := moment(query, "date_modified:min")) is not None:
        rows = [row for row in rows if datetime.fromisoformat(row["date_modified"]).timestamp() >= earliest]
    rows = sorted(rows, key=lambda row: int(row["id"]))
    if "after" in query:
        position = _from_cursor(query["after"])
        rows = [row for row in rows if row["id"] > position]
    page = v3_page(rows, query if "after" not in query else {**query, "page": "1"}, most=250)
    data = page["data"]
    page["meta"]["cursor_pagination"] = {
        "count": len(data), "per_page": page["meta"]["pagination"]["per_page"],
        "start_cursor": _cursor(data[0]["id"]) if data else "",
        "end_cursor": _cursor(data[-1]["id"]) if data else "",
        "links": {"current": "?"},
    }  # fmt: skip
    return page


def v3_page(rows: list[Record], query: Query, *, most: int) -> Record:
    page, limit = max(1, _number(query, "page", 1)), _number(query, "limit", V2_DEFAULT)
    if not 1 <= limit <= most:
        raise Refusal(422, "JSON data is missing or invalid", {"limit": f"must be 1 to {most}"})
    data = rows[(page - 1) * limit : page * limit]
    total_pages = max(1, -(-len(rows) // limit))
    links = {"current": f"?page={page}&limit={limit}"}
    if page < total_pages:
        links["next"] = f"?page={page + 1}&limit={limit}"
    if page > 1:
        links["previous"] = f"?page={page - 1}&limit={limit}"
    pagination = {
        "total": len(rows), "count": len(data), "per_page": limit, "current_page": page,
        "total_pages": total_pages,
        "links": links,
    }  # fmt: skip
    return {"data": data, "meta": {"pagination": pagination}}


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"id:{number}".encode()).decode()


def _from_cursor(text: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(text).decode().removeprefix("id:"))
    except ValueError as error:
        raise Refusal(422, "JSON data is missing or invalid", {"after": "is not a cursor of ours"}) from error


def _number(query: Query, name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError as error:
        raise Refusal(400, f"The field '{name}' is invalid: {query[name]!r}") from error


def moment(query: Query, name: str) -> int | None:
    """Seconds since 1970 of an RFC 2822 or ISO 8601 filter. A date without an offset is UTC."""
    if name not in query:
        return None
    text = query[name]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError as error:
            raise Refusal(400, f"The field '{name}' is invalid: {text!r}") from error
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(f"{text}+00:00")
    return int(moment.timestamp())
