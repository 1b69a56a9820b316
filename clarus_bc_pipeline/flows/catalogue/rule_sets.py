"""A set of SKU rules on trial: is it free of collisions and reversible, and which pairs would it change?

What belongs here: judging a whole set over a whole catalogue, as pure functions. What does not: applying it
(`rules.py`) and remembering what was proven (`sync.py`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from clarus_bc_pipeline.flows.catalogue.lookalikes import is_blank, shown
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.settings import SkuSettings


@dataclass(frozen=True, slots=True)
class Proof:
    """What a rule set does to a catalogue. Accepted when each Clarus code leads back to one SKU.

    `collisions`: (Clarus code, its SKUs) where the rules make one code of several SKUs. `emptied`: SKUs of which the
    rules leave nothing. `shared`: codes to which the table alone sends several SKUs, which is meant and accepted.
    """

    examined: int
    collisions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    emptied: tuple[str, ...] = ()
    shared: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_accepted(self) -> bool:
        return not self.collisions and not self.emptied

    @property
    def refused_because(self) -> str:
        """Every SKU that collides, for a person; empty when the set is accepted."""
        said = [f"{_and(skus)} all become {shown(code)}" for code, skus in self.collisions]
        said += [f"nothing is left of {shown(sku)}" for sku in self.emptied]
        return "; ".join(said)


@dataclass(frozen=True, slots=True)
class Changed:
    """A SKU whose product in Clarus changes: from one code to another. None: it has no product there."""

    sku: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a new rule set would do to today's pairs of SKU and Clarus code."""

    proof: Proof
    new: tuple[Changed, ...]
    lost: tuple[Changed, ...]
    changed: tuple[Changed, ...]
    kept: int


def prove(sku_map: SkuMap, skus: Iterable[str]) -> Proof:
    """Try the set on every SKU of the shop, the table's own included."""
    sources: dict[str, list[str]] = defaultdict(list)
    emptied: list[str] = []
    seen = [sku for sku in dict.fromkeys(skus) if not is_blank(sku)]
    for sku in seen:
        code = sku_map.to_clarus(sku)
        if is_blank(code):
            emptied.append(sku)
        else:
            sources[code].append(sku)
    several = [(code, tuple(sorted(found))) for code, found in sorted(sources.items()) if len(found) > 1]
    table = sku_map.settings.table
    meant = [pair for pair in several if all(sku in table for sku in pair[1])]
    return Proof(len(seen), tuple(pair for pair in several if pair not in meant), tuple(sorted(emptied)), tuple(meant))


def preview(now: SkuMap, then: SkuMap, skus: Iterable[str], codes: Collection[str]) -> Preview:
    """Which pairs `then` would make new, lose or change beside `now`, and whether it is accepted."""
    skus = list(dict.fromkeys(skus))
    changes: list[Changed] = []
    kept = 0
    for sku in skus:
        before, after = _pair(now, sku, codes), _pair(then, sku, codes)
        if before != after:
            changes.append(Changed(sku, before, after))
        elif before is not None:
            kept += 1
    return Preview(
        prove(then, skus),
        new=tuple(c for c in changes if c.before is None),
        lost=tuple(c for c in changes if c.after is None),
        changed=tuple(c for c in changes if c.before is not None and c.after is not None),
        kept=kept,
    )


def fingerprint(settings: SkuSettings) -> str:
    """The set's own mark: another set has another."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]


def _pair(sku_map: SkuMap, sku: str, codes: Collection[str]) -> str | None:
    code = sku_map.to_clarus(sku)
    return code if code in codes and not is_blank(code) else None


def _and(skus: tuple[str, ...]) -> str:
    return ", ".join(shown(sku) for sku in skus[:-1]) + f" and {shown(skus[-1])}"
