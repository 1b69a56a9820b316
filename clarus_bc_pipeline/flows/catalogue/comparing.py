"""Both catalogues as the ledger holds them, and all that differs between them, as findings.

What belongs here: gathering what the rules say of two whole catalogues. What does not: each rule (`rules.py`,
`faults.py`, `suggesting.py`, `rule_sets.py`), reading the systems and recording findings (`sync.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.catalogue.faults import Item, barcode_faults, duplicates, still_on_sale
from clarus_bc_pipeline.flows.catalogue.rule_sets import Proof, prove
from clarus_bc_pipeline.flows.catalogue.rules import SkuFault, SkuMap, compare_catalogues
from clarus_bc_pipeline.flows.catalogue.suggesting import Suggestion, suggest_pairs
from clarus_bc_pipeline.ledger import tables


@dataclass(frozen=True, slots=True)
class Catalogues:
    """Both sides as the ledger has read them last; `read_at` is the older of their times, None if one is missing."""

    shop: list[Item]
    clarus: list[Item]
    read_at: datetime | None = None


def catalogues(connection: sa.Connection, *, store: str) -> Catalogues:
    """Both catalogues of a store."""
    variant, product = tables.bigcommerce_variant.c, tables.clarus_product.c
    asked = (
        ((variant.sku, variant.name, variant.gtin, variant.is_on_sale), variant.seen_at, variant.store),
        (
            (product.product_code, product.description, product.barcode, sa.true(), product.withdrawn),
            product.seen_at,
            product.store,
        ),
    )
    sides: list[list[Item]] = []
    times: list[datetime | None] = []
    for said, seen_at, key in asked:
        rows = connection.execute(sa.select(*said).where(key == store).order_by(said[0]))
        sides.append([Item(*row) for row in rows])
        times.append(connection.scalar(sa.select(sa.func.max(seen_at)).where(key == store)))
    known = [at for at in times if at is not None]
    shop, clarus = sides
    return Catalogues(shop, clarus, read_at=min(known) if len(known) == len(times) else None)


def compared(read: Catalogues, sku_map: SkuMap, *, store: str) -> list[Finding]:
    """All that differs between two catalogues, one finding a type and SKU; what is missing with its likely pair."""
    codes = {item.code: 0 for item in read.clarus}
    faults = compare_catalogues((item.code for item in read.shop), codes, sku_map, store=store)
    faults += duplicates(read.shop, "BigCommerce") + duplicates(read.clarus, "Clarus")
    faults += barcode_faults(read.shop, read.clarus, sku_map)
    faults += still_on_sale(read.shop, read.clarus, sku_map)
    pairs = unmatched_pairs(read, sku_map)
    suggested = {pair.sku: pair for pair in pairs} | {pair.code: pair for pair in pairs}
    findings = {
        (f.code, f.sku): Finding(f.code, f"SKU {f.sku}", f.message, evidence=_evidence(f, suggested)) for f in faults
    }
    proof = prove(sku_map, (item.code for item in read.shop))
    if not proof.is_accepted:
        findings["", ""] = refusal(proof, store=store)
    return list(findings.values())


def refusal(proof: Proof, *, store: str) -> Finding:
    """The finding of a rule set that was refused."""
    message = (
        f"The rules in [stores.{store}.skus] are refused: {proof.refused_because}. Orders with a SKU that the rules "
        "change wait until the rules give every SKU a code of its own."
    )
    return Finding("sku_rules_refused", "SKU rules", message)


def unmatched_pairs(read: Catalogues, sku_map: SkuMap) -> list[Suggestion]:
    """Likely pairs of what neither side could match."""
    codes = {item.code for item in read.clarus}
    to_clarus = {item.code: sku_map.to_clarus(item.code) for item in read.shop}
    matched = {code for code in to_clarus.values() if code in codes}
    return suggest_pairs(
        [item for item in read.shop if to_clarus[item.code] not in codes],
        [item for item in read.clarus if item.code not in matched],
    )


def _evidence(fault: SkuFault, suggested: Mapping[str, Suggestion]) -> dict[str, Any]:
    pair = suggested.get(fault.sku)
    if pair is None or fault.code.startswith("barcode") or fault.code == "stopped_on_sale":
        return {}
    other = pair.code if pair.sku == fault.sku else pair.sku
    return {"suggested": other, "confidence": pair.confidence, "reason": pair.reason}
