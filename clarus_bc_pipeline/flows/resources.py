"""What the assets, checks and sensors share: the store partitions and the resource that opens a store.

What belongs here: Dagster's view of stores. What does not: anything about one flow.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.reach import watched
from clarus_bc_pipeline.flows.store import Store, open_store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import Settings, load_settings

# Checks of one partition are a preview in Dagster 1.13; `test_definitions.py` tells when that changes.
warnings.filterwarnings(
    "ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=dg.PreviewWarning
)

# Vendors' failures inside a verb are the outbox's business; this covers a database or network that blinked.
RETRY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)
SHOP_POOL = "bigcommerce_api"
WAREHOUSE_POOL = "clarus_api"
STORE_TAG = "clarus_bc/store"
LANE_TAG = "clarus_bc/lane"  # store and flow: dagster.yaml lets one run of a lane go at a time


@cache
def settings() -> Settings:
    return load_settings()


@cache
def engine() -> sa.Engine:
    return open_ledger()


STORES = dg.StaticPartitionsDefinition(sorted(settings().stores))


class Stores(dg.ConfigurableResource[Any]):
    """Opens a store by its key: both systems' clients and the ledger, closed again when the step ends.

    A system that cannot be reached, or does not accept us, becomes a finding of the store.
    """

    @contextmanager
    def open(self, key: str) -> Iterator[Store]:
        with open_store(settings().stores[key], engine()) as store, watched(store):
            yield store

    @property
    def engine(self) -> sa.Engine:
        return engine()


def calls(store: Store) -> dict[str, Any]:
    """Metadata of what a step cost: calls made, and the shop's quota left as last told."""
    return {
        "bigcommerce_calls": store.shop.total_calls,
        "clarus_calls": store.warehouse.total_calls,
    }


def table(rows: Sequence[Mapping[str, Any]], *, most: int = 50) -> dg.TableMetadataValue:
    """Rows as a table in metadata; values that Dagster cannot hold are shown as text."""
    plain = [
        {key: value if isinstance(value, (str, int, float, bool)) else str(value) for key, value in row.items()}
        for row in rows[:most]
    ]
    columns = [dg.TableColumn(name, _type(plain, name)) for name in (plain[0] if plain else {})]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in plain], schema=dg.TableSchema(columns))


def _type(rows: list[dict[str, Any]], name: str) -> str:
    return {int: "int", float: "float", bool: "bool"}.get(type(rows[0][name]), "string")
