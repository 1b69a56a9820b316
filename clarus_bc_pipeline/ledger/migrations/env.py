"""Alembic's entry: runs the revisions on the connection it is handed, or on the environment's ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from clarus_bc_pipeline.ledger import urls
from clarus_bc_pipeline.ledger.migrations import VERSION_TABLE
from clarus_bc_pipeline.ledger.tables import metadata


def run(connection: sa.Connection) -> None:
    """Run what the command asked for inside the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if handed := context.config.attributes.get("connection"):
    run(handed)
else:
    with sa.create_engine(urls.ledger_url()).begin() as own:
        run(own)
