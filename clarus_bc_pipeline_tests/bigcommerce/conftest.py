"""A shop on loopback and a client of it. What does not belong here: anything that one test alone needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
import stamina
from starlette.types import ASGIApp, Receive, Scope, Send

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule, TruthLog
from clarus_bc_pipeline.settings import BigCommerceSettings


@dataclass
class Shop:
    """A served world, its faults, and clients for it."""

    world: ShopWorld
    plan: FaultPlan
    url: str
    clients: list[BigCommerce] = field(default_factory=list)

    def client(self, token: str = "sandbox", **settings: Any) -> BigCommerce:
        given = {"base_url": self.url, "store_hash": self.world.store_hash, "quota_share": 1.0, **settings}
        client = BigCommerce(BigCommerceSettings(**given), token)
        self.clients.append(client)
        return client

    def fail(self, fault: Fault, *methods: str, rate: float = 1.0, seconds: float = 0.0) -> None:
        self.plan.rules = [FaultRule(fault, rate, methods, seconds=seconds)]


@pytest.fixture
def world() -> ShopWorld:
    return ShopWorld(quota=100_000, log=TruthLog(keep_bodies=True))


class Socket:
    """Passes every request on to whichever app a test has plugged in: one server serves them all."""

    app: ASGIApp
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def wall_socket() -> Iterator[Socket]:
    wall_socket = Socket()
    with served(wall_socket) as wall_socket.url:
        yield wall_socket


@pytest.fixture
def shop(world: ShopWorld, wall_socket: Socket) -> Iterator[Shop]:
    plan = FaultPlan()
    wall_socket.app = bigcommerce_app(world, plan=plan)
    shop = Shop(world, plan, wall_socket.url)
    yield shop
    for client in shop.clients:
        client.close()


@pytest.fixture
def api(shop: Shop) -> BigCommerce:
    return shop.client()


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """Reads are still tried again as often, without the pause between."""
    attempts: AbstractContextManager[None] = stamina.set_testing(True, attempts=4, cap=True)
    with attempts:
        yield


ADDRESS = {
    "first_name": "Ada", "last_name": "Byron", "street_1": "12 St James's Square", "city": "London",
    "zip": "SW1Y 4JH", "country": "United Kingdom", "country_iso2": "GB", "phone": "020 7946 0018",
    "email": "ada@example.com",
}  # fmt: skip
LINES = (
    {"sku": "MUG-1", "name": "Mug", "quantity": 2, "price_inc_tax": "4.50"},
    {"sku": "TIN-1", "name": "Tin", "quantity": 1, "price_inc_tax": "11.00"},
)


@pytest.fixture
def order() -> Callable[..., dict[str, Any]]:
    """Makes a paid order of two mugs and a tin for one address, unless told otherwise."""
    return lambda **fields: {"addresses": [ADDRESS], "lines": LINES, **fields}
