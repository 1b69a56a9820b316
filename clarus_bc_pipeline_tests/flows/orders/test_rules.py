"""Whether an order may go to the warehouse, and how it looks there: examples, and properties of any order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.clarus.goods_outs import FIELD_LIMITS
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.catalogue.rules import Resolved, SkuProblem
from clarus_bc_pipeline.flows.orders.rules import (
    Account,
    Decision,
    Line,
    PaidOrder,
    parse_reference,
    reference,
    release,
)
from clarus_bc_pipeline.settings import NoteMapping, OrdersSettings

ADDRESS = {
    "id": 1, "first_name": "Ada", "last_name": "King", "street_1": "1 Kirkgate", "city": "Leeds", "zip": "LS1 4AP",
    "country_iso2": "GB",
}  # fmt: skip
SETTINGS = OrdersSettings(
    notes=(
        NoteMapping(source="customer_message", target="packing_notes"),
        NoteMapping(source="gift_wrap", target="string1"),
        NoteMapping(source="form_field:Porch", target="delivery_notes"),
    )
)


def line(number: int = 1, **given: Any) -> Line:
    known: dict[str, Any] = {
        "order_product_id": number, "order_address_id": 1, "sku": f"SKU-{number}", "name": "Thing", "type": "physical",
        "quantity": 1, "quantity_refunded": 0, "price_inc_tax": Decimal("1.00"),
    }  # fmt: skip
    return Line(**(known | given))


def order(*lines: Line, **given: Any) -> PaidOrder:
    personal = {"customer_message": "", "staff_notes": "", "addresses": [ADDRESS], "lines": []}
    known: dict[str, Any] = {
        "order_id": 10432, "status_id": 11, "created_at": datetime(2026, 11, 24, tzinfo=UTC), "currency": "GBP",
        "total_inc_tax": Decimal("36.00"), "release_hash": "h", "lines": lines or (line(),), "metafields": {},
    }  # fmt: skip
    return PaidOrder(**(known | given | {"personal": personal | given.get("personal", {})}))


def decided(of: PaidOrder, *, known: bool = True, settings: OrdersSettings = SETTINGS) -> Decision:
    def resolve(sku: str) -> Resolved | SkuProblem:
        if known or sku == "SKU-1":
            return Resolved(sku, int(sku.removeprefix("SKU-")))
        return SkuProblem("unknown_sku", sku, f'SKU "{sku}" is not in Clarus.')

    return release(of, resolve=resolve, account=Account(7, 9), settings=settings)


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.findings]


def body_of(decision: Decision) -> dict[str, Any]:
    (push,) = decision.pushes
    attributes: dict[str, Any] = push.payload["body"]["data"]["attributes"]
    return attributes


def test_a_released_order_names_its_order_line_on_every_line() -> None:
    changes = body_of(decided(order(line(1, quantity=3, quantity_refunded=1), line(2))))["lines_changes"]
    assert [(c["attributes"]["alt_line_reference"], c["attributes"]["order_quantity"]) for c in changes] == [
        ("1", 2),
        ("2", 1),
    ]


def test_it_is_due_a_day_after_it_was_ordered() -> None:
    assert body_of(decided(order()))["expected_date_of_dispatch"] == "2026-11-25T00:00:00Z"


def test_one_unknown_sku_holds_every_line_and_each_is_a_finding_of_its_own() -> None:
    decision = decided(order(line(1), line(2), line(3)), known=False)
    assert decision.pushes == ()
    assert [f.subject for f in decision.findings] == ["order 10432, SKU SKU-2", "order 10432, SKU SKU-3"]


def test_a_message_as_long_as_the_field_goes_and_one_longer_waits_uncut() -> None:
    fits = order(personal={"customer_message": "🎂" * 255})
    assert body_of(decided(fits))["packing_notes"] == "🎂" * 255
    held = decided(order(personal={"customer_message": "🎂" * 256}))
    assert (held.pushes, codes(held)) == ((), ["field_too_long"])


def test_a_reference_too_long_for_clarus_waits() -> None:
    settings = SETTINGS.model_copy(update={"reference_prefix": "P" * 50})
    assert codes(decided(order(), settings=settings)) == ["field_too_long"]


def test_a_line_of_unknown_type_and_an_unknown_status_wait_with_the_value_named() -> None:
    decision = decided(order(line(1), line(2, type="bundle"), status_id=15))
    assert decision.pushes == ()
    assert [(f.code, f.evidence["value"]) for f in decision.findings] == [
        ("unmapped_value", 15),
        ("unmapped_value", "bundle"),
    ]


def test_a_status_that_the_settings_release_is_known() -> None:
    settings = SETTINGS.model_copy(update={"release_status_ids": (11, 20)})
    assert decided(order(status_id=20), settings=settings).pushes


def test_pickup_lines_are_nobodys_parcel() -> None:
    assert codes(decided(order(line(1, order_address_id=0)))) == ["nothing_to_release"]


def test_an_address_that_is_not_on_the_order_holds_it() -> None:
    assert codes(decided(order(line(1, order_address_id=5)))) == ["bad_address"]


def test_a_release_made_anew_keeps_its_reference_under_a_key_of_its_own() -> None:
    (push,) = decided(order(revision=3)).pushes
    assert (push.business_key, push.payload["reference"]) == ("BC-10432#3", "BC-10432")


@given(st.integers(1, 10**12), st.integers(1, 40), st.integers(1, 40))
def test_a_reference_leads_back_to_its_order_and_address(order_id: int, position: int, addresses: int) -> None:
    made = reference(order_id, position, addresses, SETTINGS)
    assert parse_reference(made, SETTINGS) == (order_id, position if addresses > 1 else 1)


@given(st.text(max_size=20))
def test_a_strangers_reference_is_never_an_error(text: str) -> None:
    found = parse_reference(text, SETTINGS)
    assert found is None or text.startswith("BC-")


LINES = st.lists(
    st.builds(
        lambda address, kind, quantity, refunded: {
            "order_address_id": address if kind == "physical" else 0,
            "type": kind,
            "quantity": quantity,
            "quantity_refunded": refunded,
        },
        st.sampled_from([1, 2, 3]),
        st.sampled_from(["physical", "digital", "giftcertificate"]),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


def three_addresses(lines: list[dict[str, Any]], **given: Any) -> PaidOrder:
    addresses = [ADDRESS | {"id": number} for number in (1, 2, 3)]
    personal = {"addresses": addresses} | given.pop("personal", {})
    return order(*(line(n, **each) for n, each in enumerate(lines, start=1)), personal=personal, **given)


@given(LINES, st.booleans())
def test_an_order_goes_whole_or_not_at_all_with_every_unit_in_exactly_one_goods_out(
    lines: list[dict[str, Any]], known: bool
) -> None:
    of = three_addresses(lines)
    decision = decided(of, known=known)
    physical = {
        each.order_product_id: each.quantity - each.quantity_refunded
        for each in of.lines
        if each.type == "physical" and each.quantity > each.quantity_refunded
    }
    if not decision.pushes:
        assert decision.findings, "an order that waits says why"
        assert not physical or (not known and physical.keys() - {1})
        return
    assert decision.findings == ()
    sent = Counter[int]()
    for push in decision.pushes:
        for line_id, _, quantity in push.payload["lines"]:
            assert of.lines[line_id - 1].order_address_id == push.payload["order_address_id"]
            sent[line_id] += quantity
    assert dict(sent) == physical
    references = [push.payload["reference"] for push in decision.pushes]
    assert len(set(references)) == len(references)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cf"]), max_size=300)


@given(WORDS, WORDS, WORDS, WORDS)
def test_no_text_is_ever_cut_it_goes_whole_or_the_order_waits(name: str, street: str, message: str, wrap: str) -> None:
    of = order(
        personal={
            "addresses": [ADDRESS | {"first_name": name, "last_name": "", "street_1": street}],
            "customer_message": message,
            "lines": [{"order_product_id": 1, "sku": "SKU-1", "options": [], "wrapping": [wrap, ""]}],
        }
    )
    decision = decided(of)
    if not decision.pushes:
        assert decision.findings
        return
    body = decision.pushes[0].payload["body"]["data"]
    address = body["relationships"]["address"]["data"]["attributes"]
    lines = " ".join(address[f] for f in ("address_1", "address_2", "address_5") if f in address)
    assert "".join(lines.split()) == "".join(street.split())
    assert address["name"] == name.strip()
    assert body["attributes"].get("packing_notes", "") == message.strip()
    for field, text in (address | body["attributes"]).items():
        assert not isinstance(text, str) or len(text) <= FIELD_LIMITS.get(field, 255)


SECRET = "Zz9Secret"


@given(
    st.sampled_from(["first_name", "street_1", "street_2", "city", "state", "phone", "email", "company"]),
    st.sampled_from(["", "x" * 300, "\x07", "\u202e"]),
    st.sampled_from(["", "y" * 300]),
    st.booleans(),
)
def test_nothing_personal_reaches_a_finding(field: str, spoilt: str, too_much: str, known: bool) -> None:
    address = ADDRESS | dict.fromkeys(("first_name", "last_name", "street_1", "company", "email", "phone"), SECRET)
    personal = {
        "addresses": [address | {field: SECRET + spoilt, "form_fields": [{"name": "Door", "value": SECRET}]}],
        "customer_message": SECRET + too_much,
        "staff_notes": SECRET,
        "lines": [{"order_product_id": 1, "sku": "SKU-1", "options": [], "wrapping": [SECRET + too_much, SECRET]}],
    }
    decision = decided(order(line(1), line(2), personal=personal), known=known)
    told: tuple[Finding, ...] = (*decision.findings, *decision.notes)
    assert told, "the form field alone is worth a note"
    assert all(SECRET not in f"{f.subject} {f.message} {f.evidence}" for f in told)
    assert all(SECRET not in str(push.cause) for push in decision.pushes)
