"""Which stores a command means, opened one after the other.

What belongs here: choosing and opening stores for the command line. What does not: any command.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from clarus_bc_pipeline.cli.output import USAGE, fail
from clarus_bc_pipeline.flows.store import Store, open_store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import Settings, load_settings


def chosen(settings: Settings, store: str | None) -> list[str]:
    """The keys meant by `--store`; exits with 2 naming those that exist when it is none of them."""
    if store is None:
        return sorted(settings.stores)
    if store not in settings.stores:
        fail(f"--store {store}: no such store; the settings have {', '.join(sorted(settings.stores))}", USAGE)
    return [store]


def each_store(store: str | None) -> Iterator[Store]:
    """Open every chosen store in turn."""
    settings = load_settings()
    engine = open_ledger()
    for key in chosen(settings, store):
        with open_store(settings.stores[key], engine) as opened:
            yield opened


def ledger() -> sa.Engine:
    return open_ledger()
