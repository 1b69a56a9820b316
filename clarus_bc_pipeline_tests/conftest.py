"""What every test may ask for: a real Postgres, and a ledger of its own in it.

What belongs here: fixtures that more than one room uses. What does not: doubles of the two systems
(`sandbox/`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.ledger import urls
from clarus_bc_pipeline.ledger.engine import new_engine, open_ledger
from clarus_bc_pipeline.ledger.migrations import VERSION_TABLE

# Every process of one test run shares one server: the run's folder travels to xdist's workers by the
# environment.
FOLDER_VARIABLE = "CLARUS_BC_TESTS_FOLDER"


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the user's own environment reaches a test."""
    for variable in (urls.URL_VARIABLE, "CLARUS_BC_ENV", "CLARUS_BC_SETTINGS", "DAGSTER_HOME"):
        os.environ.pop(variable, None)
    if not hasattr(config, "workerinput"):
        # Not under pytest's own folder: it takes away the right of others to pass through, and the server's
        # user needs it.
        folder = tempfile.mkdtemp(prefix="clarus_bc_tests_")
        os.environ[FOLDER_VARIABLE] = folder
        os.environ[urls.HOME_VARIABLE] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last to leave stops the server and takes its folder away."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and not hasattr(config, "workerinput"):
        if (Path(folder) / "postgres" / "PG_VERSION").exists():
            server = urls.embedded_server(Path(folder) / "postgres")
            server.stop()
            atexit.unregister(server._cleanup)  # it would make the folder again, to lock it
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The address of the run's server, at its maintenance database. Started by the first who asks."""
    server = urls.embedded_server(Path(os.environ[FOLDER_VARIABLE]) / "postgres")
    url: str = server.get_uri(database="postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """The address of a new database without any table."""
    with _database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def _ledger_of_this_process(postgres_url: str) -> Iterator[str]:
    with _database(postgres_url) as url:
        open_ledger(url).dispose()
        yield url


@pytest.fixture
def ledger_url(_ledger_of_this_process: str) -> Iterator[str]:
    """The address of a migrated and empty ledger, for tests that start processes of their own."""
    yield _ledger_of_this_process
    # Emptying the tables that were written to costs a tenth of copying a fresh database.
    with psycopg.connect(_libpq(_ledger_of_this_process), autocommit=True) as connection:
        connection.execute(_EMPTY)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[sa.Engine]:
    """A migrated and empty ledger."""
    engine = new_engine(ledger_url)
    yield engine
    engine.dispose()


_EMPTY = f"""
DO $$
DECLARE
    name text;
    written boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '{VERSION_TABLE}'
    LOOP EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO written; IF written THEN EXECUTE
    format('TRUNCATE %I RESTART IDENTITY CASCADE', name); END IF; END LOOP; END $$
"""


@contextmanager
def _database(postgres_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield _on(postgres_url, name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _on(url: str, database: str) -> str:
    return urls.normalised(url).set(database=database).render_as_string(hide_password=False)


def _libpq(url: str) -> str:
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
