"""The pandera reports of both catalogues and of open orders: each rule is broken by the row that breaks it, by name."""

from __future__ import annotations

import pandas as pd
import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.catalogue.checks import _report
from clarus_bc_pipeline.flows.catalogue.schemas import catalogue_skus
from clarus_bc_pipeline.flows.check_reports import CheckReport, validate
from clarus_bc_pipeline.flows.orders.schemas import address_frame, open_order_addresses, open_order_lines
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline_tests.flows.orders.orders_world import ADA, NOON


def report(*skus: str) -> CheckReport:
    frame = pd.DataFrame({"sku": pd.Series(list(skus), dtype=str)})
    return validate(frame, catalogue_skus, name={n: f"SKU {sku!r}" for n, sku in enumerate(skus)})


def codes(of: CheckReport) -> list[str]:
    return sorted(rule.type.code for rule in of.broken)


@pytest.mark.parametrize(
    ("sku", "code"),
    [
        ("", "blank_sku"),
        (" \u200b", "blank_sku"),
        ("x" * 51, "sku_too_long"),
        ("MUG ", "sku_bad_characters"),
        ("M\u0420G", "sku_bad_characters"),
        ("1.23E+12", "sku_damaged_by_spreadsheet"),
    ],
)
def test_a_bad_sku_breaks_its_rule_and_is_named(sku: str, code: str) -> None:
    found = report("GOOD-1", sku)
    assert codes(found) == [code]
    assert found.failing_rows == 1


def test_skus_that_differ_by_case_alone_both_fail() -> None:
    found = report("MUG", "mug", "TIN")
    assert (codes(found), found.failing_rows) == (["sku_case_clash"], 2)


def test_a_sound_catalogue_passes_and_says_what_it_was_held_to() -> None:
    found = report("MUG", "00123", "TIN/2")
    assert found.broken == ()
    assert found.rules


def test_a_check_reads_its_own_stores_catalogue_only(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        for store, product_id, code in (("main", 1, "MUG "), ("other", 2, "x" * 60)):
            connection.execute(
                sa.insert(tables.clarus_product).values(
                    store=store, product_id=product_id, product_code=code, description="", barcode="", source="test",
                    seen_at=NOON,
                )
            )  # fmt: skip
    found = _report(ledger, "main", tables.clarus_product.c.product_code)
    assert (found.rows, codes(found)) == (1, ["sku_bad_characters"])


def test_lines_of_open_orders_are_held_to_sku_quantity_and_price() -> None:
    frame = pd.DataFrame({
        "sku": pd.Series(["MUG", "TIN", "NEVER"], dtype=str),
        "known_in_clarus": pd.Series([True, True, False], dtype=bool),
        "quantity": pd.Series([1, 0, 1], dtype="int64"),
        "price_inc_tax": pd.Series([1, 1, -1], dtype=object),
    })  # fmt: skip
    found = validate(frame, open_order_lines, name={n: f"order {n}" for n in range(3)})
    assert codes(found) == ["unknown_sku", "unreadable_record", "zero_quantity_line"]


def test_addresses_are_reported_by_field_and_never_by_what_they_say() -> None:
    secret = {**ADA, "zip": "SECRET", "street_1": "SECRET" * 50}
    frame = address_frame([ADA, secret])
    assert "SECRET" not in frame.to_csv()
    found = validate(frame, open_order_addresses, name={0: "order 1", 1: "order 2"})
    assert codes(found) == ["bad_address", "field_too_long"]
    assert "SECRET" not in str(found)
    assert "order 2" in str(found)
