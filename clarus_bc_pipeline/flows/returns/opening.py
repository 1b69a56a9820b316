"""Opening and closing an RMA from our side: held against the order first, then written to it in BigCommerce.

What belongs here: what `clarus-bc rma`, a desk or a scenario calls. What does not: what becomes of the RMA (`sync.py`);
RMAs that others write are picked up by the pull.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.metafields import create_order_metafield, update_order_metafield
from clarus_bc_pipeline.flows.returns.cases import read_orders, rma_of
from clarus_bc_pipeline.flows.returns.document import (
    NAMESPACE,
    BadRma,
    Closed,
    Document,
    DocumentLine,
    key_of,
    read_document,
    write_document,
)
from clarus_bc_pipeline.flows.returns.keeping import SQL, close_rma, keep_rma
from clarus_bc_pipeline.flows.returns.rma import Order, Rma, RmaLine, State
from clarus_bc_pipeline.flows.returns.rules import claims, refusals
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import AuthFailed, Gone, Refused
from clarus_bc_pipeline.ledger import tables

MOST_NUMBERS = 50  # RMAs of one order whose number is tried
TAKEN = 409
DESCRIPTION = "Return (RMA); shape: rma.schema.json of clarus_bc_pipeline"


class RmaRefused(Exception):
    """The RMA cannot be right. The message says why, and nothing was written."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Units of an order line that a customer wants to send back, and why."""

    order_product_id: int
    units: int
    reason: str = "unwanted"


@dataclass(frozen=True, slots=True)
class Opened:
    """An RMA that stands on its order in BigCommerce and in the ledger."""

    number: str
    order_id: int
    metafield_id: int
    lines: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """An RMA that is closed here. `not_shown` is why BigCommerce does not show it, None where it does."""

    number: str
    order_id: int
    not_shown: str | None = None


def open_rma(
    store: Store,
    order_id: int,
    lines: Sequence[Asked],
    *,
    number: str | None = None,
    refund_shipping: bool = False,
) -> Opened:
    """Open an RMA; without `number` the order's next one, RMA-<order>-<n>.

    The order is held against the ledger: what was despatched, and neither refunded nor on another RMA, may come back.
    One call to the shop, which refuses a number that the order has already. Raises `RmaRefused` and writes nothing, or
    a `CallFailed`; after an `Ambiguous` one the next pull tells whether the RMA is there.
    """
    now = store.now()
    document = _document(lines, refund_shipping, now)
    rmas, order = _known(store, order_id)
    asked = Rma(
        number=number or f"RMA-{order_id}-{len(rmas) + 1}",
        order_id=order_id,
        state=State.AUTHORISED,
        opened_at=now,
        lines=tuple(_line(each, order) for each in lines),
    )
    if order is None:
        raise RmaRefused(f"Order {order_id} is not in the ledger. Check the number, or read the shop: sync orders")
    if findings := refusals(asked, order, claims(rmas)):
        raise RmaRefused(findings[0].message)
    tried = [number] if number else [f"RMA-{order_id}-{n}" for n in range(len(rmas) + 1, MOST_NUMBERS + 1)]
    for each in tried:
        try:
            metafield = create_order_metafield(
                store.shop, order_id, NAMESPACE, _key(each), write_document(document), description=DESCRIPTION
            )
        except Refused as error:
            if error.status != TAKEN:
                raise
            continue
        with store.engine.begin() as connection:
            told = keep_rma(
                connection, store,
                number=each, order_id=order_id, document=document, source=store.actor, metafield_id=metafield.id,
            )  # fmt: skip
        if told:
            raise RmaRefused(told[0].message)
        return Opened(each, order_id, metafield.id, tuple(lines))
    raise RmaRefused(f"Order {order_id} has the RMA {tried[-1]} already. Give the new one another --number.")


def _document(lines: Sequence[Asked], refund_shipping: bool, now: datetime) -> Document:
    """Raises `RmaRefused` for what the published shape does not allow."""
    document = Document(
        tuple(DocumentLine(each.order_product_id, each.units, each.reason) for each in lines),
        refund_shipping=refund_shipping,
        opened_at=now,
    )
    try:
        return read_document(write_document(document))
    except BadRma as error:
        raise RmaRefused(f"The RMA was not opened: {error}") from error


def _key(number: str) -> str:
    try:
        return key_of(number)
    except BadRma as error:
        raise RmaRefused(f"The RMA was not opened: {error}") from error


def _line(asked: Asked, order: Order | None) -> RmaLine:
    sold = order.lines.get(asked.order_product_id) if order else None
    return RmaLine(asked.order_product_id, sold.sku if sold else "", "", asked.reason, asked.units)


def _known(store: Store, order_id: int) -> tuple[list[Rma], Order | None]:
    given = {"store": store.key, "order_ids": [order_id]}
    with store.engine.connect() as connection:
        rows = connection.execute(SQL["rmas"], given).mappings().all()
        orders, _ = read_orders(connection, given)
    return [rma_of(dict(row)) for row in rows], orders.get(order_id)


def end_rma(store: Store, number: str, *, because: str) -> Ended:
    """Close an RMA here, then on its order in BigCommerce, where that is ours to write.

    Raises `NotClosable` and changes nothing, or `ValueError` without a reason.
    """
    with store.engine.begin() as connection:
        close_rma(connection, store, number=number, because=because)
        held = connection.execute(SQL["held_rma"], {"store": store.key, "rma": number}).one()
        rma = connection.execute(
            sa.select(tables.rma).where(tables.rma.c.store == store.key, tables.rma.c.rma == number)
        ).one()
    if rma.metafield_id is None:
        return Ended(number, rma.order_id, "it has no metafield that we know")
    document = Document(
        tuple(DocumentLine(int(line), units, reason) for line, (units, reason) in sorted(held.lines.items())),
        refund_shipping=rma.refund_shipping,
        opened_at=rma.opened_at,
        closed=Closed(rma.closed_at, because[:500]),
    )
    try:
        update_order_metafield(
            store.shop, rma.order_id, rma.metafield_id, NAMESPACE, key_of(number), write_document(document),
            description=DESCRIPTION,
        )  # fmt: skip
    except (Refused, AuthFailed, Gone) as error:
        return Ended(number, rma.order_id, f"its metafield is not ours to write: {error}")
    return Ended(number, rma.order_id)


# --- a file of returns ---

COLUMNS = ("order", "line", "units", "reason", "refund_shipping")


class BadFile(ValueError):
    """A CSV file that cannot be used. The message names the row and the column."""


def read_csv(path: Path) -> dict[int, tuple[bool, list[Asked]]]:
    """RMAs of a CSV file: rows of order, line, units and, if wanted, reason and refund_shipping (yes, no).

    The rows of an order are one RMA; its shipping is refunded where one of them says so. Raises `BadFile`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS[:3] if name not in (reader.fieldnames or ())]
            if missing:
                raise BadFile(f"{path}: no column {', '.join(missing)}; the columns are {', '.join(COLUMNS)}")
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: cannot be read: {error}") from error
    found: dict[int, tuple[bool, list[Asked]]] = {}
    for n, row in enumerate(rows, 2):
        order_id = _number(path, n, row, "order")
        reason = (row.get("reason") or "").strip() or "unwanted"
        asked = Asked(_number(path, n, row, "line"), _number(path, n, row, "units"), reason)
        shipping, lines = found.get(order_id, (False, []))
        found[order_id] = (shipping or _yes(path, n, row), [*lines, asked])
    return found


def _number(path: Path, n: int, row: Mapping[str, Any], name: str) -> int:
    text = (row.get(name) or "").strip()
    if not text.isdecimal() or int(text) == 0:
        raise BadFile(f"{path}, row {n}: {name} = {text!r} is not a whole number of 1 or more")
    return int(text)


def _yes(path: Path, n: int, row: Mapping[str, Any]) -> bool:
    text = (row.get("refund_shipping") or "no").strip().casefold()
    if text not in ("yes", "no", "true", "false"):
        raise BadFile(f"{path}, row {n}: refund_shipping = {text!r}; write yes or no")
    return text in ("yes", "true")


def stores_of(connection: sa.Connection, *, number: str, stores: Iterable[str]) -> list[str]:
    """Which of `stores` hold the RMA."""
    rma = tables.rma
    return list(connection.scalars(sa.select(rma.c.store).where(rma.c.rma == number, rma.c.store.in_(list(stores)))))
