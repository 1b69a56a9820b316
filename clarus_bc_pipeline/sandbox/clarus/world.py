"""The scenario's hand in the double's warehouse: what order desk, pickers, packers and carriers do.

What belongs here: how records change on the warehouse's floor. What does not: the records (`tenant.py`),
what the API lets a client do (`writes.py`), GraphQL (`reads.py`) and HTTP (`app.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clarus_bc_pipeline.sandbox.clarus.receipts import GoodsInBay
from clarus_bc_pipeline.sandbox.clarus.stock import claim
from clarus_bc_pipeline.sandbox.clarus.tables import Record
from clarus_bc_pipeline.sandbox.clarus.tenant import DespatchedLine, iso, one

CLOSED = ("COMPLETED", "CANCELLED")
CANCELLED_SHIPMENT = "cancelled"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel to despatch: carrier code, and the tracking number where the carrier gave one already."""

    carrier: str
    tracking: str = ""


class WarehouseWorld(GoodsInBay):
    """A tenant with people in it. Every method takes effect at once, and is safe to call while the double
    serves.
    """

    def create_goods_out(
        self,
        account: str,
        warehouse: str,
        reference: str,
        lines: Sequence[tuple[str, float]] | Sequence[tuple[str, float, str]],
        *,
        status: str = "PENDING",
    ) -> int:
        """A goods-out made by hand; `lines` are (product code, units[, line reference])."""
        with self.lock:
            owner = one(self.accounts, code=account)
            order = self.new_goods_out(
                {"reference": reference, "expected_date_of_dispatch": self.time()},
                account=owner, warehouse=one(self.warehouses, code=warehouse), status=status,
            )  # fmt: skip
            for product_code, quantity, *rest in lines:
                product = one(self.products, code=product_code, account_id=owner["id"])
                self.new_line(order, product, float(quantity), str(rest[0]) if rest else None)
            return int(order["id"])

    def allocate(self, goods_out_id: int, lines: Mapping[int, float] | None = None) -> None:
        """Set stock aside for all that is ordered, as far as there is any, or these units of these lines.

        Raises `ValueError` for units of a line that are not there.
        """
        with self.lock:
            order = self.goods_outs.rows[goods_out_id]
            rows = self.lines(goods_out_id)
            for line in rows:
                self._set_aside(line, None if lines is None else float(lines.get(line["id"], 0.0)))
            if lines is None and not any(line["allocated_quantity"] for line in rows):
                return
            whole = all(line["allocated_quantity"] >= line["order_quantity"] for line in rows)
            self.set_status(order, "ALLOCATED" if whole else "PART_ALLOCATED")

    def _set_aside(self, line: Record, units: float | None) -> None:
        """Allocate these units of a line, or what there is of all that is ordered."""
        most = line["allocated_quantity"] + self.stock.free(line)
        if units is not None and units > most:
            raise ValueError(f"line {line['id']} can have {most:g} units of {line['product']['code']}, not {units:g}")
        with self.stock.follows(line):
            line["allocated_quantity"] = max(0.0, min(line["order_quantity"], most)) if units is None else units

    def pick(self, goods_out_id: int) -> None:
        """Pick what is allocated; when nothing has been, what can be. Without any stock nothing happens."""
        with self.lock:
            order = self.goods_outs.rows[goods_out_id]
            if order["goods_out_status"]["code"] in ("DRAFT", "PENDING"):
                self.allocate(goods_out_id)
            rows = self.lines(goods_out_id)
            if rows and not any(line["allocated_quantity"] or line["pick_quantity"] for line in rows):
                return
            for line in rows:
                units = line["allocated_quantity"] - line["pick_quantity"]
                with self.stock.follows(line):
                    line["pick_quantity"] = line["allocated_quantity"]
                if units:
                    self._move("PICK", order, line, units, self.time())
            self.set_status(order, "PICK")

    def despatch(
        self,
        goods_out_id: int,
        lines: Mapping[int, float] | None = None,
        *,
        parcels: Iterable[Parcel | Mapping[str, str]] = (Parcel("DPD"),),
        at: datetime | None = None,
    ) -> list[int]:
        """Send units off: all that is open, or these units of these lines, in these parcels. Returns
        shipment ids.

        One shipment a carrier, one package a parcel. Completes the goods-out when nothing more will be sent.
        """
        with self.lock:
            order = self.goods_outs.rows[goods_out_id]
            when = iso(at) if at else self.time()
            if order["goods_out_status"]["code"] in CLOSED:
                raise ValueError(f"goods-out {goods_out_id} is {order['goods_out_status']['code']}")
            if order["goods_out_status"]["code"] != "PICK":
                self.pick(goods_out_id)
            sent = [p if isinstance(p, Parcel) else Parcel(**p) for p in parcels]
            rows = {line["id"]: line for line in self.lines(goods_out_id)}
            is_open = any(open_units(line) for line in rows.values())
            if lines is None and is_open and not any(self._sendable(line) for line in rows.values()):
                raise ValueError(f"goods-out {goods_out_id} has no stock to send")
            for line_id in rows if lines is None else lines:
                most = self._sendable(rows[line_id])
                quantity = most if lines is None else lines[line_id]
                if quantity > open_units(rows[line_id]):
                    raise ValueError(f"line {line_id} has {open_units(rows[line_id]):g} units open, not {quantity:g}")
                if quantity > most:
                    code = rows[line_id]["product"]["code"]
                    raise ValueError(f"line {line_id} has {most:g} units of {code} to send, not {quantity:g}")
                if quantity > 0:
                    self._send_off(order, rows[line_id], float(quantity), when, tuple(p.tracking for p in sent))
            order["actual_date_of_dispatch"] = when
            self._complete_if_done(order)
            return self._ship(order, sent)

    def undespatch(self, goods_out_id: int, lines: Mapping[int, float] | None = None) -> None:
        """Take back what was despatched by mistake: all of it, or these units of these lines. Back to
        picking; of a cancelled order, back on the shelf.
        """
        with self.lock:
            order = self.goods_outs.rows[goods_out_id]
            for line in self.lines(goods_out_id):
                back = line["dispatch_quantity"] if lines is None else float(lines.get(line["id"], 0.0))
                if back:
                    self._send_off(order, line, -back, self.time(), ())
            if not any(line["dispatch_quantity"] for line in self.lines(goods_out_id)):
                order["actual_date_of_dispatch"] = None
            if order["goods_out_status"]["code"] != "CANCELLED":
                self.set_status(order, "PICK")

    def short_lines(self, goods_out_id: int, lines: Mapping[int, float] | None = None) -> None:
        """Close units for good: they will not be sent. All that is open, or these units of these lines."""
        with self.lock:
            order = self.goods_outs.rows[goods_out_id]
            for line in self.lines(goods_out_id):
                units = open_units(line) if lines is None else float(lines.get(line["id"], 0.0))
                if units:
                    with self.stock.follows(line):
                        line["shorted"] += units
                        line["short_status"] = "SHORT" if line["shorted"] >= line["order_quantity"] else "PART"
                        line["allocated_quantity"] = min(
                            line["allocated_quantity"], line["order_quantity"] - line["shorted"]
                        )
            self._complete_if_done(order)

    def cancel(self, goods_out_id: int) -> None:
        """What a person does on the screen: cancelled, and still listed."""
        with self.lock:
            rows = self.lines(goods_out_id)
            with self.stock.follows(*rows):
                for line in rows:
                    line["allocated_quantity"] = 0.0
                self.set_status(self.goods_outs.rows[goods_out_id], "CANCELLED")

    def delete(self, goods_out_id: int) -> None:
        """Gone, with its lines and shipments: nothing lists it any more."""
        with self.lock:
            for line in self.lines(goods_out_id):
                self.remove_line(line)
            for shipment in self.shipments.where(goods_out_id=goods_out_id):
                for package in self.packages.where(shipment_id=shipment["id"]):
                    self.packages.remove(package)
                self.shipments.remove(shipment)
            self.goods_outs.remove(self.goods_outs.rows[goods_out_id])

    def set_tracking(self, package_id: int, tracking_number: str) -> None:
        """A carrier's number that comes late, or changes."""
        with self.lock:
            package = self.packages.rows[package_id]
            package["tracking_number"] = tracking_number
            first = self.packages.where(shipment_id=package["shipment"]["id"])[0]
            package["shipment"]["tracking_number"] = first["tracking_number"]

    def cancel_shipment(self, shipment_id: int) -> None:
        """Void a shipment's labels; the shipment stays listed."""
        with self.lock:
            self.shipments.rows[shipment_id]["status"] = CANCELLED_SHIPMENT

    # --- stock that comes, goes, and is not what the system says ---

    def receive(self, code: str, units: float, *, account: str | None = None, warehouse: str | None = None) -> None:
        """Goods in: units of a product are booked in and free for sale."""
        self._change("RCV", self._balance(code, account, warehouse), units, on_hand=units, received=units)

    def adjust(self, code: str, units: float, *, account: str | None = None, warehouse: str | None = None) -> None:
        """A count found so many units more (or, below 0, fewer) than the system had."""
        self._change("ADJUST", self._balance(code, account, warehouse), units, on_hand=units)

    def hold(self, code: str, units: float, *, account: str | None = None, warehouse: str | None = None) -> None:
        """Quarantine: free units stay in the building and are not for sale."""
        self._change("HOLD", self._balance(code, account, warehouse), units, held=units)

    def release_hold(
        self, code: str, units: float | None = None, *, account: str | None = None, warehouse: str | None = None
    ) -> None:
        """Held units are free again: all of them when none are named."""
        balance = self._balance(code, account, warehouse)
        back = balance["held"] if units is None else units
        self._change("RELEASE", balance, back, held=-back)

    def stock_of(self, code: str, *, account: str | None = None, warehouse: str | None = None) -> Record:
        """A copy of the balance: available, allocated, picked, ordered, received; and held, which no client sees."""
        with self.lock:
            return dict(self._balance(code, account, warehouse))

    def _balance(self, code: str, account: str | None, warehouse: str | None) -> Record:
        """The balance named by codes. Without an account the code must be one owner's; the first warehouse is meant."""
        with self.lock:
            found = [p for p in self.products.where(code=code) if account in (None, p["account"]["code"])]
            if len(found) != 1:
                owners = [p["account"]["code"] for p in found]
                raise ValueError(
                    f"product {code!r} is {'none' if not owners else f'one of each of {owners}'}: name an account"
                )
            place = one(self.warehouses, code=warehouse) if warehouse else None
            return self.stock.balance(found[0], place)

    def _change(self, subtype: str, balance: Record, units: float, **change: float) -> None:
        with self.lock:
            self.stock.change(balance, **change)
            self.note_movement(subtype, balance["product"], balance["warehouse"], units, at=self.time(), order=None)

    def packages_of(self, goods_out_id: int) -> list[Record]:
        """Packages of a goods-out, cancelled shipments' included, in the order in which they were made."""
        with self.lock:
            shipments = self.shipments.where(goods_out_id=goods_out_id)
            return [package for s in shipments for package in self.packages.where(shipment_id=s["id"])]

    def _send_off(self, order: Record, line: Record, units: float, at: str, tracking: tuple[str, ...]) -> None:
        with self.stock.follows(line):
            line["dispatch_quantity"] += units
            line["pick_quantity"] = max(line["pick_quantity"], line["dispatch_quantity"])
        self._move("DISPATCH" if units > 0 else "UNDISPATCH", order, line, units, at)
        self.despatched.append(
            DespatchedLine(
                goods_out_id=order["id"],
                account=order["account"]["code"],
                reference=order["reference"],
                line_id=line["id"],
                line_reference=line["alt_line_reference"],
                product_code=line["product"]["code"],
                quantity=units,
                at=at,
                tracking=tracking,
            )
        )

    def _ship(self, order: Record, parcels: Sequence[Parcel]) -> list[int]:
        made = []
        for carrier in dict.fromkeys(parcel.carrier for parcel in parcels):
            theirs = [parcel for parcel in parcels if parcel.carrier == carrier]
            shipment = self.shipments.add({
                "reference": f"SHP-{len(self.shipments.rows) + 1:06}", "name": order["reference"],
                "status": "dispatched", "delivery_notes": order.get("delivery_notes"),
                "collection_datetime": self.time(), "label_filename": None, "packages_count": len(theirs),
                "carrier": self.carrier_of(carrier), "warehouse": order["warehouse"], "goods_out": order,
                "tracking_number": theirs[0].tracking or None,
            })  # fmt: skip
            for parcel in theirs:
                fields = {"tracking_number": parcel.tracking or None, "storage_unit_type": None}
                self.packages.add({**fields, "shipment": shipment})
            made.append(int(shipment["id"]))
        if parcels:
            self.goods_outs.change(order, carrier=self.carrier_of(parcels[0].carrier))
        return made

    def _move(self, subtype: str, order: Record, line: Record, units: float, at: str) -> None:
        self.note_movement(subtype, line["product"], order["warehouse"], units, at=at, order=order)

    def _sendable(self, line: Record) -> float:
        """Units that can leave for a line: open, and set aside or picked for it or free."""
        mine = claim(line)
        return min(open_units(line), mine.allocated + mine.picked + self.stock.free(line))

    def _complete_if_done(self, order: Record) -> None:
        if all(open_units(line) <= 0 for line in self.lines(order["id"])):
            self.set_status(order, "COMPLETED")


def open_units(line: Record) -> float:
    """Units of a line that may still be sent."""
    return float(line["order_quantity"] - line["dispatch_quantity"] - line["shorted"])
