"""Is this a tracking number of this carrier? Formats and check digits, read from `tracking_formats.toml`.

What belongs here: the small interpreter of that file, and the words that say what is wrong. What does not:
which carrier a Clarus code means or how BigCommerce is told (`carriers.py`), what happens to a bad number
(`rules.py`), and any format itself, which is data.
"""

from __future__ import annotations

import enum
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

MAX_LENGTH = 50  # BigCommerce: tracking_number holds 50 characters (orders.v2.oas2.yml, shipment_Post)

Confidence = Literal["high", "medium", "low"]
_RANK: Mapping[str, int] = {"high": 0, "medium": 1, "low": 2}

# What people and scripts write where there is no number.
_NO_NUMBER = frozenset({"", "0", "-", "--", "–", "—", "N/A", "NA", "NONE", "NULL", "NIL", "TBA", "TBC"})
# No carrier's number holds these, so they part two numbers. Spaces and line ends may do either.
_SEPARATORS = re.compile(r"\s*(?:[,;/|&+\r\n]|\band\b)\s*", re.IGNORECASE)
_SPREADSHEET = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]{1,2}")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Verdict(enum.StrEnum):
    """What the check found."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN_FORMAT = "unknown_format"  # the carrier publishes none: nothing known for or against
    SEVERAL_NUMBERS = "several_numbers"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TrackingCheck:
    """The outcome for one number.

    `number` is the number to send: no spaces, capitals (as written where the field holds several numbers).
    `reason` is a sentence (without full stop) that names the carrier, the number and what would be right.
    `format` is the id of the format that it fits, else None. `parts` are the numbers apart, where several.
    """

    number: str
    verdict: Verdict
    reason: str
    format: str | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One shape of one carrier's numbers, as `tracking_formats.toml` describes it."""

    id: str
    words: str
    shape: re.Pattern[str]
    check: Mapping[str, Any] | None
    exists: tuple[str, ...]
    confidence: Confidence
    source: str


@dataclass(frozen=True, slots=True)
class CarrierFormats:
    """A carrier's name and formats. `drop` matches a number with something after it; its group `keep` stays.

    `not_numbers` are shapes that people take for a number of this carrier, with the words that say why not.
    """

    name: str
    formats: tuple[Format, ...]
    drop: re.Pattern[str] | None
    not_numbers: tuple[tuple[re.Pattern[str], str], ...]


def check_tracking(carrier: str, number: str | None) -> TrackingCheck:
    """Check `number` as written against the formats of `carrier` (a key of `tracking_formats.toml`).

    A carrier that is not in the file is one without a published format.
    """
    known = _carrier(carrier)
    name = known.name if known else carrier.strip() or "Unknown carrier"
    written = (number or "").strip()
    tidy = normalise(carrier, written)
    if tidy in _NO_NUMBER:
        says = f' (it says "{written}")' if written else ""
        return TrackingCheck("", Verdict.MISSING, f"{name}: no tracking number{says}; enter the parcel's")
    parts = _several(carrier, written)
    if parts:
        alike = ", the same twice" if len(set(parts)) == 1 else ""
        found = f"{len(parts)} numbers in one field ({', '.join(parts)}){alike}"
        reason = f'{name} "{written}": {found}; give each parcel its own'
        return TrackingCheck(written, Verdict.SEVERAL_NUMBERS, reason, parts=parts)

    def outcome(verdict: Verdict, words: str, format_id: str | None = None) -> TrackingCheck:
        return TrackingCheck(tidy, verdict, f"{name} {tidy}: {words}", format_id)

    if _SPREADSHEET.fullmatch(tidy):
        return outcome(Verdict.INVALID, "a spreadsheet has shortened it; enter all digits of the number")
    if len(tidy) > MAX_LENGTH:
        return outcome(Verdict.INVALID, f"{len(tidy)} characters; BigCommerce holds {MAX_LENGTH}")
    if not known or not known.formats:
        return outcome(Verdict.UNKNOWN_FORMAT, "the carrier publishes no format, so it was not checked")

    faults: list[str] = []
    for fmt in known.formats:
        match = fmt.shape.fullmatch(tidy)
        if not match:
            continue
        fault = _fault(fmt, match)
        if fault is None:
            return outcome(Verdict.VALID, _fits(fmt), fmt.id)
        faults.append(fault)
    if faults:
        return outcome(Verdict.INVALID, " or ".join(dict.fromkeys(faults)))
    known_as = next((words for shape, words in known.not_numbers if shape.fullmatch(tidy)), None)
    others = [carriers_formats()[key].name for key in recognise(tidy)][:3]
    hint = f". It fits {' or '.join(others)}" if others else ""
    this = known_as or f"this has {_contents(tidy)}"
    return outcome(Verdict.INVALID, f"expected {_expected(known.formats)}; {this}{hint}")


def recognise(number: str) -> tuple[str, ...]:
    """Keys of the carriers whose formats `number` fits: those with a check digit first, then by confidence.

    Formats of low confidence fit too much to recognise anything by, and are left out.
    """
    found: list[tuple[bool, int, str]] = []
    for key, carrier in carriers_formats().items():
        tidy = normalise(key, number)
        fits = [
            (fmt.check is None, _RANK[fmt.confidence])
            for fmt in carrier.formats
            if fmt.confidence != "low" and (match := fmt.shape.fullmatch(tidy)) and _fault(fmt, match) is None
        ]
        if fits:
            found.append((*min(fits), key))
    return tuple(key for *_, key in sorted(found, key=lambda row: row[:2]))


def normalise(carrier: str, number: str) -> str:
    """`number` without spaces and invisible characters, in capitals, without what a link adds after it."""
    visible = (c for c in number if not c.isspace() and unicodedata.category(c) not in {"Cc", "Cf"})
    tidy = "".join(visible).upper()
    known = _carrier(carrier)
    if known and known.drop and (match := known.drop.fullmatch(tidy)):
        return match["keep"]
    return tidy


def check_character(rule: Mapping[str, Any], serial: str) -> str:
    """The check character that `serial` should carry under `rule`, the `check` of a format.

    The rules are those of tracking_number_data (CHECKSUM_ALGORITHMS.md).
    Raises `ValueError` for a rule that is not one of ours.
    """
    prepend = rule.get("prepend", "")
    if not serial.startswith(prepend):
        serial = prepend + serial
    match rule["rule"]:
        case "mod7":
            return str(int(serial) % 7)
        case "mod10":
            digits = [_digit(c) for c in serial]
            return str(-(sum(digits[::2]) * rule["even"] + sum(digits[1::2]) * rule["odd"]) % 10)
        case "weighted":
            total = _weighted(serial, rule["weights"])
            for modulus in rule["modulo"]:
                total %= modulus
            return str(total)
        case "s10":
            remainder = _weighted(serial, (8, 6, 4, 2, 3, 5, 9, 7)) % 11
            return str({0: 5, 1: 0}.get(remainder, 11 - remainder))
        case "luhn":
            doubled = [sum(divmod(2 * int(c), 10)) for c in serial[::-1][::2]]
            return str(-(sum(doubled) + sum(int(c) for c in serial[::-1][1::2])) % 10)
        case "mod37_36":
            product = 36
            for c in serial:
                product = (product + _ALPHABET.index(c)) % 36 or 36
                product = product * 2 % 37
            return _ALPHABET[(37 - product) % 36]
        case unknown:
            known = "mod7, mod10, weighted, s10, luhn, mod37_36"
            raise ValueError(f"check digit rule {unknown!r} is not one of {known}")


@cache
def carriers_formats() -> Mapping[str, CarrierFormats]:
    """Every carrier of `tracking_formats.toml` by its key, in the order of the file."""
    formats = {
        key: Format(
            id=key,
            words=row["words"],
            shape=re.compile(row["shape"]),
            check=row.get("check"),
            exists=tuple(row.get("exists", ())),
            confidence=row["confidence"],
            source=row.get("source", "tracking_number_data"),
        )
        for key, row in _file()["formats"].items()
    }
    return {
        key: CarrierFormats(
            name=row["name"],
            formats=tuple(formats[each] for each in row["formats"]),
            drop=re.compile(row["drop"]) if "drop" in row else None,
            not_numbers=tuple((re.compile(each["shape"]), each["words"]) for each in row.get("not", ())),
        )
        for key, row in _file()["carriers"].items()
    }


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("tracking_formats.toml").read_text(encoding="utf-8"))


def _carrier(key: str) -> CarrierFormats | None:
    return carriers_formats().get(key.strip().lower())


def _several(carrier: str, written: str) -> tuple[str, ...]:
    """The numbers in `written`, where there are two or more of them, else nothing.

    Carriers print a number in groups (`0998 0000 0200 34D`), so that a space parts two numbers only if both
    sides are numbers by themselves, or the whole is none and both sides are long enough to be one.
    """
    whole_is_one = _valid(carrier, normalise(carrier, written))
    words = written.split()
    splits = [(_SEPARATORS.split(written), 6), (words, 8)]
    for texts, least in splits:
        parts = tuple(normalise(carrier, text) for text in texts if text)
        if len(parts) > 1 and (
            all(_valid(carrier, part) for part in parts)
            or (not whole_is_one and all(_could_be_one(part, least) for part in parts))
        ):
            return parts
    if whole_is_one:
        return ()
    for cut in range(1, len(words)):  # two numbers, each in groups
        pair = tuple(normalise(carrier, "".join(half)) for half in (words[:cut], words[cut:]))
        if all(_valid(carrier, half) for half in pair):
            return pair
    return ()


def _could_be_one(number: str, least: int) -> bool:
    return len(number) >= least and any(c.isdigit() for c in number)


def _valid(carrier: str, tidy: str) -> bool:
    known = _carrier(carrier)
    matches = ((fmt, fmt.shape.fullmatch(tidy)) for fmt in (known.formats if known else ()))
    return any(match is not None and _fault(fmt, match) is None for fmt, match in matches)


def _fault(fmt: Format, match: re.Match[str]) -> str | None:
    """What is wrong with a number of the right shape, or None."""
    for group in fmt.exists:
        if match[group] not in _file()["tables"][group]:
            return f"{match[group]} is not the {group} code of a post that issues such numbers"
    if fmt.check is not None:
        expected = check_character(fmt.check, match["serial"])
        if match["check"] != expected:
            return f"check digit is {match['check']}, expected {expected}"
    return None


def _fits(fmt: Format) -> str:
    proof = "check digit right" if fmt.check else "no check digit published"
    doubt = "" if fmt.confidence == "high" else f", {fmt.confidence} confidence in this format"
    return f"{fmt.words} ({proof}{doubt})"


def _expected(formats: Sequence[Format]) -> str:
    return ", or ".join(dict.fromkeys(fmt.words for fmt in formats))


def _contents(tidy: str) -> str:
    """`12 digits`, `13 characters`, `13 characters with "-"`: what a person counts when looking at it."""
    odd = "".join(dict.fromkeys(c for c in tidy if c not in _ALPHABET))
    if odd:
        return f'{len(tidy)} characters with "{odd}"'
    return f"{len(tidy)} {'digits' if tidy.isdigit() else 'characters'}"


def _digit(c: str) -> int:
    """UPS reckons a letter as its place in ASCII less 3, last digit; a digit is itself."""
    return int(c) if c.isdigit() else (ord(c) - 3) % 10


def _weighted(serial: str, weights: Sequence[int]) -> int:
    return sum(int(c) * weight for c, weight in zip(serial, weights, strict=True))
