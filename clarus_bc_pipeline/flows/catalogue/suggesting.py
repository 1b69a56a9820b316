"""Which product a SKU that the other side lacks probably is there: a pair, a reason, and how sure it is.

What belongs here: scoring pairs of what neither side could match, as pure functions. What does not: matching, which
is exact (`rules.py`). A suggestion is for a person; nothing is ever released, sold or counted by it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

from clarus_bc_pipeline.flows.catalogue.barcodes import is_gtin, normal
from clarus_bc_pipeline.flows.catalogue.closest import Closest, CodeIndex, Damage, alike_key, differences
from clarus_bc_pipeline.flows.catalogue.faults import Item
from clarus_bc_pipeline.flows.catalogue.lookalikes import folded, is_blank, shown

LEAST = 0.5
"""Suggestions that are less sure than this (0 to 1) are not made."""
MOST_HOLDERS = 30  # a word that more products carry says too little to look for candidates by
SHORTEST = 4  # characters of a code that is looked for inside another's code or name

_SURE: dict[Damage, float] = {"spreadsheet": 0.9, "characters": 0.97, "leading_zeros": 0.95, "case": 0.96}
_WORDS: dict[Damage, str] = {
    "spreadsheet": "a spreadsheet makes one of the other",
    "characters": "they look alike",
    "leading_zeros": "they differ by leading zeros",
    "case": "they differ by upper and lower case",
}
_WORD = re.compile(r"[^\W_]+")
_NUMBER_IN_IT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`sku` of the shop is probably `code` of Clarus; `confidence` from 0 to 1."""

    sku: str
    code: str
    confidence: float
    reason: str


def suggest_pairs(shop: Sequence[Item], clarus: Sequence[Item]) -> list[Suggestion]:
    """The best pairs of two lists of what has no match, each item in one pair at most, the surest first.

    Give only what the other side lacks: a code that has its SKU already is nobody's lost one.
    """
    pool = _Pool([item for item in clarus if not is_blank(item.code)])
    scored = [
        Suggestion(item.code, other.code, confidence, reason)
        for item in shop
        if not is_blank(item.code)
        for other in pool.candidates(item)
        for confidence, reason in [pool.judged(item, other)]
        if confidence >= LEAST
    ]
    scored.sort(key=lambda s: (-s.confidence, s.sku, s.code))
    skus: set[str] = set()
    codes: set[str] = set()
    taken: list[Suggestion] = []
    for suggestion in scored:
        if suggestion.sku not in skus and suggestion.code not in codes:
            skus.add(suggestion.sku)
            codes.add(suggestion.code)
            taken.append(suggestion)
    return taken


@dataclass
class _Pool:
    """One side's unmatched products, found by what they share with a SKU."""

    items: Sequence[Item]
    _weights: dict[str, dict[str, float]] = field(default_factory=dict)
    _closest: dict[str, Closest | None] = field(default_factory=dict)

    @cached_property
    def _index(self) -> CodeIndex:
        return CodeIndex([item.code for item in self.items])

    @cached_property
    def _by_code(self) -> dict[str, Item]:
        return {item.code: item for item in self.items}

    @cached_property
    def _by_clue(self) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            for clue in _clues(item):
                found[clue].append(item)
        return dict(found)

    @cached_property
    def _rarity(self) -> dict[str, float]:
        """How much a word of a name says: the rarer among the products, the more."""
        carried = Counter(word for item in self.items for word in set(_words(item.name)))
        return {word: math.log(1 + len(self.items) / n) for word, n in carried.items()}

    def candidates(self, item: Item) -> list[Item]:
        found: dict[str, Item] = {}
        for clue in _clues(item):
            holders = self._by_clue.get(clue, ())
            if len(holders) <= MOST_HOLDERS:
                found |= {other.code: other for other in holders}
        if item.code not in self._closest:
            self._closest[item.code] = self._index.closest(item.code)
        if (closest := self._closest[item.code]) is not None:
            found[closest.code] = self._by_code[closest.code]
        return list(found.values())

    def judged(self, item: Item, other: Item) -> tuple[float, str]:
        """How sure it is that the two are one product, and why."""
        confidence, reason = self._by_spelling(item, other)
        if item.barcode and other.barcode:
            if normal(item.barcode) == normal(other.barcode):
                return (0.98 if is_gtin(item.barcode) else 0.8), f"the same barcode, {item.barcode}"
            if is_gtin(item.barcode) and is_gtin(other.barcode):
                return round(confidence * 0.5, 2), f"{reason}, but their barcodes differ"
        return round(confidence, 2), reason

    def _by_spelling(self, item: Item, other: Item) -> tuple[float, str]:
        if alike_key(item.code) == alike_key(other.code):
            damage = differences(item.code, other.code)
            return min(_SURE[d] for d in damage), " and ".join(_WORDS[d] for d in damage)
        closest = self._closest.get(item.code)
        if closest and closest.code == other.code and "spreadsheet" in closest.damage:
            return _SURE["spreadsheet"], _WORDS["spreadsheet"]
        names = self._alike_names(item.name, other.name)
        a, b = _bare(item.code), _bare(other.code)
        if a == b:
            return 0.9 + 0.05 * names, "they differ by punctuation only"
        if _stands_in(item.code, other.name) or _stands_in(other.code, item.name):
            return 0.7 + 0.25 * names, "one's code stands in the other's name"
        if min(len(a), len(b)) > SHORTEST and (a in b or b in a):
            return 0.5 + 0.4 * names, "one code holds the other"
        share = 0.35 if item.name and other.name else 0.6
        known = 0.65 * names if item.name and other.name else 0.0
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
        if known + share * matcher.real_quick_ratio() < LEAST or known + share * matcher.quick_ratio() < LEAST:
            return 0.0, "too little is alike"
        spelling = matcher.ratio()
        likeness = known + share * spelling
        return min(likeness, 0.85), f"spelling {spelling:.0%} alike, names {names:.0%} alike"

    def _alike_names(self, a: str, b: str) -> float:
        """From 0 to 1: the cosine of their words, each weighed by its rarity."""
        left, right = self._weighed(a), self._weighed(b)
        if not left or not right:
            return 0.0
        return sum(weight * right.get(word, 0.0) for word, weight in left.items())

    def _weighed(self, name: str) -> dict[str, float]:
        if name not in self._weights:
            unknown = math.log(1 + len(self.items))
            raw = {word: self._rarity.get(word, unknown) for word in _words(name)}
            length = math.sqrt(sum(weight**2 for weight in raw.values())) or 1.0
            self._weights[name] = {word: weight / length for word, weight in raw.items()}
        return self._weights[name]


def _clues(item: Item) -> Iterator[str]:
    """What two items that are one product are likely to share; each is looked up as it stands."""
    yield f"code {_bare(item.code)}"
    yield f"code {alike_key(item.code)}"
    if item.barcode:
        yield f"barcode {normal(item.barcode)}"
    numbers = {word for text in (item.code, item.name) for word in _model_numbers(text)}
    yield from (f"number {word}" for word in sorted(numbers))
    words = sorted(set(_words(item.name)))
    yield from (f"word {word}" for word in words)
    # Two common words are one rare clue; neighbours in the alphabet keep their number small.
    yield from (f"pair {a} {b}" for a, b in pairwise(words))


@lru_cache(maxsize=2**16)
def _model_numbers(text: str) -> frozenset[str]:
    """Pieces of a text that read like a code: with a digit, and long enough."""
    pieces = (*(_bare(piece) for piece in text.split()), *_words(text))
    return frozenset(piece for piece in pieces if len(piece) >= SHORTEST and _NUMBER_IN_IT.search(piece))


def _stands_in(code: str, name: str) -> bool:
    bare = _bare(code)
    return len(bare) >= SHORTEST and bare in _model_numbers(name)


@lru_cache(maxsize=2**16)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


@lru_cache(maxsize=2**16)
def _bare(code: str) -> str:
    return "".join(_words(folded(code)))


def sentence(suggestion: Suggestion) -> str:
    """The suggestion for a person."""
    return (
        f"SKU {shown(suggestion.sku)} is probably {shown(suggestion.code)} of Clarus "
        f"({suggestion.confidence:.0%}): {suggestion.reason}."
    )
