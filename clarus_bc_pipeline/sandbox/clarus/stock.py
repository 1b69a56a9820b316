"""How much of each product the double's warehouses hold, and what of it is spoken for.

What belongs here: the balances, and how a line of an order and a movement change them. What does not: who moves what
(`world.py`).

What Clarus's five numbers mean exactly is not documented. Here: `available` units are free to be allocated; `allocated`
are set aside and not picked; `picked` are off the shelf and not despatched; `ordered` are on orders and have not left;
`received` counts all that ever came in. Held units are in none of the first three. So what came in, more or less what
was counted, is available + allocated + picked + held + despatched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clarus_bc_pipeline.sandbox.clarus.tables import Record, Table


@dataclass(frozen=True, slots=True)
class Claim:
    """What one line asks of its product's stock, in units."""

    allocated: float = 0.0
    picked: float = 0.0
    ordered: float = 0.0
    despatched: float = 0.0


class Stock:
    """Balances by product and warehouse, kept true while lines change.

    `counts_allocated`: whether `available` holds the allocated units too (Clarus does not say). May be changed at any
    time before the first order.
    """

    def __init__(self, balances: Table) -> None:
        self.balances = balances
        self.counts_allocated = False

    def open(self, product: Record, warehouse: Record, units: float) -> None:
        """The balance of a product that is new to a warehouse."""
        zero = dict.fromkeys(("available", "allocated", "picked", "ordered", "held", "on_hand"), 0.0)
        links = {"product": product, "account": product["account"], "warehouse": warehouse}
        self._keep(self.balances.add({**zero, "received": units, **links}), on_hand=units)

    def forget(self, product: Record) -> None:
        for balance in self.balances.where(product_id=product["id"]):
            self.balances.remove(balance)

    def balance(self, product: Record, warehouse: Record | None) -> Record:
        """The balance of a product; in the first warehouse that holds it where none is named."""
        found = self.balances.where(product_id=product["id"])
        here = [b for b in found if warehouse is None or b["warehouse"] is warehouse]
        if not here:
            where = warehouse["code"] if warehouse else "any warehouse"
            raise ValueError(f"product {product['code']} has no stock balance in {where}")
        return here[0]

    def free(self, line: Record) -> float:
        """Units that could still be allocated to a line."""
        balance = self.balance(line["product"], line["goods_out"]["warehouse"])
        return _free(balance)

    def change(self, balance: Record, *, on_hand: float = 0.0, received: float = 0.0, held: float = 0.0) -> None:
        """Units come in, are counted, held or released. Raises `ValueError` for units that are not there."""
        free = _free(balance) + on_hand - held
        if free < 0 or balance["held"] + held < 0:
            raise ValueError(
                f"product {balance['product']['code']} in {balance['warehouse']['code']} has {_free(balance):g} units"
                f" free and {balance['held']:g} held"
            )
        balance["received"] += received
        balance["held"] += held
        self._keep(balance, on_hand=on_hand)

    @contextmanager
    def follows(self, *lines: Record) -> Iterator[None]:
        """Around changes of lines or of their order's status: the balances follow."""
        before = [claim(line) for line in lines]
        yield
        for line, old in zip(lines, before, strict=True):
            self._follow(line, old, claim(line))

    def taken_up(self, line: Record) -> None:
        """A new line."""
        self._follow(line, Claim(), claim(line))

    def let_go(self, line: Record) -> None:
        """A line that is deleted: what it had is free again; what has left has left."""
        old = claim(line)
        self._follow(line, old, Claim(despatched=old.despatched))

    def _follow(self, line: Record, old: Claim, new: Claim) -> None:
        if new == old:
            return
        balance = self.balance(line["product"], line["goods_out"]["warehouse"])
        balance["allocated"] += new.allocated - old.allocated
        balance["picked"] += new.picked - old.picked
        balance["ordered"] += new.ordered - old.ordered
        self._keep(balance, on_hand=old.despatched - new.despatched)

    def _keep(self, balance: Record, *, on_hand: float) -> None:
        balance["on_hand"] += on_hand
        balance["available"] = _free(balance) + (balance["allocated"] if self.counts_allocated else 0.0)


def claim(line: Record) -> Claim:
    """What a line asks of the stock, from its own quantities and its order's status."""
    gone, wanted = line["dispatch_quantity"], line["order_quantity"] - line["shorted"]
    if line["goods_out"]["goods_out_status"]["code"] == "CANCELLED":
        return Claim(despatched=gone)
    taken = max(gone, min(line["pick_quantity"], wanted))
    return Claim(
        allocated=max(0.0, line["allocated_quantity"] - taken),
        picked=taken - gone,
        ordered=max(0.0, wanted - gone),
        despatched=gone,
    )


def _free(balance: Record) -> float:
    free: float = balance["on_hand"] - balance["held"] - balance["allocated"] - balance["picked"]
    return free
