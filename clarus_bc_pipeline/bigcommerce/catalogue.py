"""The shop's sellable things, each a variant of a product with its own SKU.

What belongs here: reading them whole. What does not: comparing SKUs with the warehouse's
(`flows/catalogue/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.paging import one_page

PATH = "v3/catalog/products"
PAGE_SIZE = 250  # products and variants: at most 250 a page
WALK: Mapping[str, str | int] = {"include": "variants", "sort": "id", "direction": "asc", "limit": PAGE_SIZE}


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU. `name` is the product's with the variant's options behind it. An unset code is empty.

    `is_on_sale`: the product is visible and not marked as unavailable, and the variant may be bought. `category_ids`
    are the product's.

    A product without options has one base variant, whose SKU and codes may stand on the product alone.
    """

    id: int
    product_id: int
    sku: str
    name: str
    gtin: str
    upc: str
    mpn: str
    is_visible: bool
    is_on_sale: bool
    category_ids: tuple[int, ...]
    inventory_tracking: str

    @property
    def barcode(self) -> str:
        """The GTIN, or the UPC where the shop has only that."""
        return self.gtin or self.upc


class _OptionValue(msgspec.Struct, frozen=True):
    option_display_name: str = ""
    label: str = ""


class _Variant(msgspec.Struct, frozen=True):
    id: int
    sku: str | None = None
    gtin: str | None = None
    upc: str | None = None
    mpn: str | None = None
    purchasing_disabled: bool = False
    option_values: list[_OptionValue] = []


class _Product(msgspec.Struct, frozen=True):
    id: int
    name: str
    variants: list[_Variant]  # asked for by `include`: a reply without them must not look like an empty catalogue
    sku: str | None = None
    gtin: str | None = None
    upc: str | None = None
    mpn: str | None = None
    is_visible: bool = True
    availability: str = "available"  # available | disabled | preorder (catalog/products.v3.yml)
    categories: tuple[int, ...] = ()
    inventory_tracking: str = "none"


_ONE = msgspec.json.Decoder(_Product)


def pull_variants(shop: BigCommerce) -> Iterator[list[Variant]]:
    """All variants, 250 products a call, walked by product id so that a deletion meanwhile hides none.

    Products with their variants included take fewer calls than the list of variants, and carry the names.
    Raises `Ambiguous` naming the field of a product that cannot be read.
    """
    after = 0
    while True:
        page = one_page(shop, PATH, {**WALK, "id:greater": after})
        products = [decoded(f"GET {PATH}", bytes(raw), _ONE) for raw in page]
        variants = [_variant(product, variant) for product in products for variant in product.variants]
        if variants:
            yield variants
        if len(page) < PAGE_SIZE:
            return
        after = max(product.id for product in products)


def _variant(product: _Product, variant: _Variant) -> Variant:
    is_base = not variant.option_values
    options = ", ".join(value.label for value in variant.option_values)
    return Variant(
        id=variant.id,
        product_id=product.id,
        sku=variant.sku or (product.sku if is_base else "") or "",
        name=f"{product.name} ({options})" if options else product.name,
        gtin=variant.gtin or (product.gtin if is_base else "") or "",
        upc=variant.upc or (product.upc if is_base else "") or "",
        mpn=variant.mpn or (product.mpn if is_base else "") or "",
        is_visible=product.is_visible,
        is_on_sale=product.is_visible and product.availability != "disabled" and not variant.purchasing_disabled,
        category_ids=product.categories,
        inventory_tracking=product.inventory_tracking,
    )
