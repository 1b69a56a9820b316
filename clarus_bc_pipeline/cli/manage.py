"""Commands that set up: `db`, `settings`, `sandbox`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clarus_bc_pipeline.bigcommerce.store import get_store, get_time
from clarus_bc_pipeline.clarus.tenant_schema import check_schema
from clarus_bc_pipeline.cli.output import (
    FINDINGS,
    FINE,
    OUT_OF_REACH,
    Json,
    StoreOption,
    console,
    print_json,
    print_table,
)
from clarus_bc_pipeline.cli.stores import exit_if_failed, work_on
from clarus_bc_pipeline.flows.despatch.carriers import CARRIERS, mapping_faults
from clarus_bc_pipeline.flows.reach import MOST_SKEW_SECONDS
from clarus_bc_pipeline.flows.retention import purge_personal_data
from clarus_bc_pipeline.flows.store import Store, utc_now
from clarus_bc_pipeline.http import AuthFailed, CallFailed
from clarus_bc_pipeline.ledger.engine import open_ledger, revision
from clarus_bc_pipeline.settings import EXAMPLE_FILE, load_settings, settings_file

db = typer.Typer(no_args_is_help=True, help="The ledger's database.")
settings = typer.Typer(no_args_is_help=True, help="Check and show the settings.")


@db.command()
def migrate(json: Json = False) -> None:
    """Bring the ledger to the newest schema (every command does this by itself)."""
    engine = open_ledger()
    database, at = engine.url.render_as_string(hide_password=True), revision(engine)
    if json:
        print_json({"database": database, "revision": at})
    else:
        console.print(f"The ledger in {database} is at the newest schema, {at}.", soft_wrap=True, highlight=False)


@db.command()
def purge(json: Json = False) -> None:
    """Delete personal data of orders past their retention: names, e-mail, phone, street, notes, payloads."""
    purged = {}
    engine = open_ledger()
    for key, store in load_settings().stores.items():
        with engine.begin() as connection:
            purged[key] = purge_personal_data(
                connection, store=key, days=store.personal_data_retention_days, now=utc_now()
            )
    if json:
        print_json({"orders_purged": purged})
        return
    print_table("Personal data purged", [{"store": key, "orders": n} for key, n in purged.items()])


@settings.command()
def check(store: StoreOption = None, json: Json = False) -> None:
    """Sign in to both systems of each store, read-only, and say what is missing. Exit code 3: one is out of reach."""
    rows: list[dict[str, Any]] = []

    def examine(opened: Store) -> None:
        found = (*_check_carriers(opened), *_check_shop(opened), *_check_warehouse(opened))
        rows.extend({"store": opened.key, **row} for row in found)

    exit_if_failed(work_on(store, examine))
    if json:
        print_json({"settings": str(settings_file()), "checks": rows})
    else:
        console.print(f"Settings: {settings_file()}")
        print_table("Checks", rows)
    bad = {row["result"] for row in rows} - {"ok"}
    raise typer.Exit(OUT_OF_REACH if "out of reach" in bad or "refused" in bad else FINDINGS if bad else FINE)


def _check_carriers(store: Store) -> list[dict[str, str]]:
    faults = mapping_faults(store.settings.despatch.carriers)
    return [{"system": "settings", "what": "carriers", "result": "bad setting", "detail": fault} for fault in faults]


def _check_shop(store: Store) -> list[dict[str, str]]:
    try:
        shop = get_store(store.shop)
        skew = abs((get_time(store.shop) - store.now()).total_seconds())
    except CallFailed as error:
        return [_failed("BigCommerce", error)]
    clock = (
        "ok" if skew <= MOST_SKEW_SECONDS else "clock skew",
        f"clocks differ by {skew:.0f} s" + ("; synchronise this machine (NTP)" if skew > MOST_SKEW_SECONDS else ""),
    )
    left = f"{store.shop.quota.left} of {store.shop.quota.quota} calls left in this window"
    return [
        {
            "system": "BigCommerce",
            "what": "sign in",
            "result": "ok",
            "detail": f"{shop.name}, {shop.plan_name}; {left}",
        },
        {"system": "BigCommerce", "what": "clock", "result": clock[0], "detail": clock[1]},
    ]


def _check_warehouse(store: Store) -> list[dict[str, str]]:
    try:
        account, warehouse = store.warehouse.account_id, store.warehouse.warehouse_id
        missing = check_schema(store.warehouse)
    except CallFailed as error:
        return [_failed("Clarus", error)]
    named = store.settings.clarus
    found = f"account {named.account} is {account}, warehouse {named.warehouse} is {warehouse}"
    schema = ("ok", "every field that we read is there") if not missing else ("fields missing", ", ".join(missing))
    return [
        {"system": "Clarus", "what": "sign in", "result": "ok", "detail": found},
        {"system": "Clarus", "what": "fields", "result": schema[0], "detail": schema[1]},
    ]


def _failed(system: str, error: CallFailed) -> dict[str, str]:
    result = "refused" if isinstance(error, AuthFailed) else "out of reach"
    return {"system": system, "what": "sign in", "result": result, "detail": str(error)}


@settings.command()
def show(json: Json = False) -> None:
    """The settings in force, defaults included. Secrets are never shown; they come from the environment."""
    loaded = load_settings().model_dump(mode="json")
    if json:
        print_json({"file": str(settings_file()), **loaded})
        return
    console.print(f"# {settings_file()}")
    console.print_json(data=loaded)


@settings.command()
def example() -> None:
    """Print an annotated settings file to start from: clarus-bc settings example > clarus_bc.toml"""
    typer.echo(EXAMPLE_FILE.read_text(encoding="utf-8"), nl=False)


@settings.command()
def carriers(json: Json = False) -> None:
    """The carriers that can be named in [stores.<key>.despatch.carriers], and how BigCommerce is told of each."""
    rows = [
        {
            "carrier": c.key,
            "name": c.name,
            "BigCommerce": c.shipping_provider or c.tracking_carrier or "own link",
            "link": c.link_template or "made by BigCommerce",
        }
        for c in CARRIERS.values()
    ]
    if json:
        print_json({"carriers": rows})
    else:
        print_table("Carriers", rows)


def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8650,
    orders: Annotated[int, typer.Option(help="Real Online Retail orders to place, over both stores.")] = 400,
    seed: Annotated[
        int,
        typer.Option(help="Chooses addresses, notes, carriers and faults; the same seed, the same world."),
    ] = 1,
    faults: Annotated[bool, typer.Option(help="Inject seeded faults: resets, 5xx, throttling, cut replies.")] = False,
) -> None:
    """Serve stateful doubles of both vendors' APIs on loopback, with a scenario of real orders, for any client."""
    from clarus_bc_pipeline.sandbox.server import serve

    serve(port=port, orders=orders, seed=seed, faults=faults)
