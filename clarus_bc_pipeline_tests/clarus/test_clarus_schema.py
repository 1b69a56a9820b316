"""Whether a tenant's schema has what we ask for, and whether we ask for what is described."""

from __future__ import annotations

from typing import Any

import pytest

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.tenant_schema import check_schema, field_paths
from clarus_bc_pipeline.http import Ambiguous
from clarus_bc_pipeline_tests.clarus.conftest import Warehouse


def without(reply: dict[str, Any], type_name: str, field: str, kind: str = "fields") -> dict[str, Any]:
    for each in reply["data"]["__schema"]["types"]:
        if each["name"] == type_name:
            each[kind] = [f for f in each[kind] if f["name"] != field]
    return reply


def test_a_tenant_with_all_fields_lacks_nothing(api: Clarus) -> None:
    assert check_schema(api) == []


@pytest.mark.parametrize(
    ("type_name", "field", "kind", "sentence"),
    [
        (
            "GoodsOutLine",
            "alt_line_reference",
            "fields",
            "goods_out_lines: no field alt_line_reference (beyond",
        ),
        ("Shipment", "goods_out", "fields", "shipments: no field goods_out.id (beyond"),
        ("Product", "code", "fields", "products: no field code (documented"),
        ("Query", "packages", "fields", "packages: Clarus's schema has no packages in Query"),
        (
            "GoodsOutsFilterType",
            "reference",
            "inputFields",
            "goods_outs: no filter reference in GoodsOutsFilterType",
        ),
        (
            "Query",
            "goods_in_receipt_lines",
            "fields",
            "goods_in_receipt_lines: Clarus's schema has no goods_in_receipt_lines in Query, or this client may not see"
            " it; needed only for returns",
        ),
        (
            "Stock",
            "reason_code",
            "fields",
            "stocks: no field reason_code.code (beyond the documented examples); ask Clarus for it; needed only for"
            ' returns with inspection = "holds"',
        ),
    ],
)
def test_what_a_tenant_lacks_is_named(
    api: Clarus, warehouse: Warehouse, type_name: str, field: str, kind: str, sentence: str
) -> None:
    warehouse.world.alter_replies.append(lambda reply: without(reply, type_name, field, kind))
    assert any(words.startswith(sentence) for words in check_schema(api))


def test_a_reply_that_is_no_schema_is_not_taken_for_a_good_one(api: Clarus, warehouse: Warehouse) -> None:
    warehouse.world.alter_replies.append(lambda _: {"data": {"__schema": {"types": []}}})
    with pytest.raises(Ambiguous, match="not a schema"):
        check_schema(api)


def test_the_fields_of_a_selection_are_read_with_their_holders() -> None:
    assert list(field_paths("id product { code account { id } } total")) == [
        ("id",), ("product", "code"), ("product", "account", "id"), ("total",),
    ]  # fmt: skip
