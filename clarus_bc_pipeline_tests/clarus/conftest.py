"""A warehouse on loopback and clients of it. Not here: what one test alone needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stamina
from starlette.types import ASGIApp, Receive, Scope, Send

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.throttle import Throttle
from clarus_bc_pipeline.sandbox.bigcommerce import served
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld, clarus_app
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule, TruthLog
from clarus_bc_pipeline.settings import ClarusSettings

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands until it is moved. `slept` are the pauses taken on it, in seconds."""

    at: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return (self.at - NOON).total_seconds()

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(microseconds=math.ceil(seconds * 1_000_000))  # as a real one, never too short


@dataclass
class Warehouse:
    """A served world, its faults and its clock, and clients of it."""

    world: WarehouseWorld
    plan: FaultPlan
    url: str
    clock: Clock
    clients: list[Clarus] = field(default_factory=list)

    def client(self, *, secret: str = "sandbox-secret", **settings: Any) -> Clarus:
        given = {
            "base_url": self.url, "subdomain": self.world.subdomain, "account": "ACME", "warehouse": "WHS01",
            **settings,
        }  # fmt: skip
        throttle = Throttle(clock=self.clock.seconds, sleep=self.clock.sleep)
        client = Clarus(ClarusSettings(**given), "sandbox-client", secret, throttle=throttle)
        self.clients.append(client)
        return client

    def fail(self, fault: Fault, *, path: str = "", rate: float = 1.0) -> None:
        self.plan.rules = [FaultRule(fault, rate, path=path)]

    def heal(self) -> None:
        self.plan.rules = []

    def calls(self, path: str = "/graphql") -> int:
        """Requests that reached the double, repeated ones included."""
        return len(self.world.log.entries(path=path))


class Socket:
    """Passes every request on to whichever app a test has plugged in: one server serves them all."""

    app: ASGIApp
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def clarus_socket() -> Iterator[Socket]:
    socket = Socket()
    with served(socket) as socket.url:
        yield socket


@pytest.fixture
def warehouse(clarus_socket: Socket) -> Iterator[Warehouse]:
    """Two stock owners (ACME, BETA) in two warehouses; ACME holds a mug and a tin, BETA a mug of the same
    code.
    """
    clock = Clock()
    world = WarehouseWorld(subdomain="acme-3pl", now=clock.now, log=TruthLog(keep_bodies=True))
    for account in ("ACME", "BETA"):
        world.add_account(account)
        world.add_product(account, "MUG", barcode="5012345678900", description="Mug, blue")
    world.add_product("ACME", "TIN")
    for code in ("WHS01", "WHS02"):
        world.add_warehouse(code)
    plan = FaultPlan()
    clarus_socket.app = clarus_app(world, plan=plan)
    warehouse = Warehouse(world, plan, clarus_socket.url, clock)
    yield warehouse
    for client in warehouse.clients:
        client.close()


@pytest.fixture
def world(warehouse: Warehouse) -> WarehouseWorld:
    return warehouse.world


@pytest.fixture
def api(warehouse: Warehouse) -> Clarus:
    return warehouse.client()


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """Reads are still tried again as often, without the pause between."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield
