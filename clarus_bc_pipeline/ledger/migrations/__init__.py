"""Changes of the ledger's schema, one file a revision under `versions/`, numbered 0001, 0002, ...

What belongs here: bringing a database to head. A released revision is never edited; a change of `tables.py`
is a new file (`alembic -c clarus_bc_pipeline/ledger/migrations/alembic.ini revision --autogenerate --rev-id
0002 -m "why"`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.urls import LedgerUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0005"
VERSION_TABLE = "ledger_version"

_ADVISORY_LOCK = 0x_C1A5_0001  # any fixed number: who holds it migrates


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to `revision` in one transaction; of several processes one works and the others
    wait.

    Raises `LedgerUnavailable` when the database is at a revision that this version does not have.
    """
    from alembic import command  # costs a tenth of a second, and a ledger is nearly always at head
    from alembic.util import CommandError

    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        settings = config()
        settings.attributes["connection"] = connection
        try:
            command.upgrade(settings, revision)
        except CommandError as error:
            where = engine.url.render_as_string(hide_password=True)
            raise LedgerUnavailable(
                f"the ledger at {where} was written by a newer version of clarus_bc_pipeline ({error}): "
                "upgrade the package, or restore the database of this version"
            ) from error


def config() -> Config:
    """Alembic's settings for this folder."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("version_table", VERSION_TABLE)
    return settings
