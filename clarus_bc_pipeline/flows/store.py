"""A store as the flows see it: its settings, its ledger, its two systems and the clock, opened and closed together.

What belongs here: opening, closing and nothing else. What does not: anything that a flow does with it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.settings import StoreSettings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Store:
    """One store, open. `now` is UTC. `actor` names this process in the audit trail."""

    settings: StoreSettings
    engine: sa.Engine
    shop: BigCommerce
    warehouse: Clarus
    now: Clock = utc_now
    actor: str = f"{socket.gethostname()}:{os.getpid()}"

    @property
    def key(self) -> str:
        return self.settings.key


@contextmanager
def open_store(settings: StoreSettings, engine: sa.Engine, *, now: Clock = utc_now) -> Iterator[Store]:
    """Open both systems' clients with the store's secrets. Raises `SettingsError` when a secret is missing."""
    token = settings.secret("BC_TOKEN").get_secret_value()
    client_id = settings.secret("CLARUS_CLIENT_ID").get_secret_value()
    client_secret = settings.secret("CLARUS_CLIENT_SECRET").get_secret_value()
    with (
        BigCommerce(settings.bigcommerce, token) as shop,
        Clarus(settings.clarus, client_id, client_secret) as warehouse,
    ):
        yield Store(settings, engine, shop, warehouse, now)
