"""Write many rows at once: COPY to a stage, then one upsert that leaves unchanged rows alone.

What belongs here: how rows get in, fast and idempotent. What does not: which rows, and the transaction they
share with their cursor (the caller's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

Row = tuple[Any, ...] | Mapping[str, Any]

# A row that says the same as before is the same row, whoever said it again and whenever.
PROVENANCE = frozenset({"source", "seen_at"})

_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]

MANY = 1000  # rows from which the stage is joined to its table; fewer are looked up one by one

# The first that fits: SmallInteger and BigInteger are Integers. (Our column type, its name in COPY, Python's
# types.)
_TYPES: tuple[tuple[type[Any], str, tuple[type[Any], ...]], ...] = (
    (sa.BigInteger, "int8", (int,)),
    (sa.SmallInteger, "int2", (int,)),
    (sa.Integer, "int4", (int,)),
    (sa.Numeric, "numeric", (Decimal, int)),
    (sa.Boolean, "bool", (bool,)),
    (sa.DateTime, "timestamptz", (datetime,)),
    (JSONB, "jsonb", (dict, list, str, int, float, bool, msgspec.Struct)),
    (sa.Text, "text", (str,)),
)


class BadRow(ValueError):
    """A row cannot be written. The message names the table, the row's key, the column and the value's
    type."""


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many rows were new, differed from what was there, or said nothing new (older ones included)."""

    inserted: int
    changed: int
    unchanged: int


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Row],
    *,
    columns: Sequence[str] | None = None,
    unless_older: str | None = None,
) -> Upserted:
    """Insert `rows`, or update those whose key is there and whose facts differ, in the caller's transaction.

    Tuples follow `columns` (default: all of the table's, in its order); mappings need these keys, and
    `columns` defaults to the first one's keys. Columns left out keep their value, or take their default when
    the row is new. `source` and `seen_at` alone do not make a row differ. Of two rows with one key the later
    in the batch wins. `unless_older` names a column, not null, by which an older row never overwrites a newer
    (also within the batch). Times are aware datetimes, money is `Decimal`, JSON is plain dicts or Structs. Raises
    `BadRow` for a value that does not fit.
    """
    if not rows:
        return Upserted(0, 0, 0)
    tuples, names = _as_tuples(table, rows, columns)
    statements = _statements(table, names, unless_older)
    tuples = _last_of_each_key(tuples, statements, unless_older)
    connection.execute(statements.stage)  # through SQLAlchemy first, so that it knows of the transaction
    _copy(connection, statements, table, tuples)
    inserted, changed = _merge(connection, statements, many=len(tuples) >= MANY or not statements.are_whole)
    connection.execute(statements.empty)
    return Upserted(inserted, changed, len(rows) - inserted - changed)


def _merge(connection: sa.Connection, statements: _Statements, *, many: bool) -> tuple[int, int]:
    """Move the stage into its table: (inserted, changed)."""
    if many:
        # ON CONFLICT guards every row against a concurrent twin and so inserts at a third of the speed. Twins
        # are rare (one worker holds a store), so many rows go without the guard, and again with it if there
        # was one.
        try:
            with connection.begin_nested():
                changed = connection.execute(statements.update).rowcount if statements.update is not None else 0
                return connection.execute(statements.insert).rowcount, changed
        except sa.exc.IntegrityError as error:
            if not isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise
    inserted, written = connection.execute(statements.merge).one()
    return inserted, written - inserted


@dataclass(frozen=True)
class _Statements:
    """All that depends only on the table and the columns."""

    names: tuple[str, ...]
    key: tuple[int, ...]
    are_whole: bool  # a row of these columns can be new
    copy: str
    copy_types: tuple[str, ...]
    stage: sa.TextClause
    update: sa.TextClause | None
    insert: sa.TextClause
    merge: sa.TextClause
    empty: sa.TextClause


@lru_cache(maxsize=256)
def _statements(table: sa.Table, names: tuple[str, ...], unless_older: str | None) -> _Statements:
    unknown = [n for n in (*names, *([unless_older] if unless_older else [])) if n not in table.columns]
    if unknown:
        raise BadRow(f"{table.name} has no column {', '.join(unknown)}; it has {', '.join(table.columns.keys())}")
    keys = [c.name for c in table.primary_key.columns]
    if missing := [k for k in keys if k not in names]:
        raise BadRow(f"rows for {table.name} lack {', '.join(missing)}, which is part of its key")
    quote = _QUOTE
    target, stage = quote(table.name), quote(f"stage_{table.name}")
    listed = ", ".join(map(quote, names))
    facts = [quote(n) for n in names if n not in keys]
    compared = [quote(n) for n in names if n not in keys and n not in PROVENANCE]
    same_key = " AND ".join(f"{target}.{quote(k)} = {stage}.{quote(k)}" for k in keys)

    def news(new: str) -> str:
        """The row called `new` says something that the table's does not, and is not older."""
        old_facts, new_facts = (", ".join(f"{row}.{n}" for n in compared) for row in (target, new))
        differs = f"({old_facts}) IS DISTINCT FROM ({new_facts})"
        age = f" AND {new}.{quote(unless_older)} >= {target}.{quote(unless_older)}" if unless_older else ""
        return differs + age

    def taken_from(new: str) -> str:
        return ", ".join(f"{n} = {new}.{n}" for n in facts)

    conflict = f"DO UPDATE SET {taken_from('excluded')} WHERE {news('excluded')}" if compared else "DO NOTHING"
    update = f"UPDATE {target} SET {taken_from(stage)} FROM {stage} WHERE {same_key} AND {news(stage)}"  # noqa: S608
    return _Statements(
        names=names,
        key=tuple(names.index(k) for k in keys),
        are_whole=all(c.nullable or c.server_default is not None or c.name in names for c in table.columns),
        copy=f"COPY {stage} ({listed}) FROM STDIN (FORMAT binary)",
        copy_types=tuple(_type(table.columns[n])[1] for n in names),
        stage=sa.text(f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} AS SELECT * FROM {target} WITH NO DATA"),  # noqa: S608
        update=sa.text(update) if compared else None,
        insert=sa.text(
            f"INSERT INTO {target} ({listed}) SELECT {listed} FROM {stage} "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT FROM {target} WHERE {same_key})"
        ),
        # xmax is 0 in a row version that no update made: the row was inserted.
        merge=sa.text(
            f"WITH written AS (INSERT INTO {target} ({listed}) SELECT {listed} FROM {stage} "  # noqa: S608
            f"ON CONFLICT ({', '.join(map(quote, keys))}) {conflict} RETURNING xmax = 0 AS is_new) "
            "SELECT count(*) FILTER (WHERE is_new), count(*) FROM written"
        ),
        empty=sa.text(f"TRUNCATE {stage}"),
    )


def _as_tuples(
    table: sa.Table, rows: Sequence[Row], columns: Sequence[str] | None
) -> tuple[Sequence[tuple[Any, ...]], tuple[str, ...]]:
    first = rows[0]
    if not isinstance(first, Mapping):
        return cast("Sequence[tuple[Any, ...]]", rows), tuple(columns or table.columns.keys())
    names = tuple(columns or first)
    try:
        return [tuple([row[name] for name in names]) for row in cast("Sequence[Mapping[str, Any]]", rows)], names
    except KeyError as error:
        raise BadRow(f"a row for {table.name} lacks {error}; each must have {', '.join(names)}") from error


def _last_of_each_key(
    rows: Sequence[tuple[Any, ...]], statements: _Statements, unless_older: str | None
) -> Sequence[tuple[Any, ...]]:
    """`rows` with one row a key, for ON CONFLICT touches a row only once."""
    key_of = itemgetter(*statements.key)
    if len(set(map(key_of, rows))) == len(rows):
        return rows
    if unless_older:
        rows = sorted(rows, key=itemgetter(statements.names.index(unless_older)))
    return list({key_of(row): row for row in rows}.values())


def _copy(connection: sa.Connection, statements: _Statements, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        with driver.cursor() as cursor, cursor.copy(statements.copy) as copy:
            # Binary with known types is twice as fast as psycopg's text, four times as fast as text made in
            # Python.
            copy.set_types(statements.copy_types)
            write_row = copy.write_row
            for row in rows:
                write_row(row)
    except (psycopg.DataError, psycopg.IntegrityError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise BadRow(_diagnosis(table, statements, rows) or f"{table.name}: {error}") from error


def _diagnosis(table: sa.Table, statements: _Statements, rows: Sequence[tuple[Any, ...]]) -> str | None:
    """Which value of which row did not fit. Slow, and only asked after a failure. Shows no text: it may be
    personal."""
    for row in rows:
        if len(row) != len(statements.names):
            return f"{table.name}: a row has {len(row)} values for {len(statements.names)} columns"
        for name, value in zip(statements.names, row, strict=True):
            column = table.columns[name]
            wanted = _type(column)[2]
            key = ", ".join(f"{statements.names[i]}={row[i]!r}" for i in statements.key)
            where = f"{table.name} ({key}): {name}"
            if value is not None and not isinstance(value, wanted):
                return f"{where} is of type {type(value).__name__}; give {wanted[0].__name__}"
            if isinstance(value, datetime) and value.tzinfo is None:
                return f"{where} = {value.isoformat()} has no time zone; give an aware datetime"
            if isinstance(value, str) and "\0" in value:
                return f"{where} holds a NUL character, which Postgres text cannot"
    return None


def _type(column: sa.Column[Any]) -> tuple[type[Any], str, tuple[type[Any], ...]]:
    for entry in _TYPES:
        if isinstance(column.type, entry[0]):
            return entry
    raise BadRow(f"{column.table.name}.{column.name} is of type {column.type}, which upsert does not write")
