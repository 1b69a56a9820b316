"""The known codes, and which of them a SKU was probably meant to be.

What belongs here: an index of one catalogue's codes and the kinds of damage it can tell apart. What does not:
what a kind of damage means for an order or a catalogue (`rules.py`). A code found here is a suggestion for a
person; nothing is ever matched by it.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

from clarus_bc_pipeline.flows.catalogue.lookalikes import folded

Damage = Literal["leading_zeros", "case", "characters", "spreadsheet"]

_SHORT_FORM = re.compile(r"\d(?:[.,](\d+))?E\+\d{1,3}", re.IGNORECASE)
_TRAILING_ZERO = re.compile(r"(\d+)[.,]0+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "|".join(_MONTHS)
_DAY_MONTH = re.compile(rf"(\d{{1,2}})-({_MONTH})(?:-(?:\d{{2}}|\d{{4}}))?", re.IGNORECASE)
_MONTH_NUMBER = re.compile(rf"({_MONTH})-(\d{{2}})", re.IGNORECASE)
_ERRORS = frozenset({"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"})
_ITS_WORK = re.compile(
    "|".join(pattern.pattern for pattern in (_SHORT_FORM, _TRAILING_ZERO, _DAY_MONTH, _MONTH_NUMBER)), re.IGNORECASE
)
_FORMULA_TEXT = re.compile(r'="?([^"]*)"?|\'(.+)')
_NOT_ALNUM = re.compile(r"[\W_]+")
# Typed for one another, never folded for a match: a suggestion only.
_TYPED_FOR = str.maketrans("oil", "011")

NEIGHBOURS = 8
"""How many codes either side of a SKU's place in the sorted catalogue are compared with it by spelling."""
LIKENESS = 0.75
"""How alike (difflib's ratio, 0 to 1) a code must be before it is worth a person's look."""


@dataclass(frozen=True, slots=True)
class Closest:
    """A code that the SKU may be, and what differs. No damage: only similar, by spelling."""

    code: str
    damage: tuple[Damage, ...]


class CodeIndex(Mapping[str, int]):
    """Product ids by code, of one system, and the closest code to a SKU that is not there.

    Reads like the mapping that it is made from. The index is built at the first miss: O(n log n) once, then
    each question looks at the codes that fold alike and at a fixed number of neighbours.
    """

    def __init__(self, codes: Mapping[str, int] | Collection[str]) -> None:
        self._codes: Mapping[str, int] = codes if isinstance(codes, Mapping) else dict.fromkeys(codes, 0)

    @classmethod
    def of(cls, codes: Mapping[str, int] | Collection[str]) -> CodeIndex:
        """`codes` itself when it is an index already."""
        return codes if isinstance(codes, cls) else cls(codes)

    def __getitem__(self, code: str) -> int:
        return self._codes[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)

    def closest(self, sku: str) -> Closest | None:
        """The code that `sku` probably is, or None. Never `sku` itself."""
        if origin := self._before_the_spreadsheet(sku):
            return Closest(origin, ("spreadsheet",))
        alike = [Closest(code, differences(sku, code)) for code in self._by_key.get(alike_key(sku), ()) if code != sku]
        if alike:
            return min(alike, key=lambda c: (len(c.damage), c.code))
        if spreadsheet_damage(sku):
            return None  # its spelling says nothing about the code that it was
        similar = self._similar(sku)
        return Closest(similar, ()) if similar else None

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        return grouped(self._codes, alike_key)

    @cached_property
    def _by_number(self) -> dict[str, list[str]]:
        """Codes that are numbers, by the three digits and length that a spreadsheet leaves of them."""
        numbers = [code for code in self._codes if code.isascii() and code.isdigit() and code.strip("0")]
        return grouped(numbers, lambda code: f"{Decimal(code):.2E}")

    @cached_property
    def _forward(self) -> list[tuple[str, str]]:
        return sorted((_loose(code), code) for code in self._codes)

    @cached_property
    def _backward(self) -> list[tuple[str, str]]:
        return sorted((key[::-1], code) for key, code in self._forward)

    def _similar(self, sku: str) -> str | None:
        loose = _loose(sku)
        if not loose:
            return None
        near = {code: key for key, code in _around(self._forward, loose)}
        near |= {code: key[::-1] for key, code in _around(self._backward, loose[::-1])}
        near.pop(sku, None)
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(loose)  # the one that it prepares
        best, found = LIKENESS, None
        for code, key in sorted(near.items()):
            matcher.set_seq1(key)
            if matcher.quick_ratio() < best:  # an upper bound, and cheap
                continue
            likeness = matcher.ratio()
            if likeness > best or (likeness == best and found is None):
                best, found = likeness, code
        return found

    def _before_the_spreadsheet(self, sku: str) -> str | None:
        """The code that a spreadsheet would have shown as `sku`, where exactly one is known."""
        if not spreadsheet_damage(sku):
            return None
        found: set[str] = set()
        if whole := _TRAILING_ZERO.fullmatch(sku):
            found |= {code for code in self._by_key.get(alike_key(whole[1]), ()) if code != sku}
        elif short := _SHORT_FORM.fullmatch(sku):
            number, places = Decimal(sku.replace(",", ".")), len(short[1] or "")
            same = self._by_number.get(f"{number:.2E}", ())
            found |= {code for code in same if f"{Decimal(code):.{places}E}" == f"{number:.{places}E}"}
        elif text := _FORMULA_TEXT.fullmatch(sku):
            found |= set(self._by_key.get(alike_key(text[1] or text[2] or ""), ()))
        else:
            found |= {code for origin in _dates_origins(sku) for code in self._by_key.get(alike_key(origin), ())}
        return found.pop() if len(found) == 1 else None


def alike_key(text: str) -> str:
    """What is left of a code without case, spaces, look-alikes and leading zeros."""
    return _without_zeros(folded(text).casefold())


def differences(sku: str, code: str) -> tuple[Damage, ...]:
    """What lies between two codes that are alike: characters, leading zeros, case, or several of them."""
    a, b = folded(sku), folded(code)
    found: list[Damage] = []
    if _without_zeros(sku.casefold()) != _without_zeros(code.casefold()):
        found.append("characters")
    if len(a) - len(_without_zeros(a)) != len(b) - len(_without_zeros(b)):
        found.append("leading_zeros")
    if _without_zeros(a) != _without_zeros(b):
        found.append("case")
    return tuple(found) or ("characters",)


def spreadsheet_damage(sku: str) -> str | None:
    """What a spreadsheet made of a SKU, in words, or None where it does not read like its work."""
    if sku in _ERRORS:
        return "a spreadsheet's error value"
    if len(sku) > 1 and sku.startswith(('="', "'")):
        return "text with a spreadsheet's quoting"
    if not _ITS_WORK.fullmatch(sku):  # one look for nearly every SKU
        return None
    if _SHORT_FORM.fullmatch(sku):
        return "a number in a spreadsheet's short form"
    if _TRAILING_ZERO.fullmatch(sku):
        return "a number with a spreadsheet's decimal point"
    return "a date that a spreadsheet made"


def grouped(texts: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    """`texts` by key, in their order, each once."""
    groups: dict[str, list[str]] = defaultdict(list)
    for text in dict.fromkeys(texts):
        groups[key(text)].append(text)
    return dict(groups)


def _without_zeros(text: str) -> str:
    return text.lstrip("0") or text[-1:]


def _loose(text: str) -> str:
    return _NOT_ALNUM.sub("", folded(text).casefold()).translate(_TYPED_FOR)


def _around(entries: list[tuple[str, str]], key: str) -> list[tuple[str, str]]:
    place = bisect_left(entries, (key, ""))
    return entries[max(0, place - NEIGHBOURS) : place + NEIGHBOURS]


def _dates_origins(sku: str) -> Iterator[str]:
    """Codes that a spreadsheet reads as the date it shows as `sku` (day first, or month first)."""
    if match := _DAY_MONTH.fullmatch(sku):
        first, month = int(match[1]), _MONTHS.index(match[2].lower()) + 1
    elif match := _MONTH_NUMBER.fullmatch(sku):
        first, month = int(match[2]), _MONTHS.index(match[1].lower()) + 1
    else:
        return
    name = _MONTHS[month - 1]
    for mark in ("-", "/", "."):
        for a, b in ((first, month), (month, first)):
            yield from (f"{a}{mark}{b}", f"{a:02}{mark}{b:02}")
    yield from (f"{name}{first}", f"{name}{first:02}", f"{first}{name}", f"{first:02}{name}")
