"""What the double's API lets a client write, and what it refuses.

What belongs here: JSON:API bodies in, records changed, reasons for a refusal. What does not: HTTP
(`app.py`), and what people do on the floor (`world.py`).

Sources: GoodsOutAttributes, GoodsOutLineChange, Address, ProductAttributes and the cancel path of Clarus's
OpenAPI description. Codes 36 to 59 are documented; where a refusal has no documented code, 0 stands in its
place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clarus_bc_pipeline.sandbox.clarus.tables import Record, Table
from clarus_bc_pipeline.sandbox.clarus.tenant import STATUSES
from clarus_bc_pipeline.sandbox.clarus.world import WarehouseWorld

TEXT, NUMBER, WHOLE = (str,), (int, float), (int,)
_SLOTS = tuple(f"string{n}" for n in range(1, 6))
_NOTES = ("packing_notes", "pick_notes", "order_notes", "delivery_notes")
_REFERENCES = tuple(f"external_system_reference{n}" for n in range(1, 4))

GOODS_OUT_ATTRIBUTES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("goods_out_type", "reference", "expected_date_of_dispatch", "dispatch_strategy"), TEXT),
    **dict.fromkeys(("pack_strategy", "pick_type", "load_reference", *_NOTES, *_REFERENCES, *_SLOTS), TEXT),
    **dict.fromkeys(("account_id", "warehouse_id", "priority", "carrier_id", "carrier_service_id"), WHOLE),
    "goods_out_status_id": WHOLE,
    "lines_changes": (list,),
}
LINE_ATTRIBUTES: Mapping[str, tuple[type, ...]] = {
    "product_id": WHOLE, "order_quantity": NUMBER,
    **dict.fromkeys(("alt_line_reference", "alt_line_number", "alt_line_note", "string1"), TEXT),
}  # fmt: skip
ADDRESS_ATTRIBUTES: Mapping[str, tuple[type, ...]] = dict.fromkeys(
    ("name", "address_1", "address_2", "address_3", "address_4", "address_5", "postcode", "country_code",
     "email_address", "phone_number"), TEXT,
)  # fmt: skip
PRODUCT_ATTRIBUTES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("code", "description", "long_description", "barcode", "commodity_code", "product_type"), TEXT),
    "stock_unit_type_id": WHOLE,
}
RECEIPT_ATTRIBUTES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("account_id", "warehouse_id", "supplier_id"), WHOLE),
    # Clarus does not publish the attribute of a receipt's kind: this is the name by which GraphQL shows it.
    **dict.fromkeys(("reference", "receipt_type", "expected_date_of_arrival", "notes", *_REFERENCES, *_SLOTS), TEXT),
    "lines_changes": (list,),
}
RECEIPT_LINE_ATTRIBUTES: Mapping[str, tuple[type, ...]] = {
    "product_id": WHOLE, "expected_quantity": NUMBER,
    **dict.fromkeys(
        ("alt_line_reference", "alt_line_number", "alt_line_note", "stock_configuration", *_SLOTS), TEXT
    ),
}  # fmt: skip
LIMITS: Mapping[str, int] = {
    "reference": 50, "packing_notes": 255, "code": 50, "description": 150, "commodity_code": 14,
    **{f"address_{n}": 80 for n in range(1, 6)},
    "postcode": 10, "country_code": 6, "email_address": 254, "phone_number": 50,
}  # fmt: skip
REQUIRED = ("goods_out_type", "account_id", "reference", "expected_date_of_dispatch")
UNTOUCHED = ("DRAFT", "PENDING")


class Refusal(Exception):
    """A write that is refused: HTTP status and the error of the reply."""

    def __init__(self, symbol: str, details: str, *, status: int = 422, code: int = 0) -> None:
        self.status = status
        self.error = {"code": code, "symbol": symbol, "details": details, "source": None, "context": None}
        super().__init__(details)


def create_goods_out(world: WarehouseWorld, body: Any) -> Record:
    """A new sales order: pending, or a draft when its status id says so."""
    attributes, address = _goods_out_body(body)
    for name in REQUIRED:
        if attributes.get(name) in (None, ""):
            raise Refusal("blank", f"{name} can't be blank")
    account = _found(world.accounts, attributes["account_id"], "account_id")
    warehouse_id = attributes.get("warehouse_id")
    warehouse = _found(world.warehouses, warehouse_id, "warehouse_id") if warehouse_id is not None else None
    same = world.goods_outs.where(reference=attributes["reference"], account_id=account["id"])
    if same and world.refuse_duplicates:
        raise Refusal("reference_exists", f"reference {attributes['reference']} has been taken")
    additions = [
        _addition(world, account, change) for change in attributes.pop("lines_changes", None) or []
    ]  # all looked at before any is applied
    status = "DRAFT" if attributes.pop("goods_out_status_id", None) == STATUSES["DRAFT"]["id"] else "PENDING"
    order = world.new_goods_out(attributes, account=account, warehouse=warehouse, status=status)
    order["address"] = address
    for product, quantity, reference in additions:
        world.new_line(order, product, quantity, reference)
    return order


def update_goods_out(world: WarehouseWorld, goods_out_id: int, body: Any) -> Record:
    """Change an order that is not being picked yet. Of lines, only additions and removals."""
    order = goods_out(world, goods_out_id)
    attributes, address = _goods_out_body(body)
    code = order["goods_out_status"]["code"]
    if code not in (*UNTOUCHED, "ALLOCATED", "PART_ALLOCATED"):
        raise Refusal("goods_out_cannot_be_changed", f"the order is {code}")
    additions, removals = [], []
    for change in attributes.pop("lines_changes", None) or []:
        if change.get("type") in ("DESTROY", "REMOVE"):
            removals.append(_line(world, order, change.get("id")))
        else:
            additions.append(_addition(world, order["account"], change))
    for fixed in ("account_id", "warehouse_id", "goods_out_status_id"):
        attributes.pop(fixed, None)
    world.goods_outs.change(order, **attributes)
    order["address"] = {**order["address"], **address}
    for line in removals:
        world.remove_line(line)
    for product, quantity, reference in additions:
        world.new_line(order, product, quantity, reference)
    return order


def delete_goods_out(world: WarehouseWorld, goods_out_id: int) -> None:
    code = goods_out(world, goods_out_id)["goods_out_status"]["code"]
    if code not in UNTOUCHED:
        raise Refusal("goods_out_cannot_be_deleted", f"the order is {code}; cancel it")
    world.delete(goods_out_id)


def cancel_goods_out(world: WarehouseWorld, goods_out_id: int) -> Record:
    """Untouched: deleted. Allocated or being picked: cancelled. Completed, or begun to leave: refused."""
    order = goods_out(world, goods_out_id)
    code = order["goods_out_status"]["code"]
    if code in UNTOUCHED:
        world.delete(goods_out_id)
        return order
    if code in ("COMPLETED", "CANCELLED"):
        raise Refusal("goods_out_cannot_be_cancelled", f"the order is {code}")
    if any(line["dispatch_quantity"] for line in world.lines(goods_out_id)):
        raise Refusal("goods_out_cannot_be_cancelled", "a part of the order was dispatched")
    world.cancel(goods_out_id)
    return order


def create_receipt(world: WarehouseWorld, body: Any) -> Record:
    """An announced receipt, pending. Clarus documents its lines as optional; here one without any is refused, for
    nobody could receive it.
    """
    attributes = _attributes(_data(body, "goods_in_receipts"), RECEIPT_ATTRIBUTES)
    for name in ("account_id", "warehouse_id"):
        if attributes.get(name) is None:
            raise Refusal("blank", f"{name} can't be blank")
    account = _found(world.accounts, attributes.pop("account_id"), "account_id")
    warehouse = _found(world.warehouses, attributes.pop("warehouse_id"), "warehouse_id")
    reference = attributes.get("reference")
    if world.refuse_duplicates and world.goods_in_receipts.where(reference=reference, account_id=account["id"]):
        raise Refusal("reference_exists", f"reference {reference} has been taken")
    changes = attributes.pop("lines_changes", None)
    if not changes:
        raise Refusal("blank", "lines_changes can't be blank")
    additions = [_receipt_line(world, account, change) for change in changes]  # all looked at before any is applied
    expected_at = attributes.pop("expected_date_of_arrival", None)
    receipt = world.new_receipt(
        {**attributes, "expected_date_of_receipt": expected_at}, account=account, warehouse=warehouse
    )
    for product, quantity, fields in additions:
        world.new_receipt_line(receipt, product, quantity, **fields)
    return receipt


def create_product(world: WarehouseWorld, body: Any) -> Record:
    """A product. Clarus ties it to an account by another resource; here the first account owns it."""
    attributes = _attributes(_data(body, "products"), PRODUCT_ATTRIBUTES)
    if not attributes.get("code"):
        raise Refusal("blank", "code can't be blank")
    if world.products.where(code=attributes["code"]):
        raise Refusal("product_code_exists", f"code {attributes['code']} has been taken")
    blank = {"barcode": None, "description": "", "product_type": "standard"}
    return world.new_product({**blank, **attributes, "account": next(iter(world.accounts.rows.values()))})


def update_product(world: WarehouseWorld, product_id: int, body: Any) -> Record:
    if product_id not in world.products.rows:
        raise Refusal("not_found", "no such record", status=404, code=4)
    product = world.products.rows[product_id]
    world.products.change(product, **_attributes(_data(body, "products"), PRODUCT_ATTRIBUTES))
    return product


def goods_out(world: WarehouseWorld, goods_out_id: int) -> Record:
    if goods_out_id not in world.goods_outs.rows:
        raise Refusal("not_found", "no such record", status=404, code=4)
    return world.goods_outs.rows[goods_out_id]


def _goods_out_body(body: Any) -> tuple[Record, Record]:
    """Attributes and address of a body, both checked field by field."""
    data = _data(body, "goods_outs")
    attributes = _attributes(data, GOODS_OUT_ATTRIBUTES)
    linked = ((data.get("relationships") or {}).get("address") or {}).get("data")
    address = _attributes(linked, ADDRESS_ATTRIBUTES) if linked else {}
    priority = attributes.get("priority")
    if priority is not None and not 1 <= priority <= 99:
        raise Refusal("invalid", "priority must be in 1..99")
    return attributes, address


def _data(body: Any, kind: str) -> Record:
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or data.get("type") != kind:
        raise Refusal("invalid_envelope", f"data.type must be {kind}")
    return data


def _attributes(data: Record, known: Mapping[str, tuple[type, ...]]) -> Record:
    attributes = data.get("attributes")
    if not isinstance(attributes, dict):
        raise Refusal("invalid_envelope", "attributes must be an object")
    for name, value in attributes.items():
        if name not in known:
            raise Refusal("unknown_attribute", f"{name} is not an attribute")
        if value is not None and (not isinstance(value, known[name]) or isinstance(value, bool)):
            raise Refusal("invalid", f"{name} has a wrong type")
        if isinstance(value, str) and len(value) > LIMITS.get(name, len(value)):
            raise Refusal("too_long", f"{name} is too long (maximum is {LIMITS[name]} characters)")
    return dict(attributes)


def _addition(world: WarehouseWorld, account: Record, change: Any) -> tuple[Record, float, str | None]:
    if not isinstance(change, dict) or change.get("type") != "ADD":
        raise Refusal("invalid", "lines_changes: type must be ADD")
    attributes = _attributes(change, LINE_ATTRIBUTES)
    product = _found(world.products, attributes.get("product_id"), "product_id")
    if product["account"] is not account:
        raise Refusal("not_found", f"product_id {product['id']} does not exist in this account")
    if not attributes.get("order_quantity") or attributes["order_quantity"] <= 0:
        raise Refusal("invalid", "order_quantity must be greater than 0")
    return product, float(attributes["order_quantity"]), attributes.get("alt_line_reference")


def _receipt_line(world: WarehouseWorld, account: Record, change: Any) -> tuple[Record, float, Record]:
    if not isinstance(change, dict) or change.get("type") != "ADD":
        raise Refusal("invalid", "lines_changes: type must be ADD")
    attributes = _attributes(change, RECEIPT_LINE_ATTRIBUTES)
    product = _found(world.products, attributes.pop("product_id", None), "product_id")
    if product["account"] is not account:
        raise Refusal("not_found", f"product_id {product['id']} does not exist in this account")
    quantity = attributes.pop("expected_quantity", None)
    if not quantity or quantity <= 0:
        raise Refusal("invalid", "expected_quantity must be greater than 0")
    if attributes.get("stock_configuration") not in (None, "unit", "case", "inner", "outer"):
        raise Refusal("invalid", "stock_configuration must be unit, case, inner or outer")
    return product, float(quantity), attributes


def _line(world: WarehouseWorld, order: Record, line_id: Any) -> Record:
    line = world.goods_out_lines.rows.get(line_id)
    if line is None or line["goods_out"] is not order:
        raise Refusal("not_found", f"line {line_id} is not of this order")
    return line


def _found(table: Table, number: Any, name: str) -> Record:
    if number not in table.rows:
        raise Refusal("not_found", f"{name} {number} does not exist")
    return table.rows[number]
