"""Settings: stores, mappings and thresholds from one TOML file, secrets from the environment; typed and validated.

A bad setting stops the start and names the key, the value and what would be right. What does not belong here:
anything that a flow decides from data, and the database's address (`ledger/urls.py`).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

DEFAULT_FILE = "clarus_bc.toml"
SANDBOX_FILE = Path(__file__).parent / "sandbox" / "clarus_bc.toml"
EXAMPLE_FILE = Path(__file__).parent / "clarus_bc.example.toml"

NoteTarget = Literal[
    "packing_notes",
    "pick_notes",
    "delivery_notes",
    "order_notes",
    "string1",
    "string2",
    "string3",
    "string4",
    "string5",
]
# Clarus documents 255 characters for packing_notes; the others carry no documented limit, and 255 is what a
# string column of the same schema holds (clarus-api.json). A tenant that knows better raises it here.
DEFAULT_NOTE_LIMITS: dict[NoteTarget, int] = {
    "packing_notes": 255,
    "pick_notes": 255,
    "delivery_notes": 255,
    "order_notes": 255,
    "string1": 255,
    "string2": 255,
    "string3": 255,
    "string4": 255,
    "string5": 255,
}


class SettingsError(Exception):
    """The settings cannot be used. The message lists every fault, one a line."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BigCommerceSettings(_Model):
    """How to reach one shop. `base_url` may point at any server that speaks BigCommerce's specification."""

    base_url: str = "https://api.bigcommerce.com"
    store_hash: str = Field(min_length=1)
    quota_share: float = Field(0.8, gt=0, le=1, description="share of the store's quota that we may use")
    page_size: int = Field(250, ge=1, le=250)
    overlap_seconds: int = Field(120, ge=1, description="how far each pull reaches back over the last one")
    max_parallel_calls: int = Field(3, ge=1, le=8)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return _http_url(value)


class ClarusSettings(_Model):
    """How to reach one stock owner's account in one Clarus tenant."""

    base_url: str = "https://clarus-api.com"
    api_path: Literal["/api", "/api/v1"] = "/api"
    subdomain: str = Field(min_length=1)
    account: str = Field(min_length=1, description="account (stock owner) code")
    warehouse: str = Field(min_length=1, description="warehouse code")
    page_size: int = Field(100, ge=1, le=500)
    overlap_seconds: int = Field(300, ge=1)
    max_parallel_calls: int = Field(3, ge=1, le=8)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return _http_url(value)


class NoteMapping(_Model):
    """One source on the shop's order and the Clarus field that shows it to the packer, picker or carrier.

    Sources: `customer_message`, `staff_notes`, `gift_wrap`, `product_options`, `form_field:<name>`,
    `metafield:<namespace>/<key>`. Several sources of one target are joined by `; ` in the order of the file.
    """

    source: str
    target: NoteTarget
    label: str = ""

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: str) -> str:
        simple = {"customer_message", "staff_notes", "gift_wrap", "product_options"}
        if value in simple or re.fullmatch(r"form_field:.+|metafield:[^/]+/.+", value):
            return value
        raise ValueError(
            f"unknown source; use one of {', '.join(sorted(simple))}, form_field:<name>, metafield:<namespace>/<key>"
        )


class OrdersSettings(_Model):
    """Which orders go to the warehouse, and how they look there."""

    release_status_ids: tuple[int, ...] = (11,)
    paid_payment_statuses: tuple[str, ...] = ("paid", "captured")
    cancelled_status_ids: tuple[int, ...] = (4, 5)
    since: str | None = Field(None, description="ISO 8601; orders created before are never released (go-live line)")
    reference_prefix: str = "BC-"
    despatch_within_hours: int = Field(24, ge=1)
    default_priority: int = Field(50, ge=1, le=99)
    notes: tuple[NoteMapping, ...] = (
        NoteMapping(source="customer_message", target="packing_notes"),
        NoteMapping(source="staff_notes", target="order_notes"),
        NoteMapping(source="gift_wrap", target="string1"),
    )
    note_limits: dict[NoteTarget, int] = DEFAULT_NOTE_LIMITS

    def note_limit(self, target: NoteTarget) -> int:
        return self.note_limits.get(target, DEFAULT_NOTE_LIMITS[target])


class SkuRule(_Model):
    """One transform from the shop's SKU to the Clarus product code. Rules apply in the order of the file."""

    rule: Literal["trim", "upper", "lower", "zero_pad", "strip_zeros", "map_characters"]
    width: int | None = Field(None, ge=1, le=50, description="zero_pad: the length to reach")
    characters: dict[str, str] = Field(default_factory=dict, description="map_characters: from -> to")

    @model_validator(mode="after")
    def _complete(self) -> SkuRule:
        if self.rule == "zero_pad" and self.width is None:
            raise ValueError("rule zero_pad needs width, for example width = 8")
        if self.rule == "map_characters" and not self.characters:
            raise ValueError('rule map_characters needs characters, for example { "/" = "-" }')
        return self


class SkuSettings(_Model):
    """How the shop's SKU becomes a Clarus product code: the explicit table first, else the rules."""

    rules: tuple[SkuRule, ...] = ()
    table: dict[str, str] = Field(default_factory=dict)


class CarrierMapping(_Model):
    """A Clarus carrier code's carrier: one of ours (`clarus-bc settings carriers`), or a link template of your own."""

    carrier: str | None = None
    link_template: str | None = None

    @model_validator(mode="after")
    def _either(self) -> CarrierMapping:
        if not self.carrier and not self.link_template:
            raise ValueError("give carrier or link_template")
        if self.link_template and "{number}" not in self.link_template:
            raise ValueError("link_template must contain {number}")
        return self


class DespatchSettings(_Model):
    """How a despatch becomes shipments in the shop."""

    carriers: dict[str, CarrierMapping] = Field(default_factory=dict)
    invalid_tracking: Literal["hold", "send"] = "send"
    wait_for_tracking_minutes: int = Field(10, ge=0)
    sla_minutes: int = Field(15, ge=1, description="despatched in Clarus to shown in BigCommerce")
    set_status_after_minutes: int = Field(5, ge=0)


class StockLocation(_Model):
    """One location of the shop that shows a warehouse's stock; `share` is its part where there are several."""

    location_id: int = Field(ge=1)
    share: float = Field(1.0, gt=0)


class StockSettings(_Model):
    """Which stock the shop shows, where, and how carefully.

    `locations`: Clarus warehouse code -> the shop's locations. Empty: the store's warehouse, at the shop's first
    enabled location. Several warehouses may name one location (their stock is added up), and one warehouse several
    (its stock is split: by `share`, or all of it at the `first` that is enabled).
    `safety_stock`: "ours" takes the buffer off what is published; "bigcommerce" leaves that to the safety stock
    that the shop itself holds, and takes nothing off.
    `buffer_by_category`: by the number of the shop's category. A SKU's own buffer comes before its category's (the
    largest, where it is in several), and that before `buffer`.
    `available_excludes_allocated`: whether Clarus's `available` is already without what is allocated to orders.
    """

    enabled: bool = True
    locations: dict[str, tuple[StockLocation, ...]] = Field(default_factory=dict)
    split: Literal["share", "first"] = "share"
    buffer: int = Field(0, ge=0, description="units of every SKU that are never offered")
    buffer_by_category: dict[int, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    buffer_by_sku: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    safety_stock: Literal["ours", "bigcommerce"] = "ours"
    available_excludes_allocated: bool = True
    near_zero: int = Field(5, ge=0, description="a level that falls to this goes before other stock")
    largest_drop_share: float = Field(0.5, gt=0, le=1, description="of a product, or of the whole, between two sweeps")
    largest_drop_units: int = Field(500, ge=1, description="a smaller drop is never doubted")
    confirm_drop_minutes: int = Field(10, ge=0, description="then a second reading of the same drop is believed")
    sweep_every_minutes: int = Field(15, ge=1, description="all balances read, and the shop's levels read back")
    settle_seconds: int = Field(60, ge=0, description="how long the shop may take to show a level it accepted")
    drifts_allowed: int = Field(2, ge=0, description="a level changed by others more often in a day is a finding")

    @model_validator(mode="after")
    def _usable(self) -> StockSettings:
        for warehouse, places in self.locations.items():
            ids = [place.location_id for place in places]
            if not ids or len(set(ids)) != len(ids):
                raise ValueError(
                    f"locations.{warehouse} = {ids}: give each location once, for example [{{ location_id = 1 }}]"
                )
        return self

    def buffer_of(self, sku: str, categories: Collection[int] = ()) -> int:
        """Units of `sku`, which is in these categories, that we hold back."""
        if self.safety_stock == "bigcommerce":
            return 0
        if sku in self.buffer_by_sku:
            return self.buffer_by_sku[sku]
        named = [self.buffer_by_category[each] for each in categories if each in self.buffer_by_category]
        return max(named, default=self.buffer)


Grade = Literal["sellable", "damaged", "missing"]
Slot = Literal["string1", "string2", "string3", "string4", "string5"]

DEFAULT_GRADES: dict[str, Grade] = {"A": "sellable", "B": "damaged", "C": "damaged", "MISSING": "missing"}


class ReturnsSettings(_Model):
    """How a return is announced, inspected and refunded.

    `inspection`: "slot" reads the grade from a custom field of the receipt's line (`slot`); "holds" reads what stock of
    the receipt is held and for which reason code. `grades` says which of our three grades a word or reason code is.
    """

    enabled: bool = True
    receipt_kind: str = Field("return", description="Clarus's receipt_type of a return")
    inspection: Literal["slot", "holds"] = "slot"
    slot: Slot = "string1"
    grades: dict[str, Grade] = DEFAULT_GRADES
    refund: Literal["automatic", "never"] = "automatic"
    refund_damaged_for: tuple[str, ...] = Field(
        ("faulty", "damaged_in_transit", "wrong_item"), description="reasons for which a damaged unit passes too"
    )
    refund_shipping: Literal["never", "by_rma", "whole_order"] = "by_rma"
    restocking_fee_percent: Decimal = Field(Decimal(0), ge=0, le=100, description="kept back of the goods' price")
    tenders: Literal["original", "store_credit", "offline"] = "original"
    warn_after_days: int = Field(10, ge=0, le=14, description="received and not refunded: the law gives 14 days")
    alarm_after_days: int = Field(13, ge=0, le=14)
    inspect_within_hours: int = Field(48, ge=1)
    largest_refund: Decimal | None = Field(None, gt=0, description="one above it waits for a person")


class FinanceSettings(_Model):
    """How despatches, payments and refunds become books. Amounts are in the order's currency.

    `nominals`: account -> the nominal code of the merchant's ledger; the defaults are Sage 50's usual chart.
    """

    enabled: bool = True
    cut_off: Literal["despatch", "delivery"] = "despatch"
    delivery_days: int = Field(
        2, ge=0, description="from despatch to delivery, where nobody says when it was delivered"
    )
    paid_not_despatched_after_hours: int = Field(48, ge=1)
    materiality_amount: Decimal = Field(
        Decimal("1.00"), ge=0, description="a smaller difference is grouped, not hidden"
    )
    materiality_percent: Decimal = Field(Decimal("0.5"), ge=0, le=100)
    transactions_at_once: int = Field(100, ge=1, description="orders whose payments one pull reads: a call each")
    vat_code: str = "T1"
    nominals: dict[str, str] = Field(default_factory=dict)
    unit_costs: dict[str, Decimal] = Field(default_factory=dict, description="cost of a unit, without VAT, by SKU")
    cost_share: Decimal = Field(Decimal(0), ge=0, le=1, description="else: cost as a share of the price without VAT")


class OutboxSettings(_Model):
    """How hard a push is tried. Seconds; see docs/decisions for why each default."""

    lease_seconds: int = Field(150, ge=15)
    settle_seconds: int = Field(60, ge=0, description="wait before reading back an ambiguous write")
    alert_after_failures: int = Field(5, ge=1)
    first_retry_seconds: float = Field(2.0, gt=0)
    longest_retry_seconds: float = Field(900.0, gt=0)
    threads: int = Field(3, ge=1, le=8)


Secret = Literal["BC_TOKEN", "BC_REFUND_TOKEN", "CLARUS_CLIENT_ID", "CLARUS_CLIENT_SECRET"]


class StoreSettings(_Model):
    """All of one store."""

    key: str
    name: str = ""
    currency: str = Field("GBP", pattern=r"^[A-Z]{3}$")
    timezone: str = "Europe/London"
    bigcommerce: BigCommerceSettings
    clarus: ClarusSettings
    orders: OrdersSettings = OrdersSettings()
    skus: SkuSettings = SkuSettings()
    despatch: DespatchSettings = DespatchSettings()
    stock: StockSettings = StockSettings()
    returns: ReturnsSettings = ReturnsSettings()
    finance: FinanceSettings = FinanceSettings()
    outbox: OutboxSettings = OutboxSettings()
    personal_data_retention_days: int = Field(30, ge=1)

    @property
    def secrets_prefix(self) -> str:
        return f"CLARUS_BC_{re.sub(r'[^A-Z0-9]', '_', self.key.upper())}"

    def secret(self, name: Secret) -> SecretStr:
        """The secret from the environment, or from the file that `<NAME>_FILE` names. Raises `SettingsError`."""
        variable = f"{self.secrets_prefix}_{name}"
        value = os.environ.get(variable)
        if value is None and (file := os.environ.get(f"{variable}_FILE")):
            try:
                value = Path(file).read_text().strip()
            except OSError as error:
                raise SettingsError(f"{variable}_FILE = {file!r} cannot be read: {error.strerror}") from error
        if not value:
            raise SettingsError(f"{variable} is not set: export it (store {self.key!r} needs it to sign in)")
        return SecretStr(value)


StoreKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class WorkerSettings(_Model):
    """How often the resident worker and the sensors look for change."""

    orders_every_seconds: int = Field(20, ge=1)
    despatch_every_seconds: int = Field(10, ge=1)
    stock_every_seconds: int = Field(15, ge=1)
    returns_every_seconds: int = Field(120, ge=1)
    finance_every_seconds: int = Field(300, ge=1)
    sweep_every_seconds: int = Field(300, ge=10, description="re-read of all open goods-outs")
    lease_seconds: int = Field(60, ge=3, description="after this long without a sign, another worker takes over")


class Settings(_Model):
    """The whole file."""

    stores: dict[StoreKey, StoreSettings] = Field(min_length=1)
    worker: WorkerSettings = WorkerSettings()
    history_days: int = Field(30, ge=1, description="how long Dagster's runs and their events are kept")

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("stores"), dict):
            stores = {k: ({**v, "key": k} if isinstance(v, dict) else v) for k, v in data["stores"].items()}
            return {**data, "stores": stores}
        return data


def settings_file() -> Path:
    """The file in force: `CLARUS_BC_SETTINGS`, else `clarus_bc.toml` here, else the sandbox's own (demo stores)."""
    if named := os.environ.get("CLARUS_BC_SETTINGS"):
        return Path(named)
    here = Path(DEFAULT_FILE)
    if here.exists():
        return here
    if os.environ.get("CLARUS_BC_ENV") == "production":
        raise SettingsError(
            f"no settings: set CLARUS_BC_SETTINGS or put {DEFAULT_FILE} here (CLARUS_BC_ENV=production)"
        )
    return SANDBOX_FILE


def load_settings(path: Path | None = None) -> Settings:
    """Read and validate the settings. Raises `SettingsError` with every fault named."""
    path = path or settings_file()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}. Set CLARUS_BC_SETTINGS to a file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        faults = [_fault(e) for e in error.errors(include_url=False)]
        raise SettingsError(f"{path}: {len(faults)} bad setting(s)\n" + "\n".join(f"  {f}" for f in faults)) from error


def _fault(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    value = error.get("input")
    shown = "" if error["type"] in ("missing", "extra_forbidden") or isinstance(value, dict) else f" = {value!r}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        message = "is missing"
    elif error["type"] == "extra_forbidden":
        message = "is not a setting; see clarus_bc.example.toml for those that are"
    return f"{key}{shown}: {message}"


def _http_url(value: str) -> str:
    if not re.match(r"^https?://[^/\s]+", value):
        raise ValueError("must be an http(s) address, for example https://api.bigcommerce.com")
    return value.rstrip("/")
