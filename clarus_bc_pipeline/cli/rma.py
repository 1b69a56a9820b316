"""Commands about returns: `rma open`, `show`, `close`, `list`.

What belongs here: what a person asks and reads. What does not: whether an RMA is right, and what becomes of it
(`flows/returns`).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from clarus_bc_pipeline.cli.output import (
    FINDINGS,
    USAGE,
    Json,
    StoreOption,
    console,
    fail,
    print_json,
    print_table,
)
from clarus_bc_pipeline.cli.stores import chosen, exit_if_failed, work_on
from clarus_bc_pipeline.flows.returns.keeping import NotClosable
from clarus_bc_pipeline.flows.returns.opening import (
    Asked,
    BadFile,
    Opened,
    RmaRefused,
    end_rma,
    open_rma,
    read_csv,
    stores_of,
)
from clarus_bc_pipeline.flows.returns.story import RmaStory, rma_story
from clarus_bc_pipeline.flows.returns.sync import SQL
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import load_settings

rma = typer.Typer(no_args_is_help=True, help="Returns: open, show, close and list RMAs.")

Number = Annotated[str, typer.Argument(help="The RMA's number, for example RMA-10432-1.")]


@rma.command(name="open")
def open_(
    order: Annotated[int | None, typer.Argument(help="The BigCommerce order number.")] = None,
    line: Annotated[
        list[str] | None,
        typer.Option("--line", help="ID:UNITS[:REASON] of an order line; may be given several times."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="A file of order, line, units[, reason, refund_shipping].")
    ] = None,
    number: Annotated[str | None, typer.Option("--number", help="Default: the order's next, RMA-<order>-<n>.")] = None,
    refund_shipping: Annotated[bool, typer.Option("--refund-shipping", help="Refund the shipping cost too.")] = False,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Authorise a return: written to the order in BigCommerce, announced to Clarus by the next sync.

    Exit code 1 when one cannot be right: then nothing of it is written.
    """
    wanted = _wanted(order, line or [], csv, refund_shipping)
    if number and len(wanted) > 1:
        fail("--number is for one RMA; a file gives each order its next.", USAGE)
    opened: list[Opened] = []
    refused: list[dict[str, Any]] = []
    by_store: dict[str, list[tuple[int, bool, list[Asked]]]] = {}
    for order_id, (shipping, lines) in wanted.items():
        by_store.setdefault(_store_of_order(order_id, store), []).append((order_id, shipping, lines))

    def write(opened_store: Store) -> None:
        for order_id, shipping, lines in by_store[opened_store.key]:
            try:
                made = open_rma(opened_store, order_id, lines, number=number, refund_shipping=shipping)
                opened.append(made)
            except RmaRefused as error:
                refused.append({"order": order_id, "why": str(error)})

    for key in by_store:
        exit_if_failed(work_on(key, write))
    if json:
        print_json({"opened": opened, "refused": refused})
    else:
        rows = [
            {"RMA": each.number, "order": str(each.order_id), "units": sum(x.units for x in each.lines)}
            for each in opened
        ]
        if rows:
            print_table("Opened", rows)
        for each in refused:
            console.print(each["why"], style="red", markup=False, highlight=False)
    if refused:
        raise typer.Exit(FINDINGS)


def _wanted(
    order: int | None, lines: list[str], csv: Path | None, refund_shipping: bool
) -> dict[int, tuple[bool, list[Asked]]]:
    if csv is not None:
        if order is not None or lines:
            fail("Give either an order with --line, or --csv.", USAGE)
        try:
            return read_csv(csv)
        except BadFile as error:
            fail(str(error), USAGE)
    if order is None or not lines:
        fail("Give an order and at least one --line ID:UNITS[:REASON], or --csv FILE.", USAGE)
    return {order: (refund_shipping, [_line(text) for text in lines])}


def _line(text: str) -> Asked:
    line_id, _, rest = text.partition(":")
    units, _, reason = rest.partition(":")
    if not (line_id.isdecimal() and units.isdecimal() and int(units)):
        fail(f"--line {text}: write the order line's id and the units, for example 501:2 or 501:2:faulty", USAGE)
    return Asked(int(line_id), int(units), reason or "unwanted")


def _store_of_order(order_id: int, store: str | None) -> str:
    """The store that has the order: the one named, or the only one whose ledger holds it."""
    keys = chosen(load_settings(), store)
    order = tables.bigcommerce_order
    query = sa.select(order.c.store).where(order.c.order_id == order_id, order.c.store.in_(keys))
    with open_ledger().connect() as connection:
        found = sorted(connection.scalars(query))
    if len(found) == 1:
        return str(found[0])
    fail(
        f"Order {order_id} is in {', '.join(found)}: say which with --store."
        if found
        else f"Order {order_id} is not in the ledger. Check the number, or read the shop: clarus-bc sync orders",
        USAGE,
    )
    raise AssertionError("fail never returns")


@rma.command()
def show(number: Number, store: StoreOption = None, json: Json = False) -> None:
    """Where is this return? One sentence, its lines and grades, its steps with their evidence, and what holds it up."""
    keys = chosen(load_settings(), store)
    with open_ledger().connect() as connection:
        stories = [story for key in keys if (story := rma_story(connection, store=key, number=number))]
    if not stories:
        fail(f"There is no RMA {number} in the ledger. Check the number, or read the shop: sync returns", USAGE)
    if json:
        print_json({"rmas": [dataclasses.asdict(story) for story in stories]})
        return
    for story in stories:
        _print(story)


def _print(story: RmaStory) -> None:
    console.print(f"[bold]{story.sentence}[/bold]  [dim]({story.store})[/dim]")
    for finding in story.findings:
        words = f"  {finding.message}\n  {finding.type.owner}: {finding.type.next_step}"
        console.print(words, highlight=False, markup=False)
    print_table("Lines", story.lines)
    steps = [
        {"when": event["at"], "step": event["state"], "evidence": _evidence(event["evidence"])}
        for event in story.events
    ]
    print_table("Steps (UTC)", steps)


def _evidence(evidence: dict[str, Any]) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in evidence.items() if value is not None)


@rma.command()
def close(
    number: Number,
    because: Annotated[str, typer.Option("--because", help="Why it ends; kept with your act.")],
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """End a return: nothing more is announced or refunded. Refused while a refund may be on its way."""
    with open_ledger().connect() as connection:
        found = stores_of(connection, number=number, stores=chosen(load_settings(), store))
    if len(found) != 1:
        fail(
            f"RMA {number} is in {', '.join(found)}: say which with --store."
            if found
            else f"There is no RMA {number} in the ledger. Check the number, or read the shop: sync returns",
            USAGE,
        )
    said: list[dict[str, Any]] = []

    def end(opened: Store) -> None:
        try:
            said.append(dataclasses.asdict(end_rma(opened, number, because=because)))
        except (NotClosable, ValueError) as error:
            said.append({"number": number, "refused": str(error)})

    exit_if_failed(work_on(found[0], end))
    [outcome] = said
    if json:
        print_json(outcome)
    elif "refused" in outcome:
        fail(outcome["refused"], USAGE)
    else:
        console.print(f"RMA {number} is closed." + (f" {outcome['not_shown']}." if outcome["not_shown"] else ""))
    if "refused" in outcome:
        raise typer.Exit(USAGE)


@rma.command(name="list")
def list_(
    store: StoreOption = None,
    whole: Annotated[bool, typer.Option("--all", help="Those that are restocked or closed too.")] = False,
    most: Annotated[int, typer.Option("--most", help="Rows to show.")] = 50,
    json: Json = False,
) -> None:
    """The returns that are under way, the oldest first."""
    rows: list[dict[str, Any]] = []
    with open_ledger().connect() as connection:
        for key in chosen(load_settings(), store):
            found = connection.execute(SQL["returns_overview"], {"store": key, "whole": whole, "most": most}).mappings()
            rows += [{"store": key, **row} for row in found]
    if json:
        print_json({"rmas": rows})
        return
    shown = [
        {
            "store": row["store"],
            "RMA": row["rma"],
            "order": str(row["order_id"]),
            "units": row["units"],
            "state": row["state"],
            "received": row["received_at"],
            "approved": "" if row["amount"] is None else f"{row['amount'].normalize():f} {row['currency']}",
            "refund": row["refund_id"],
        }
        for row in rows
    ]
    print_table("Returns" if whole else "Returns under way", shown)
