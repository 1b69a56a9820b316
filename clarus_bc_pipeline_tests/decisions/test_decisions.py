"""Findings and pushes as values, and the registry that people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clarus_bc_pipeline
from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.registry import REGISTRY, FindingType

PACKAGE = Path(clarus_bc_pipeline.__file__).parent
TYPES = sorted(REGISTRY.values(), key=lambda t: t.code)


@pytest.mark.parametrize("kind", TYPES, ids=lambda t: t.code)
def test_every_type_says_what_it_means_what_it_blocks_and_what_to_do(kind: FindingType) -> None:
    for text in (kind.meaning, kind.blocks, kind.next_step):
        assert re.fullmatch(r"[A-Z].{9,}[^.]", text.rstrip(".") + "x"), text
    assert not kind.title.endswith(".")


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_every_type_is_opened_somewhere(code: str) -> None:
    """A type that nothing opens is a promise that nobody keeps."""
    sources = [p for p in PACKAGE.rglob("*") if p.suffix in (".py", ".sql") and p.name != "registry.py"]
    assert any(re.search(rf"""["']{code}["']""", p.read_text(encoding="utf-8")) for p in sources), code


def test_a_finding_of_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no_such_type"):
        Finding("no_such_type", "order 1", "Order 1 is odd.")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_same_request_has_the_same_hash_whatever_the_order_of_its_fields(payload: dict[str, object]) -> None:
    backwards = dict(reversed(payload.items()))
    assert _push(payload).request_hash == _push(backwards).request_hash


def test_another_request_has_another_hash() -> None:
    assert _push({"quantity": 1}).request_hash != _push({"quantity": 2}).request_hash


def _push(payload: dict[str, object]) -> Push:
    return Push(kind="shipment", business_key="GO-1/1/1", lane="order:1", payload=payload)
