"""Which stores a command means, and working on one after the other.

What belongs here: choosing and opening stores, and what their failures exit with. What does not: any command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from clarus_bc_pipeline.cli.output import OUT_OF_REACH, USAGE, errors, fail
from clarus_bc_pipeline.flows.reach import watched
from clarus_bc_pipeline.flows.store import Store, open_store
from clarus_bc_pipeline.http import AuthFailed, CallFailed, Gone
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import Settings, load_settings


def chosen(settings: Settings, store: str | None) -> list[str]:
    """The keys meant by `--store`; exits with 2 naming those that exist when it is none of them."""
    if store is None:
        return sorted(settings.stores)
    if store not in settings.stores:
        fail(f"--store {store}: no such store; the settings have {', '.join(sorted(settings.stores))}", USAGE)
    return [store]


def work_on(store: str | None, work: Callable[[Store], None]) -> dict[str, CallFailed]:
    """Open every chosen store in turn and work on it. One store's failure does not stop the next; returned by store.

    Raises `SettingsError` when a store's secret is not set, before any work on it.
    """
    settings = load_settings()
    keys = chosen(settings, store)
    engine = open_ledger()
    failed: dict[str, CallFailed] = {}
    for key in keys:
        with open_store(settings.stores[key], engine) as opened:
            try:
                with watched(opened):
                    work(opened)
            except CallFailed as error:
                failed[key] = error
    return failed


def exit_if_failed(failed: Mapping[str, CallFailed]) -> None:
    """Say each failure and what to do about it on standard error, and exit with 3 where there is one."""
    for store, error in failed.items():
        errors.print(f"{store}: {error}\n  {advice(error)}", style="red", markup=False, highlight=False)
    if failed:
        raise typer.Exit(OUT_OF_REACH)


def advice(error: CallFailed) -> str:
    """What to do about a failed call, for the person at the keyboard."""
    if isinstance(error, AuthFailed) and error.status == 403:
        return (
            "The credentials lack a scope for this, or belong to another store (BigCommerce: store_hash): see README, "
            '"Point it at a real store".'
        )
    if isinstance(error, AuthFailed):
        return "Check this store's secrets in the environment (and for BigCommerce its store_hash)."
    if isinstance(error, Gone):
        return "Check base_url and store_hash of this store in the settings: the address does not exist there."
    return "Nothing was lost: every push is in the ledger and the cursor has not moved. Run it again later."
