"""A record that breaks its vendor's own specification.

What belongs here: the value. What does not: turning it into a finding (the flows) or reading records (the API
packages).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """`system` is the vendor, `record` the thing ("order 10432"), `reason` the field and what is wrong.

    `part_of` is the vendor's id of what the record is a part of (a line's order), None where it has no such id or that
    cannot be read either.
    """

    system: str
    record: str
    reason: str
    part_of: int | None = None
