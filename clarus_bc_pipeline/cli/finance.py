"""Commands about money: `report finance` writes the pack, `period` closes months and lists those that are closed.

What belongs here: what a person asks and reads. What does not: what a figure is (`flows/finance`).
"""

from __future__ import annotations

import getpass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import typer

from clarus_bc_pipeline.cli.audit import report
from clarus_bc_pipeline.cli.output import FINDINGS, USAGE, Json, StoreOption, console, fail, print_json, print_table
from clarus_bc_pipeline.cli.stores import chosen
from clarus_bc_pipeline.flows.finance.accounts import UnknownAccount
from clarus_bc_pipeline.flows.finance.control import control_totals
from clarus_bc_pipeline.flows.finance.pack import Pack, write_pack
from clarus_bc_pipeline.flows.finance.periods import (
    Closed,
    NotClosable,
    changed_since_closing,
    close_period,
    closed_periods,
)
from clarus_bc_pipeline.flows.finance.posting import post
from clarus_bc_pipeline.flows.finance.schedules import title_of
from clarus_bc_pipeline.flows.finance.sync import prove_store
from clarus_bc_pipeline.flows.returns.currency import rounded
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import StoreSettings, load_settings

MOST = 20

period = typer.Typer(no_args_is_help=True, help="Accounting periods: close a month for good, and see which are closed.")


@report.command()
def finance(
    from_: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day (default: of this month)."),
    ] = None,
    to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included (default: today).")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the workbook and the exports.")] = Path("finance"),
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Write the finance pack: an Excel workbook with control totals, schedules, ageing and journals, and the journals
    as CSV for Xero and Sage 50.

    It goes by what is in the ledger; read the systems first with clarus-bc sync. Exit code 1 when a control total
    differs.
    """
    settings = load_settings()
    said = []
    for key in chosen(settings, store):
        own = settings.stores[key]
        today = utc_now().astimezone(ZoneInfo(own.timezone)).date()
        last = to.date() if to else max(today, from_.date() if from_ else today)
        first = from_.date() if from_ else last.replace(day=1)
        if last < first:
            fail(f"--from {first} is after --to {last}; give the earlier day first", USAGE)
        said.append(_as_json(key, first, last, _packed(own, out, first=first, last=last)))
    if json:
        print_json({"stores": said})
    else:
        for each in said:
            _print(each)
    if any(each["control_total_difference"] for each in said):
        raise typer.Exit(FINDINGS)


def _packed(settings: StoreSettings, folder: Path, *, first: date, last: date) -> Pack:
    """The books and the matching brought up to what the ledger knows, and the pack of one state of it."""
    engine = open_ledger()
    try:
        prove_store(engine, settings, now=utc_now)
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            control = control_totals(connection, settings, first=first, last=last)
            assert control is not None  # it was proven a moment ago
            return write_pack(connection, settings, folder, first=first, last=last, now=utc_now(), control=control)
    except UnknownAccount as error:
        fail(f"{settings.key}: {error}", USAGE)
    except OSError as error:
        fail(f"--out {folder}: {error.filename or folder} cannot be written: {error.strerror}", USAGE)


def _as_json(store: str, first: date, last: date, pack: Pack) -> dict[str, Any]:
    complete = pack.control.completeness
    return {
        "store": store,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "file": str(pack.file),
        "exports": [str(file) for file in pack.exports],
        "sha256": pack.sha256,
        "rows": dict(pack.rows),
        "journal_lines": pack.rows["journal"],
        "control_total_difference": _two_or_more(pack.control.difference),
        "control_totals": [
            {
                "what": proof.name,
                "currency": proof.currency,
                "facts": rounded(proof.facts, proof.currency),
                "books": rounded(proof.books, proof.currency),
                "listed": rounded(proof.explained, proof.currency),
                "difference": rounded(proof.difference, proof.currency),
            }
            for proof in pack.control.proofs
        ],
        "differences": [
            {
                "order": each.order_id,
                "currency": each.currency,
                "amount": rounded(each.amount, each.currency),
                "because": [title_of(code) for code in each.codes],
            }
            for each in pack.control.differences
        ],
        "orders": {
            "read": complete.read,
            "matched": complete.matched,
            "listed": complete.listed,
            "left_out": dict(complete.excluded),
        },
    }


def _two_or_more(amount: Decimal) -> Decimal:
    """Pennies, and what is less than a penny where there is any; amounts of several currencies may be in it."""
    pennies = amount.quantize(Decimal("0.01"))
    return pennies if pennies == amount else amount


def _print(said: dict[str, Any]) -> None:
    console.print(f"[bold]{said['store']}[/bold], {said['from']} to {said['to']}: {said['file']}", highlight=False)
    for file in said["exports"]:
        console.print(f"  {file}", markup=False, highlight=False)
    print_table("Control totals", said["control_totals"], empty="the books are empty")
    listed = [
        {**each, "order": str(each["order"]), "because": ", ".join(each["because"])}
        for each in said["differences"][:MOST]
    ]
    print_table("Orders that explain a difference", listed)
    orders = said["orders"]
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in orders["left_out"].items())
    console.print(
        f"{orders['read']:,} orders: {orders['matched']:,} matched, {orders['listed']:,} listed"
        f"{f', left out: {left_out}' if left_out else ''}.",
        markup=False,
        highlight=False,
    )
    console.print(f"Control totals differ by {said['control_total_difference']}.", highlight=False)


@period.command()
def close(
    month: Annotated[str, typer.Argument(help="The month, as 2026-11.")],
    by: Annotated[str | None, typer.Option("--by", help="Who closes it (default: you).")] = None,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Close a month for good. What is learnt of it later is posted in the next open one, with a reference."""
    settings = load_settings()
    engine = open_ledger()
    closed: list[dict[str, Any]] = []
    for key in chosen(settings, store):
        own = settings.stores[key]
        now = utc_now()
        try:
            post(engine, own, now=now)
            with engine.begin() as connection:
                done = close_period(
                    connection,
                    store=key,
                    period=month,
                    by=by or getpass.getuser(),
                    now=now,
                    zone=ZoneInfo(own.timezone),
                )
        except (NotClosable, UnknownAccount) as error:
            fail(f"{key}: {error}", USAGE)
        closed.append(_row(key, done))
    if json:
        print_json({"closed": closed})
    else:
        print_table("Closed", closed)


@period.command("list")
def list_(store: StoreOption = None, json: Json = False) -> None:
    """Which months are closed, by whom, and whether each still is what was closed (its SHA-256 is made anew)."""
    rows: list[dict[str, Any]] = []
    with open_ledger().connect() as connection:
        for key in chosen(load_settings(), store):
            rows += _listed(connection, key)
    if json:
        print_json({"periods": rows})
    else:
        print_table("Closed periods", rows)
    if not all(row["unchanged"] for row in rows):
        raise typer.Exit(FINDINGS)


def _listed(connection: sa.Connection, store: str) -> list[dict[str, Any]]:
    changed = set(changed_since_closing(connection, store=store))
    return [
        _row(store, each) | {"unchanged": each.period not in changed}
        for each in closed_periods(connection, store=store)
    ]


def _row(store: str, closed: Closed) -> dict[str, Any]:
    return {
        "store": store,
        "period": closed.period,
        "closed_by": closed.closed_by,
        "closed_at": closed.closed_at,
        "journal_lines": closed.journal_lines,
        "sha256": closed.sha256,
    }
