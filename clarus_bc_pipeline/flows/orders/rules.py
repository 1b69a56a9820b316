"""When an order goes to the warehouse, how it looks there, and what its later changes mean.

What belongs here: decisions, as pure functions of facts. What does not: reading or writing anything (`sync.py`).
An order is released whole or not at all: one line that cannot be packed holds every line, with a finding for each cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """An order that is paid and awaits fulfilment, with the personal payload that the warehouse needs."""

    order_id: int
    created_at: datetime
    currency: str
    total_inc_tax: Decimal
    release_hash: str
    lines: tuple[Line, ...]
    personal: Mapping[str, Any]
    metafields: Mapping[tuple[str, str], str]

    @property
    def subject(self) -> str:
        return f"order {self.order_id}"


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
    instructions = gather(order.personal, order.metafields, settings)
    notes = _notes(order, instructions)
    to_pack = [line for line in order.lines if line.is_physical and line.to_pack > 0]
    if not to_pack:
        return Decision(
            (),
            (
                _finding(
                    order, "nothing_to_release", "is paid and has no physical line with a quantity to pack"
                ),
            ),
            notes,
        )

    products, holds = _resolve_lines(order, to_pack, resolve)
    addresses: dict[int, dict[str, str]] = {}
    for address_id in dict.fromkeys(line.order_address_id for line in to_pack):
        addresses[address_id], problems = _address(order, address_id)
        holds += problems
    holds += [
        _finding(
            order,
            "field_too_long",
            f"{text.target} would hold {text.length} characters from {', '.join(text.sources)}; "
            f"Clarus takes {text.limit}. Shorten the note or map it elsewhere in the orders.notes setting",
            field=text.target,
            length=text.length,
            limit=text.limit,
        )
        for text in instructions.too_long
    ]
    references = {
        address_id: reference(order.order_id, n, len(addresses), settings)
        for n, address_id in enumerate(addresses, start=1)
    }
    holds += [
        _finding(
            order,
            "field_too_long",
            f"reference {value!r} is longer than Clarus's {FIELD_LIMITS['reference']} "
            "characters. Shorten orders.reference_prefix in the settings",
            field="reference",
        )
        for value in references.values()
        if len(value) > FIELD_LIMITS["reference"]
    ]
    if holds:
        return Decision((), tuple(holds), notes)
    pushes = tuple(
        _push(
            order,
            address_id,
            references[address_id],
            address,
            instructions,
            account,
            settings,
            [
                (line, products[line.order_product_id])
                for line in to_pack
                if line.order_address_id == address_id
            ],
        )
        for address_id, address in addresses.items()
    )
    return Decision(pushes, (), notes)


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
                    sku=line.sku,
                    order_product_id=line.order_product_id,
                )
    return products, list(problems.values())


def _address(order: PaidOrder, address_id: int) -> tuple[dict[str, str], list[Finding]]:
    raw = next((a for a in order.personal["addresses"] if a["id"] == address_id), None)
    if raw is None:
        return {}, [
            _finding(order, "bad_address", f"was not released: address {address_id} is not on the order")
        ]
    fields, problems = clarus_address(raw)
    return fields, [
        _finding(order, problem.code, f"was not released: {problem.message}", field=problem.field)
        for problem in problems
    ]


def _notes(order: PaidOrder, instructions: Instructions) -> tuple[Finding, ...]:
    """Findings that tell and do not hold."""
    empty = [line for line in order.lines if line.type == "physical" and line.quantity == 0]
    return (
        *(
            _finding(
                order,
                "zero_quantity_line",
                f"has line {line.order_product_id} (SKU {line.sku!r}) of quantity 0; "
                "it is not sent to the warehouse",
                order_product_id=line.order_product_id,
            )
            for line in empty[:1]
        ),
        *(
            (
                _finding(
                    order,
                    "unmapped_instruction",
                    f"carries text in {', '.join(instructions.unmapped)} that no orders.notes setting sends on",
                ),
            )
            if instructions.unmapped
            else ()
        ),
    )


def _push(
    order: PaidOrder,
    address_id: int,
    ref: str,
    address: Mapping[str, str],
    instructions: Instructions,
    account: Account,
    settings: OrdersSettings,
    lines: Sequence[tuple[Line, Resolved]],
) -> Push:
    body = goods_out_payload(
        account_id=account.account_id,
        warehouse_id=account.warehouse_id,
        reference=ref,
        external_reference=str(order.order_id),
        expected_despatch_at=order.created_at + timedelta(hours=settings.despatch_within_hours),
        priority=settings.default_priority,
        address=address,
        notes=instructions.fields,
        lines=[(product.product_id, line.to_pack, str(line.order_product_id)) for line, product in lines],
    )
    return Push(
        kind=GOODS_OUT,
        business_key=ref,
        lane=f"order:{order.order_id}",
        priority=Priority.ORDER_RELEASE,
        payload={
            "body": body,
            "reference": ref,
            "order_id": order.order_id,
            "order_address_id": address_id,
            "release_hash": order.release_hash,
            "lines": [[line.order_product_id, product.product_code, line.to_pack] for line, product in lines],
        },
        cause={"order_id": order.order_id, "release_hash": order.release_hash},
    )


@dataclass(frozen=True, slots=True)
class ReleasedOrder:
    """An order that Clarus holds (or is about to), with both sides' state. One row for each goods-out."""

    order_id: int
    reference: str
    order_status_id: int
    is_deleted: bool
    release_hash: str
    value: Decimal
    currency: str
    goods_out_id: int | None
    goods_out_status: str | None
    released_hash: str
    missing: bool
    cancel_state: str | None
    changes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"order {self.order_id}"


def after_release(order: ReleasedOrder, settings: OrdersSettings) -> Decision:
    """What a change on either side means for an order that the warehouse holds: cancel it, tell somebody, or nothing."""
    cancelled = order.is_deleted or order.order_status_id in settings.cancelled_status_ids
    finished = order.goods_out_status in FINISHED or order.missing
    if cancelled and not finished:
        return _cancel(order)
    if cancelled and order.goods_out_status == "COMPLETED":
        return Decision(
            (),
            (
                _about(
                    order,
                    "manual_cancel_needed",
                    f"was cancelled in BigCommerce and goods-out {order.reference} had already left",
                ),
            ),
        )
    if cancelled:
        return Decision((), ())
    if order.missing or order.goods_out_status == "CANCELLED":
        how = "deleted" if order.missing else "cancelled"
        return Decision(
            (),
            (
                _about(
                    order,
                    "cancelled_in_clarus",
                    f"is live in BigCommerce, and goods-out {order.reference} was {how} in Clarus",
                ),
            ),
        )
    if order.release_hash != order.released_hash and order.goods_out_status != "COMPLETED":
        changed = ", ".join(order.changes) or "lines or address"
        return Decision(
            (),
            (
                _about(
                    order,
                    "order_changed_after_release",
                    f"was changed in BigCommerce ({changed}) after goods-out {order.reference} was "
                    "released; Clarus still has the old one",
                    changed=list(order.changes),
                ),
            ),
        )
    return Decision((), ())


def _cancel(order: ReleasedOrder) -> Decision:
    if order.cancel_state == "parked":
        return Decision(
            (),
            (
                _about(
                    order,
                    "manual_cancel_needed",
                    f"was cancelled in BigCommerce, and Clarus refused to cancel goods-out "
                    f"{order.reference} (status {order.goods_out_status})",
                ),
            ),
        )
    if order.goods_out_id is None or order.cancel_state is not None:
        return Decision((), ())
    push = Push(
        kind=GOODS_OUT_CANCEL,
        business_key=order.reference,
        lane=f"order:{order.order_id}",
        priority=Priority.SHIPMENT,
        payload={
            "goods_out_id": order.goods_out_id,
            "reference": order.reference,
            "order_id": order.order_id,
        },
        cause={
            "order_id": order.order_id,
            "status_id": order.order_status_id,
            "is_deleted": order.is_deleted,
        },
    )
    deleted = (
        (
            _about(
                order,
                "order_deleted",
                f"was deleted or archived in BigCommerce while Clarus holds goods-out "
                f"{order.reference}; it is being cancelled there",
            ),
        )
        if order.is_deleted
        else ()
    )
    return Decision((push,), deleted)


def _finding(order: PaidOrder, code: str, sentence: str, **evidence: Any) -> Finding:
    return Finding(
        code,
        order.subject,
        f"Order {order.order_id} {sentence}.".replace("..", "."),
        order_id=order.order_id,
        evidence=evidence,
        value_at_risk=order.total_inc_tax,
        currency=order.currency,
    )


def _about(order: ReleasedOrder, code: str, sentence: str, **evidence: Any) -> Finding:
    return Finding(
        code,
        order.subject,
        f"Order {order.order_id} {sentence}.",
        order_id=order.order_id,
        evidence={"reference": order.reference, **evidence},
        value_at_risk=order.value,
        currency=order.currency,
    )
