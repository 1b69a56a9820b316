"""Records of the double as BigCommerce writes them: string money, RFC 2822 dates, links to sub-resources.

What belongs here: shapes and their defaults. What does not: state and its rules (`world.py`), routes
(`app.py`). Field names and types follow orders.v2.oas2.yml; the tests hold every reply against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from email.utils import format_datetime
from typing import Any

Record = dict[str, Any]

# GET /v2/order_statuses: ids and names are BigCommerce's, fixed.
STATUSES: Mapping[int, str] = {
    0: "Incomplete", 1: "Pending", 2: "Shipped", 3: "Partially Shipped", 4: "Refunded", 5: "Cancelled",
    6: "Declined",
    7: "Awaiting Payment", 8: "Awaiting Pickup", 9: "Awaiting Shipment", 10: "Completed",
    11: "Awaiting Fulfillment",
    12: "Manual Verification Required", 13: "Disputed", 14: "Partially Refunded",
}  # fmt: skip

ADDRESS_FIELDS = (
    "first_name", "last_name", "company", "street_1", "street_2", "city", "state", "zip", "country",
    "country_iso2",
    "phone", "email",
)  # fmt: skip

# Links that BigCommerce makes by itself, by shipping_provider and by tracking_carrier; a few are enough here.
PROVIDER_LINKS: Mapping[str, str] = {
    "royalmail": "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
    "ups": "https://www.ups.com/track?tracknum={number}",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={number}",
    "auspost": "https://auspost.com.au/mypost/track/#/details/{number}",
}
CARRIER_LINKS: Mapping[str, str] = {
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={number}",
    "parcel-force": "https://www.parcelforce.com/track-trace?trackNumber={number}",
    "dpd-uk": "https://track.dpd.co.uk/search?reference={number}",
    "interlink-express": "https://track.dpdlocal.co.uk/search?reference={number}",
    "dhl": "https://www.dhl.com/en/express/tracking.html?AWB={number}",
    "dhlparcel-uk": "https://track.dhlparcel.co.uk/?con={number}",
    "myhermes-uk": "https://www.evri.com/track/parcel/{number}",
    "yodel": "https://www.yodel.co.uk/tracking/{number}",
    "ups": "https://www.ups.com/track?tracknum={number}",
    "fedex-uk": "https://www.fedex.com/fedextrack/?trknbr={number}",
    "apc-overnight": "https://apc-overnight.com/tracking?number={number}",
    "tuffnells": "https://www.tuffnells.co.uk/track?ref={number}",
    "dx": "https://www.dxdelivery.com/consumer/my-tracking/?ref={number}",
}


# Currencies whose smallest coin is not a hundredth (ISO 4217), as far as shops of ours use them.
_DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}


def money(amount: object) -> str:
    """V2 money: a string with four decimals."""
    return f"{Decimal(str(amount)):.4f}"


def whole_cents(amount: Decimal, currency: str) -> Decimal:
    """`amount` in the currency's smallest coin (ISO 4217), half up."""
    coin = Decimal(1).scaleb(-_DECIMALS.get(currency, 2))
    return amount.quantize(coin, ROUND_HALF_UP)


def rfc2822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0))


def new_address(given: Mapping[str, Any]) -> Record:
    """Name and address fields, empty where not given; `form_fields` as [{name, value}]."""
    address: Record = {name: str(given.get(name, "")) for name in ADDRESS_FIELDS}
    address["form_fields"] = list(given.get("form_fields", ()))
    return address


def new_line(given: Mapping[str, Any], *, line_id: int, order_id: int, address_id: int) -> Record:
    """An order line from {sku, name, quantity, price_inc_tax, ...}; any other field is taken as it is."""
    price = money(given.get("price_inc_tax", "10"))
    ex_tax = money(given.get("price_ex_tax", price))
    quantity = int(given.get("quantity", 1))
    total = money(Decimal(price) * quantity)
    # Tax is of the line and in pence: a unit's four decimals would not add up.
    total_ex = total if ex_tax == price else money((Decimal(ex_tax) * quantity).quantize(Decimal("0.01")))
    is_physical = given.get("type", "physical") == "physical"
    line: Record = {
        "id": line_id, "order_id": order_id, "product_id": 0, "variant_id": 0, "order_pickup_method_id": 0,
        "order_address_id": address_id if is_physical else 0,
        "name": str(given.get("sku") or "Custom product"),
        "sku": "", "upc": "", "type": "physical", "quantity": quantity, "quantity_shipped": 0,
        "quantity_refunded": 0,
        "is_refunded": False, "refund_amount": money(0), "return_id": 0, "base_price": price,
        "price_ex_tax": ex_tax,
        "price_inc_tax": price, "price_tax": money(Decimal(price) - Decimal(ex_tax)), "base_total": total,
        "total_ex_tax": total_ex, "total_inc_tax": total,
        "total_tax": money(Decimal(total) - Decimal(total_ex)),
        "weight": "1.0000", "wrapping_id": 0, "wrapping_name": None, "wrapping_message": "",
        "base_wrapping_cost": money(0), "wrapping_cost_ex_tax": money(0), "wrapping_cost_inc_tax": money(0),
        "wrapping_cost_tax": money(0), "event_name": None, "event_date": None,
        "fixed_shipping_cost": money(0),
        "option_set_id": None, "parent_order_product_id": None, "is_bundled_product": False,
        "bin_picking_number": "",
        "external_id": None, "brand": "", "applied_discounts": [], "product_options": [],
        "configurable_fields": [],
        "gift_certificate_id": None, "discounted_total_inc_tax": total,
    }  # fmt: skip
    own = {"price_inc_tax", "price_ex_tax", "quantity", "address", "options"}
    line |= {name: value for name, value in given.items() if name not in own}
    line["product_options"] = [
        {
            "id": number, "option_id": number, "order_product_id": line_id, "product_option_id": number,
            "display_name": str(name), "display_value": str(value), "value": str(value), "type": "Text field",
        }
        for number, (name, value) in enumerate(given.get("options", ()), start=1)
    ] or line["product_options"]  # fmt: skip
    return line


def reprice(line: Record, price: Decimal, currency: str) -> None:
    """Another price of a unit, at the line's own rate of tax."""
    rate = Decimal(line["price_inc_tax"]) / Decimal(line["price_ex_tax"]) if Decimal(line["price_ex_tax"]) else 1
    total = price * line["quantity"]
    total_ex = whole_cents(total / rate, currency)
    line |= {
        "base_price": money(price), "price_inc_tax": money(price), "price_ex_tax": money(price / rate),
        "price_tax": money(price - price / rate), "base_total": money(total), "total_inc_tax": money(total),
        "total_ex_tax": money(total_ex), "total_tax": money(total - total_ex), "discounted_total_inc_tax": money(total),
    }  # fmt: skip


def new_order(given: Mapping[str, Any], *, order_id: int, now: datetime, currency: str) -> Record:
    """The order's own fields; any field of the reference given is taken as it is.

    Totals are `world.py`'s to set.
    """
    zero = money(0)
    status_id = int(given.get("status_id", 11))
    code = str(given.get("currency_code", currency))
    order: Record = {
        "id": order_id, "customer_id": 0, "channel_id": 1, "status_id": status_id,
        "date_created": rfc2822(now), "date_modified": rfc2822(now), "date_shipped": "",
        "payment_method": "Credit Card", "payment_provider_id": "", "payment_status": "captured",
        "currency_id": 1, "currency_code": code, "currency_exchange_rate": "1.0000000000",
        "default_currency_id": 1, "default_currency_code": code, "store_default_currency_code": code,
        "store_default_to_transactional_exchange_rate": "1.0000000000",
        "subtotal_ex_tax": zero, "subtotal_inc_tax": zero, "subtotal_tax": zero,
        "total_ex_tax": zero, "total_inc_tax": zero, "total_tax": zero,
        "shipping_cost_ex_tax": zero, "shipping_cost_inc_tax": zero, "shipping_cost_tax": zero,
        "discount_amount": zero, "coupon_discount": zero, "refunded_amount": zero,
        "store_credit_amount": zero,
        "gift_certificate_amount": zero, "items_total": 0, "items_shipped": 0, "order_is_digital": False,
        "is_deleted": False, "is_email_opt_in": False, "is_tax_inclusive_pricing": True, "staff_notes": "",
        "customer_message": "", "cart_id": "", "order_source": "www", "external_source": None,
        "external_id": None,
        "external_merchant_id": None, "external_order_id": "", "tax_provider_id": "BasicTaxProvider",
        "customer_locale": "en", "shipping_address_count": 0, "billing_address": new_address({}),
    }  # fmt: skip
    own = {
        "id",
        "lines",
        "addresses",
        "billing_address",
        "created_at",
        "modified_at",
        "currency_code",
        "status_id",
    }
    order |= {name: value for name, value in given.items() if name not in own}
    order["billing_address"] = new_address(given.get("billing_address") or next(iter(given.get("addresses", ())), {}))
    return order


def link(base_url: str, resource: str) -> Record:
    """How V2 points to a sub-resource."""
    return {"url": f"{base_url}/v2{resource}", "resource": resource}


def status_record(status_id: int, order: int) -> Record:
    name = STATUSES[status_id]
    return {
        "id": status_id, "name": name, "system_label": name, "custom_label": name, "system_description": name,
        "order": order,
    }  # fmt: skip


def generated_link(provider: str, carrier: str, number: str, own_link: str) -> str:
    """The link that BigCommerce makes, or "" where it makes none."""
    template = PROVIDER_LINKS.get(provider) or CARRIER_LINKS.get(carrier)
    return template.format(number=number) if template and number and not own_link else ""


def count(record: Record, lines: list[Record], addresses: int, keep: Mapping[str, Any]) -> None:
    """Set the totals that follow from the lines, except those that `keep` names."""
    goods = sum((Decimal(line["total_inc_tax"]) for line in lines), Decimal(0))
    goods_ex = sum((Decimal(line["total_ex_tax"]) for line in lines), Decimal(0))
    total = money(goods + Decimal(record["shipping_cost_inc_tax"]))
    total_ex = money(goods_ex + Decimal(record["shipping_cost_ex_tax"]))
    derived = {
        "items_total": sum(line["quantity"] for line in lines),
        "items_shipped": sum(line["quantity_shipped"] for line in lines),
        "order_is_digital": bool(lines) and all(line["type"] != "physical" for line in lines),
        "shipping_address_count": addresses,
        "subtotal_inc_tax": money(goods), "subtotal_ex_tax": money(goods_ex), "total_inc_tax": total,
        "total_ex_tax": total_ex,
        "total_tax": money(Decimal(total) - Decimal(total_ex)),
    }  # fmt: skip
    record |= {name: value for name, value in derived.items() if name not in keep}


def order_json(
    record: Record, lines: Mapping[int, Record], addresses: Mapping[int, Record], shape: str, base_url: str
) -> Record:
    """The order as the API shows it.

    `shape` is links, consignments or lines (consignments with whole lines).
    """
    root = f"/orders/{record['id']}"
    shown = {
        **record,
        "status": STATUSES.get(record["status_id"], "Unknown"),
        "products": link(base_url, f"{root}/products"),
        "shipping_addresses": link(base_url, f"{root}/shippingaddresses"),
        "coupons": link(base_url, f"{root}/coupons"),
        "fees": link(base_url, f"{root}/fees"),
    }
    if shape == "links":
        shown["consignments"] = link(base_url, f"{root}/consignments")
    else:
        shown["consignments"] = consignments(record, lines, addresses, shape, base_url)
    return shown


def consignments(
    record: Record, lines: Mapping[int, Record], addresses: Mapping[int, Record], shape: str, base_url: str
) -> Record:
    """Lines by where they go: delivered, picked up, downloaded, or e-mailed."""
    root = f"/orders/{record['id']}/products"

    def shown(chosen: list[Record]) -> list[Record]:
        return chosen if shape == "lines" else [link(base_url, f"{root}/{line['id']}") for line in chosen]

    rest = [line for line in lines.values() if not line["order_address_id"]]
    digital = [line for line in rest if line["type"] == "digital"]
    certificates = [line for line in rest if line["type"] == "giftcertificate"]
    pickups = [line for line in rest if line["type"] not in ("digital", "giftcertificate")]
    email = record["billing_address"]["email"]
    shipping = []
    for address in addresses.values():
        here = [line for line in lines.values() if line["order_address_id"] == address["id"]]
        shipping.append({
            **address, "line_items": shown(here),
            "items_total": sum(line["quantity"] for line in here),
            "items_shipped": sum(line["quantity_shipped"] for line in here),
            "base_cost": 0, "cost_ex_tax": 0, "cost_inc_tax": 0, "cost_tax": 0, "cost_tax_class_id": 2,
            "base_handling_cost": 0, "handling_cost_ex_tax": 0, "handling_cost_inc_tax": 0,
            "handling_cost_tax": 0,
            "handling_cost_tax_class_id": 2, "shipping_zone_id": 1, "shipping_zone_name": "United Kingdom",
            "shipping_quotes": link(
                base_url, f"/orders/{record['id']}/consignments/shipping/{address['id']}/shipping_quotes"
            ),
        })  # fmt: skip
    return {
        "shipping": shipping,
        "pickups": [{
            "id": 1, "pickup_method_id": 1, "pickup_method_display_name": "Collect in store",
            "collection_instructions": "", "collection_time_description": "", "line_items": shown(pickups),
            "location": {
                "id": 1, "name": "Shop", "code": "SHOP", "address_line_1": "1 High Street",
                "address_line_2": "",
                "city": "Leeds", "state": "", "postal_code": "LS1 1AA", "country_alpha2": "GB", "email": "",
                "phone": "",
            },
        }] if pickups else [],
        "downloads": [{"recipient_email": email, "line_items": shown(digital)}] if digital else [],
        "email": {
            "gift_certificates": [
                {"recipient_email": email, "line_items": shown([certificate])} for certificate in certificates
            ],
        },
    }  # fmt: skip
