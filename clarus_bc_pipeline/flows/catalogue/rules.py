"""SKUs: what the shop's SKU is called in Clarus, whether Clarus has it, and where two catalogues disagree.

What belongs here: decisions about SKUs, as pure functions. What does not: finding the code that a wrong SKU
was meant to be (`closest.py`), look-alike characters (`lookalikes.py`), reading or writing anything
(`sync.py`). A SKU is matched exactly or not at all; whatever is close is named for a person to judge.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clarus_bc_pipeline.flows.catalogue.closest import Closest, CodeIndex, Damage, grouped, spreadsheet_damage
from clarus_bc_pipeline.flows.catalogue.lookalikes import is_blank, shown, suspects
from clarus_bc_pipeline.settings import SkuRule, SkuSettings

CLARUS_CODE_LENGTH = 50  # characters of a product code (clarus-api.json)

# A fault that is hard to see comes before one that a person would see.
_CODE_OF_DAMAGE: Mapping[Damage, str] = {
    "spreadsheet": "sku_damaged_by_spreadsheet",
    "characters": "sku_bad_characters",
    "leading_zeros": "sku_leading_zeros",
    "case": "sku_case_clash",
}
_WORDS_OF_DAMAGE: Mapping[Damage, str] = {
    "spreadsheet": "what a spreadsheet made of one of them",
    "characters": "spaces, unseen or look-alike characters",
    "leading_zeros": "leading zeros",
    "case": "upper and lower case",
}


class SkuMap:
    """The store's way from the shop's SKU to the Clarus code: its table first, else its rules in order."""

    def __init__(self, settings: SkuSettings, *, refused_because: str = "", colliding: Collection[str] = ()) -> None:
        """`refused_because`: why the rules were refused; `colliding`: the SKUs that they make one, or nothing."""
        self.settings = settings
        self.refused_because = refused_because
        self._colliding = frozenset(colliding)
        self._swaps = {id(rule): _swap(rule) for rule in settings.rules if rule.rule == "map_characters"}

    def to_clarus(self, sku: str) -> str:
        """The product code that `sku` is looked up by. A blank SKU stays blank, unless the table names it."""
        named = self.settings.table.get(sku)
        if named is not None:
            return named
        for rule in self.settings.rules:
            sku = self._apply(rule, sku)
        return sku

    def refuses(self, sku: str) -> bool:
        """The rules were refused, and `sku` would be matched by them. What they leave alone is matched as it is."""
        if not self.refused_because or sku in self.settings.table:
            return sku in self._colliding
        return sku in self._colliding or self.to_clarus(sku) != sku

    def _apply(self, rule: SkuRule, sku: str) -> str:
        match rule.rule:
            case "trim":
                return sku.strip()
            case "upper":
                return sku.upper()
            case "lower":
                return sku.lower()
            case "zero_pad":  # not zfill, which takes a leading dash for a minus sign
                return sku.rjust(rule.width or 0, "0") if sku else sku
            case "strip_zeros":
                return sku.lstrip("0") or sku[-1:]
            case "map_characters":
                return self._swaps[id(rule)].sub(lambda found: rule.characters[found[0]], sku)


def _swap(rule: SkuRule) -> re.Pattern[str]:
    """All of a rule's characters at once, the longest first, so that a -> b, b -> a swaps the two."""
    if "" in rule.characters:
        raise ValueError('skus.rules: map_characters has an empty "from"; name the character to replace')
    return re.compile("|".join(re.escape(c) for c in sorted(rule.characters, key=len, reverse=True)))


@dataclass(frozen=True, slots=True)
class Resolved:
    """The product that a SKU is in Clarus."""

    product_code: str
    product_id: int


@dataclass(frozen=True, slots=True)
class SkuProblem:
    """Why a SKU is no product of Clarus: a finding type, and the sentence for it without the order's name."""

    code: str
    sku: str
    message: str
    closest: str | None = None


class SkuFault(NamedTuple):
    """One thing wrong with one SKU (or Clarus code): a finding type and the sentence that a person reads."""

    sku: str
    code: str
    message: str


def resolve_sku(
    sku: str, sku_map: SkuMap, product_codes: Mapping[str, int], *, store: str = "<key>"
) -> Resolved | SkuProblem:
    """The Clarus product of `sku`: an exact match after the store's transform, or why there is none.

    `product_codes` is product id by code. Give a `CodeIndex` where many SKUs are asked for: from a plain
    mapping every miss builds the index anew to name the closest code. `store` is the store's key, for the
    message. Problems: sku_rules_refused, blank_sku, sku_too_long, sku_damaged_by_spreadsheet, sku_bad_characters,
    sku_leading_zeros, sku_case_clash, unknown_sku.
    """
    code = sku_map.to_clarus(sku)
    if sku_map.refuses(sku):
        message = f"the rules in [stores.{store}.skus] are refused: {sku_map.refused_because}. Change the rules; "
        return SkuProblem("sku_rules_refused", sku, f"{message}SKU {shown(sku)} waits for that.")
    if is_blank(code):
        return SkuProblem("blank_sku", sku, _blank(sku))
    if (product_id := product_codes.get(code)) is not None:
        return Resolved(code, product_id)
    asked = f"SKU {shown(sku)}" + (f" (in Clarus {shown(code)})" if code != sku else "")
    table = f"[stores.{store}.skus.table]"
    if len(code) > CLARUS_CODE_LENGTH:
        message = f"{asked} has {_length(code)}. Shorten it in BigCommerce or map it in {table}."
        return SkuProblem("sku_too_long", sku, message)
    closest = CodeIndex.of(product_codes).closest(code)
    near = f" (closest: {shown(closest.code)})" if closest else ""
    message = f"{asked} is not in Clarus{near}. Add it in Clarus or map it in {table}."
    message += _difference(code, closest)
    return SkuProblem(_problem_code(code, closest), sku, message, closest.code if closest else None)


def sku_fault(sku: str) -> SkuFault | None:
    """What is wrong with one SKU on its own: blank, over-long, odd characters, or a spreadsheet's work."""
    if is_blank(sku):
        return SkuFault(sku, "blank_sku", _sentence(_blank(sku)))
    if len(sku) > CLARUS_CODE_LENGTH:
        message = f"SKU {shown(sku)} has {_length(sku)}. Shorten it, or map it in the settings."
        return SkuFault(sku, "sku_too_long", message)
    if found := suspects(sku):
        message = f"SKU {shown(sku)} holds {'; '.join(found)}. Type it again without."
        return SkuFault(sku, "sku_bad_characters", message)
    if damage := spreadsheet_damage(sku):
        message = f"SKU {shown(sku)} reads like {damage}. Type the true SKU again, in a column of text."
        return SkuFault(sku, "sku_damaged_by_spreadsheet", message)
    return None


def sku_faults(skus: Iterable[str]) -> list[SkuFault]:
    """What is wrong within one catalogue: each SKU on its own, and those that differ by case only."""
    once = list(dict.fromkeys(skus))
    faults = [fault for sku in once if (fault := sku_fault(sku))]
    for clash in grouped(once, str.casefold).values():
        for sku in clash if len(clash) > 1 else ():
            pair = f"SKU {shown(sku)} differs from {_listed(clash, but=sku)}"
            message = f"{pair} by upper and lower case only. Rename one of them."
            faults.append(SkuFault(sku, "sku_case_clash", message))
    return faults


def collisions(sku_map: SkuMap, skus: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """(Clarus code, the SKUs that become it) for every code that more than one SKU becomes, by code.

    A transform with a collision must not be accepted: the warehouse could not tell the two products apart.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    for sku in dict.fromkeys(skus):
        if not is_blank(sku):
            sources[sku_map.to_clarus(sku)].append(sku)
    return sorted((code, tuple(sorted(from_skus))) for code, from_skus in sources.items() if len(from_skus) > 1)


def compare_catalogues(
    shop_skus: Iterable[str],
    clarus_codes: Mapping[str, int] | Collection[str],
    sku_map: SkuMap,
    *,
    store: str = "<key>",
) -> list[SkuFault]:
    """Where the two catalogues disagree, at most one fault of a kind for a SKU.

    From the shop: SKUs that Clarus lacks (with what they probably are there), faults of a SKU on its own, and
    SKUs that the rules make one. From Clarus: codes that no SKU becomes and that no fault has named, and
    their own faults. What the rules or the table mend is no fault any more; two SKUs that the table sends to
    one code on purpose are none.
    """
    skus = list(dict.fromkeys(shop_skus))
    index = CodeIndex.of(clarus_codes)
    found: dict[tuple[str, str], SkuFault] = {}

    def add(fault: SkuFault) -> None:
        found.setdefault((fault.sku, fault.code), fault)

    explained: set[str] = set()
    for sku in skus:
        answer = resolve_sku(sku, sku_map, index, store=store)
        if isinstance(answer, Resolved):
            explained.add(answer.product_code)
        else:
            add(SkuFault(sku, answer.code, _sentence(answer.message)))
            if answer.closest and answer.code != "unknown_sku":
                explained.add(answer.closest)
    by_rule = [sku for sku in skus if sku not in sku_map.settings.table]
    for code, together in collisions(sku_map, by_rule):
        for sku in together:
            pair = f"SKU {shown(sku)} and {_listed(together, but=sku)} become one Clarus code, {shown(code)}"
            message = f"{pair}. Change the rules in [stores.{store}.skus], or rename one of them."
            add(SkuFault(sku, _collision_code(together), message))
    unmended = [sku for sku in by_rule if not sku_fault(sku) or sku_fault(sku_map.to_clarus(sku))]
    for fault in [*sku_faults(unmended), *sku_faults(index)]:
        add(fault)
    for code in index:
        if code not in explained and not is_blank(code):
            message = (
                f"Clarus code {shown(code)} is no SKU of BigCommerce. Add it there if it is for sale; "
                "its stock cannot be shown until then."
            )
            add(SkuFault(code, "sku_not_in_shop", message))
    return list(found.values())


def _problem_code(code: str, closest: Closest | None) -> str:
    if closest and closest.damage:
        return _CODE_OF_DAMAGE[closest.damage[0]]
    return "sku_damaged_by_spreadsheet" if spreadsheet_damage(code) else "unknown_sku"


def _difference(code: str, closest: Closest | None) -> str:
    """What a person should look at, as a sentence of its own."""
    if closest and closest.damage:
        hidden = suspects(code) if "characters" in closest.damage else []
        words = " and ".join(_WORDS_OF_DAMAGE[damage] for damage in closest.damage)
        return f" The two differ by {words}" + (f": it holds {'; '.join(hidden)}." if hidden else ".")
    if damage := spreadsheet_damage(code):
        return f" It reads like {damage}."
    return f" It holds {'; '.join(hidden)}." if (hidden := suspects(code)) else ""


def _collision_code(together: tuple[str, ...]) -> str:
    if len({sku.casefold() for sku in together}) == 1:
        return "sku_case_clash"
    return "sku_leading_zeros" if len({sku.lstrip("0") for sku in together}) == 1 else "sku_bad_characters"


def _length(code: str) -> str:
    return f"{len(code)} characters and Clarus takes {CLARUS_CODE_LENGTH}"


def _blank(sku: str) -> str:
    what = f"a line's SKU is {shown(sku)}, which is blank" if sku else "a line has no SKU"
    return f"{what}. Give the product a SKU in BigCommerce, as it is called in Clarus."


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]


def _listed(skus: Iterable[str], *, but: str) -> str:
    others = [shown(sku) for sku in skus if sku != but]
    return ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
