"""A finding: one thing that a person must know or mend.

What belongs here: the value. What does not: its type (`registry.py`), deciding when it opens (a flow's `rules.py`) or
storing it (`ledger/findings.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from clarus_bc_pipeline.decisions.registry import REGISTRY, FindingType, Owner, Severity, System

__all__ = ["REGISTRY", "Finding", "FindingType", "Owner", "Severity", "System"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One occurrence. `subject` names the thing ("order 10432", "SKU 00123", "goods-out GO-914").

    `message` is the whole sentence a person reads: what is wrong, with field and value, and what would be right.
    `value_at_risk` is money in `currency` (ISO 4217), or None where no money hangs on it.
    `order_id` is the BigCommerce order, where there is one.
    """

    code: str
    subject: str
    message: str
    order_id: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    value_at_risk: Decimal | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        if self.code not in REGISTRY:
            raise ValueError(f"finding type {self.code!r} is not in the registry (decisions/registry.py)")

    @property
    def type(self) -> FindingType:
        return REGISTRY[self.code]

    @property
    def owner(self) -> Owner:
        return self.type.owner

    @property
    def severity(self) -> Severity:
        return self.type.severity
