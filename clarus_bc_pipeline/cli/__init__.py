"""The command `clarus-bc`. Each module holds the commands of one purpose; this one gathers them.

Exit codes: 0 fine, 1 findings at ERROR, 2 usage or settings, 3 a system out of reach.
"""

from __future__ import annotations

import logging

import psycopg
import sqlalchemy.exc
import typer

from clarus_bc_pipeline.cli import audit, demo, finance, look, manage, rma, run, up
from clarus_bc_pipeline.cli.output import OUT_OF_REACH, USAGE, errors
from clarus_bc_pipeline.cli.stores import advice
from clarus_bc_pipeline.http import CallFailed
from clarus_bc_pipeline.ledger.urls import URL_VARIABLE, LedgerUnavailable
from clarus_bc_pipeline.settings import SettingsError

typer_app = typer.Typer(
    name="clarus-bc",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Keeps Clarus WMS and BigCommerce telling the same story: orders, despatch, tracking, and proof.",
)
typer_app.command()(demo.demo)
typer_app.command()(up.up)
typer_app.command()(run.worker)
typer_app.command()(run.sync)
typer_app.command()(run.deliver)
typer_app.command()(audit.audit)
typer_app.add_typer(audit.report, name="report")
typer_app.add_typer(finance.period, name="period")
typer_app.command()(look.order)
typer_app.command()(look.findings)
typer_app.command()(look.gap)
typer_app.add_typer(look.pushes, name="pushes")
typer_app.add_typer(rma.rma, name="rma")
typer_app.command()(manage.sandbox)
typer_app.add_typer(manage.db, name="db")
typer_app.add_typer(manage.settings, name="settings")


def app() -> None:
    """Run the command line, and turn what a person can mend into one clear message instead of a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        typer_app()
    except SettingsError as error:
        _say(str(error), USAGE)
    except CallFailed as error:
        _say(f"{error}\n{advice(error)}", OUT_OF_REACH)
    except LedgerUnavailable as error:
        _say(str(error), OUT_OF_REACH)
    except (sqlalchemy.exc.OperationalError, psycopg.OperationalError) as error:
        _say(f"The ledger's database cannot be reached: {error}\nCheck {URL_VARIABLE}.", OUT_OF_REACH)


def _say(message: str, code: int) -> None:
    errors.print(message, style="red", markup=False, highlight=False)
    raise SystemExit(code)
