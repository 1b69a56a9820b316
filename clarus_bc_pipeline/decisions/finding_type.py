"""What a type of finding is: whose it is, how grave, what it means and what to do.

What belongs here: the shape. What does not: the types themselves (`registry.py`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Owner(enum.StrEnum):
    """Who can mend it."""

    WAREHOUSE = "warehouse"
    ECOMMERCE = "ecommerce"
    CX = "cx"
    FINANCE = "finance"
    INTEGRATION = "integration"


class Severity(enum.StrEnum):
    """WARN: a row that a person must mend. ERROR: a promise is broken, or nothing moves until it is mended."""

    WARN = "WARN"
    ERROR = "ERROR"


class System(enum.StrEnum):
    """Which system to open first."""

    BIGCOMMERCE = "BigCommerce"
    CLARUS = "Clarus"
    PIPELINE = "the pipeline's settings"
    CARRIER = "the carrier's site"


@dataclass(frozen=True, slots=True)
class FindingType:
    """What every finding of one type has in common, in words for a person who has never seen the code."""

    code: str
    owner: Owner
    severity: Severity
    title: str
    meaning: str
    blocks: str
    next_step: str
    system: System
