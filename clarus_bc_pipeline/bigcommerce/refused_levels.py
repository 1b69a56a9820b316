"""Which levels a refusal of the shop is about, told from its words.

What belongs here: reading those words. What does not: the call (`inventory.py`) or what happens next (the stock flow).

The forms that are read: "Item with sku A is tracked by product, ..." and "Items with identity: [sku A] ..." (the
examples of inventory.v3.yml, with the identity that we send), "Location not found, identities: [3,2]" (seen in the
field), and `errors` by place, "items.3.quantity" (as the settings example has "setting.0.settings"). Where only a
variant or product is named by its number, nothing is told: the caller tries in parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarus_bc_pipeline.http import Refused

_BY_PLACE = re.compile(r"\bitems?[.\[](\d+)\]?[\w.]*: [^;]+")
_LISTED = re.compile(r"\b(?:identity|identities|skus?|locations?):? ?\[([^\]]*)\]", re.IGNORECASE)
_BY_SKU = re.compile(r"\bsku:? ", re.IGNORECASE)
_ENDS = re.compile(r"$|[\],;]|\.(?:\s|$)| (?:is|are|was|has|does|do|not|requires|require|cannot|can't)\b")


@dataclass(frozen=True, slots=True)
class Level:
    """`quantity` units of a SKU on hand at a location."""

    sku: str
    location_id: int
    quantity: int


class LevelsRefused(Refused):
    """The shop refused levels. `levels`: those that its words name, by SKU and location, with the words."""

    def __init__(self, error: Refused, sent: Sequence[Level]) -> None:
        super().__init__(error.call, error.problem, status=error.status, detail=error.detail)
        self.words, self.system, self.operation = error.words, error.system, error.operation
        self.levels = {(level.sku, level.location_id): words for level, words in _named(error.words, sent)}


def refused_levels(error: Refused) -> dict[tuple[str, int], str]:
    """The levels that the shop's words name, as (SKU, location id), with those words; {} when they name none."""
    return dict(error.levels) if isinstance(error, LevelsRefused) else {}


def refused_items(error: Refused) -> dict[str, str]:
    """The SKUs that the shop's words name, at whichever location, with those words; {} when they name none."""
    return {sku: words for (sku, _), words in refused_levels(error).items()}


def _named(words: str, sent: Sequence[Level]) -> Iterator[tuple[Level, str]]:
    for found in _BY_PLACE.finditer(words):
        if int(found[1]) < len(sent):
            yield sent[int(found[1])], found[0]
    skus = {level.sku for level in sent}
    named = set(_after_sku(words, skus))
    places: set[int] = set()
    for found in _LISTED.finditer(words):
        each = [part.strip().removeprefix("sku ") for part in found[1].split(",")]
        if "location" in words[: found.end()].lower().rpartition(";")[2]:
            places |= {int(part) for part in each if part.isdigit()}
        else:
            named |= skus & {*each}
    for level in sent:
        if level.sku in named or level.location_id in places:
            yield level, words


def _after_sku(words: str, skus: set[str]) -> Iterator[str]:
    """The SKUs that follow the word "sku"; of several that fit, the longest."""
    by_length = sorted(skus, key=len, reverse=True)
    for found in _BY_SKU.finditer(words):
        start = found.end()
        for sku in by_length:
            if words.startswith(sku, start) and _ENDS.match(words, start + len(sku)):
                yield sku
                break
