"""Commands that answer: `order`, `findings`, `gap`, and `pushes` (list, show, retry, park)."""

from __future__ import annotations

import dataclasses
import getpass
from collections import Counter
from typing import Annotated, Any

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
from clarus_bc_pipeline.cli.stores import chosen
from clarus_bc_pipeline.decisions import Owner, PushState, Severity
from clarus_bc_pipeline.flows.despatch import gap as despatch_gap
from clarus_bc_pipeline.flows.despatch.story import order_story
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.ledger import outbox
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.settings import load_settings

pushes = typer.Typer(no_args_is_help=True, help="The outbox: list, show, retry and park pushes.")


def order(
    number: Annotated[int, typer.Argument(help="The BigCommerce order number.")],
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Where is this order? One sentence, what a person must do, and the timeline of both systems."""
    with open_ledger().connect() as connection:
        stories = [
            story
            for key in chosen(load_settings(), store)
            if (story := order_story(connection, store=key, order_id=number))
        ]
    if not stories:
        fail(
            f"Order {number} is not in the ledger. Check the number, or read the shop first: clarus-bc sync orders",
            USAGE,
        )
    if json:
        print_json({"orders": stories})
        return
    for story in stories:
        console.print(f"[bold]{story.sentence}[/bold]  [dim]({story.store})[/dim]")
        for finding in story.findings:
            console.print(
                f"  {finding.message}\n  {finding.type.owner}: {finding.type.next_step}",
                highlight=False,
                markup=False,
            )
        print_table("Timeline (UTC)", [{"when": e.at, "system": e.system, "what": e.what} for e in story.events])


def findings(
    store: StoreOption = None,
    owner: Annotated[Owner | None, typer.Option("--owner", help="Only what this team can mend.")] = None,
    most: Annotated[int, typer.Option("--most", help="Rows to show.")] = 50,
    json: Json = False,
) -> None:
    """What a person must know or mend, oldest first, with owner and next step. Exit code 1 when one is an ERROR."""
    engine = open_ledger()
    found: list[OpenFinding] = []
    with engine.connect() as connection:
        for key in chosen(load_settings(), store):
            found += open_findings(connection, store=key, owner=owner, awake_at=utc_now())
    if json:
        print_json({"findings": [_finding_row(f) for f in found]})
    else:
        by_type = Counter((str(f.type.owner), f.code, str(f.type.severity)) for f in found)
        print_table(
            "Findings by owner and type",
            [{"owner": o, "type": c, "severity": s, "open": n} for (o, c, s), n in sorted(by_type.items())],
        )
        print_table(
            "Oldest",
            [
                {
                    "id": f.finding_id,
                    "store": f.store,
                    "owner": str(f.type.owner),
                    "what": f.message,
                    "next step": f.type.next_step,
                }
                for f in found[:most]
            ],
        )
    if any(f.type.severity == Severity.ERROR for f in found):
        raise typer.Exit(FINDINGS)


def _finding_row(finding: OpenFinding) -> dict[str, Any]:
    kind = finding.type
    return dataclasses.asdict(finding) | {
        "owner": str(kind.owner),
        "severity": str(kind.severity),
        "title": kind.title,
        "next_step": kind.next_step,
        "open": str(kind.system),
    }


def gap(store: StoreOption = None, json: Json = False) -> None:
    """The despatch gap as last measured: by category, the oldest lines, and what was not checked."""
    now = utc_now()
    said: list[dict[str, Any]] = []
    with open_ledger().connect() as connection:
        for key in chosen(load_settings(), store):
            measured = despatch_gap.last_measured(connection, store=key, now=now)
            if measured is None:
                said.append({"store": key, "headline": "the gap was never measured; run clarus-bc sync despatch"})
                continue
            lines = despatch_gap.gap_lines(connection, store=key)
            said.append(
                {
                    "store": key,
                    "headline": measured.headline,
                    **dataclasses.asdict(measured),
                    "oldest_lines": lines,
                }
            )
    if json:
        print_json({"stores": said})
        return
    for row in said:
        console.print(f"[bold]{row['store']}[/bold]: {row['headline']}")
        print_table(
            "By category",
            [
                {
                    "category": r["category"],
                    "lines": r["lines"],
                    "orders": r["orders"],
                    "oldest, minutes": r["oldest_minutes"],
                    "at risk": f"{r['value_at_risk']:.2f} {r['currency']}",
                    "why": r["reason"],
                }
                for r in row.get("rows", ())
            ],
        )
        print_table(
            "Oldest lines",
            [
                {
                    "order": str(r["order_id"]),
                    "SKU": r["sku"],
                    "category": r["category"],
                    "despatched": f"{r['despatched']:f}",
                    "shipped": f"{r['shipped']:f}",
                    "since": r["since"],
                }
                for r in row.get("oldest_lines", ())
            ][:20],
        )


@pushes.command("list")
def list_(
    store: StoreOption = None,
    state: Annotated[
        PushState | None, typer.Option("--state", help="pending, sending, ambiguous, parked, delivered …")
    ] = None,
    most: Annotated[int, typer.Option("--most")] = 50,
    json: Json = False,
) -> None:
    """Pushes that are not at rest, newest first; with --state, those of that state."""
    with open_ledger().connect() as connection:
        rows = [row for key in chosen(load_settings(), store) for row in _list(connection, key, state, most)]
    if json:
        print_json({"pushes": rows})
        return
    print_table(
        "Pushes",
        [
            {
                "id": r.push_id,
                "store": r.store,
                "kind": r.kind,
                "key": r.business_key,
                "state": str(r.state),
                "attempts": r.attempts,
                "next": r.next_attempt_at,
                "why": r.last_error or "",
            }
            for r in rows
        ],
    )


def _list(connection: Any, store: str, state: PushState | None, most: int) -> list[outbox.PushRow]:
    return outbox.list_pushes(
        connection,
        store=store,
        states=[state] if state else None,
        limit=most,
    )


@pushes.command()
def show(push_id: int, json: Json = False) -> None:
    """Every attempt of one push, as it was audited."""
    with open_ledger().connect() as connection:
        attempts = outbox.push_history(connection, push_id=push_id)
    if not attempts:
        fail(f"push {push_id} has no attempts, or does not exist", USAGE)
    if json:
        print_json({"attempts": attempts})
        return
    print_table(f"Push {push_id}", [dataclasses.asdict(a) for a in attempts])


@pushes.command()
def retry(push_id: int, json: Json = False) -> None:
    """Send a parked push again, after its cause is mended."""
    _act(lambda connection: outbox.retry_push(connection, push_id=push_id, actor=getpass.getuser(), now=utc_now()))
    if json:
        print_json({"push_id": push_id, "state": PushState.PENDING})
    else:
        console.print(f"Push {push_id} is due again. Deliver it now with: clarus-bc deliver")


@pushes.command()
def park(
    push_id: int,
    reason: Annotated[str, typer.Option("--reason", prompt="Why")],
    json: Json = False,
) -> None:
    """Take a push out of delivery; it is kept, with your reason, until somebody retries it."""
    _act(
        lambda connection: outbox.park_push(
            connection, push_id=push_id, reason=reason, actor=getpass.getuser(), now=utc_now()
        )
    )
    if json:
        print_json({"push_id": push_id, "state": PushState.PARKED})
    else:
        console.print(f"Push {push_id} is parked.")


def _act(act: Any) -> None:
    try:
        with open_ledger().begin() as connection:
            act(connection)
    except outbox.PushNotMovable as error:
        fail(str(error), USAGE)
