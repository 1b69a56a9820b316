"""What one tenant of the double holds: master data, orders, parcels, movements, tokens, and the truth about
what left.

What belongs here: records and making them. What does not: how people change them (`world.py`), nor what the
API lets a client do (`writes.py`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clarus_bc_pipeline.sandbox.clarus.filters import FILTERS, INDEXED
from clarus_bc_pipeline.sandbox.clarus.stock import Stock
from clarus_bc_pipeline.sandbox.clarus.tables import Record, Table
from clarus_bc_pipeline.sandbox.faults import TruthLog

# goods_out_status_id of Clarus's OpenAPI description (GoodsOutStatusId), from 1.
STATUSES: Mapping[str, Record] = {
    code: {"id": number, "code": code, "name": code.replace("_", " ").capitalize()}
    for number, code in enumerate(
        ("DRAFT", "PENDING", "PICK", "PART", "ALLOCATED", "COMPLETED", "PART_ALLOCATED", "CANCELLED"), start=1
    )
}


@dataclass(frozen=True, slots=True)
class DespatchedLine:
    """What truly left: `quantity` units of a line (negative: taken back), with the despatch's tracking
    numbers.
    """

    goods_out_id: int
    account: str
    reference: str
    line_id: int
    line_reference: str | None
    product_code: str
    quantity: float
    at: str
    tracking: tuple[str, ...]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Tenant:
    """One Clarus tenant. `now` is the warehouse's clock (aware); `clients` are OAuth client ids with their
    secrets.

    `refuse_duplicates`: whether REST refuses a reference that the account already has (Clarus does not say).
    `opening_stock`: units of a product in each warehouse, where it is added without a number.
    `errors_with_200`: REST errors come with status 200. `page_cap`: the longest page that GraphQL gives.
    `alter_replies`: functions that each change the body of the next GraphQL reply.
    """

    subdomain: str = "sandbox"
    clients: dict[str, str] = field(default_factory=lambda: {"sandbox-client": "sandbox-secret"})
    now: Callable[[], datetime] = utc_now
    token_seconds: int = 7200
    api_path: str = "/api"
    page_cap: int = 250
    opening_stock: float = 100_000.0
    refuse_duplicates: bool = False
    errors_with_200: bool = False
    log: TruthLog = field(default_factory=TruthLog)
    despatched: list[DespatchedLine] = field(default_factory=list)
    alter_replies: deque[Callable[[Record], Record]] = field(default_factory=deque)
    tokens: dict[str, datetime] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self.tables = {root: Table(filters, indexed=INDEXED.get(root, ())) for root, filters in FILTERS.items()}
        self.accounts = self.tables["accounts"]
        self.warehouses = self.tables["warehouses"]
        self.carriers = self.tables["carriers"]
        self.products = self.tables["products"]
        self.goods_outs = self.tables["goods_outs"]
        self.goods_out_lines = self.tables["goods_out_lines"]
        self.shipments = self.tables["shipments"]
        self.packages = self.tables["packages"]
        self.transactions = self.tables["transactions"]
        self.stock_balances = self.tables["stock_balances"]
        self.stock = Stock(self.stock_balances)

    def add_account(self, code: str, *, name: str = "") -> int:
        """A stock owner. Codes are exact."""
        with self.lock:
            fields = {"code": code, "name": name or code, "is_short_pickable": True}
            return int(self.accounts.add(fields)["id"])

    def add_warehouse(self, code: str, *, name: str = "") -> int:
        with self.lock:
            warehouse = self.warehouses.add({"code": code, "name": name or code})
            for product in self.products.rows.values():
                self._open_stock(product, warehouse)
            return int(warehouse["id"])

    def add_carrier(self, code: str, *, name: str = "") -> int:
        with self.lock:
            fields = {"code": code, "name": name or code, "active": True, "carrier_type": "custom"}
            return int(self.carriers.add({**fields, "created_at": self.time()})["id"])

    def add_product(
        self,
        account: str,
        code: str,
        *,
        barcode: str | None = None,
        description: str = "",
        stock: float | None = None,
        stop: bool = False,
        obsolete: int | None = None,
    ) -> int:
        """A product of the account of that code. `stock`: units in the first warehouse and none in any other; without
        it there is the tenant's opening stock in each.
        """
        with self.lock:
            owner = one(self.accounts, code=account)
            fields = {
                "code": code,
                "barcode": barcode,
                "description": description,
                "product_type": "standard",
                "stop": stop,
                "obsolete": obsolete,
            }
            return int(self.new_product({**fields, "account": owner, "opening_stock": stock})["id"])

    def new_product(self, fields: Record) -> Record:
        product = self.products.add(fields)
        for warehouse in self.warehouses.rows.values():
            self._open_stock(product, warehouse)
        return product

    def remove_product(self, product_id: int) -> None:
        """Gone from the master data, and its balances with it."""
        with self.lock:
            product = self.products.rows[product_id]
            self.stock.forget(product)
            self.products.remove(product)

    def new_goods_out(self, attributes: Record, *, account: Record, warehouse: Record | None, status: str) -> Record:
        blank = {
            "priority": 50,
            "carrier": None,
            "external_system_reference1": None,
            "actual_date_of_dispatch": None,
        }
        links = {
            "account": account,
            "warehouse": warehouse,
            "goods_out_status": STATUSES[status],
            "address": {},
        }
        return self.goods_outs.add({**blank, **attributes, **links})

    def new_line(self, order: Record, product: Record, quantity: float, reference: str | None) -> Record:
        zero = dict.fromkeys(("allocated_quantity", "pick_quantity", "dispatch_quantity", "shorted"), 0.0)
        fields = {
            "order_quantity": quantity,
            "short_status": "",
            "alt_line_reference": reference,
            "carrier": None,
        }
        links = {"goods_out": order, "product": product, "created_at": self.time()}
        line = self.goods_out_lines.add({**zero, **fields, **links})
        self.stock.taken_up(line)
        return line

    def remove_line(self, line: Record) -> None:
        """Gone; stock that was set aside for it is free again."""
        self.stock.let_go(line)
        self.goods_out_lines.remove(line)

    def _open_stock(self, product: Record, warehouse: Record) -> None:
        given = product.get("opening_stock")
        is_first = warehouse is next(iter(self.warehouses.rows.values()))
        self.stock.open(product, warehouse, self.opening_stock if given is None else given if is_first else 0.0)

    def by_reference(self, reference: str) -> list[Record]:
        """Goods-outs of that reference, whosever they are."""
        with self.lock:
            return self.goods_outs.where(reference=reference)

    def lines(self, goods_out_id: int) -> list[Record]:
        """Lines of a goods-out, in the order in which they were added."""
        with self.lock:
            return self.goods_out_lines.where(goods_out_id=goods_out_id)

    def time(self) -> str:
        """The warehouse's time as the API writes it."""
        return iso(self.now())

    def note_movement(
        self, subtype: str, product: Record, warehouse: Record | None, units: float, *, at: str, order: Record | None
    ) -> None:
        """Write a stock transaction, in positive units."""
        self.transactions.add({
            "subtype": subtype, "category": subtype, "quantity": abs(units), "created_at": at,
            "product": product, "account": product["account"], "warehouse": warehouse,
            "goods_out": order, "location_from": None, "location_to": None,
        })  # fmt: skip

    def set_status(self, order: Record, code: str) -> None:
        self.goods_outs.change(order, goods_out_status=STATUSES[code])

    def carrier_of(self, code: str) -> Record | None:
        """The carrier of that code, made when it is new; None for a parcel that no carrier has yet."""
        if not code:
            return None
        found = self.carriers.where(code=code)
        return found[0] if found else self.carriers.rows[self.add_carrier(code)]


def one(table: Table, **values: Any) -> Record:
    """The one record with these values. Raises `ValueError` naming them when there is none."""
    found = table.where(**values)
    if not found:
        raise ValueError(f"the sandbox warehouse holds nothing with {values}")
    return found[0]


def iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
