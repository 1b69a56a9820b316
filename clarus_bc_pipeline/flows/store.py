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
    """One store, open. `now` is UTC. `actor` names this process in the audit trail.

    `refunds_shop` is the shop by the token that may pay money back; None where that is not set, and then no refund is
    sent. Everything else is done with `shop`, whose token need not be able to.
    """

    settings: StoreSettings
    engine: sa.Engine
    shop: BigCommerce
    warehouse: Clarus
    now: Clock = utc_now
    actor: str = f"{socket.gethostname()}:{os.getpid()}"
    refunds_shop: BigCommerce | None = None

    @property
    def key(self) -> str:
        return self.settings.key


@contextmanager
def open_store(settings: StoreSettings, engine: sa.Engine, *, now: Clock = utc_now) -> Iterator[Store]:
    """Open both systems' clients with the store's secrets. Raises `SettingsError` when a secret is missing; that of
    refunds may be."""
    token = settings.secret("BC_TOKEN").get_secret_value()
    client_id = settings.secret("CLARUS_CLIENT_ID").get_secret_value()
    client_secret = settings.secret("CLARUS_CLIENT_SECRET").get_secret_value()
    refund_token = settings.secret("BC_REFUND_TOKEN").get_secret_value() if may_refund(settings) else None
    with (
        BigCommerce(settings.bigcommerce, token) as shop,
        BigCommerce(settings.bigcommerce, refund_token or token, beside=shop) as refunds_shop,
        Clarus(settings.clarus, client_id, client_secret) as warehouse,
    ):
        yield Store(settings, engine, shop, warehouse, now, refunds_shop=refunds_shop if refund_token else None)


def refund_variable(settings: StoreSettings) -> str:
    """The name of the variable that holds the token for refunds."""
    return f"{settings.secrets_prefix}_BC_REFUND_TOKEN"


def may_refund(settings: StoreSettings) -> bool:
    """Whether the store has a token for refunds."""
    return any(os.environ.get(refund_variable(settings) + suffix) for suffix in ("", "_FILE"))
