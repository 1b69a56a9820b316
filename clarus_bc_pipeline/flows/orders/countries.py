"""Countries: their ISO 3166-1 alpha-2 codes, the names that stand for them, and which have no postcodes.

What belongs here: facts about countries. What does not: addresses (`addresses.py`).
"""

from __future__ import annotations

_ISO_3166_1 = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES
    ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE
    IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU
    NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM
    SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE
    VG VI VN VU WF WS YE YT ZA ZM ZW
"""
# Universal Postal Union, addressing systems by country.
_NO_POSTCODE = """
    AE AG AO AW BF BI BJ BO BQ BS BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ GY HK JM KI KM KN
    KP LY ML MO MR MW NR NU QA RW SB SC SL SR SS ST SX SY TD TG TK TL TO TT TV UG VU YE ZW
"""

COUNTRY_CODES = frozenset(_ISO_3166_1.split()) | {"XK"}
"""ISO 3166-1, and XK, which carriers and shops use for Kosovo."""

UNITED_KINGDOM = frozenset({"GB", "IM", "JE", "GG"})
"""Where Royal Mail's postcodes are in use: the kingdom and the Crown dependencies."""

WITHOUT_POSTCODES = frozenset(_NO_POSTCODE.split())
"""Where an address needs no postcode."""

_NAMES = {
    "UK": "GB", "UNITED KINGDOM": "GB", "GREAT BRITAIN": "GB", "ENGLAND": "GB", "SCOTLAND": "GB",
    "WALES": "GB", "NORTHERN IRELAND": "GB", "GBR": "GB",
    "EIRE": "IE", "IRELAND": "IE", "REPUBLIC OF IRELAND": "IE", "IRL": "IE",
    "ISLE OF MAN": "IM", "JERSEY": "JE", "GUERNSEY": "GG", "ALDERNEY": "GG", "SARK": "GG",
}  # fmt: skip
_CHANNEL_ISLANDS = {"JE": "JE", "GY": "GG"}  # by postcode area


def country_code(text: str, *, postcode: str = "") -> str | None:
    """The alpha-2 code that `text` stands for, as a code or a British or Irish name; None where unknown.

    "Channel Islands" is two countries, told apart by the postcode's area.
    """
    name = " ".join(text.upper().split())
    if name == "CHANNEL ISLANDS":
        return _CHANNEL_ISLANDS.get(postcode.strip().upper()[:2])
    name = _NAMES.get(name.replace("É", "E"), name)
    return name if name in COUNTRY_CODES else None
