"""The RMA as it stands on the order in BigCommerce: a metafield of namespace `returns`, key `rma:<number>`, JSON.

What belongs here: the published shape, and reading a value as it or saying what is wrong. What does not: whether the
RMA is right (`rules.py`). BigCommerce has no returns API (orders.v3.yml holds schemas of one and no path), so any app
may write this metafield; `docs/rma.schema.json` is the shape that it must keep.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

NAMESPACE = "returns"
KEY = "rma:"
LONGEST_NUMBER = 40
SCHEMA_ID = "urn:clarus-bc:rma:1"

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST = 2**31 - 1  # units; ids go up to 2**53 - 1, which every JSON reader holds exactly

Reason = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="why it comes back: unwanted, faulty, wrong_item ...")
]


class DocumentLine(msgspec.Struct, frozen=True):
    """Units of one line of the order that may come back."""

    order_product_id: Annotated[int, Meta(gt=0, le=2**53 - 1, description="the order line's id in BigCommerce")]
    units: Annotated[int, Meta(gt=0, le=_MOST, description="whole units that may come back")]
    reason: Reason = "unwanted"


class Closed(msgspec.Struct, frozen=True):
    """A person ended the RMA, and why."""

    at: Annotated[datetime, Meta(tz=True)]
    because: Annotated[str, Meta(min_length=1, max_length=500)]


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """One RMA. Fields that are not named here are left alone."""

    lines: Annotated[tuple[DocumentLine, ...], Meta(min_length=1, description="each order line at most once")]
    version: Literal[1] = 1
    refund_shipping: Annotated[bool, Meta(description="whether the shipping cost is refunded too")] = False
    opened_at: Annotated[datetime, Meta(tz=True)] | None = None
    closed: Closed | None = None


class BadRma(ValueError):
    """A metafield of the namespace that is no RMA. The message names the field and what would be right."""


_DECODER = msgspec.json.Decoder(Document)


def key_of(number: str) -> str:
    """The metafield's key. Raises `BadRma` for a number that cannot be found again in a refund's reason."""
    if not _NUMBER.fullmatch(number) or len(number) > LONGEST_NUMBER:
        raise BadRma(
            f"the number {number!r} is not usable: up to {LONGEST_NUMBER} letters, digits, dots, hyphens and "
            "underscores, for example RMA-10432-1"
        )
    return f"{KEY}{number}"


def number_of(key: str) -> str:
    """The RMA's number: RMA-7 of "rma:RMA-7". Raises `BadRma`."""
    if not key.startswith(KEY):
        raise BadRma(f"the key {key!r} does not begin with {KEY!r}")
    number = key.removeprefix(KEY)
    key_of(number)
    return number


def read_document(value: str) -> Document:
    """The metafield's value. Raises `BadRma` naming the field that breaks the published shape."""
    try:
        document = _DECODER.decode(value)
    except msgspec.DecodeError as error:
        raise BadRma(f"it is not of the published shape (docs/rma.schema.json): {error}") from error
    named = [line.order_product_id for line in document.lines]
    if twice := sorted({line for line in named if named.count(line) > 1}):
        raise BadRma(f"order line {twice[0]} is named twice; name it once, with all its units")
    return document


def write_document(document: Document) -> str:
    """The metafield's value."""
    return msgspec.json.encode(document).decode()


def json_schema() -> dict[str, Any]:
    """The published shape, JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "RMA on a BigCommerce order: metafield, namespace returns, key rma:<number>",
        **msgspec.json.schema(Document),
    }
