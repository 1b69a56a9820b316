"""Which carrier a Clarus code means, and how BigCommerce is told so that the customer gets a working link.

What belongs here: the registry of carriers and the three fields of a shipment that name one. What does not:
whether a number is right (`tracking.py`, and the formats' file, which also holds the carriers' names).

BigCommerce makes the link from `shipping_provider` or `tracking_carrier` and the number, and takes a link of
ours in `tracking_link`, which replaces its own (orders.v2.oas2.yml, shipment_Post). So ours goes only where
BigCommerce would make none, or a useless one.
`python -m clarus_bc_pipeline.flows.despatch.carriers` prints docs/carriers.md.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from clarus_bc_pipeline.flows.despatch.tracking import Format, carriers_formats
from clarus_bc_pipeline.settings import CarrierMapping

MAX_LINK = 500  # BigCommerce: tracking_link holds 500 characters (orders.v2.oas2.yml, shipment_Post)
MAX_TEMPLATE = 300  # leaves room for 50 characters of number, each of them encoded

_PLACEHOLDERS = frozenset({"number", "postcode", "postcode_plus"})
_WEB_ADDRESS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(?:[/?#][!#-;=?-\[\]_a-z~]*)?")


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier, and how BigCommerce knows it.

    `shipping_provider` is one of BigCommerce's own integrations, `tracking_carrier` one of its documented
    values (assets/csv/tracking_carrier_values.csv in bigcommerce/docs). `link_template` has {number} and,
    where the carrier's page asks for it, {postcode} or {postcode_plus} (outward and inward code joined by a
    plus); None where BigCommerce makes the link. `aliases` are other codes that surely mean this carrier.
    """

    key: str
    name: str
    shipping_provider: str = ""
    tracking_carrier: str = ""
    link_template: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackingFields:
    """Three fields of a BigCommerce shipment, to be sent together: without a provider, even an empty one,
    BigCommerce has called it "custom" and made no link.
    """

    shipping_provider: str
    tracking_carrier: str
    tracking_link: str


def _carrier(key: str, *aliases: str, provider: str = "", slug: str = "", link: str | None = None) -> Carrier:
    return Carrier(key, carriers_formats()[key].name, provider, slug, link, aliases)


# The codes that warehouses write. A code that two carriers could mean is left out: it wants a mapping.
CARRIERS: Mapping[str, Carrier] = {
    carrier.key: carrier
    for carrier in (
        # Not among the values of tracking_carrier (bigcommerce/dev-docs, pull 1176): only a provider.
        _carrier("royal-mail", "RM", "RM24", "RM48", "RM Tracked 24", "RM Tracked 48", "Royal Mail 24",
                 "Royal Mail 48", "Royal Mail Tracked 24", "Royal Mail Tracked 48",
                 "Royal Mail Special Delivery", "Royal Mail Group", provider="royalmail"),
        _carrier("parcelforce", "Parcel Force", "Parcelforce Worldwide", "PFWW", "Parcelforce 24",
                 "Parcelforce 48", slug="parcel-force"),
        _carrier("evri", "Hermes", "myHermes", "Hermes UK", "Evri UK", slug="myhermes-uk"),
        _carrier("dpd-uk", "DPD", "DPD Group UK", "DPD GB", slug="dpd-uk"),
        _carrier("dpd-local", "Interlink", "Interlink Express", slug="interlink-express"),
        _carrier("yodel", "Yodel Domestic", "HDNL", slug="yodel"),
        _carrier("ups", "United Parcel Service", "UPS UK", slug="ups"),
        _carrier("fedex", "Federal Express", "FedEx Express", slug="fedex"),
        _carrier("dhl", "DHL Express", "DHL Express UK", slug="dhl"),
        _carrier("dhl-parcel-uk", "DHL Parcel", "DHL eCommerce UK", "UK Mail", slug="dhlparcel-uk"),
        _carrier("apc", "APC Overnight", "APC Overnight UK", slug="apc-overnight",
                 link="https://apc-overnight.com/track-parcel.php?id={number}&postcode={postcode_plus}"),
        _carrier("dx", "DX Delivery", "DX Group", slug="dx",
                 link="https://my.dxdelivery.com/?t={number}&p={postcode}"),
        _carrier("tuffnells", "Tuffnells Parcels Express", slug="tuffnells"),
        _carrier("amazon", "Amazon Shipping UK", "Amazon Logistics", "AMZL", slug="amazon"),
    )
}  # fmt: skip


def resolve_carrier(code: str, mappings: Mapping[str, CarrierMapping]) -> Carrier | None:
    """The carrier that Clarus's `code` means: by the store's mappings, else by name or alias.

    Case, spaces and punctuation do not count. Nothing is guessed, so None is "not known": no mapping and no
    alias has the code, two mappings that differ have it, or its mapping is faulty (see `mapping_faults`).
    A mapping that gives a link alone keeps the carrier that the code names, if it names one.
    """
    mapped = mappings.get(code)
    if mapped is None and _bare(code):
        alike = [mapping for key, mapping in mappings.items() if _bare(key) == _bare(code)]
        if any(mapping != alike[0] for mapping in alike):
            return None
        mapped = alike[0] if alike else None
    if mapped is None:
        return _BY_ALIAS.get(_bare(code))
    if _fault(mapped):
        return None
    own = Carrier(key=f"custom-{_bare(code)}", name=code.strip())
    carrier = _BY_ALIAS.get(_bare(mapped.carrier or code), own)
    return replace(carrier, link_template=mapped.link_template) if mapped.link_template else carrier


def mapping_faults(mappings: Mapping[str, CarrierMapping]) -> tuple[str, ...]:
    """What is wrong with a store's mappings, a sentence each: key, value, and what would be right."""
    faults = ((code, _fault(mapping)) for code, mapping in mappings.items())
    return tuple(f'despatch.carriers."{code}": {fault}' for code, fault in faults if fault)


def tracking_fields(carrier: Carrier, number: str, postcode: str | None = None) -> TrackingFields:
    """How BigCommerce is told of `number` (normalised). `postcode` is the parcel's, for links that need it.

    The link is empty where BigCommerce makes it, where it asks for a postcode that is not known, where there
    is no number, and where it would pass 500 characters.
    """
    template = carrier.link_template
    link = _link(template, number, postcode or "") if template else ""
    return TrackingFields(carrier.shipping_provider, carrier.tracking_carrier, link)


def carriers_page() -> str:
    """The handbook's page about carriers (docs/carriers.md), as Markdown."""
    rows = [
        f"| {carrier.name} | `{carrier.key}` | {_told(carrier)} | {_formats(carrier.key)} | "
        f"{', '.join(carrier.aliases)} |"
        for carrier in CARRIERS.values()
    ]
    others = [f"{known.name} (`{key}`)" for key, known in carriers_formats().items() if key not in CARRIERS]
    return "\n".join([
        "# Carriers",
        "",
        "Made from the registry by `python -m clarus_bc_pipeline.flows.despatch.carriers`.",
        "Do not edit this page by hand.",
        "",
        "The key, the name and the other codes are known without a setting; case, spaces and punctuation",
        "do not count. Map any other code in `[stores.<key>.despatch.carriers]`. BigCommerce makes the",
        "customer's link unless our own is named here.",
        "",
        "| carrier | key | how BigCommerce is told | tracking number | other codes |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        "Confidence: high = published by the carrier or an open specification; medium = public sources;",
        "low = not verified, so that a number which fits is let through but never used to name a carrier.",
        "A number whose check digit is wrong is invalid.",
        "",
        f"Numbers of these carriers are recognised too: {', '.join(others)}.",
        "Sources and licence: `clarus_bc_pipeline/flows/despatch/NOTICE-tracking.md`.",
        "",
    ])  # fmt: skip


def _bare(code: str) -> str:
    return "".join(c for c in code.casefold() if c.isalnum())


_BY_ALIAS: Mapping[str, Carrier] = {
    _bare(alias): carrier
    for carrier in CARRIERS.values()
    for alias in (carrier.key, carrier.name, carrier.tracking_carrier, *carrier.aliases)
    if alias
}


def _fault(mapping: CarrierMapping) -> str | None:
    if mapping.carrier is not None and _bare(mapping.carrier) not in _BY_ALIAS:
        return f'carrier = "{mapping.carrier}" is not a carrier; use one of {", ".join(CARRIERS)}'
    template = mapping.link_template
    if template is None:
        return None
    says = f'link_template = "{template}"'
    if len(template) > MAX_TEMPLATE:
        return f"{says} has {len(template)} characters; at most {MAX_TEMPLATE}"
    try:
        holes = [hole for _, *hole in string.Formatter().parse(template) if hole[0] is not None]
    except ValueError:
        holes = []
    plain = all(field in _PLACEHOLDERS and not spec and not how for field, spec, how in holes)
    if not plain or "number" not in {field for field, *_ in holes}:
        return f"{says} must hold {{number}}, and may hold {{postcode}} or {{postcode_plus}} besides"
    # A tilde may stand in a path or query and in no host, so neither may a number.
    if not _WEB_ADDRESS.fullmatch(template.format(**dict.fromkeys(_PLACEHOLDERS, "~"))):
        return f"{says} must be a web address that begins with https:// and a host, without spaces"
    return None


def _link(template: str, number: str, postcode: str) -> str:
    compact = "".join(postcode.split()).upper()
    if not number or ("{postcode" in template and not compact):
        return ""
    inward = re.fullmatch(r"([A-Z0-9]{2,4})([0-9][A-Z]{2})", compact)
    link = template.format(
        number=quote(number, safe=""),
        postcode=quote(compact, safe=""),
        postcode_plus="+".join(inward.groups()) if inward else quote(compact, safe=""),
    )
    return link if len(link) <= MAX_LINK else ""


def _told(carrier: Carrier) -> str:
    if carrier.shipping_provider:
        return f"`shipping_provider` `{carrier.shipping_provider}`"
    told = f"`tracking_carrier` `{carrier.tracking_carrier}`"
    return f"{told} and our own link (it needs the postcode)" if carrier.link_template else told


def _formats(key: str) -> str:
    def words(fmt: Format) -> str:
        return f"{fmt.words} ({fmt.confidence}: {fmt.source})"

    return "; ".join(words(fmt) for fmt in carriers_formats()[key].formats) or "none published: not checked"


if __name__ == "__main__":
    print(carriers_page(), end="")
