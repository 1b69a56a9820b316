"""Where the databases are."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.ledger import urls
from clarus_bc_pipeline.ledger.urls import LedgerUnavailable, dagster_url, ledger_url, normalised


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"])
def test_any_usual_spelling_names_the_driver_that_is_wanted(scheme: str) -> None:
    url = normalised(f"{scheme}://user:p%40ss@db.example.org:6432/wms?sslmode=require")
    assert url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://user:p%40ss@db.example.org:6432/wms?sslmode=require"
    )


def test_an_address_without_a_database_means_ours() -> None:
    assert normalised("postgres://db.example.org").database == "clarus_bc"


@pytest.mark.parametrize("url", ["mysql://u:secret@h/db", "sqlite:///ledger.db", "not an address"])
def test_anything_but_postgres_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(LedgerUnavailable, match="postgresql://user:password@host") as refusal:
        normalised(url)
    assert "secret" not in str(refusal.value)


def test_production_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARUS_BC_ENV", "production")
    with pytest.raises(LedgerUnavailable, match="CLARUS_BC_DATABASE_URL is not set"):
        ledger_url()


def test_both_databases_are_on_the_named_server_and_made_when_missing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"named_{os.getpid()}"
    monkeypatch.setenv(urls.URL_VARIABLE, postgres_url.replace("/postgres?", f"/{name}?"))
    monkeypatch.setenv("CLARUS_BC_ENV", "production")
    assert sa.make_url(ledger_url()).database == name
    dagster = sa.make_url(dagster_url())
    assert (dagster.drivername, dagster.database) == ("postgresql+psycopg2", f"{name}_dagster")
    with psycopg.connect(postgres_url) as connection:
        made = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY 1", [f"{name}%"])
        assert [row[0] for row in made.fetchall()] == [name, f"{name}_dagster"]


def test_a_server_out_of_reach_is_named_without_its_password() -> None:
    with pytest.raises(LedgerUnavailable, match=r"127\.0\.0\.1:9/wms.* cannot be reached") as refusal:
        urls.ensure_database("postgresql://u:secret@127.0.0.1:9/wms?connect_timeout=2")
    assert "secret" not in str(refusal.value)


def test_a_user_who_may_not_make_the_database_is_told_what_to_run(postgres_url: str) -> None:
    name = f"modest_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
    url = sa.make_url(postgres_url).set(username=name, database=f"{name}_db")
    with pytest.raises(LedgerUnavailable, match=f'CREATE DATABASE "{name}_db"'):
        urls.ensure_database(url)


def test_without_an_address_the_embedded_server_is_used_quietly(postgres_url: str) -> None:
    """The run's own server is the embedded one: CLARUS_BC_HOME points at the run's folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(urls.home() / "postgres").replace("/", "%2F") in ledger_url()
    assert dagster_url().startswith("postgresql+psycopg2://")


def test_the_last_process_out_stops_the_embedded_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path(os.environ["CLARUS_BC_TESTS_FOLDER"]) / "short_lived"
    script = "from clarus_bc_pipeline.ledger.urls import ledger_url; print(ledger_url())"
    environment = {**os.environ, urls.HOME_VARIABLE: str(folder)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "postgresql+psycopg://" in done.stdout
    assert (folder / "postgres" / "PG_VERSION").exists()
    assert not (folder / "postgres" / "postmaster.pid").exists()
