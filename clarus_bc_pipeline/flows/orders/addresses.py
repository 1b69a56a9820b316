"""A delivery address of the shop as Clarus takes it, or what is wrong with it.

What belongs here: which field goes where, field limits, what a postcode looks like. What does not: countries
and their names (`countries.py`), whether an order waits for a problem (`rules.py`). Nothing is ever cut: what
does not fit is a problem. Messages name fields and lengths and quote no name, street, e-mail address or
telephone number, because they are kept longer than those may be.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from clarus_bc_pipeline.flows.orders.countries import (
    COUNTRY_CODES,
    UNITED_KINGDOM,
    WITHOUT_POSTCODES,
    country_code,
)

# Characters (clarus-api.json, schema Address). The name has no documented limit.
FIELD_LIMITS: Mapping[str, int] = {
    "address_1": 80, "address_2": 80, "address_3": 80, "address_4": 80, "address_5": 80,
    "postcode": 10, "country_code": 6, "email_address": 254, "phone_number": 50,
}  # fmt: skip
# address_3 is what carriers get as the city and address_4 is the county; the other three are free.
FREE_LINES = ("address_1", "address_2", "address_5")
LINE_LIMIT = FIELD_LIMITS["address_1"]

_ONE_FIELD = {"city": "address_3", "state": "address_4", "email": "email_address", "phone": "phone_number"}

# What people call the shop's fields, for the messages.
_WORDS: Mapping[str, str] = {
    "name": "name", "company": "company", "street_1": "street", "street_2": "second street line",
    "city": "town", "state": "county", "zip": "postcode", "country_iso2": "country",
    "phone": "telephone number", "email": "e-mail address",
}  # fmt: skip

# Royal Mail, "Programmers' Guide to PAF": which letters stand where. Areas are not listed: new ones are made.
_INWARD = "[0-9][ABD-HJLNP-UW-Z]{2}"  # never C I K M O V
_OUTWARD = "|".join((
    "[A-PR-UWYZ][0-9][0-9]?",
    "[A-PR-UWYZ][A-HK-Y][0-9][0-9]?",
    "[A-PR-UWYZ][0-9][ABCDEFGHJKPSTUW]",
    "[A-PR-UWYZ][A-HK-Y][0-9][ABEHMNPRVWXY]",
))  # fmt: skip
_UK_POSTCODE = re.compile(f"({_OUTWARD}|GIR(?=0AA))({_INWARD})")
_BFPO = re.compile("BFPO([0-9]{1,4})")
# eircode.ie: a routing key and an identifier.
_EIRCODE = re.compile("([AC-FHKNPRTV-Y][0-9]{2}|D6W)([0-9AC-FHKNPRTV-Y]{4})")
# Typed for one another: a digit where a letter belongs, or the reverse.
_TYPED_FOR = dict(zip("O0I1LS5Z2B8", "0O1I15S2Z8B", strict=True))

_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
# Turn the direction of the text around them: what is read is not what is stored.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class AddressProblem:
    """One field of the shop's address that cannot go to the warehouse as it is.

    `field` is the shop's (`name` for first and last name together). `value` is personal and not for keeping;
    `message` is, and is a sentence without the order's name. A warning need not hold the order.
    """

    code: Literal["bad_address", "field_too_long"]
    field: str
    value: str = dataclasses.field(repr=False)
    message: str
    is_warning: bool = False


def clarus_address(
    address: Mapping[str, object], *, require_contact: bool = False
) -> tuple[dict[str, str], list[AddressProblem]]:
    """The Clarus fields of a BigCommerce order address, without empty ones, and its problems.

    `address`: first_name, last_name, company, street_1, street_2, city, state, zip, country_iso2 (else
    country), phone, email (orders.v2.oas2.yml); a missing key, None and "" are the same. The company stands
    in front of the street. A line that is too long flows over the free lines at a word's end.
    `require_contact`: Clarus's packing desk needs a telephone number and an e-mail address (its guide
    "packing-desk"); each that is missing is then a warning.
    What does not fit its Clarus field is left out of the result.
    """
    given = {key: _text(address.get(key)) for key in (*_WORDS, "first_name", "last_name", "country")}
    given["name"] = " ".join(part for part in (given["first_name"], given["last_name"]) if part)
    iso2 = country_code(given["country_iso2"] or given["country"], postcode=given["zip"])
    lines, too_long = _street_lines(given)
    country, bad_country = _country(given, iso2)
    postcode, bad_postcode = _postcode(given["zip"], iso2)
    fields = {"name": given["name"], **lines, "postcode": postcode, "country_code": country}
    problems = [*_controls(address, given), *_missing(given, require_contact=require_contact), *too_long]
    for key, target in _ONE_FIELD.items():
        if len(given[key]) > FIELD_LIMITS[target]:
            problems.append(_too_long(key, given[key], FIELD_LIMITS[target]))
        elif key == "email" and given[key] and not _E_MAIL.fullmatch(given[key]):
            message = "the e-mail address is not one, such as name@example.com. Correct it in BigCommerce."
            problems.append(_bad(key, given[key], message))
        else:
            fields[target] = given[key]
    problems += [*bad_country, *bad_postcode]
    return {target: text for target, text in fields.items() if text}, problems


def normalise_postcode(text: str) -> str | None:
    """A UK postcode in capitals with its one space, or None where it has not the form of one.

    Takes any case and any spaces; covers the Crown dependencies, GIR 0AA, BF postcodes and BFPO numbers. The
    form is checked, not whether anybody lives there.
    """
    packed = "".join(text.split()).upper()
    if match := _UK_POSTCODE.fullmatch(packed):
        return f"{match[1]} {match[2]}"
    if match := _BFPO.fullmatch(packed):
        return f"BFPO {match[1]}"
    return None


def normalise_eircode(text: str) -> str | None:
    """An Irish Eircode in capitals with its one space, or None where it has not the form of one."""
    match = _EIRCODE.fullmatch("".join(text.split()).upper())
    return f"{match[1]} {match[2]}" if match else None


def _controls(address: Mapping[str, object], given: Mapping[str, str]) -> Iterator[AddressProblem]:
    for key, words in _WORDS.items():
        if controls := sorted(filter(_is_control, _raw(address, key))):
            what = f"the {words} holds U+{ord(controls[0]):04X}, a control character"
            yield _bad(key, given[key], f"{what}. Type it again in BigCommerce.")


def _missing(given: Mapping[str, str], *, require_contact: bool) -> Iterator[AddressProblem]:
    street = given["street_1"] or given["street_2"]
    for key, text in (("name", given["name"]), ("street_1", street), ("city", given["city"])):
        if not text:
            yield _absent(key)
    for key in ("phone", "email") if require_contact else ():
        if not given[key]:
            message = f"the delivery address has no {_WORDS[key]}, and Clarus's packing desk asks for one."
            yield AddressProblem("bad_address", key, "", message, is_warning=True)


def _street_lines(given: Mapping[str, str]) -> tuple[dict[str, str], list[AddressProblem]]:
    """Company and street on the free lines, each starting a line of its own where there is room for that."""
    parts = {key: given[key] for key in ("company", "street_1", "street_2") if given[key]}
    for texts in (list(parts.values()), [", ".join(parts.values())]):
        lines = [line for text in texts for line in _flow(text)]
        if len(lines) <= len(FREE_LINES) and all(len(line) <= LINE_LIMIT for line in lines):
            return dict(zip(FREE_LINES, lines, strict=False)), []
    # With every part within the limit there is room, so at least one is named here.
    return {}, [_too_long(key, text, LINE_LIMIT) for key, text in parts.items() if len(text) > LINE_LIMIT]


def _flow(text: str) -> list[str]:
    """`text` in lines of at most LINE_LIMIT characters, broken at spaces; a longer word stays whole."""
    lines: list[str] = []
    rest = text
    while len(rest) > LINE_LIMIT:
        cut = rest.rfind(" ", 0, LINE_LIMIT + 1)
        if cut <= 0:
            cut = rest.find(" ")
        if cut <= 0:
            break
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, rest]


def _country(given: Mapping[str, str], iso2: str | None) -> tuple[str, list[AddressProblem]]:
    if iso2 in COUNTRY_CODES:
        return iso2 or "", []
    text = given["country_iso2"] or given["country"]
    if not text:
        return "", [_absent("country_iso2")]
    message = f'the country "{text[:40]}" is not one of ISO 3166. Choose it on the order in BigCommerce.'
    return "", [_bad("country_iso2", text, message)]


def _postcode(text: str, iso2: str | None) -> tuple[str, list[AddressProblem]]:
    if not text:
        return "", [] if iso2 in WITHOUT_POSTCODES else [_absent("zip")]
    if iso2 in UNITED_KINGDOM or iso2 == "IE":
        normalise = normalise_eircode if iso2 == "IE" else normalise_postcode
        if (postcode := normalise(text)) is not None:
            return postcode, []
        kind = "an Eircode, such as D02 AF30" if iso2 == "IE" else "a UK postcode, such as LS1 4AP"
        closest = {found for other in _respelt(text) if (found := normalise(other))}
        hint = f' (closest: "{closest.pop()}")' if len(closest) == 1 else ""
        message = f'postcode "{text[:20]}" is not {kind}{hint}. Correct it on the order in BigCommerce.'
        return "", [_bad("zip", text, message)]
    if len(text) > FIELD_LIMITS["postcode"]:
        return "", [_too_long("zip", text, FIELD_LIMITS["postcode"])]
    return text, []


def _respelt(text: str) -> Iterator[str]:
    """`text` without punctuation, and with each character that is typed for another exchanged in turn."""
    packed = "".join(c for c in text.upper() if c.isalnum())
    yield packed
    for place, character in enumerate(packed[:8]):
        if other := _TYPED_FOR.get(character):
            yield packed[:place] + other + packed[place + 1 :]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _raw(address: Mapping[str, object], key: str) -> str:
    keys = ("first_name", "last_name") if key == "name" else (key,)
    return "".join(str(value) for k in keys if (value := address.get(k)) is not None)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in _BIDI


def _absent(key: str) -> AddressProblem:
    return _bad(key, "", f"the delivery address has no {_WORDS[key]}. Enter it on the order in BigCommerce.")


def _bad(key: str, value: str, message: str) -> AddressProblem:
    return AddressProblem("bad_address", key, value, message)


def _too_long(key: str, value: str, limit: int) -> AddressProblem:
    message = f"the {_WORDS[key]} has {len(value)} characters and Clarus takes {limit}. Shorten it in BigCommerce."
    return AddressProblem("field_too_long", key, value, message)
