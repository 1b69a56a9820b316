"""The double over HTTP: OAuth tokens, the tenant's header, `/graphql` and the REST paths.

What belongs here: requests and replies. What does not: GraphQL (`reads.py`), rules of writes (`writes.py`),
and faults (`sandbox/faults.py`, which stands in front).
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clarus_bc_pipeline.sandbox.clarus import writes
from clarus_bc_pipeline.sandbox.clarus.reads import run_query
from clarus_bc_pipeline.sandbox.clarus.tables import Record
from clarus_bc_pipeline.sandbox.clarus.world import WarehouseWorld
from clarus_bc_pipeline.sandbox.faults import FaultMiddleware, FaultPlan, TruthLog

_HIDDEN = ("id", "account", "warehouse", "carrier", "goods_out_status", "address", "goods_out", "product",
           "opening_stock")  # fmt: skip


def clarus_app(*worlds: WarehouseWorld, plan: FaultPlan | None = None, log: TruthLog | None = None) -> ASGIApp:
    """An ASGI application that serves each world as the tenant of its subdomain, behind the plan's faults.

    The log (that of the first world unless given) is at `world.log`, and at /_sandbox/log and
    /_sandbox/counts; what truly left is at `world.despatched` and /_sandbox/despatched, and
    what truly came back at `world.received_returns` and /_sandbox/returns.
    """
    if not worlds:
        raise ValueError("clarus_app needs at least one WarehouseWorld")
    shared = log if log is not None else worlds[0].log
    by_subdomain = {world.subdomain: world for world in worlds}
    for world in worlds:
        world.log = shared

    async def dispatch(request: Request) -> Response:
        world = by_subdomain.get(request.headers.get("X-Clarus-Subdomain", ""))
        if world is None:
            return _json({"error": "X-Clarus-Subdomain names no tenant"}, 401)
        return _serve(world, request, await request.body())

    methods = ["GET", "POST", "PATCH", "DELETE"]
    inner = FaultMiddleware(Starlette(routes=[Route("/{path:path}", dispatch, methods=methods)]), plan=plan, log=shared)

    truths = {"/_sandbox/despatched": "despatched", "/_sandbox/returns": "received_returns"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in truths:
            truth = [asdict(each) for world in worlds for each in getattr(world, truths[scope["path"]])]
            await JSONResponse(truth)(scope, receive, send)
            return
        await inner(scope, receive, send)

    return app


def _serve(world: WarehouseWorld, request: Request, body: bytes) -> Response:
    path = request.url.path
    if request.method == "POST" and path == "/oauth/token":
        return _token(world, body)
    if not _signed_in(world, request.headers.get("Authorization", "")):
        return _json({"error": "The access token is invalid or has expired"}, 401)
    try:
        data = json.loads(body) if body else None
    except ValueError:
        return _refused(world, writes.Refusal("bad_json", "the body is not JSON", status=400))
    if request.method == "POST" and path == "/graphql":
        reply = run_query(world, data if isinstance(data, dict) else {})
        return _json(world.alter_replies.popleft()(reply) if world.alter_replies else reply)
    if not path.startswith(f"{world.api_path}/"):
        return _refused(world, writes.Refusal("not_found", "no such path", status=404, code=4))
    with world.lock:
        try:
            return _rest(world, request.method, path.removeprefix(world.api_path), data)
        except writes.Refusal as refusal:
            return _refused(world, refusal)


def _rest(world: WarehouseWorld, method: str, path: str, data: Any) -> Response:
    resource, *rest = path.strip("/").split("/")
    number = int(rest[0]) if rest and re.fullmatch(r"[0-9]{1,18}", rest[0]) else None
    match method, resource, number, rest[1:] if number is not None else rest:
        case "POST", "goods_outs", None, []:
            return _resource("goods_outs", writes.create_goods_out(world, data))
        case "PATCH", "goods_outs", int(), []:
            return _resource("goods_outs", writes.update_goods_out(world, number, data))
        case "DELETE", "goods_outs", int(), []:
            writes.delete_goods_out(world, number)
            return Response(status_code=204)
        case "POST", "goods_outs", int(), ["cancel"]:
            return _resource("goods_outs", writes.cancel_goods_out(world, number))
        case "POST", "goods_in_receipts", None, []:
            return _resource("goods_in_receipts", writes.create_receipt(world, data))
        case "POST", "products", None, []:
            return _resource("products", writes.create_product(world, data))
        case "PATCH", "products", int(), []:
            return _resource("products", writes.update_product(world, number, data))
        case _:
            raise writes.Refusal("not_found", f"no {method} {path}", status=404, code=4)


def _token(world: WarehouseWorld, body: bytes) -> Response:
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if form.get("grant_type") != "client_credentials":
        return _json({"error": "unsupported_grant_type"}, 401)
    secret = world.clients.get(form.get("client_id", ""))
    if secret is None or secret != form.get("client_secret"):
        return _json({"error": "invalid_client"}, 401)
    token = secrets.token_urlsafe(24)
    world.tokens[token] = world.now() + timedelta(seconds=world.token_seconds)
    return _json({"access_token": token, "token_type": "Bearer", "expires_in": world.token_seconds})


def _signed_in(world: WarehouseWorld, authorization: str) -> bool:
    ends_at = world.tokens.get(authorization.removeprefix("Bearer "))
    return ends_at is not None and world.now() < ends_at


def _resource(kind: str, record: Record) -> Response:
    attributes = {name: value for name, value in record.items() if name not in _HIDDEN}
    return _json({"data": {"id": record["id"], "type": kind, "attributes": attributes}})


def _refused(world: WarehouseWorld, refusal: writes.Refusal) -> Response:
    return _json({"errors": [refusal.error]}, 200 if world.errors_with_200 else refusal.status)


def _json(body: Record, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
