"""Routes of the double: sign-in, quota, paths and status codes in front of `ShopWorld`.

What belongs here: HTTP. What does not: the shop's rules (`world.py`) or faults (`sandbox/faults.py`, which
wraps this). Paths are those of the vendor's reference, under /stores/{store_hash}/v2|v3.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from clarus_bc_pipeline.sandbox.bigcommerce import lists, payment_routes, wire
from clarus_bc_pipeline.sandbox.bigcommerce.calls import Answer, Call, Handler
from clarus_bc_pipeline.sandbox.bigcommerce.shipping import Refusal
from clarus_bc_pipeline.sandbox.bigcommerce.world import ShopWorld
from clarus_bc_pipeline.sandbox.faults import FaultMiddleware, FaultPlan, TruthLog

JSON, PROBLEM = "application/json", "application/problem+json"
STATUS_CODES = "https://developer.bigcommerce.com/docs/status-codes"
METHODS = ["GET", "POST", "PUT", "DELETE"]


def bigcommerce_app(*worlds: ShopWorld, plan: FaultPlan | None = None, log: TruthLog | None = None) -> ASGIApp:
    """An ASGI application that serves each world under /stores/{its hash}, behind the plan's faults.

    The log (that of the first world unless given) is at `world.log`, and at /_sandbox/log and
    /_sandbox/counts.
    """
    if not worlds:
        raise ValueError("bigcommerce_app needs at least one ShopWorld")
    shared = log if log is not None else worlds[0].log
    by_hash = {world.store_hash: world for world in worlds}
    for world in worlds:
        world.log = shared

    async def dispatch(request: Request) -> Response:
        world = by_hash.get(request.path_params["store_hash"])
        if world is None:
            return _problem("v3", 403, "You don't have a required scope to access the endpoint")
        refunds = payment_routes.REFUNDS.fullmatch(request.path_params["path"])
        if request.method == "POST" and refunds:
            return await _refund(world, request, int(refunds[1]))
        return _serve(world, request, await request.body())

    app = Starlette(routes=[Route("/stores/{store_hash}/{path:path}", dispatch, methods=METHODS)])
    return FaultMiddleware(app, plan=plan, log=shared)


async def _refund(world: ShopWorld, request: Request, order_id: int) -> Response:
    """A refund takes its time, and the shop does not mind a second one meanwhile."""
    payments = world.payments
    with payments.in_hand(order_id) as seen:
        body = await request.body()
        if payments.refund_takes:
            await asyncio.sleep(payments.refund_takes)
        with payments.as_it_stood(order_id, seen):
            return _serve(world, request, body)


def _serve(world: ShopWorld, request: Request, body: bytes) -> Response:
    path: str = request.path_params["path"]
    version = path[:2]
    token = request.headers.get("X-Auth-Token", "")
    if token not in world.tokens:
        return _problem(version, 401, "Unauthorized")
    allowed, headers = world.quota.take()
    if not allowed:
        return _problem("v3", 429, "You have exceeded your API call limit", headers=headers)
    world.payments.settle()
    try:
        answer = _route(world, request, path, token, body)
    except Refusal as refusal:
        if refusal.in_data:
            problems = {"data": [{"status": refusal.status, "title": str(refusal), "type": STATUS_CODES}]}
            return Response(msgspec.json.encode(problems), refusal.status, headers, JSON)
        is_problem = path.startswith("v3/inventory/")  # inventory.v3.yml: the only document that says so
        media_type = PROBLEM if is_problem else JSON
        return _problem(version, refusal.status, str(refusal), refusal.errors, headers, media_type)
    if answer.status == 204 or (version == "v2" and answer.content == b"[]"):
        return Response(status_code=204, headers=headers)  # V2: a list without rows has no body
    content = answer.content if isinstance(answer.content, bytes) else msgspec.json.encode(answer.content)
    return Response(content, answer.status, headers, JSON)


def _route(world: ShopWorld, request: Request, path: str, token: str, body: bytes) -> Answer:
    known = False
    for pattern, methods in _ROUTES:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        known = True
        if request.method not in methods:
            continue
        scope, handler = methods[request.method]
        if scope not in world.tokens[token]:
            raise Refusal(403, f"You don't have a required scope to access the endpoint: {scope}")
        data: Any = None
        if request.method in ("POST", "PUT"):
            if not request.headers.get("Content-Type", "").startswith(JSON):
                raise Refusal(415, "Content-Type must be application/json")
            data = _parsed(body)
        base_url = f"{request.url.scheme}://{request.url.netloc}/stores/{world.store_hash}"
        numbers = tuple(int(number) for number in match.groups())
        with world.lock:
            return handler(Call(world, token, numbers, request.query_params, data, base_url))
    raise (Refusal(405, "Method not allowed") if known else Refusal(404, "The requested resource was not found."))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Refusal(400, "The request body is not valid JSON") from error
    if not isinstance(data, dict):
        raise Refusal(400, "The request body must be an object")
    return data


def _problem(
    version: str, status: int, message: str, errors: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None, media_type: str = JSON,
) -> Response:  # fmt: skip
    """V2 tells errors as an array, V3 as an object of problem+json."""
    if version == "v2":
        content: Any = [{"status": status, "message": message}]
    else:
        content = {
            "status": status, "title": message, "type": STATUS_CODES,
            **({"errors": dict(errors)} if errors else {}),
        }  # fmt: skip
    return Response(msgspec.json.encode(content), status, dict(headers or {}), media_type)


# --- V2 ---


def _orders(call: Call) -> Answer:
    shape = lists.shape(call.query)
    chosen = lists.orders(call.world, call.query)
    return Answer(b"[" + b",".join(call.world.json(order, shape, call.base_url) for order in chosen) + b"]")


def _orders_count(call: Call) -> Answer:
    found = lists.filtered(call.world, call.query)
    statuses = [
        {
            **wire.status_record(status_id, sort_order),
            "sort_order": sort_order,
            "count": sum(order.record["status_id"] == status_id for order in found),
        }
        for sort_order, status_id in enumerate(wire.STATUSES)
    ]
    return Answer({"statuses": statuses, "count": len(found)})


def _order(call: Call) -> Answer:
    order = call.world.order(call.ids[0])
    return Answer(call.world.json(order, lists.shape(call.query), call.base_url))


def _put_order(call: Call) -> Answer:
    order = call.world.update_order(call.ids[0], call.body)
    return Answer(call.world.json(order, "links", call.base_url))


def _delete_order(call: Call) -> Answer:
    call.world.order(call.ids[0])
    call.world.archive_order(call.ids[0])
    return Answer(status=204)


def _order_products(call: Call) -> Answer:
    return _v2_list(call, list(call.world.order(call.ids[0]).lines.values()))


def _order_addresses(call: Call) -> Answer:
    order = call.world.order(call.ids[0])
    consignments = wire.consignments(order.record, order.lines, order.addresses, "links", call.base_url)
    kept = (*wire.ADDRESS_FIELDS, "id", "items_total", "items_shipped", "shipping_method", "form_fields")
    rows = [{name: row[name] for name in kept} | {"order_id": call.ids[0]} for row in consignments["shipping"]]
    return _v2_list(call, rows)


def _order_consignments(call: Call) -> Answer:
    order = call.world.order(call.ids[0])
    return Answer(wire.consignments(order.record, order.lines, order.addresses, lists.shape(call.query), call.base_url))


def _shipments(call: Call) -> Answer:
    return _v2_list(call, call.world.shipments(call.ids[0]))


def _shipments_count(call: Call) -> Answer:
    return Answer({"count": len(call.world.shipments(call.ids[0]))})


def _shipment(call: Call) -> Answer:
    return Answer(call.world.shipment(*call.ids))


def _post_shipment(call: Call) -> Answer:
    return Answer(call.world.create_shipment(call.ids[0], call.body), 201)


def _put_shipment(call: Call) -> Answer:
    return Answer(call.world.update_shipment(call.ids[0], call.ids[1], call.body))


def _delete_shipment(call: Call) -> Answer:
    call.world.delete_shipment(*call.ids)
    return Answer(status=204)


def _delete_shipments(call: Call) -> Answer:
    for shipment in call.world.shipments(call.ids[0]):
        call.world.delete_shipment(call.ids[0], shipment["id"])
    return Answer(status=204)


def _statuses(call: Call) -> Answer:
    return Answer([wire.status_record(status_id, order) for order, status_id in enumerate(wire.STATUSES)])


def _store(call: Call) -> Answer:
    world = call.world
    return Answer({
        "id": world.store_hash, "name": world.name, "domain": f"{world.store_hash}.example", "status": "live",
        "secure_url": f"https://{world.store_hash}.example", "currency": world.currency, "language": "en",
        "plan_name": "Sandbox", "plan_level": "Sandbox", "plan_is_trial": False, "weight_units": "KGS",
        "dimension_units": "Centimeters", "decimal_places": 2, "store_id": 1001, "default_channel_id": 1,
        "features": {"stencil_enabled": True, "multi_storefront_enabled": False},
    })  # fmt: skip


def _time(call: Call) -> Answer:
    return Answer({"time": int(call.world.clock())})


def _v2_list(call: Call, rows: list[wire.Record]) -> Answer:
    return Answer(msgspec.json.encode(lists.v2_page(rows, call.query)))


# --- V3 ---


def _products(call: Call) -> Answer:
    return Answer(lists.products(call.world, call.query))


def _variants(call: Call) -> Answer:
    return Answer(lists.variants(call.world, call.query))


def _inventory(call: Call) -> Answer:
    return Answer(lists.inventory(call.world, call.query))


def _location_inventory(call: Call) -> Answer:
    return Answer(lists.inventory(call.world, {**call.query, "location_id:in": str(call.ids[0])}))


def _locations(call: Call) -> Answer:
    return Answer(lists.locations(call.world, call.query))


def _put_levels(call: Call) -> Answer:
    return Answer({"transaction_id": call.world.catalogue.set_levels(call.body.get("items"))})


def _stock_settings(call: Call) -> Answer:
    return Answer({"data": call.world.catalogue.stock_settings, "meta": {}})


def _metafields(call: Call) -> Answer:
    return Answer(lists.metafields(call.world.visible_metafields(call.client), call.query))


def _order_metafields(call: Call) -> Answer:
    call.world.order(call.ids[0])
    rows = [m for m in call.world.visible_metafields(call.client) if m["resource_id"] == call.ids[0]]
    return Answer(lists.metafields(rows, call.query))


def _post_metafield(call: Call) -> Answer:
    return Answer({"data": call.world.create_metafield(call.ids[0], call.body, owner=call.client), "meta": {}})


def _metafield(call: Call) -> Answer:
    return Answer({"data": _own_metafield(call), "meta": {}})


def _put_metafield(call: Call) -> Answer:
    metafield = _own_metafield(call)
    call.world.update_metafield(metafield, call.body)
    return Answer({"data": metafield, "meta": {}})


def _delete_metafield(call: Call) -> Answer:
    del call.world.metafields[_own_metafield(call)["id"]]
    return Answer(status=204)


def _own_metafield(call: Call) -> wire.Record:
    order_id, metafield_id = call.ids
    for metafield in call.world.visible_metafields(call.client):
        if metafield["id"] == metafield_id and metafield["resource_id"] == order_id:
            return metafield
    raise Refusal(404, "The requested resource was not found.")


_ORDERS, _CATALOGUE = "store_v2_orders", "store_v2_products_read_only"
_STOCK, _INFORMATION = "store_inventory", "store_v2_information_read_only"


def _routes(
    table: Mapping[str, Mapping[str, tuple[str, Handler]]],
) -> list[tuple[re.Pattern[str], Mapping[str, tuple[str, Handler]]]]:
    return [(re.compile(path.replace("{}", "([0-9]+)")), methods) for path, methods in table.items()]


_ROUTES = _routes({
    "v2/orders": {"GET": (_ORDERS, _orders)},
    "v2/orders/count": {"GET": (_ORDERS, _orders_count)},
    "v2/orders/{}": {"GET": (_ORDERS, _order), "PUT": (_ORDERS, _put_order), "DELETE": (_ORDERS,
    _delete_order)},
    "v2/orders/{}/products": {"GET": (_ORDERS, _order_products)},
    "v2/orders/{}/shipping_addresses": {"GET": (_ORDERS, _order_addresses)},
    "v2/orders/{}/consignments": {"GET": (_ORDERS, _order_consignments)},
    "v2/orders/{}/shipments": {
        "GET": (_ORDERS, _shipments), "POST": (_ORDERS, _post_shipment), "DELETE": (_ORDERS,
        _delete_shipments),
    },
    "v2/orders/{}/shipments/count": {"GET": (_ORDERS, _shipments_count)},
    "v2/orders/{}/shipments/{}": {
        "GET": (_ORDERS, _shipment), "PUT": (_ORDERS, _put_shipment), "DELETE": (_ORDERS, _delete_shipment),
    },
    "v2/order_statuses": {"GET": (_ORDERS, _statuses)},
    "v2/store": {"GET": (_INFORMATION, _store)},
    "v2/time": {"GET": (_INFORMATION, _time)},
    "v3/orders/metafields": {"GET": (_ORDERS, _metafields)},
    "v3/orders/{}/metafields": {"GET": (_ORDERS, _order_metafields), "POST": (_ORDERS, _post_metafield)},
    "v3/orders/{}/metafields/{}": {
        "GET": (_ORDERS, _metafield), "PUT": (_ORDERS, _put_metafield), "DELETE": (_ORDERS,
        _delete_metafield),
    },
    "v3/catalog/products": {"GET": (_CATALOGUE, _products)},
    "v3/catalog/variants": {"GET": (_CATALOGUE, _variants)},
    "v3/inventory/items": {"GET": (_STOCK, _inventory)},
    "v3/inventory/adjustments/absolute": {"PUT": (_STOCK, _put_levels)},
    "v3/inventory/locations": {"GET": (_STOCK, _locations)},
    "v3/settings/inventory": {"GET": (_INFORMATION, _stock_settings)},
    "v3/inventory/locations/{}/items": {"GET": (_STOCK, _location_inventory)},
    **payment_routes.ROUTES,
})  # fmt: skip
