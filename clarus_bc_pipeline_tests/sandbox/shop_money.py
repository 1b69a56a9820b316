"""An order in the shop's double, and the requests by which it is quoted and paid back, sent without our client.

What does not belong here: anything that one test alone needs.
"""

from __future__ import annotations

from typing import Any

import httpx

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld

ADDRESS = {"first_name": "Ada", "last_name": "Byron", "street_1": "12 St James's Square", "zip": "SW1Y 4JH"}
LINES = (
    {"sku": "MUG", "quantity": 3, "price_inc_tax": "4.50", "price_ex_tax": "3.75"},
    {"sku": "TIN", "quantity": 1, "price_inc_tax": "11.00"},
)


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


def placed(world: ShopWorld, **fields: Any) -> int:
    return world.add_order({"addresses": [ADDRESS], "lines": LINES, "customer_id": 7, **fields})


def line_of(world: ShopWorld, order_id: int, sku: str = "MUG") -> dict[str, Any]:
    return next(line for line in world.orders[order_id].lines.values() if line["sku"] == sku)


def units(world: ShopWorld, order_id: int, quantity: int, sku: str = "MUG") -> list[dict[str, Any]]:
    return [{"item_type": "PRODUCT", "item_id": line_of(world, order_id, sku)["id"], "quantity": quantity}]


def quote(http: httpx.Client, order_id: int, items: list[dict[str, Any]]) -> Any:
    reply = http.post(f"/v3/orders/{order_id}/payment_actions/refund_quotes", json={"items": items})
    assert reply.status_code == 201, reply.text
    return reply.json()["data"]


def tender(provider_id: str, amount: float, *, offline: bool = False) -> dict[str, Any]:
    return {"provider_id": provider_id, "amount": amount, "offline": offline}


def refund(http: httpx.Client, order_id: int, items: list[dict[str, Any]], *payments: Any, **more: Any) -> Any:
    """Paid back the way it was paid, unless told otherwise."""
    wanted = payments or quote(http, order_id, items)["refund_methods"][-1]
    given = [tender(each["provider_id"], each["amount"], offline=each["offline"]) for each in wanted]
    body = {"items": items, "payments": given, **more}
    return http.post(f"/v3/orders/{order_id}/payment_actions/refunds", json=body)


def transactions(http: httpx.Client, order_id: int) -> list[tuple[str, str, float, str]]:
    reply = http.get(f"/v3/orders/{order_id}/transactions")
    rows = reply.json()["data"] if reply.status_code == 200 else []
    return [(row["event"], row["gateway"], row["amount"], row["status"]) for row in rows]
