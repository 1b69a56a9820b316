"""Payments of the double's orders: transactions, and refunds as quoted, made, settled or declined.

What belongs here: money's state and rules, the scenario's hand in it, and the truth for judges. What does not: the
shapes on the wire and routes (`payment_routes.py`). Rules follow orders.v3.yml and the refunds guide; where these are
silent, a setting says which: see `Payments`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from clarus_bc_pipeline.sandbox.bigcommerce.refund_items import Part, Refunded, parts_of
from clarus_bc_pipeline.sandbox.bigcommerce.shipping import Refusal
from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record, whole_cents

if TYPE_CHECKING:
    from clarus_bc_pipeline.sandbox.bigcommerce.world import ShopWorld, StoredOrder

ZERO = Decimal(0)
INVALID = "JSON data is missing or invalid"
GUEST = "Unable to provide store credit for a guest customer."
CREDIT, CERTIFICATE, CUSTOM = "storecredit", "giftcertificate", "custom"
METHODS = {CREDIT: "store_credit", CERTIFICATE: "gift_certificate", CUSTOM: "custom"}
PAID = frozenset({"captured", "paid", "partially refunded", "refunded"})


@dataclass(frozen=True, slots=True)
class Option:
    """One tender of a way to refund."""

    provider: str
    amount: Decimal
    offline: bool


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a refund comes to. `adjustment` is negative where more was asked for than is left."""

    parts: tuple[Part, ...]
    total: Decimal
    tax: Decimal
    adjustment: Decimal
    methods: tuple[tuple[Option, ...], ...]


@dataclass
class Refund:
    """A refund that the shop made. `payments` hold provider_id, amount, offline, is_declined, transaction_id."""

    id: int
    order_id: int
    at: datetime
    parts: tuple[Part, ...]
    total: Decimal
    tax: Decimal
    is_override: bool
    payments: list[Record] = field(default_factory=list)


class Payments:
    """The shop's money. Every method takes the world's lock by itself.

    Settings: `offline_gateways` are paid back by a person alone; refunds of an order in `declines_refunds_of` are
    declined when they settle; `refund_settles_after` seconds pass between a refund's 201 and its money, by the world's
    clock; `settling_modifies_order`: whether that moves date_modified (not documented); `adds_to_quotes` is what the
    shop quotes beyond what was charged (a tax rate that has changed since); `refund_takes` seconds of real time go by
    while one is handled, so that a second one can come meanwhile.

    Truth: `refunded`, one row an item, and `concurrent_refunds`: how many came while another of their order was
    handled. Such a refund is worked out from what stood before the other one, and so may refund a unit twice.
    """

    def __init__(self, world: ShopWorld) -> None:
        self._world = world
        self.offline_gateways = {"bankdeposit", "cheque", "cod", "custom", "instore", "moneyorder"}
        self.declines_refunds_of: set[int] = set()
        self.refund_settles_after = 0.0
        self.settling_modifies_order = True
        self.adds_to_quotes = ZERO
        self.refund_takes = 0.0
        self.transactions: dict[int, list[Record]] = {}
        self.refunds: dict[int, Refund] = {}
        self.refunded: list[Refunded] = []
        self.concurrent_refunds = 0
        self._due: deque[tuple[float, Refund]] = deque()
        self._in_hand: Counter[int] = Counter()
        self._as_before: dict[int, list[Refunded]] = {}
        self._ids = {"transaction": count(1), "refund": count(1), "payment": count(1)}

    # --- the scenario's hand ---

    def add_transaction(
        self,
        order_id: int,
        event: str,
        amount: Decimal | str,
        *,
        status: str = "ok",
        gateway: str | None = None,
        method: str | None = None,
        currency: str | None = None,
        test: bool = False,
        gateway_transaction_id: str | None = None,
        reference: int | None = None,
        at: datetime | None = None,
    ) -> int:
        """What a gateway tells the shop; bumps date_modified. Returns its id."""
        world = self._world
        with world.lock:
            order = world.orders[order_id]
            gateway = gateway or gateway_of(order)
            number = next(self._ids["transaction"])
            self.transactions.setdefault(order_id, []).append({
                "id": number, "order_id": order_id, "event": event, "amount": Decimal(amount), "status": status,
                "gateway": gateway, "method": method or METHODS.get(gateway) or self._method(gateway),
                "currency": currency or order.record["default_currency_code"], "test": test,
                "gateway_transaction_id": gateway_transaction_id or f"{gateway[:2]}_{number}", "reference": reference,
                "at": at or self._now(),
            })  # fmt: skip
            world.touch(order_id)
            return number

    def authorise(self, order_id: int, amount: Decimal | str | None = None) -> int:
        """The shopper's bank holds the money; nothing is taken yet."""
        return self._take(order_id, "authorization", amount, "authorized")

    def capture(self, order_id: int, amount: Decimal | str | None = None) -> int:
        """Money that was held is taken, all or a part."""
        return self._take(order_id, "capture", amount, "captured")

    def refund_by_hand(
        self, order_id: int, items: Sequence[tuple[int, int]] | None = None, *, reason: str = ""
    ) -> Refund:
        """What a person does in the control panel: units of lines, or all that is left, back the way they were paid."""
        with self._world.lock:
            lines = self._world.orders[order_id].lines.values()
            chosen = items or [(line["id"], line["quantity"] - line["quantity_refunded"]) for line in lines]
            body = [
                {"item_type": "PRODUCT", "item_id": line, "quantity": units, "reason": reason}
                for line, units in chosen
                if units
            ]
            best = self.quote(order_id, body).methods[-1]
            payments = [{"provider_id": o.provider, "amount": o.amount, "offline": o.offline} for o in best]
            return self.refund(order_id, {"items": body, "payments": payments})

    # --- what the API does ---

    def paid_on_arrival(self, order: StoredOrder) -> None:
        """The transactions that an order comes with: a purchase where it is paid, an authorisation where it is held."""
        record = order.record
        event = {"authorized": "authorization"}.get(record["payment_status"], "purchase")
        if record["payment_status"] not in (*PAID, "authorized"):
            return
        left = whole_cents(Decimal(record["total_inc_tax"]), record["default_currency_code"])
        at = datetime.fromtimestamp(order.created, UTC)
        for gateway, name in ((CREDIT, "store_credit_amount"), (CERTIFICATE, "gift_certificate_amount")):
            if share := min(left, Decimal(record[name])):
                self._arrive(order, "purchase", share, gateway, at)
                left -= share
        if left:
            self._arrive(order, event, left, gateway_of(order), at)

    def transactions_of(self, order_id: int) -> list[Record]:
        with self._world.lock:
            self._world.order(order_id)
            return list(self.transactions.get(order_id, ()))

    def quote(self, order_id: int, items: object) -> Quoted:
        """What the items come to and how they can be paid. Changes nothing."""
        with self._world.lock:
            order = self._world.order(order_id)
            parts = parts_of(order, items, self._before(order_id))
            asked = sum((part.amount for part in parts), ZERO)
            currency = order.record["default_currency_code"]
            back = sum((part.amount for part in self._before(order_id)), ZERO)
            left = max(ZERO, Decimal(order.record["total_inc_tax"]) - back)
            total = whole_cents(min(asked, left) + self.adds_to_quotes, currency)
            tax = whole_cents(sum((part.tax for part in parts), ZERO), currency)
            return Quoted(parts, total, tax, min(asked, left) - asked, self._methods(order, total))

    def refund(self, order_id: int, body: Mapping[str, Any]) -> Refund:
        """Make a refund: lines, order and its status change at once, the money follows."""
        with self._world.lock:
            order = self._world.order(order_id)
            quoted = self.quote(order_id, body.get("items"))
            total, tax, override = quoted.total, quoted.tax, body.get("merchant_calculated_override")
            if override is not None:
                total, tax = _amount(override, "total_amount"), _amount(override, "total_tax")
            tenders = self._checked(order, quoted, body.get("payments"), total, is_override=override is not None)
            if order_id in self._as_before:
                self.concurrent_refunds += 1
            refund = Refund(
                next(self._ids["refund"]), order_id, self._now(), quoted.parts, total, tax, override is not None
            )
            for tender in tenders:
                refund.payments.append({
                    "id": next(self._ids["payment"]), "provider_id": tender.provider, "amount": tender.amount,
                    "offline": tender.offline, "is_declined": False, "declined_message": "",
                })  # fmt: skip
            self.refunds[refund.id] = refund
            self._apply(order, refund, total)
            self._due.append((self._world.clock() + self.refund_settles_after, refund))
            self.settle()
            return refund

    def settle(self) -> None:
        """Move the money of the refunds that are due, or decline it."""
        with self._world.lock:
            while self._due and self._due[0][0] <= self._world.clock():
                _, refund = self._due.popleft()
                if refund.order_id in self._world.orders:
                    self._settle(refund)

    @contextmanager
    def in_hand(self, order_id: int) -> Iterator[list[Refunded] | None]:
        """Around the handling of a refund's request. One that comes meanwhile is given what stood when it came."""
        with self._world.lock:
            is_late = self._in_hand[order_id] > 0
            seen = [row for row in self.refunded if row.order_id == order_id]
            self._in_hand[order_id] += 1
        try:
            yield seen if is_late else None
        finally:
            with self._world.lock:
                self._in_hand[order_id] -= 1

    @contextmanager
    def as_it_stood(self, order_id: int, seen: list[Refunded] | None) -> Iterator[None]:
        """Inside, the order's refunds are those `seen`; None: as they are."""
        if seen is not None:
            self._as_before[order_id] = seen
        try:
            yield
        finally:
            self._as_before.pop(order_id, None)

    # --- inside ---

    def _take(self, order_id: int, event: str, amount: Decimal | str | None, status: str) -> int:
        with self._world.lock:
            order = self._world.orders[order_id]
            order.record["payment_status"] = status
            whole = Decimal(order.record["total_inc_tax"])
            held = [t for t in self.transactions.get(order_id, ()) if t["event"] == "authorization"]
            reference = held[-1]["id"] if held and event == "capture" else None
            return self.add_transaction(order_id, event, whole if amount is None else amount, reference=reference)

    def _arrive(self, order: StoredOrder, event: str, amount: Decimal, gateway: str, at: datetime) -> None:
        number = next(self._ids["transaction"])
        self.transactions.setdefault(order.id, []).append({
            "id": number, "order_id": order.id, "event": event, "amount": amount, "status": "ok", "gateway": gateway,
            "method": METHODS.get(gateway) or self._method(gateway), "currency": order.record["default_currency_code"],
            "test": False, "gateway_transaction_id": f"{gateway[:2]}_{number}", "reference": None, "at": at,
        })  # fmt: skip

    def _method(self, gateway: str) -> str:
        return "offline" if gateway in self.offline_gateways else "credit_card"

    def _before(self, order_id: int) -> list[Refunded]:
        if order_id in self._as_before:
            return self._as_before[order_id]
        return [row for row in self.refunded if row.order_id == order_id]

    def _left(self, order: StoredOrder) -> dict[str, Decimal]:
        """What came in by each gateway and has not been refunded."""
        left: dict[str, Decimal] = {}
        for each in self._came_in(order):
            left[each["gateway"]] = left.get(each["gateway"], ZERO) + each["amount"]
        for refund_id in {row.refund_id for row in self._before(order.id)}:
            for payment in self.refunds[refund_id].payments:
                left[payment["provider_id"]] = left.get(payment["provider_id"], ZERO) - payment["amount"]
        return {gateway: amount for gateway, amount in left.items() if amount > 0}

    def _came_in(self, order: StoredOrder) -> list[Record]:
        currency = order.record["default_currency_code"]
        return [
            each
            for each in self.transactions.get(order.id, ())
            if each["status"] == "ok" and not each["test"] and each["currency"] == currency
            and each["event"] in ("purchase", "capture", "settled")
        ]  # fmt: skip

    def _methods(self, order: StoredOrder, total: Decimal) -> tuple[tuple[Option, ...], ...]:
        """Store credit for who has an account, by hand for all, and last the way that it was paid."""
        if total <= 0:
            return ()
        methods: list[tuple[Option, ...]] = [(Option(CUSTOM, total, True),)]
        if order.record["customer_id"]:
            methods.insert(0, (Option(CREDIT, total, False),))
        left = self._left(order)
        rest = total
        original: list[Option] = []
        for gateway in sorted(left, key=lambda name: name in METHODS):  # money before credit
            if share := min(rest, left[gateway]):
                original.append(Option(gateway, share, gateway in self.offline_gateways))
                rest -= share
        if original and not rest and tuple(original) not in methods:
            methods.append(tuple(original))
        return tuple(methods)

    def _checked(
        self, order: StoredOrder, quoted: Quoted, payments: object, total: Decimal, *, is_override: bool
    ) -> list[Option]:
        """The payments of a refund's request, which must be one of the quote's methods and come to the total."""
        if not isinstance(payments, list) or not payments:
            raise Refusal(422, INVALID, {"payments": "error.path.missing"})
        given = [Option(str(p.get("provider_id")), _amount(p, "amount"), bool(p.get("offline"))) for p in payments]
        if not order.record["customer_id"] and any(each.provider == CREDIT for each in given):
            raise Refusal(422, GUEST, in_data=True)
        if not self._came_in(order) and any(not each.offline for each in given):
            raise Refusal(422, "The order's payment has not been settled: it cannot be refunded online.")
        if sum((each.amount for each in given), ZERO) != total:
            raise Refusal(422, f"The payments do not come to the refund's amount of {total}.")
        for method in quoted.methods:
            offered = {option.provider: option for option in method}
            fits = {each.provider for each in given} <= set(offered) and all(
                each.offline or not offered[each.provider].offline for each in given
            )
            same = sorted((each.provider, each.amount) for each in given) == sorted(
                (option.provider, option.amount) for option in method
            )
            if fits and (is_override or same):
                return given
        raise Refusal(422, "The payments are none of the refund methods that are available for this order.")

    def _apply(self, order: StoredOrder, refund: Refund, total: Decimal) -> None:
        """Lines, status and payment status; an override's difference is on the last part."""
        parts = list(refund.parts)
        difference = total - sum((part.amount for part in parts), ZERO)
        parts[-1] = replace(parts[-1], amount=parts[-1].amount + difference)
        for part in parts:
            line = order.lines.get(part.item_id) if part.item_type == "PRODUCT" else None
            if line is not None:
                line["quantity_refunded"] += part.units
                line["is_refunded"] = line["quantity_refunded"] >= line["quantity"]
                line["return_id"] = refund.id
            row = (part.item_type, part.item_id, part.units, part.amount, part.reason)
            self.refunded.append(Refunded(refund.id, order.id, *row, refund.at))
        back = sum((row.amount for row in self.refunded if row.order_id == order.id), ZERO)
        is_whole = back >= Decimal(order.record["total_inc_tax"])
        order.record["status_id"] = 4 if is_whole else 14
        order.record["payment_status"] = "refunded" if is_whole else "partially refunded"
        self._world.touch(order.id)

    def _settle(self, refund: Refund) -> None:
        declined = refund.order_id in self.declines_refunds_of
        for payment in refund.payments:
            if payment["offline"]:
                continue
            if declined:
                payment["is_declined"] = True
                payment["declined_message"] = "The card has been closed."
            before = self._world.orders[refund.order_id].modified
            number = self.add_transaction(
                refund.order_id, "refund", payment["amount"], status="error" if declined else "ok",
                gateway=payment["provider_id"],
            )  # fmt: skip
            payment["transaction_id"] = str(number)
            if not self.settling_modifies_order:
                self._world.touch(refund.order_id, at=before)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._world.clock()), UTC)


def gateway_of(order: StoredOrder) -> str:
    return str(order.record["payment_provider_id"] or "stripe")


def _amount(record: object, name: str) -> Decimal:
    """A JSON number of the request, by its shortest text."""
    value = record.get(name) if isinstance(record, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value < 0:
        raise Refusal(422, INVALID, {name: "error.expected.jsnumber"})
    return Decimal(str(value))
