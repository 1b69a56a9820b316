"""What was written on an order, mapped to the fields that the packer, picker and carrier read.

What belongs here: gathering texts by the store's mappings and holding them to the fields' limits. Never a
silent cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clarus_bc_pipeline.settings import NoteMapping, OrdersSettings


@dataclass(frozen=True, slots=True)
class TooLong:
    """A mapped text longer than its Clarus field. `length` and `limit` in characters."""

    target: str
    sources: tuple[str, ...]
    length: int
    limit: int


@dataclass(frozen=True, slots=True)
class Instructions:
    """`fields`: Clarus field -> text.

    `too_long`: what did not fit. `unmapped`: sources with text that no mapping takes.
    """

    fields: Mapping[str, str]
    too_long: tuple[TooLong, ...]
    unmapped: tuple[str, ...]


def gather(
    personal: Mapping[str, Any], metafields: Mapping[tuple[str, str], str], settings: OrdersSettings
) -> Instructions:
    """Map the texts of one order.

    `personal` is the release payload, `metafields` is (namespace, key) -> value.
    """
    fields: dict[str, list[str]] = {}
    sources: dict[str, list[str]] = {}
    for mapping in settings.notes:
        text = _text(mapping, personal, metafields)
        if text:
            fields.setdefault(mapping.target, []).append(f"{mapping.label}{text}")
            sources.setdefault(mapping.target, []).append(mapping.source)
    joined = {target: "; ".join(parts) for target, parts in fields.items()}
    too_long = tuple(
        TooLong(target, tuple(sources[target]), len(text), limit)
        for target, text in joined.items()
        if len(text) > (limit := settings.note_limit(target))  # type: ignore[arg-type]
    )
    mapped = {mapping.source for mapping in settings.notes}
    unmapped = tuple(source for source, text in _present(personal) if text and source not in mapped)
    return Instructions(joined, too_long, unmapped)


def _text(mapping: NoteMapping, personal: Mapping[str, Any], metafields: Mapping[tuple[str, str], str]) -> str:
    kind, _, name = mapping.source.partition(":")
    match kind:
        case "metafield":
            namespace, _, key = name.partition("/")
            return metafields.get((namespace, key), "").strip()
        case "form_field":
            return "; ".join(_form_field(personal, name))
        case "gift_wrap" | "product_options":
            return "; ".join(_by_line(personal, kind))
        case _:
            return str(personal.get(kind) or "").strip()


def _present(personal: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The sources that a shopper fills in, with their text; what is missed here, a packer would miss."""
    yield "customer_message", str(personal.get("customer_message") or "").strip()
    yield "gift_wrap", "; ".join(_by_line(personal, "gift_wrap"))
    for name in sorted({f["name"] for address in personal["addresses"] for f in address.get("form_fields", ())}):
        yield f"form_field:{name}", "; ".join(_form_field(personal, name))


def _form_field(personal: Mapping[str, Any], name: str) -> list[str]:
    values = [
        _joined(field["value"])
        for address in personal["addresses"]
        for field in address.get("form_fields", ())
        if field["name"] == name
    ]
    return [v for v in dict.fromkeys(values) if v]


def _by_line(personal: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Each line's gift wrap or options, after its SKU: the packer must know which item is meant."""
    for line in personal["lines"]:
        if kind == "gift_wrap" and line.get("wrapping"):
            yield f"{line['sku']}: {' - '.join(part for part in line['wrapping'] if part)}"
        if kind == "product_options" and line.get("options"):
            yield f"{line['sku']}: {', '.join(f'{name} {value}' for name, value in line['options'])}"


def _joined(value: Any) -> str:
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    return ", ".join(str(v).strip() for v in values if v not in (None, ""))
