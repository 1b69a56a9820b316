"""When an order goes to the warehouse, and how it looks there.

What belongs here: the decision to release, as pure functions of facts. What does not: what later changes mean
(`after_release.py`), reading or writing anything (`sync.py`). An order is released whole or not at all: one line that
cannot be packed holds every line, with a finding for each cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from clarus_bc_pipeline.clarus.goods_outs import FIELD_LIMITS, goods_out_payload
from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.catalogue.rules import Resolved, SkuProblem
from clarus_bc_pipeline.flows.orders.addresses import clarus_address
from clarus_bc_pipeline.flows.orders.instructions import Instructions, gather
from clarus_bc_pipeline.settings import OrdersSettings

GOODS_OUT = "goods_out"
GOODS_OUT_CANCEL = "goods_out_cancel"

# BigCommerce's order statuses (GET /v2/order_statuses) and line types (orders.v2.oas2.yml). With any other, nobody
# knows what the shop means, so the order waits.
STATUS_IDS = frozenset(range(15))
LINE_TYPES = frozenset({"physical", "digital", "giftcertificate"})

# Clarus statuses (clarus-api.json, GoodsOutStatusId) from which nothing more will happen.
FINISHED = frozenset({"COMPLETED", "CANCELLED"})

Resolve = Callable[[str], Resolved | SkuProblem]


@dataclass(frozen=True, slots=True)
class Line:
    """An order line. `price_inc_tax` is of one unit, in the order's currency."""

    order_product_id: int
    order_address_id: int
    sku: str
    name: str
    type: str
    quantity: int
    quantity_refunded: int
    price_inc_tax: Decimal

    @property
    def is_physical(self) -> bool:
        """Goes in a parcel: physical, and with a shipping address (pickup lines have none)."""
        return self.type == "physical" and self.order_address_id != 0

    @property
    def to_pack(self) -> int:
        return max(0, self.quantity - self.quantity_refunded)


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """An order that is paid and awaits fulfilment, with the personal payload that the warehouse needs.

    `revision` is 1 for the first release, and one more for each that was set aside unsent because the order changed.
    """

    order_id: int
    status_id: int
    created_at: datetime
    currency: str
    total_inc_tax: Decimal
    release_hash: str
    lines: tuple[Line, ...]
    personal: Mapping[str, Any]
    metafields: Mapping[tuple[str, str], str]
    revision: int = 1

    @property
    def subject(self) -> str:
        return f"order {self.order_id}"

    @property
    def to_pack(self) -> list[Line]:
        """The lines that go in a parcel, in the shop's order."""
        return [line for line in self.lines if line.is_physical and line.to_pack > 0]


@dataclass(frozen=True, slots=True)
class Decision:
    """`pushes` is empty when the order waits, and `findings` say why. `notes` tell without holding."""

    pushes: tuple[Push, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Where in Clarus the goods-outs belong: ids of the stock owner's account and of the warehouse."""

    account_id: int
    warehouse_id: int


def release(order: PaidOrder, *, resolve: Resolve, account: Account, settings: OrdersSettings) -> Decision:
    """Release `order` as one goods-out per delivery address, or hold it whole and say why."""
    notes = _notes(order, gather(order.personal, order.metafields, settings))
    if unknown := _unknown_values(order, settings):
        return Decision((), unknown, notes)
    to_pack = order.to_pack
    if not to_pack:
        nothing = _finding(order, "nothing_to_release", "is paid and has no physical line with a quantity to pack")
        return Decision((), (nothing,), notes)

    products, holds = _resolve_lines(order, to_pack, resolve)
    address_ids = list(dict.fromkeys(line.order_address_id for line in to_pack))
    goods_outs: list[GoodsOut] = []
    for position, address_id in enumerate(address_ids, start=1):
        ref = reference(order.order_id, position, len(address_ids), settings)
        address, problems = _address(order, address_id)
        instructions = instructions_for(order, address_id, settings)
        holds += [*problems, *_too_long(order, ref, instructions, several=len(address_ids) > 1)]
        lines = [line for line in to_pack if line.order_address_id == address_id]
        goods_outs.append(GoodsOut(ref, address_id, address, instructions.fields, lines))
    if holds:
        return Decision((), tuple(holds), notes)
    return Decision(tuple(_push(order, goods_out, products, account, settings) for goods_out in goods_outs), (), notes)


@dataclass(frozen=True, slots=True)
class GoodsOut:
    """What goes to one address: `address` and `notes` by Clarus's field names."""

    reference: str
    order_address_id: int
    address: Mapping[str, str]
    notes: Mapping[str, str]
    lines: Sequence[Line]


def instructions_for(order: PaidOrder, address_id: int, settings: OrdersSettings) -> Instructions:
    """What the packer of one address is told: the order's own words, and those of this address and its lines alone."""
    ids = {line.order_product_id for line in order.to_pack if line.order_address_id == address_id}
    share = {
        **order.personal,
        "addresses": [a for a in order.personal["addresses"] if a["id"] == address_id],
        "lines": [extras for extras in order.personal["lines"] if extras["order_product_id"] in ids],
    }
    return gather(share, order.metafields, settings)


def reference(order_id: int, position: int, addresses: int, settings: OrdersSettings) -> str:
    """The goods-out's reference: the order number, with the address's position where the order has several."""
    return f"{settings.reference_prefix}{order_id}" + (f"-{position}" if addresses > 1 else "")


def parse_reference(value: str, settings: OrdersSettings) -> tuple[int, int] | None:
    """(order id, address position) of a reference of ours, or None: somebody else's goods-out."""
    if not value.startswith(settings.reference_prefix):
        return None
    number, _, position = value.removeprefix(settings.reference_prefix).partition("-")
    if not number.isascii() or not number.isdigit() or (position and not position.isdigit()):
        return None
    return int(number), int(position or 1)


def _resolve_lines(
    order: PaidOrder, lines: Sequence[Line], resolve: Resolve
) -> tuple[dict[int, Resolved], list[Finding]]:
    products: dict[int, Resolved] = {}
    problems: dict[str, Finding] = {}
    for line in lines:
        match resolve(line.sku):
            case Resolved() as product:
                products[line.order_product_id] = product
            case SkuProblem(code=code, message=message):
                problems[line.sku] = _finding(
                    order,
                    code,
                    f"was not released: {message}",
                    part=f"SKU {line.sku}" if line.sku else f"line {line.order_product_id}",
                    sku=line.sku,
                    order_product_id=line.order_product_id,
                )
    return products, list(problems.values())


def _address(order: PaidOrder, address_id: int) -> tuple[dict[str, str], list[Finding]]:
    raw = next((a for a in order.personal["addresses"] if a["id"] == address_id), None)
    if raw is None:
        missing = f"was not released: address {address_id} is not on the order"
        return {}, [_finding(order, "bad_address", missing, part=f"address {address_id}")]
    fields, problems = clarus_address(raw)
    return fields, [
        _finding(
            order,
            problem.code,
            f"was not released: {problem.message}",
            part=f"address {address_id} {problem.field}",
            field=problem.field,
        )
        for problem in problems
        if not problem.is_warning
    ]


def _too_long(order: PaidOrder, ref: str, instructions: Instructions, *, several: bool) -> Iterator[Finding]:
    """What does not fit its field in Clarus; nothing is ever cut."""
    for text in instructions.too_long:
        yield _finding(
            order,
            "field_too_long",
            f"was not released: {text.target} would hold {text.length} characters from {', '.join(text.sources)}; "
            f"Clarus takes {text.limit}. Shorten the note or map it elsewhere in the orders.notes setting",
            part=f"{ref} {text.target}" if several else text.target,
            field=text.target,
            length=text.length,
            limit=text.limit,
        )
    if len(ref) > (limit := FIELD_LIMITS["reference"]):
        yield _finding(
            order,
            "field_too_long",
            f"was not released: reference {ref!r} is longer than Clarus's {limit} characters. Shorten "
            "orders.reference_prefix in the settings",
            part=f"reference {ref}",
            field="reference",
        )


def _unknown_values(order: PaidOrder, settings: OrdersSettings) -> tuple[Finding, ...]:
    found = []
    if not is_known_status(order.status_id, settings):
        found.append(
            _finding(
                order,
                "unmapped_value",
                f"was not released: its status_id {order.status_id} is none of BigCommerce's (0 to 14)",
                part="status_id",
                field="status_id",
                value=order.status_id,
            )
        )
    found += [
        _finding(
            order,
            "unmapped_value",
            f"was not released: line {line.order_product_id} is of type {line.type!r}; known are "
            f"{', '.join(sorted(LINE_TYPES))}",
            part=f"line {line.order_product_id} type",
            field="type",
            value=line.type,
        )
        for line in order.lines
        if line.type not in LINE_TYPES
    ]
    return tuple(found)


def is_known_status(status_id: int, settings: OrdersSettings) -> bool:
    """Whether BigCommerce documents the status, or the settings say what it means."""
    return status_id in STATUS_IDS or status_id in (*settings.release_status_ids, *settings.cancelled_status_ids)


def _notes(order: PaidOrder, instructions: Instructions) -> tuple[Finding, ...]:
    """Findings that tell and do not hold."""
    zero = [
        _finding(
            order,
            "zero_quantity_line",
            f"has line {line.order_product_id} (SKU {line.sku!r}) of quantity 0; it is not sent to the warehouse",
            part=f"line {line.order_product_id}",
            order_product_id=line.order_product_id,
        )
        for line in order.lines
        if line.type == "physical" and line.quantity == 0
    ]
    if not instructions.unmapped:
        return tuple(zero)
    unmapped = f"carries text in {', '.join(instructions.unmapped)} that no orders.notes setting sends on"
    return (*zero, _finding(order, "unmapped_instruction", unmapped))


def _push(
    order: PaidOrder,
    goods_out: GoodsOut,
    products: Mapping[int, Resolved],
    account: Account,
    settings: OrdersSettings,
) -> Push:
    lines = [(line, products[line.order_product_id]) for line in goods_out.lines]
    ref = goods_out.reference
    body = goods_out_payload(
        account_id=account.account_id,
        warehouse_id=account.warehouse_id,
        reference=ref,
        external_reference=str(order.order_id),
        expected_despatch_at=order.created_at + timedelta(hours=settings.despatch_within_hours),
        priority=settings.default_priority,
        address=goods_out.address,
        notes=goods_out.notes,
        lines=[(product.product_id, line.to_pack, str(line.order_product_id)) for line, product in lines],
    )
    return Push(
        kind=GOODS_OUT,
        # A key is queued once for ever. What was set aside unsent is followed by a key of its own; the reference,
        # by which Clarus would tell a duplicate, stays the same.
        business_key=ref if order.revision == 1 else f"{ref}#{order.revision}",
        lane=f"order:{order.order_id}",
        priority=Priority.ORDER_RELEASE,
        payload={
            "body": body,
            "reference": ref,
            "order_id": order.order_id,
            "order_address_id": goods_out.order_address_id,
            "release_hash": order.release_hash,
            "revision": order.revision,
            "lines": [[line.order_product_id, product.product_code, line.to_pack] for line, product in lines],
        },
        cause={
            "order_id": order.order_id,
            "release_hash": order.release_hash,
            "value_at_risk": str(order.total_inc_tax),
            "currency": order.currency,
        },
    )


def _finding(order: PaidOrder, code: str, sentence: str, *, part: str = "", **evidence: Any) -> Finding:
    """`part` names what of the order is meant: each cause is a finding of its own."""
    return Finding(
        code,
        f"{order.subject}, {part}" if part else order.subject,
        f"Order {order.order_id} {sentence}.".replace("..", "."),
        order_id=order.order_id,
        evidence=evidence,
        value_at_risk=order.total_inc_tax,
        currency=order.currency,
    )
