"""Commands about the catalogue: `audit` compares both sides, `report catalogue` shows how they come to agree.

`audit` also says whether Clarus's numbers speak against a setting of the stock flow. What belongs here: what a person
asks and reads. What does not: what a fault is (`flows/catalogue`), and what counts as evidence (`flows/stock`).
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from pydantic import ValidationError

from clarus_bc_pipeline.cli.output import FINDINGS, USAGE, Json, StoreOption, console, fail, print_json, print_table
from clarus_bc_pipeline.cli.stores import chosen, exit_if_failed, work_on
from clarus_bc_pipeline.decisions import Finding, Severity
from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.catalogue import sync
from clarus_bc_pipeline.flows.catalogue.comparing import catalogues, compared
from clarus_bc_pipeline.flows.catalogue.fix_list import fix_rows, write_csv
from clarus_bc_pipeline.flows.catalogue.rule_sets import Changed, Preview, preview
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.stock.evidence import Verdict, read_verdict, setting_differs
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import Settings, SkuSettings, load_settings

report = typer.Typer(no_args_is_help=True, help="Reports over time.")

MOST = 20


def audit(
    store: StoreOption = None,
    read: Annotated[bool, typer.Option("--read", help="Read both catalogues first (otherwise as last read).")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the fix list to this file.")] = None,
    rules: Annotated[
        Path | None, typer.Option("--preview", help="Try the SKU rules of this TOML file, and change nothing.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare both catalogues, SKU by SKU and both ways; nothing is written to either system, and no finding moves.

    Says too whether Clarus's available stock excludes what is allocated, as far as readings around allocations tell.
    Exit code 1 when a fault is an ERROR, SKU rules are refused, or that setting is wrong.
    """
    settings = load_settings()
    trial = _rules_of(rules) if rules else None
    if read:
        exit_if_failed(work_on(store, _read))
    said = [_audited(settings, key, trial) for key in chosen(settings, store)]
    if csv is not None:
        _write(csv, [row for audited in said for row in audited["fix_list"]], quiet=json)
    if json:
        print_json({"stores": said})
    else:
        for audited in said:
            _print(audited)
    if any(audited["is_bad"] for audited in said):
        raise typer.Exit(FINDINGS)


def _read(store: Store) -> None:
    sync.pull_warehouse(store)
    sync.pull_shop(store)


def _audited(settings: Settings, key: str, trial: SkuSettings | None) -> dict[str, Any]:
    with open_ledger().connect() as connection:
        both = catalogues(connection, store=key)
        verdict = read_verdict(connection, store=key)
    if both.read_at is None:
        fail(f"{key}: the catalogues were never read; read them with: clarus-bc audit --store {key} --read", USAGE)
    now = SkuMap(settings.stores[key].skus)
    findings = compared(both, now, store=key)
    tried = None
    if trial is not None:
        skus = [item.code for item in both.shop]
        tried = preview(now, SkuMap(trial), skus, {item.code for item in both.clarus})
    available = _available(key, verdict, setting=settings.stores[key].stock.available_excludes_allocated)
    errors = any(REGISTRY[f.code].severity == Severity.ERROR for f in findings)
    return {
        "store": key,
        "read_at": both.read_at,
        "bigcommerce_skus": len(both.shop),
        "clarus_products": len(both.clarus),
        "by_type": dict(Counter(f.code for f in findings).most_common()),
        "preview": _preview_row(tried) if tried else None,
        "available_excludes_allocated": available,
        "is_bad": errors or available["warning"] is not None or (tried is not None and not tried.proof.is_accepted),
        "suggestions": _suggestions(findings),
        "fix_list": fix_rows(key, findings),
    }


def _available(store: str, verdict: Verdict, *, setting: bool) -> dict[str, Any]:
    """The setting beside what the data say; `data_say` is None where they cannot tell."""
    differs = setting_differs(verdict, setting=setting, store=store)
    return {
        "setting": setting,
        "data_say": verdict.excludes,
        "allocations_seen": verdict.pairs,
        "agreeing": verdict.agreeing,
        "evidence": list(verdict.examples),
        "warning": differs.message if differs else None,
    }


def _suggestions(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    rows = [{"SKU": f.subject.removeprefix("SKU "), **f.evidence} for f in findings if "suggested" in f.evidence]
    return sorted(rows, key=lambda row: (-row["confidence"], row["SKU"]))


def _preview_row(tried: Preview) -> dict[str, Any]:
    return {
        "accepted": tried.proof.is_accepted,
        "refused_because": tried.proof.refused_because,
        "shared_on_purpose": tried.proof.shared,
        "kept": tried.kept,
        **{what: [dataclasses.asdict(c) for c in _changes(tried, what)] for what in ("new", "lost", "changed")},
    }


def _changes(tried: Preview, what: str) -> tuple[Changed, ...]:
    return {"new": tried.new, "lost": tried.lost, "changed": tried.changed}[what]


def _rules_of(file: Path) -> SkuSettings:
    """The rule set on trial: `rules` and `table`, alone or under `[skus]`, as in the settings."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        return SkuSettings.model_validate(data.get("skus", data))
    except OSError as error:
        fail(f"--preview {file}: cannot be read: {error.strerror}", USAGE)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"--preview {file}: not valid TOML: {error}", USAGE)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        fail(f"--preview {file}: {faults}. Give rules and table as in [stores.<key>.skus]", USAGE)


def _write(file: Path, rows: list[dict[str, str]], *, quiet: bool) -> None:
    try:
        with file.open("w", encoding="utf-8-sig", newline="") as opened:
            write_csv(opened, rows)
    except OSError as error:
        fail(f"--csv {file}: cannot be written: {error.strerror}", USAGE)
    if not quiet:
        console.print(f"{len(rows):,} rows to mend in {file}", markup=False, highlight=False)


def _print(audited: dict[str, Any]) -> None:
    console.print(
        f"[bold]{audited['store']}[/bold]: {audited['bigcommerce_skus']:,} SKUs against {audited['clarus_products']:,} "
        f"products, as read {audited['read_at']:%d %b %H:%M}"
    )
    print_table("What differs", [{"type": t, "SKUs": n} for t, n in audited["by_type"].items()], empty="nothing")
    print_table("Suggested pairs", audited["suggestions"][:MOST])
    columns = ("SKU", "owner", "what is wrong")
    print_table("First to mend", [{c: row[c] for c in columns} for row in audited["fix_list"][:MOST]])
    _print_available(audited["available_excludes_allocated"])
    if (tried := audited["preview"]) is not None:
        verdict = "accepted" if tried["accepted"] else f"refused: {tried['refused_because']}"
        console.print(f"The rules on trial are {verdict}; {tried['kept']:,} pairs stay.", markup=False, highlight=False)
        for what in ("new", "lost", "changed"):
            print_table(f"Pairs {what} ({len(tried[what]):,})", tried[what][:MOST])


def _print_available(said: dict[str, Any]) -> None:
    if said["warning"] is not None:
        console.print(f"Warning: {said['warning']}", style="yellow", markup=False, highlight=False)
        print_table("Readings around allocations", said["evidence"])
        return
    seen = f"{said['allocations_seen']} allocations seen, {said['agreeing']} of them alike"
    verdict = "cannot tell yet" if said["data_say"] is None else f"agree with {str(said['setting']).lower()}"
    words = f"available_excludes_allocated = {str(said['setting']).lower()}: the data {verdict} ({seen})."
    console.print(words, markup=False, highlight=False)


@report.command()
def catalogue(store: StoreOption = None, json: Json = False) -> None:
    """What differed between the catalogues at each audit that changed it, by type, and what is open now."""
    rows: list[dict[str, Any]] = []
    with open_ledger().connect() as connection:
        for key in chosen(load_settings(), store):
            rows.append({"store": key, **_trend(connection, key)})
    if json:
        print_json({"stores": rows})
        return
    for row in rows:
        opened = [{"type": code, "SKUs": n} for code, n in row["open"].items()]
        print_table(f"{row['store']}: open now", opened, empty="nothing differs")
        print_table(f"{row['store']}: over time (UTC)", row["trend"][-MOST:], empty="no audit has found anything yet")


def _trend(connection: sa.Connection, store: str) -> dict[str, Any]:
    history = sync.trend(connection, store=store)
    latest = {row["code"]: row["skus"] for row in history}
    return {"open": {code: n for code, n in sorted(latest.items()) if n}, "trend": history}
