"""Real orders, cancellations, addresses and SKUs for the scenario, and an order in the shape the shop takes.

What belongs here: reading the files in `data/` (see `data/NOTICE.md`, `docs/data.md`) and dressing an order
with an invented customer. What does not: what the scenario does with them, or how the shop writes them
(`bigcommerce/`).
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import groupby
from random import Random
from typing import Any, Literal
from zoneinfo import ZoneInfo

LineType = Literal["physical", "digital", "giftcertificate"]

# Lines of the source that nobody packs: postage, carriage, corrections, discounts, samples, fees, charity.
SERVICE_CODES = frozenset(
    {"POST", "DOT", "M", "C2", "BANK CHARGES", "AMAZONFEE", "D", "S", "CRUK", "B", "ADJUST", "PACKAGING"}
)
UK_TIME = ZoneInfo("Europe/London")

# Every person is invented: names as in a phrase book, domains that RFC 2606 reserves, telephone numbers from
# the range that Ofcom keeps for drama (07700 900000 to 900999).
FIRST_NAMES = ("Ada", "Basil", "Clover", "Dilys", "Ewan", "Fern", "Gwilym", "Hattie", "Innes", "Juno", "Zoë")
LAST_NAMES = ("Sample", "Testwell", "Mockford", "Placeholder", "Fixture", "O'Example", "Demo-Smythe")
COMPANIES = ("Example Gifts Ltd", "Placeholder & Daughters", "Fixture Interiors")
MAIL_DOMAINS = ("example.com", "example.org")
MESSAGES = (
    "Leave with neighbour at no. 12",
    "Please leave in the porch, the bell does not work",
    "Gift message: Happy birthday Nan, love from all of us",
    "Gift message: Congratulations on the new house! 🏡🎉",
    "Gift – please no price on the packing slip 🎁",
    "Please deliver after 2 pm",
    "Fragile!! Last one came broken, can you use extra paper",
    "Safe place: behind the green bin",
    "Llongyfarchiadau! Cariad, Mam a Dad ❤️",
)

# Where the source's orders from abroad go: a code, a town and a postcode of its form (town hall districts).
ABROAD: Mapping[str, tuple[str, str, str]] = {
    "Australia": ("AU", "Melbourne", "3000"), "Austria": ("AT", "Wien", "1010"),
    "Bahrain": ("BH", "Manama", "317"), "Belgium": ("BE", "Brussels", "1000"),
    "Cyprus": ("CY", "Nicosia", "1016"), "EIRE": ("IE", "Dublin", "D02 X285"),
    "Finland": ("FI", "Helsinki", "00100"), "France": ("FR", "Paris", "75004"),
    "Germany": ("DE", "Berlin", "10178"), "Hong Kong": ("HK", "Central", ""),
    "Iceland": ("IS", "Reykjavík", "101"), "Italy": ("IT", "Roma", "00186"),
    "Japan": ("JP", "Tokyo", "163-8001"), "Lithuania": ("LT", "Vilnius", "01103"),
    "Netherlands": ("NL", "Amsterdam", "1011 PN"), "Norway": ("NO", "Oslo", "0037"),
    "Poland": ("PL", "Warszawa", "00-950"), "Portugal": ("PT", "Lisboa", "1100-365"),
    "Singapore": ("SG", "Singapore", "178957"), "Spain": ("ES", "Madrid", "28014"),
    "Sweden": ("SE", "Stockholm", "111 52"), "Switzerland": ("CH", "Bern", "3011"),
}  # fmt: skip
VAT_RATE = Decimal("0.20")  # the standard rate; what is rated otherwise is not told by the source
VAT_COUNTRIES = frozenset({"GB", "IM"})
AT_HOME = {"GB": "United Kingdom", "IM": "Isle of Man", "JE": "Jersey", "GG": "Guernsey"}


@dataclass(frozen=True, slots=True)
class RetailLine:
    """A line of a sale. `unit_price` is of one unit in GBP, taken as tax-inclusive: 3 decimals, or 0."""

    stock_code: str
    description: str
    quantity: int
    unit_price: Decimal

    @property
    def type(self) -> LineType:
        """As BigCommerce types an order line."""
        if self.stock_code.lower().startswith("gift_"):
            return "giftcertificate"
        return "digital" if self.stock_code.upper() in SERVICE_CODES else "physical"

    @property
    def is_physical(self) -> bool:
        return self.type == "physical"


@dataclass(frozen=True, slots=True)
class RetailOrder:
    """A sale: an invoice whole, in the order of its lines. `customer` is 5 digits, or empty for a guest."""

    invoice_no: str
    placed_at: datetime
    country: str
    customer: str
    lines: tuple[RetailLine, ...]


@dataclass(frozen=True, slots=True)
class CancelledLine:
    """A line taken back; `quantity` is positive, `sale_invoice` the sale it was linked to, if any.

    `link_kind` says how sure the link is (docs/data.md).
    """

    stock_code: str
    description: str
    quantity: int
    unit_price: Decimal
    sale_invoice: str | None
    link_kind: str


@dataclass(frozen=True, slots=True)
class RetailCancellation:
    """A cancellation or return: an invoice whole. Its number begins with C."""

    invoice_no: str
    cancelled_at: datetime
    country: str
    customer: str
    lines: tuple[CancelledLine, ...]


@dataclass(frozen=True, slots=True)
class Premises:
    """The address of real premises. Two of the file have no postcode, as in the source."""

    street_1: str
    street_2: str
    city: str
    state: str
    zip: str
    country_iso2: str


def load_orders() -> list[RetailOrder]:
    """All sales of the sample, by time. Left out: stock write-offs, and finds (nobody's, free of charge)."""
    orders = [
        RetailOrder(
            invoice,
            _utc(rows[0]["invoice_datetime"]),
            rows[0]["country"],
            rows[0]["customer_id"],
            tuple(
                RetailLine(r["stock_code"], r["description"], int(r["quantity"]), Decimal(r["unit_price"]))
                for r in rows
            ),
        )
        for invoice, rows in _invoices()
        if not invoice.startswith("C") and _is_sale(rows)
    ]
    return sorted(orders, key=lambda order: (order.placed_at, order.invoice_no))


def load_cancellations() -> list[RetailCancellation]:
    """The cancellations that take back something of the sample's sales, by time."""
    cancellations = [
        RetailCancellation(
            invoice,
            _utc(rows[0]["invoice_datetime"]),
            rows[0]["country"],
            rows[0]["customer_id"],
            tuple(
                CancelledLine(
                    r["stock_code"], r["description"], -int(r["quantity"]), Decimal(r["unit_price"]),
                    r["sale_invoice"] or None, r["link_kind"],
                )
                for r in rows
            ),
        )
        for invoice, rows in _invoices()
        if invoice.startswith("C")
    ]  # fmt: skip
    return sorted(cancellations, key=lambda c: (c.cancelled_at, c.invoice_no))


def load_addresses() -> list[Premises]:
    """Premises in Great Britain, the Isle of Man, Jersey, Guernsey and with the forces (BFPO)."""
    return list(_premises())


def load_awkward_skus() -> list[tuple[str, str]]:
    """(SKU, what is awkward about it): our own list of what the sales do not hold."""
    return [(row["sku"], row["what"]) for row in _rows("awkward_skus.csv")]


def shop_order(
    order: RetailOrder,
    *,
    order_id: int,
    rng: Random,
    premises: Sequence[Premises] | None = None,
    created_at: datetime | None = None,
    status_id: int = 11,
    payment_status: str = "captured",
) -> dict[str, Any]:
    """`order` in the plain form that the shop's double takes (`World.add_order`), for an invented customer.

    It goes to one of `premises` by `rng`, by default of `load_addresses`; from abroad to a town of its
    country. Where the source names no country ("Unspecified") the address lacks one too. `created_at` (aware)
    moves the order in time; by default it is when it was placed. The same seed gives the same order.
    """
    # A customer keeps a name over all orders; a guest gets one by the seed.
    name = Random(order.customer) if order.customer else rng  # noqa: S311 (no secret hangs on it)
    first, last = name.choice(FIRST_NAMES), name.choice(LAST_NAMES)
    there = _delivery(order.country, rng, premises or _premises())
    mailbox = "".join(c for c in f"{first}.{last}".lower() if c.isascii() and (c.isalnum() or c == "."))
    person = {
        "first_name": first,
        "last_name": last,
        "company": name.choice(COMPANIES) if name.random() < 0.2 else "",
        "phone": f"07700 900{name.randrange(1000):03}",
        "email": f"{mailbox}@{name.choice(MAIL_DOMAINS)}",
    }
    return {
        "id": order_id,
        "customer_id": int(order.customer or 0),
        "status_id": status_id,
        "payment_status": payment_status,
        "currency_code": "GBP",
        "created_at": created_at or order.placed_at,
        "customer_message": rng.choice(MESSAGES) if rng.random() < 0.25 else "",
        "staff_notes": "",
        "addresses": [person | there],
        "lines": [
            {
                "sku": line.stock_code,
                "name": line.description or line.stock_code,
                "type": line.type,
                "quantity": line.quantity,
                "address": 0,
                "options": [],
                **_prices(line, there["country_iso2"]),
            }
            for line in order.lines
        ],
    }


def _prices(line: RetailLine, country_iso2: str) -> dict[str, Decimal]:
    """The line's prices: 20 % of VAT is in them where the United Kingdom's VAT is due, none elsewhere."""
    rate = VAT_RATE if country_iso2 in VAT_COUNTRIES else Decimal(0)
    return {
        "price_inc_tax": line.unit_price,
        "price_ex_tax": (line.unit_price / (1 + rate)).quantize(Decimal("0.0001")),
    }


def _delivery(country: str, rng: Random, premises: Sequence[Premises]) -> dict[str, str]:
    if country in {"United Kingdom", "Channel Islands"}:
        is_channel = country == "Channel Islands"
        there = rng.choice([p for p in premises if (p.country_iso2 in {"JE", "GG"}) == is_channel] or premises)
        return dataclasses.asdict(there) | {"country": AT_HOME[there.country_iso2]}
    iso2, city, postcode = ABROAD.get(country, ("", "Somewhere", "0000"))
    abroad = Premises(f"{rng.randrange(1, 99)} Example Street", "", city, "", postcode, iso2)
    return dataclasses.asdict(abroad) | {"country": country}


@cache
def _premises() -> tuple[Premises, ...]:
    return tuple(Premises(**row) for row in _rows("addresses.csv.gz"))


def _is_sale(rows: Sequence[Mapping[str, str]]) -> bool:
    is_find = all(not row["customer_id"] and Decimal(row["unit_price"]) == 0 for row in rows)
    return all(int(row["quantity"]) > 0 for row in rows) and not is_find


def _invoices() -> Iterator[tuple[str, list[dict[str, str]]]]:
    rows = sorted(_rows("online_retail.csv.gz"), key=lambda row: row["invoice_no"])  # stable: lines keep their order
    for invoice, lines in groupby(rows, key=lambda row: row["invoice_no"]):
        yield invoice, list(lines)


def _rows(name: str) -> Iterator[dict[str, str]]:
    content = files("clarus_bc_pipeline.sandbox").joinpath("data", name).read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


def _utc(local: str) -> datetime:
    return datetime.strptime(local, "%Y-%m-%d %H:%M").replace(tzinfo=UK_TIME).astimezone(UTC)
