"""What the shopper wrote reaches the packer whole, or it is said that it does not: never a silent cut."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.orders.instructions import TooLong, gather
from clarus_bc_pipeline.settings import DEFAULT_NOTE_LIMITS, NoteMapping, OrdersSettings

DEFAULTS = OrdersSettings()
TEXTS = st.text(max_size=300)


def payload(**given: Any) -> dict[str, Any]:
    return {"customer_message": "", "staff_notes": "", "addresses": [], "lines": []} | given


def mapped(*notes: NoteMapping, **other: Any) -> OrdersSettings:
    return OrdersSettings(notes=notes, **other)


def address(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "form_fields": [{"name": name, "value": value} for name, value in fields.items()]}


def test_by_default_message_staff_notes_and_gift_wrap_each_have_their_field() -> None:
    personal = payload(
        customer_message=" Leave with neighbour ",
        staff_notes="VIP",
        lines=[{"sku": "00123", "wrapping": ("Red paper", "Happy birthday"), "options": ()}],
    )
    found = gather(personal, {}, DEFAULTS)
    assert found.unmapped == ()
    assert found.fields == {
        "packing_notes": "Leave with neighbour",
        "order_notes": "VIP",
        "string1": "00123: Red paper - Happy birthday",
    }


def test_an_order_without_words_has_no_instructions() -> None:
    nothing = gather(payload(customer_message="  ", staff_notes=None), {}, DEFAULTS)
    assert (nothing.fields, nothing.too_long, nothing.unmapped) == ({}, (), ())


def test_a_metafield_reaches_the_carrier_with_its_label() -> None:
    note = NoteMapping(source="metafield:gifts/message", target="delivery_notes", label="Gift: ")
    fields = gather(payload(), {("gifts", "message"): "With love"}, mapped(note)).fields
    assert fields == {"delivery_notes": "Gift: With love"}
    assert gather(payload(), {("gifts", "other"): "x"}, mapped(note)).fields == {}


def test_a_metafield_key_may_hold_a_slash() -> None:
    note = NoteMapping(source="metafield:gifts/message/en", target="delivery_notes")
    assert gather(payload(), {("gifts", "message/en"): "Hi"}, mapped(note)).fields == {"delivery_notes": "Hi"}


def test_sources_of_one_field_are_joined_in_the_order_of_the_settings() -> None:
    notes = (
        NoteMapping(source="staff_notes", target="packing_notes", label="Staff: "),
        NoteMapping(source="customer_message", target="packing_notes"),
    )
    fields = gather(payload(customer_message="Ring twice", staff_notes="VIP"), {}, mapped(*notes)).fields
    assert fields == {"packing_notes": "Staff: VIP; Ring twice"}


def test_form_fields_take_numbers_lists_and_each_address_once() -> None:
    note = NoteMapping(source="form_field:Floor", target="delivery_notes")
    personal = payload(addresses=[address(Floor=3), address(Floor=["3", "", None, "4"]), address(Floor=3)])
    assert gather(personal, {}, mapped(note)).fields == {"delivery_notes": "3; 3, 4"}


def test_options_name_their_item() -> None:
    note = NoteMapping(source="product_options", target="pick_notes")
    lines = [
        {"sku": "A", "options": (("Colour", "Red"), ("Engraving", "To M")), "wrapping": None},
        {"sku": "B", "options": (("Size", "L"),), "wrapping": None},
    ]
    fields = gather(payload(lines=lines), {}, mapped(note)).fields
    assert fields == {"pick_notes": "A: Colour Red, Engraving To M; B: Size L"}


def test_a_text_that_does_not_fit_is_kept_whole_and_reported_with_its_sources() -> None:
    notes = (
        NoteMapping(source="customer_message", target="packing_notes"),
        NoteMapping(source="staff_notes", target="packing_notes"),
    )
    found = gather(payload(customer_message="x" * 200, staff_notes="y" * 60), {}, mapped(*notes))
    assert found.too_long == (TooLong("packing_notes", ("customer_message", "staff_notes"), 262, 255),)
    assert len(found.fields["packing_notes"]) == 262


def test_a_text_of_exactly_the_limit_fits_and_a_tenant_may_set_the_limit() -> None:
    assert gather(payload(customer_message="x" * 255), {}, DEFAULTS).too_long == ()
    note = NoteMapping(source="customer_message", target="packing_notes")
    tight = mapped(note, note_limits={"packing_notes": 5})
    assert [t.limit for t in gather(payload(customer_message="123456"), {}, tight).too_long] == [5]


def test_what_a_shopper_wrote_and_no_mapping_takes_is_named() -> None:
    personal = payload(
        customer_message="Ring twice",
        addresses=[address(Floor="3", Empty="")],
        lines=[{"sku": "A", "wrapping": ("Red", ""), "options": ()}],
    )
    assert gather(personal, {}, mapped()).unmapped == ("customer_message", "gift_wrap", "form_field:Floor")


@given(TEXTS, TEXTS, st.dictionaries(st.sampled_from(["a", "b"]), TEXTS))
def test_no_word_is_lost_it_is_in_a_field_or_named_as_unmapped(message: str, staff: str, form: dict[str, str]) -> None:
    settings = mapped(
        NoteMapping(source="customer_message", target="packing_notes", label="C: "),
        NoteMapping(source="staff_notes", target="packing_notes"),
        NoteMapping(source="form_field:a", target="delivery_notes"),
    )
    personal = payload(customer_message=message, staff_notes=staff, addresses=[address(**form)])
    found = gather(personal, {}, settings)
    for text in (message, staff, form.get("a", "")):
        assert not text.strip() or any(text.strip() in field for field in found.fields.values())
    assert ("form_field:b" in found.unmapped) == bool(form.get("b", "").strip())
    too_long = {t.target for t in found.too_long}
    for target, text in found.fields.items():
        assert (len(text) > DEFAULT_NOTE_LIMITS[target]) == (target in too_long)  # type: ignore[index]
