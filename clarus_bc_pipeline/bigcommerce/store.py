"""The shop itself: who it is, what time it has, and what it calls its order statuses."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded


class StoreInformation(msgspec.Struct, frozen=True):
    """What the shop says of itself. `store_id` is the number that webhooks carry as text."""

    id: str
    name: str
    currency: str
    store_id: int | None = None
    domain: str = ""
    plan_name: str = ""
    plan_level: str = ""
    weight_units: str = ""
    default_channel_id: int = 1


class OrderStatus(msgspec.Struct, frozen=True):
    """A status: the id is BigCommerce's and fixed, `custom_label` is what this shop calls it."""

    id: int
    name: str
    custom_label: str = ""


class _Time(msgspec.Struct, frozen=True):
    time: int


_STORE = msgspec.json.Decoder(StoreInformation)
_STATUSES = msgspec.json.Decoder(list[OrderStatus])
_TIME = msgspec.json.Decoder(_Time)


def get_store(shop: BigCommerce) -> StoreInformation:
    """The shop's description. The cheapest proof that address, hash, token and scope are right."""
    return decoded("GET v2/store", shop.get("v2/store"), _STORE)


def get_time(shop: BigCommerce) -> datetime:
    """BigCommerce's clock in UTC, to the second: compare it with ours."""
    return datetime.fromtimestamp(decoded("GET v2/time", shop.get("v2/time"), _TIME).time, UTC)


def order_statuses(shop: BigCommerce) -> list[OrderStatus]:
    """All order statuses of the shop."""
    body = shop.get("v2/order_statuses")
    return decoded("GET v2/order_statuses", body, _STATUSES) if body else []
