"""The RMA's metafield: what may stand there, and what is said when something else does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.returns.document import (
    BadRma,
    Closed,
    Document,
    DocumentLine,
    json_schema,
    key_of,
    number_of,
    read_document,
    write_document,
)

PUBLISHED = Path(__file__).parents[3] / "docs" / "rma.schema.json"
LINE = {"order_product_id": 101, "units": 2, "reason": "faulty"}

documents = st.builds(
    Document,
    lines=st.lists(
        st.builds(
            DocumentLine,
            order_product_id=st.integers(1, 2**53 - 1),
            units=st.integers(1, 2**31 - 1),
            reason=st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda line: line.order_product_id,
    ).map(tuple),
    refund_shipping=st.booleans(),
    opened_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    closed=st.none() | st.builds(Closed, at=st.just(datetime(2026, 11, 24, tzinfo=UTC)), because=st.just("kept it")),
)


def test_the_published_schema_is_the_one_in_force() -> None:
    assert json.loads(PUBLISHED.read_text()) == json_schema()


@given(documents)
def test_what_we_write_is_read_back_and_keeps_the_published_schema(document: Document) -> None:
    value = write_document(document)
    assert read_document(value) == document
    jsonschema.validate(json.loads(value), json_schema())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("not json", "malformed"),
        ("[]", "object"),
        ({}, "lines"),
        ({"lines": []}, "lines"),
        ({"lines": [LINE | {"units": 0}]}, "units"),
        ({"lines": [LINE | {"units": 1.5}]}, "units"),
        ({"lines": [LINE | {"units": "2"}]}, "units"),
        ({"lines": [LINE | {"reason": "Not A Word"}]}, "reason"),
        ({"lines": [LINE | {"order_product_id": None}]}, "order_product_id"),
        ({"lines": [LINE], "version": 2}, "version"),
        ({"lines": [LINE, LINE]}, "named twice"),
        ({"lines": [LINE], "opened_at": "2026-11-24T10:00:00"}, "opened_at"),
    ],
)
def test_a_value_that_is_no_rma_names_what_is_wrong(value: Any, words: str) -> None:
    with pytest.raises(BadRma, match=words):
        read_document(value if isinstance(value, str) else json.dumps(value))


def test_fields_of_other_apps_are_left_alone() -> None:
    value = json.dumps({"lines": [LINE | {"photo": "x"}], "app": {"id": 3}})
    assert read_document(value).lines[0].units == 2


@pytest.mark.parametrize("number", ["", "RMA 7", "[RMA-7]", "RMA-7]", "x" * 41, "-7", "RMA:7"])
def test_a_number_that_could_not_be_found_again_in_a_refunds_reason_is_not_used(number: str) -> None:
    with pytest.raises(BadRma):
        key_of(number)


def test_a_key_of_another_kind_is_no_rma() -> None:
    assert number_of(key_of("RMA-7-1")) == "RMA-7-1"
    with pytest.raises(BadRma, match="does not begin"):
        number_of("label:RMA-7-1")
