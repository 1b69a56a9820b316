"""Opening and migrating the ledger, on a real server."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from clarus_bc_pipeline.ledger import migrations
from clarus_bc_pipeline.ledger.engine import new_engine, open_ledger, revision
from clarus_bc_pipeline.ledger.tables import metadata
from clarus_bc_pipeline.ledger.urls import LedgerUnavailable

REVISIONS = [r.revision for r in reversed(list(ScriptDirectory.from_config(migrations.config()).walk_revisions()))]


def test_head_is_what_the_tables_say(ledger: sa.Engine) -> None:
    with ledger.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": migrations.VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_indexes_with_a_condition_are_what_the_tables_say(ledger: sa.Engine) -> None:
    """Alembic compares names and columns, not the WHERE of a partial index, on which the lanes rest."""
    query = sa.text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname")
    with ledger.connect() as connection:
        migrated = {row.indexname: row.indexdef for row in connection.execute(query)}
        migrated.pop(f"{migrations.VERSION_TABLE}_pkc")
        metadata.drop_all(connection)
        metadata.create_all(connection)
        declared = {row.indexname: row.indexdef for row in connection.execute(query)}
        connection.rollback()
    declared.pop(f"{migrations.VERSION_TABLE}_pkc")
    assert migrated == declared


def test_the_head_named_in_code_is_the_last_file() -> None:
    assert REVISIONS[-1] == migrations.HEAD


@pytest.mark.parametrize("earlier", [None, *REVISIONS])
def test_a_ledger_of_any_earlier_revision_is_brought_to_head(empty_database_url: str, earlier: str | None) -> None:
    if earlier:
        engine = new_engine(empty_database_url)
        migrations.upgrade(engine, earlier)
        assert revision(engine) == earlier
        engine.dispose()
    engine = open_ledger(empty_database_url)
    assert revision(engine) == migrations.HEAD
    engine.dispose()


def test_two_processes_may_open_a_new_ledger_at_once(empty_database_url: str) -> None:
    script = f"from clarus_bc_pipeline.ledger.engine import open_ledger; open_ledger({empty_database_url!r})"
    both = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(2)]
    assert [(p.communicate()[1], p.returncode) for p in both] == [(b"", 0), (b"", 0)]


def test_a_ledger_of_a_newer_version_is_refused_with_the_way_out(empty_database_url: str) -> None:
    engine = open_ledger(empty_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(LedgerUnavailable, match=r"newer version of clarus_bc_pipeline.*upgrade the package"):
        open_ledger(empty_database_url)


def test_a_missing_database_is_made(postgres_url: str) -> None:
    name = f"made_{os.getpid()}"
    engine = open_ledger(postgres_url.replace("/postgres?", f"/{name}?"))
    assert revision(engine) == migrations.HEAD
    engine.dispose()


def test_times_are_read_in_utc_and_money_as_decimal(ledger: sa.Engine) -> None:
    with ledger.connect() as connection:
        assert connection.scalar(sa.text("SHOW timezone")) == "UTC"
        assert str(connection.scalar(sa.text("SELECT 12.30::numeric(20, 2)"))) == "12.30"
